"""Decide which identities one ticket is about, where it is not one: a role of many accounts, or an owner.

The key of a unit comes from what stays when accounts join or leave and when grants change: kind, id and name
without the account's own id (`reports.groups`), or the owner's name.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from reports.document import FindingEntry, GroupEntry, IdentityEntry, Report
from reports.groups.grouping import grouped, unused_everywhere
from reports.tickets.plan import calls_for_work, owner_key, role_key, ticket_key
from reports.tickets.removals import NAMES_LIMIT, Removal

By = Literal["identity", "role", "owner"]
WAYS: tuple[By, ...] = ("identity", "role", "owner")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Identities that are written alike (or one alone): those with work, and all of them.

    What a template may lose is what none of all uses, those without work among them.
    """

    group: GroupEntry | None
    working: list[IdentityEntry]
    every: list[IdentityEntry]


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What one ticket is about; `parts` with the most identities come first."""

    by: By
    key: str
    name: str
    parts: list[Part]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The units of a report, and the identities that keep a ticket of their own."""

    units: list[Unit]
    alone: set[str]
    """Ticket keys of those identities."""
    findings: dict[tuple[str, str, str], list[FindingEntry]]
    report: Report
    """With its groups, also where an earlier version wrote it without."""


def units(report: Report, by: By) -> Plan:
    """Return what tickets are about; `by` is `role` or `owner`."""
    known = report if report.groups else grouped(report)
    findings: dict[tuple[str, str, str], list[FindingEntry]] = {}
    for row in known.findings:
        findings.setdefault((row.provider, row.account, row.identity), []).append(row)
    groups = {group.id: group for group in known.groups}
    every: dict[str, list[IdentityEntry]] = {}
    for entry in known.identities:
        if entry.group:
            every.setdefault(entry.group, []).append(entry)
    held: dict[tuple[str, str], dict[str, list[IdentityEntry]]] = {}
    alone = set()
    for entry in known.identities:
        own = findings.get((entry.provider, entry.account, entry.id), [])
        if not (entry.ai_workload.is_ai and calls_for_work(entry, own)):
            continue
        where = _unit(entry, groups, by)
        own_key = ticket_key(entry.provider, entry.account, entry.id)
        if where is None:
            alone.add(own_key)
        else:
            held.setdefault(where, {}).setdefault(entry.group or own_key, []).append(entry)
    found = [
        Unit(
            by="owner" if name else "role",
            key=key,
            name=name or _role_name(parts, groups),
            parts=_parts(parts, groups, every),
        )
        for (key, name), parts in held.items()
    ]
    return Plan(units=found, alone=alone, findings=findings, report=known)


def everywhere(part: Part) -> list[Removal]:
    """Name by service what is unused in every identity that is written alike: what a template may lose."""
    granted = {row.service: row.granted for row in part.every[0].services}
    return [
        Removal(
            kind="permissions",
            name=service,
            count=len(names),
            of=granted.get(service, 0),
            permissions=names[:NAMES_LIMIT],
        )
        for service, names in unused_everywhere(part.every).items()
    ]


def _unit(entry: IdentityEntry, groups: Mapping[str, GroupEntry], by: By) -> tuple[str, str] | None:
    """Return key and owner of the unit of an identity; without an owner its role stands for itself."""
    if by == "owner" and entry.owner:
        return owner_key(entry.owner), entry.owner
    return (role_key(groups[entry.group].role), "") if entry.group in groups else None


def _role_name(parts: Mapping[str, Sequence[IdentityEntry]], groups: Mapping[str, GroupEntry]) -> str:
    return groups[next(iter(parts))].name


def _parts(
    held: Mapping[str, list[IdentityEntry]],
    groups: Mapping[str, GroupEntry],
    every: Mapping[str, list[IdentityEntry]],
) -> list[Part]:
    parts = [
        Part(group=groups.get(key), working=working, every=every.get(key, working))
        for key, working in held.items()
    ]
    return sorted(parts, key=lambda part: -len(part.working))
