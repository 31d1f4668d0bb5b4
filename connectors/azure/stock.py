"""The few shapes that Azure's inventory records become, and the inventory that holds them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from connectors.azure.ids import Level, holds, last_segment, level, subscription
from connectors.azure.policy.patterns import Block
from connectors.azure.usage.record import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POWERSHELL = re.compile(r"/Date\((-?\d{1,18})(?:[+-]\d{4})?\)/")


class Form(StrEnum):
    """How a right is written; the words are used in reports."""

    ROLE = "role assignment"
    PIM_ACTIVE = "PIM assignment"
    PIM_ELIGIBLE = "PIM eligibility"
    CLASSIC = "classic administrator"
    ACCESS_POLICY = "Key Vault access policy"
    COSMOS = "Cosmos DB role assignment"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role assignment in canonical ids."""

    id: str
    principal: str
    kind: str
    """principalType in lower case: `serviceprincipal`, `user`, `group`, `foreigngroup`, `device`."""
    name: str
    definition: str
    role: str
    """The role's name where the assignment carries it; the definition's own name wins."""
    scope: str
    condition: str
    created: str
    source: str
    form: Form = Form.ROLE
    until: str = ""
    """When it ends, where PIM says so."""
    origin: str = ""
    """The role assignment that a PIM schedule instance made."""

    @property
    def written(self) -> str:
        """The condition without the end that PIM sets, which is told beside it."""
        return "" if self.condition == self.ends else self.condition.removesuffix(f" AND ({self.ends})")

    @property
    def ends(self) -> str:
        """The end that PIM sets, as a condition; "" where there is none."""
        if self.form is not Form.PIM_ACTIVE or not self.until:
            return ""
        return f"@Environment[UtcNow] DateTimeLessThan '{self.until}'"

    @property
    def guid(self) -> str:
        """The assignment's own GUID, which is what logs name."""
        return last_segment(self.id)

    @property
    def is_group(self) -> bool:
        """Return whether it is held by the members of a group."""
        return self.kind in ("group", "foreigngroup")


@dataclass(frozen=True, slots=True)
class Definition:
    """A role definition by GUID: names are renamed, GUIDs are not."""

    guid: str
    name: str
    blocks: tuple[Block, ...]
    guarded: bool = False
    """True when its conditions were not exported and are put back as undecided."""
    updated: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """A deny assignment in canonical ids."""

    id: str
    name: str
    scope: str
    children: bool
    """False when it stops at its own scope (`doNotApplyToChildScopes`)."""
    principals: tuple[tuple[str, str], ...]
    """(id, type in lower case)."""
    excluded: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    condition: str
    enforced: bool
    source: str


@dataclass(frozen=True, slots=True)
class Held:
    """A raw record laid flat, with the source it came from."""

    source: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class Inventory:
    """Everything the inventory files hold, by kind; repeats across files and sources are one."""

    assignments: dict[str, Assignment] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    others: dict[str, Assignment] = field(default_factory=dict)
    """Rights that are no role assignments, in the same shape (see `Form`)."""
    schedules: dict[str, Assignment] = field(default_factory=dict)
    """PIM schedule instances as read, before they are joined with the assignments they made."""
    denies: dict[str, Deny] = field(default_factory=dict)
    principals: dict[str, Held] = field(default_factory=dict)
    applications: dict[str, Held] = field(default_factory=dict)
    """By application (client) id."""
    resources: dict[str, Held] = field(default_factory=dict)
    settings: dict[str, Held] = field(default_factory=dict)
    operations: list[Held] = field(default_factory=list)
    contradictory: set[str] = field(default_factory=set)
    """Roles whose definition is given twice with different permissions: the one updated last stays."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """(part, what is wrong) of records that lack what they need."""

    members: dict[str, set[str]] = field(default_factory=dict)
    """By group: its members as a directory export lists them, those of nested groups included."""
    members_short: set[str] = field(default_factory=set)
    """Groups of which not all members are known, although some are listed."""
    below: dict[str, set[str]] = field(default_factory=dict)
    """By management group of which that is known in full: the subscriptions and groups below it."""
    directory: dict[str, list[Held]] = field(default_factory=dict)
    """Records of the directory that give rights on APIs and on the directory itself, by part."""

    @property
    def rights(self) -> Iterator[Assignment]:
        """Role assignments and everything else that gives rights on Azure resources."""
        yield from self.assignments.values()
        yield from self.others.values()

    @property
    def subscriptions(self) -> set[str]:
        """The subscriptions that assignments and resources lie in."""
        scopes = [assignment.scope for assignment in self.rights]
        return {found for scope in (*scopes, *self.resources) if (found := subscription(scope))}

    def holds(self, outer: str, inner: str) -> bool | None:
        """Return whether one scope holds another; management groups as far as their tree is known."""
        found = holds(outer, inner)
        if found is None and outer in self.below and level(inner) is not Level.ROOT:
            inside = f"/subscriptions/{subscription(inner)}" if subscription(inner) else inner
            return inside in self.below[outer]
        return found


def utc(value: object) -> str:
    """Return a time of an inventory record as `YYYY-MM-DDTHH:MM:SSZ`, or "" when it has none.

    Windows PowerShell writes times into JSON as `/Date(milliseconds)/`.
    """
    written = _POWERSHELL.fullmatch(value) if isinstance(value, str) else None
    try:
        at = _EPOCH + timedelta(milliseconds=int(written[1])) if written else None
    except OverflowError:
        return ""
    found = moment(at.isoformat() if at else value)
    return found[0] if found else ""
