"""Parse IAM policy documents: every spelling AWS accepts, plain words where a document makes no sense."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from connectors.facts import Effect

VARIABLES_VERSION = "2012-10-17"
"""Policy variables (`${aws:username}`) are plain text in documents of the older version 2008-10-17."""


@dataclass(frozen=True, slots=True)
class ConditionTest:
    """One key of a Condition block: `operator` as written, `key` as written, values as texts."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Principal:
    """One entry of a Principal element: `kind` is `AWS`, `Service`, `Federated`, `CanonicalUser` or `*`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `actions` or `resources` are those *not* meant when `not_actions`/`not_resources`."""

    index: int
    sid: str
    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_actions: bool = False
    not_resources: bool = False
    conditions: tuple[ConditionTest, ...] = ()
    principals: tuple[Principal, ...] = ()
    not_principals: bool = False
    variables: bool = True

    @property
    def name(self) -> str:
        """The Sid, or the statement's place in the document."""
        return self.sid or str(self.index)

    @property
    def condition_text(self) -> str:
        """The Condition block as one line of JSON, keys sorted; empty when there is none."""
        if not self.conditions:
            return ""
        block: dict[str, dict[str, list[str]]] = {}
        for test in self.conditions:
            block.setdefault(test.operator, {})[test.key] = list(test.values)
        return json.dumps(block, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document; `problems` says what in it could not be understood."""

    statements: tuple[Statement, ...] = ()
    problems: tuple[str, ...] = field(default=())


def parse_document(raw: Any) -> Document:
    """Parse a policy document given as an object, as JSON text, or as URL-encoded JSON text.

    The IAM API answers with URL-encoded text (RFC 3986); SDKs and the CLI decode it. A statement that makes
    no sense is left out and named in `problems`; the others stand.
    """
    if isinstance(raw, str):
        return _parse_text(raw)
    if not isinstance(raw, Mapping):
        return Document(problems=("the policy document is no JSON object",))
    return _parse(raw)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Document:
    for candidate in (text, unquote(text)):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, Mapping):
            return _parse(value)
    return Document(problems=("the policy document is text that is no JSON object",))


def _parse(raw: Mapping[str, Any]) -> Document:
    variables = str(raw.get("Version", "")) >= VARIABLES_VERSION
    statements: list[Statement] = []
    problems: list[str] = []
    written = raw.get("Statement", [])
    for index, item in enumerate(written if isinstance(written, list) else [written]):
        parsed = _statement(item, index, variables=variables)
        if isinstance(parsed, Statement):
            statements.append(parsed)
        else:
            problems.append(f"statement {index}: {parsed}")
    return Document(tuple(statements), tuple(problems))


def _statement(raw: Any, index: int, *, variables: bool) -> Statement | str:
    if not isinstance(raw, Mapping):
        return "is no JSON object"
    try:
        effect = Effect(str(raw.get("Effect", "")).lower())
    except ValueError:
        return "Effect is neither Allow nor Deny"
    not_actions, actions = _either(raw, "Action")
    if actions is None:
        return "has neither Action nor NotAction"
    not_resources, resources = _either(raw, "Resource")
    not_principals, principals = "NotPrincipal" in raw, raw.get("NotPrincipal", raw.get("Principal"))
    try:
        conditions = tuple(_conditions(raw.get("Condition") or {}))
    except TypeError as error:
        return str(error)
    return Statement(
        index=index,
        sid=str(raw.get("Sid") or ""),
        effect=effect,
        actions=actions,
        resources=resources or (),
        not_actions=not_actions,
        not_resources=not_resources,
        conditions=conditions,
        principals=tuple(_principals(principals)),
        not_principals=not_principals,
        variables=variables,
    )


def _either(raw: Mapping[str, Any], element: str) -> tuple[bool, tuple[str, ...] | None]:
    """Return (negated, texts) of `Action`/`NotAction` or `Resource`/`NotResource`; None when absent."""
    for negated, name in ((False, element), (True, f"Not{element}")):
        if name in raw:
            return negated, texts(raw[name])
    return False, None


def texts(value: Any) -> tuple[str, ...]:
    """Return a text or a list of texts as a tuple, without blanks around them and without repeats."""
    found = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(text for item in found if item is not None and (text := _text(item))))


def _text(value: Any) -> str:
    """Return a value as IAM compares it: JSON booleans and numbers are written without quotes at times."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def _conditions(raw: Any) -> Iterator[ConditionTest]:
    if not isinstance(raw, Mapping):
        raise TypeError("Condition is no JSON object")
    for operator, block in raw.items():
        if not isinstance(block, Mapping):
            raise TypeError(f"Condition {operator} is no JSON object")
        for key, values in block.items():
            listed = values if isinstance(values, list) else [values]
            yield ConditionTest(str(operator).strip(), str(key).strip(), tuple(_text(v) for v in listed))


def _principals(raw: Any) -> Iterator[Principal]:
    if raw is None:
        return
    if not isinstance(raw, Mapping):
        yield from (Principal("*" if value == "*" else "AWS", value) for value in texts(raw))
        return
    for kind, values in raw.items():
        yield from (Principal(str(kind), value) for value in texts(values))
