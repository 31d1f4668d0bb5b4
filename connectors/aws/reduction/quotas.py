"""Check a replacement against IAM's size limits and counts, its grammar, and the dated action catalogue."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from connectors.aws.catalog.actions import Catalogue, fold_action
from connectors.aws.policy.document import Document, parse_document
from connectors.aws.policy.operators import parse_operator
from connectors.aws.reduction.standing import Access, Kind
from connectors.aws.reduction.trim import size
from connectors.reduction import Change, Claim, Standing

MANAGED_SIZE = 6_144
INLINE_SIZE = {"role": 10_240, "user": 2_048, "group": 5_120}
TRUST_SIZE = 2_048
ATTACHED = 10
"""Managed policies per user or role by default; an account can have it raised (roles up to 25)."""
ATTACHED_AT_MOST = {"role": 25, "user": 20}
VERSIONS = 5

_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
}
_WITH_DOCUMENT = (Kind.PUT_INLINE, Kind.NEW_VERSION, Kind.ATTACH_NEW)
_SHOWN = 5


def check_limits(
    kind: str, access: Access, steps: list[tuple[Change, Access]], catalogue: Catalogue
) -> Claim:
    """Return whether every document and count stays within the quotas at every step.

    `steps` holds each change with the access after it. Source: IAM user guide, "IAM and AWS STS quotas";
    whitespace is not counted. What stays as it stood but was not understood leaves the claim undecided.
    """
    broken = [problem for step, after in steps for problem in _broken(kind, step, after)]
    if broken:
        return Claim(Standing.REFUTED, reason=broken[0], witness=broken[0])
    doubts = [*_unread(access), *_unknown_actions(steps, catalogue)]
    most = max((len(after.attached) for _, after in steps), default=0)
    if most > max(ATTACHED, len(access.attached)):
        doubts.append(f"needs room for {most} attached policies on the way; the default quota is {ATTACHED}")
    if doubts:
        more = f"; and {len(doubts) - _SHOWN} more" if len(doubts) > _SHOWN else ""
        return Claim(Standing.UNDECIDED, reason="; ".join(doubts[:_SHOWN]) + more)
    return Claim(Standing.PROVED)


def inline_room(kind: str, inline: Mapping[str, str], name: str) -> int:
    """Return how large one inline policy may be beside the others of its holder."""
    others = sum(text_size(text) for other, text in inline.items() if other != name)
    return INLINE_SIZE[kind] - others


@lru_cache(maxsize=4096)
def text_size(text: str) -> int:
    """Return the size of a document given as text; 0 when it is none."""
    try:
        return size(json.loads(text))
    except ValueError:
        return 0


def _broken(kind: str, step: Change, after: Access) -> Iterator[str]:
    if step.kind in _WITH_DOCUMENT:
        yield from _grammar(step.target, step.after)
    if step.kind in (Kind.NEW_VERSION, Kind.ATTACH_NEW) and text_size(step.after) > MANAGED_SIZE:
        yield f"{step.target}: {text_size(step.after)} characters, a managed policy takes {MANAGED_SIZE}"
    inline = sum(text_size(text) for text in after.inline.values())
    if step.kind == Kind.PUT_INLINE and inline > INLINE_SIZE[kind]:
        yield f"inline policies of a {kind} take {INLINE_SIZE[kind]} characters together, these are {inline}"
    if step.kind == Kind.NARROW_TRUST and text_size(step.after) > TRUST_SIZE:
        yield f"the trust policy has {text_size(step.after)} characters, {TRUST_SIZE} is the default limit"
    if len(after.attached) > ATTACHED_AT_MOST[kind]:
        yield f"{len(after.attached)} attached policies; a {kind} takes {ATTACHED_AT_MOST[kind]} at most"


def _grammar(name: str, text: str) -> Iterator[str]:
    """Yield what a document that we wrote breaks of the policy grammar."""
    document = parse_document(text)
    # A statement that we do not understand is kept as it stood; only the document itself is ours.
    yield from (f"{name}: {one}" for one in document.problems if not one.startswith("statement "))
    if not document.statements and not document.problems:
        yield f"{name}: holds no statement"
    for statement in document.statements:
        if not statement.actions:
            yield f"{name}: statement {statement.name} names no action"
        if not statement.resources:
            yield f"{name}: statement {statement.name} names no resource"


def _unread(access: Access) -> Iterator[str]:
    """Yield what stays in the identity's policies without being understood."""
    for arn, text in access.attached.items():
        if text is None:
            yield f"{arn} is not in the evidence and stays attached"
    for group, texts in access.groups.items():
        if None in texts:
            yield f"policies of group {group} are not in the evidence and stay"
    for text in access.texts():
        yield from _not_understood(text)


@lru_cache(maxsize=4096)
def _not_understood(text: str) -> tuple[str, ...]:
    document = parse_document(text)
    problems = (f"{problem}; it stays as it is" for problem in document.problems)
    return (*problems, *_unknown_elements(text, document))


def _unknown_elements(text: str, document: Document) -> Iterator[str]:
    try:
        raw: Any = json.loads(text)
    except ValueError:
        return
    if not isinstance(raw, dict):
        return
    for key in sorted(set(raw) - _DOCUMENT_KEYS):
        yield f"the element {key!r} of a policy is not known; it stays as it is"
    written = raw.get("Statement", [])
    for item in written if isinstance(written, list) else [written]:
        for key in sorted(set(item) - _STATEMENT_KEYS) if isinstance(item, dict) else ():
            yield f"the element {key!r} of a statement is not known; it stays as it is"
    for statement in document.statements:
        for test in statement.conditions:
            if parse_operator(test.operator) is None:
                yield f"the condition operator {test.operator!r} is not known; its statement stays as it is"


def _unknown_actions(steps: list[tuple[Change, Access]], catalogue: Catalogue) -> Iterator[str]:
    """Yield actions of the written documents that the catalogue does not know."""
    found: set[str] = set()
    for step, _ in steps:
        if step.kind in _WITH_DOCUMENT:
            for statement in parse_document(step.after).statements:
                found |= {pattern for pattern in statement.actions if not _is_known(pattern, catalogue)}
    if found:
        listed = ", ".join(sorted(found)[:_SHOWN])
        yield f"not in {catalogue.permissions.source}: {listed}" + (
            " and more" if len(found) > _SHOWN else ""
        )


def _is_known(pattern: str, catalogue: Catalogue) -> bool:
    if "*" in pattern or "?" in pattern:
        return catalogue.expand(pattern) != 0
    found = catalogue.permissions.find(fold_action(pattern))
    return found is not None and bool(catalogue.known >> found & 1)
