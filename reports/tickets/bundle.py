"""Make one ticket for many identities: a role that stands in many accounts, or everything of one owner."""

import shlex
from collections.abc import Mapping, Sequence

import msgspec

from reports.document import FindingEntry, IdentityEntry, Report, Severity
from reports.overview import counted, is_open
from reports.tickets.block import Block, bundle_block, packed
from reports.tickets.bundle_body import write_bundle
from reports.tickets.plan import TITLE_LIMIT, Ticket, highest, label, other_keys, plan, short, ticket_key
from reports.tickets.removals import Removal, offers_removal, removals
from reports.tickets.units import By, Plan, Unit, everywhere, units

_MANY = 100
"""Removals named one by one, such as keys, that a ticket lists."""


def plan_by(report: Report, by: By) -> list[Ticket]:
    """Give the tickets of a report, one for each unit of work, the most severe first."""
    if by == "identity":
        return plan(report)
    found = units(report, by)
    alone = [ticket for ticket in plan(found.report) if ticket.key in found.alone]
    made = [_ticket(found, unit) for unit in found.units]
    return sorted([*made, *alone], key=lambda ticket: _RANK[ticket.priority])


_RANK: Mapping[Severity, int] = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}


def _ticket(found: Plan, unit: Unit) -> Ticket:
    working = [entry for part in unit.parts for entry in part.working]
    rows = [row for entry in working for row in found.findings.get(_who(entry), [])]
    still = [row for row in rows if is_open(row)]
    priority = highest([row.severity for row in still])
    removes = _removes(unit)
    title = _title(unit, working, still)
    roles = {group.id: group.role for group in found.report.groups}
    block = bundle_block(
        Block(
            key=unit.key,
            provider=working[0].provider,
            account="",
            identity=unit.name,
            days=round(found.report.window.days),
            priority=priority,
            granted=max(entry.permissions.granted for entry in working),
            removes=max(entry.reduction.removes for entry in working),
            by=unit.by,
            members=packed(entry.account for part in unit.parts for entry in part.every),
        ),
        title=title,
        findings=sorted({row.group or row.fingerprint[:12] for row in still}),
        blind=max(entry.permissions.unobservable + entry.permissions.conditional for entry in working),
        work=[
            [part.group.id if part.group else "" for part in unit.parts],
            sorted(f"{entry.provider} {entry.account} {entry.id}" for entry in working),
            msgspec.to_builtins(removes),
        ],
    )
    owners = sorted({entry.owner for entry in working if entry.owner})
    stages = sorted({entry.stage for entry in working if entry.stage})
    labels = ["entdrift", unit.key, *sorted({entry.provider for entry in working}), f"severity-{priority}"]
    labels += [f"stage-{stages[0]}"] if len(stages) == 1 else []
    return Ticket(
        key=unit.key,
        title=title,
        body=write_bundle(found, unit, rows, removes, block),
        labels=[label(text) for text in labels],
        priority=priority,
        provider=working[0].provider,
        account="",
        identity=_identity(unit),
        name=unit.name,
        owner=owners[0] if len(owners) == 1 else "",
        findings=[row.fingerprint for row in still],
        removes_permissions=max(entry.reduction.removes for entry in working),
        removes=removes,
        accounts=sorted({entry.account for entry in working}),
        identities=[entry.id for entry in working],
        commands=[
            f"entdrift reduce {shlex.quote(entry.id)} --form cli --from out"
            for entry in working
            if offers_removal(entry.reduction)
        ],
        same_work=sorted(
            {
                key
                for entry in working
                for key in (ticket_key(entry.provider, entry.account, entry.id), *other_keys(entry, roles))
            }
            - {unit.key}
        ),
    )


def _who(entry: IdentityEntry) -> tuple[str, str, str]:
    return entry.provider, entry.account, entry.id


def _identity(unit: Unit) -> str:
    group = unit.parts[0].group
    return group.identity if unit.by == "role" and group else unit.name


def _removes(unit: Unit) -> list[Removal]:
    """Name what is unused everywhere a template stands, and what else the reductions take."""
    found: list[Removal] = []
    for part in unit.parts:
        found += everywhere(part) if part.group else removals(part.working[0])
    others: dict[tuple[str, str], int] = {}
    for entry in (entry for part in unit.parts if part.group for entry in part.working):
        reduction = entry.reduction
        if reduction.disposition != "none":
            for name in reduction.removes_credentials:
                others["credential", f"{name} of account {entry.account}"] = 1
            grants = {grant.id: grant.name for grant in entry.grants}
            for name in reduction.removes_grants:
                key = ("grant", grants.get(name, name))
                others[key] = others.get(key, 0) + 1
    found += [
        Removal(
            kind=kind, name=name, count=0, note=f"in {counted(times, 'account')}" if kind == "grant" else ""
        )
        for (kind, name), times in sorted(others.items())[:_MANY]
    ]
    return found


def _title(unit: Unit, working: Sequence[IdentityEntry], still: Sequence[FindingEntry]) -> str:
    accounts = len({entry.account for entry in working})
    if unit.by == "owner":
        who = f"{counted(len(working), 'identity', 'identities')} of {short(unit.name, 80)}"
        where = f"in {counted(accounts, 'account')}"
        return f"Reduce access of {who} {where}: {counted(len(still), 'open finding')}"[:TITLE_LIMIT]
    who = f"{short(unit.name, 80)} ({working[0].provider}, {counted(accounts, 'account')})"
    groups = [part.group for part in unit.parts if part.group]
    for least, where in (
        (min(group.unused_everywhere for group in groups), "in all of them"),
        (min(group.unused_where_seen for group in groups), "wherever that can be seen"),
    ):
        if least:
            unused = f"{least:,} of {groups[0].granted:,}" if len(groups) == 1 else f"at least {least:,}"
            return f"Reduce access of {who}: {unused} permissions unused {where}"[:TITLE_LIMIT]
    return f"Review access of {who}: {counted(len(still), 'open finding')}"[:TITLE_LIMIT]
