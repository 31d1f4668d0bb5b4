"""Read what Google says about permissions: may custom roles hold them, and which are two names of one.

Source: iam.permissions.queryTestablePermissions, google.iam.admin.v1.Permission.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.names import permission_name
from connectors.interface import Evidence, Record

PART = "testable_permissions"
RESOURCE, LIKE = "fullResourceName", "like"
ANYWHERE = ""
"""The place of permissions of a file that does not say which resource was asked about: a project."""
_LEVELS = {0: "SUPPORTED", 1: "TESTING", 2: "NOT_SUPPORTED"}
_STAGES = {0: "ALPHA", 1: "BETA", 2: "GA", 3: "DEPRECATED"}
"""Google's clients write enums as numbers, or leave out the first."""
_ORGANIZATION = "resourcemanager.organizations.get"
"""Holdable on organizations alone."""


@dataclass(frozen=True, slots=True)
class Holdable:
    """One permission as it can be held on one resource."""

    level: str
    """`SUPPORTED`, `TESTING` or `NOT_SUPPORTED` in custom roles."""
    stage: str
    api_disabled: bool
    """Whether the service is not enabled there: holding it has no effect until it is."""
    primary: str
    """The preferred name, of which this is another; empty for none."""


@dataclass
class Answer:
    """What was said about one resource."""

    permissions: dict[str, Holdable] = field(default_factory=dict)
    whole: bool = False
    """Whether what is not in it cannot be held there."""


def read_answers(evidence: Iterable[Evidence]) -> Mapping[str, Answer]:
    """Return the answers by node (`projects/P`, `organizations/N`; ANYWHERE where a file does not say it)."""
    found: dict[str, Answer] = {}
    differing: list[Record] = []
    for source in evidence:
        for record in source.records(PART):
            if isinstance(record.get(LIKE), str):
                differing.append(record)
            elif isinstance(record.get("permissions"), list):
                _add_page(found, record)
            else:
                answer = found.setdefault(_node(record.get(RESOURCE)), Answer(whole=True))
                answer.permissions.update(_read([record]))
    for record in differing:
        _add_differing(found, record)
    listed = found.get(ANYWHERE)
    if listed is not None and _ORGANIZATION in listed.permissions:
        # A list for an organization holds what projects cannot: it says nothing of what they may lack.
        listed.whole = False
    return found


def aliases(answers: Mapping[str, Answer]) -> Mapping[str, str]:
    """Return the preferred name of each permission that is another name of one.

    An alias is equivalent to its primary permission: whoever holds or used one holds or used the other.
    """
    found = {
        name: one.primary
        for answer in answers.values()
        for name, one in answer.permissions.items()
        if one.primary and one.primary != name
    }
    return {name: _last(name, found) for name in sorted(found)}


def _last(name: str, found: Mapping[str, str]) -> str:
    """Follow names to their end; names that go round in a circle end at the first in the alphabet."""
    seen = [name]
    while (name := found.get(name, "")) and name not in seen:
        seen.append(name)
    return min(seen) if name else seen[-1]


def _node(resource: Any) -> str:
    return str(resource or "").removeprefix(CLOUD)


def _add_page(found: dict[str, Answer], record: Record) -> None:
    answer = found.setdefault(_node(record.get(RESOURCE)), Answer())
    answer.permissions.update(_read(record["permissions"]))
    answer.whole = answer.whole or not record.get("nextPageToken")


def _add_differing(found: dict[str, Answer], record: Record) -> None:
    """Add an answer that is written as its differences from another one."""
    first = found.get(_node(record[LIKE]))
    if first is None or not first.whole:
        return
    absent = {permission_name(one) for one in _texts(record.get("absent"))}
    held = {name: one for name, one in first.permissions.items() if name not in absent}
    listed = record.get("permissions")
    answer = Answer({**held, **dict(_read(listed if isinstance(listed, list) else []))}, whole=True)
    found[_node(record.get(RESOURCE))] = answer


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _read(records: Iterable[Any]) -> Iterator[tuple[str, Holdable]]:
    for record in records:
        if isinstance(record, Mapping) and record.get("name"):
            yield permission_name(str(record["name"])), _holdable(record)


def _holdable(record: Mapping[str, Any]) -> Holdable:
    level = _enum(record, "customRolesSupportLevel", "custom_roles_support_level", _LEVELS)
    if _get(record, "onlyInPredefinedRoles", "only_in_predefined_roles") is True:
        level = "NOT_SUPPORTED"
    primary = _get(record, "primaryPermission", "primary_permission")
    return Holdable(
        level=level,
        stage=_enum(record, "stage", "stage", _STAGES),
        api_disabled=_get(record, "apiDisabled", "api_disabled") is True,
        primary=permission_name(primary) if isinstance(primary, str) and primary else "",
    )


def _enum(record: Mapping[str, Any], key: str, snake: str, words: Mapping[int, str]) -> str:
    value = _get(record, key, snake)
    if isinstance(value, int) and not isinstance(value, bool):
        return words.get(value, str(value))
    return str(value or words[0])


def _get(record: Mapping[str, Any], key: str, snake: str) -> Any:
    return record.get(key, record.get(snake))
