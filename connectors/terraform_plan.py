"""Read the JSON form of a Terraform or OpenTofu plan (`terraform show -json PLAN`).

Only what a plan says about resources after it is applied: their values, which values are not known before,
and which other resources an unknown value refers to. Format:
developer.hashicorp.com/terraform/internals/json-format.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_INDEX = re.compile(r"\[[^\]]*\]")
_REFERENCE = re.compile(r"^(?:data\.)?[\w-]+\.[\w-]+")


@dataclass(frozen=True, slots=True)
class Planned:
    """One managed resource as it will stand."""

    address: str
    type: str
    values: Mapping[str, Any]
    unknown: Mapping[str, Any]
    """Attributes whose value is known only after the plan is applied (true, or nested)."""
    changed: bool
    created: bool
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By attribute: addresses (without indices) of the resources that its expression names."""

    def text(self, key: str) -> str:
        """Return a known text attribute, or an empty string."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def is_unknown(self, key: str) -> bool:
        """Tell whether an attribute, or a part of it, is not known before the plan is applied."""
        return _any_true(self.unknown.get(key))


def is_plan(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON document is a plan."""
    return "terraform_version" in document and "resource_changes" in document


def planned(document: Mapping[str, Any]) -> list[Planned]:
    """Return the managed resources that stand after the plan, in the order of their addresses."""
    references = _references(document)
    found = []
    for change in _mappings(document.get("resource_changes")):
        what = change.get("change")
        if not isinstance(what, Mapping) or change.get("mode", "managed") != "managed":
            continue
        actions = what.get("actions")
        actions = actions if isinstance(actions, list) else []
        after = what.get("after")
        unknown = what.get("after_unknown")
        if after is None and not _any_true(unknown):
            continue
        address = str(change.get("address") or "")
        found.append(
            Planned(
                address=address,
                type=str(change.get("type") or ""),
                values=after if isinstance(after, Mapping) else {},
                unknown=unknown if isinstance(unknown, Mapping) else {},
                changed=any(action not in ("no-op", "read") for action in actions),
                created="create" in actions,
                references=references.get(_INDEX.sub("", address), {}),
            )
        )
    return sorted(found, key=lambda one: one.address)


def referred(one: Planned, key: str, others: list[Planned]) -> list[Planned]:
    """Return the resources that the expression of an attribute names."""
    wanted = set(one.references.get(key, ()))
    return [other for other in others if _INDEX.sub("", other.address) in wanted]


def _references(document: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    configuration = document.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, Mapping) else None
    return dict(_of_module(root, "")) if isinstance(root, Mapping) else {}


def _of_module(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    for resource in _mappings(module.get("resources")):
        expressions = resource.get("expressions")
        named: dict[str, tuple[str, ...]] = {}
        for key, expression in (expressions if isinstance(expressions, Mapping) else {}).items():
            addresses = {
                prefix + match[0] for text in _texts(expression) if (match := _REFERENCE.match(text))
            }
            if addresses:
                named[str(key)] = tuple(sorted(addresses))
        yield prefix + str(resource.get("address") or ""), named
    calls = module.get("module_calls")
    for name, call in (calls if isinstance(calls, Mapping) else {}).items():
        inner = call.get("module") if isinstance(call, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _of_module(inner, f"{prefix}module.{name}.")


def _texts(expression: Any, depth: int = 0) -> Iterator[str]:
    """Yield every reference of an expression, however its blocks nest."""
    if depth > 20:
        return
    if isinstance(expression, Mapping):
        references = expression.get("references")
        if isinstance(references, list):
            yield from (text for text in references if isinstance(text, str))
        for key, value in expression.items():
            if key != "references":
                yield from _texts(value, depth + 1)
    elif isinstance(expression, list):
        for value in expression:
            yield from _texts(value, depth + 1)


def _any_true(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_any_true, value.values()))
    if isinstance(value, list):
        return any(map(_any_true, value))
    return value is True


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
