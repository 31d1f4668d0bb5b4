"""Decide what to do with each ticket: pure, from the tickets wanted, those found, and the evidence."""

from collections.abc import Sequence

import msgspec

from reports.overview import counted
from reports.tickets.block import Block, title_digest, unpacked
from reports.tickets.completeness import Evidence
from reports.tickets.plan import Ticket
from reports.tickets.region import MARKDOWN, find_block, wrap
from reports.tickets.tracker import KEY, Changes, Found, key_of

_SEVERITY = "severity-"


class Create(msgspec.Struct, frozen=True, kw_only=True, tag="create"):
    """A ticket that the tracker does not hold."""

    key: str
    reason: str
    ticket: Ticket


class Update(msgspec.Struct, frozen=True, kw_only=True, tag="update"):
    """An open ticket whose work changed."""

    key: str
    reason: str
    id: str
    url: str
    title: str
    changes: Changes
    comment: str


class Reopen(msgspec.Struct, frozen=True, kw_only=True, tag="reopen"):
    """A closed ticket whose work is there again, or a refused one whose grant grew."""

    key: str
    reason: str
    id: str
    url: str
    title: str
    changes: Changes
    comment: str


class Close(msgspec.Struct, frozen=True, kw_only=True, tag="close"):
    """An open ticket with nothing left to do, shown by complete evidence."""

    key: str
    reason: str
    id: str
    url: str
    title: str
    comment: str


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """A ticket that is not touched; `waive` names the findings for which a waiver is proposed."""

    key: str
    reason: str
    id: str
    url: str
    title: str
    waive: list[str] = []


Action = Create | Update | Reopen | Close | Leave


def sync(wanted: Sequence[Ticket], found: Sequence[Found], evidence: Evidence) -> list[Action]:
    """Give one action per wanted ticket, in their order, then one per other ticket of ours, by key.

    A ticket is ours by its label and by the machine block in its description, which must agree. Copies of
    one ticket are left alone: the open one that is oldest counts.
    """
    chosen, copies = _choose(found)
    keys = {ticket.key for ticket in wanted}
    actions = [_for_wanted(ticket, chosen.get(ticket.key), evidence) for ticket in wanted]
    held = {other: ticket.key for ticket in wanted for other in ticket.same_work}
    actions += [
        _for_other(key, chosen[key], evidence, held.get(key, "")) for key in sorted(chosen) if key not in keys
    ]
    return actions + [
        _leave(key, copy, f"has the same key as {chosen[key].id}: a copy, which is left to people")
        for key, copy in copies
    ]


def changes_something(action: Action) -> bool:
    """Tell whether an action would write to the tracker."""
    return not isinstance(action, Leave)


def _choose(found: Sequence[Found]) -> tuple[dict[str, Found], list[tuple[str, Found]]]:
    chosen: dict[str, Found] = {}
    copies = []
    order = sorted(found, key=lambda one: (one.state != "open", one.created, len(one.id), one.id))
    for one in sorted(order, key=lambda one: bool(_doubt(one))):
        key = key_of(one.labels, one.block)
        if not key:
            continue  # somebody's own ticket that happens to carry our label
        if key in chosen:
            copies.append((key, one))
        else:
            chosen[key] = one
    return chosen, sorted(copies, key=lambda copy: (copy[0], copy[1].id))


def _for_wanted(ticket: Ticket, found: Found | None, evidence: Evidence) -> Action:
    if found is None:
        return Create(key=ticket.key, reason="no ticket carries this key", ticket=ticket)
    new = find_block(wrap(ticket.body, MARKDOWN), MARKDOWN)
    doubt = _doubt(found)
    if doubt or found.block is None or new is None:
        return _leave(ticket.key, found, doubt)
    match found.state:
        case "open" if found.block.work == new.work:
            return _leave(ticket.key, found, "nothing changed")
        case "open":
            return _update(ticket, found, found.block, new)
        case "rejected":
            return _for_refused(ticket, found, found.block, new)
        case "done":
            return _for_done(ticket, found, new, evidence)


def _for_refused(ticket: Ticket, found: Found, old: Block, new: Block) -> Action:
    """Respect a person's "won't do" until there is more than what was refused."""
    grown = _grown(old, new)
    if grown:
        return _reopen(ticket, found, old, new, f"it was refused, but has grown since: {grown}")
    reason = "a person closed it as not to be done: waive its findings, or it stays listed here"
    return _leave(ticket.key, found, reason, ticket.findings)


def _for_done(ticket: Ticket, found: Found, new: Block, evidence: Evidence) -> Action:
    """Reopen what is back, but not what was closed after the evidence was gathered."""
    if found.closed and found.closed >= evidence.moment:
        reason = f"closed {found.closed}, after this evidence ends ({evidence.moment}): scan again"
        return _leave(ticket.key, found, reason)
    reason = f"it is closed, but the evidence of {evidence.span} shows the work is not done"
    return _reopen(ticket, found, found.block or new, new, reason)


def _for_other(key: str, found: Found, evidence: Evidence, held_by: str) -> Action:
    """Close what nothing calls for, or what stands in another ticket now (`held_by`)."""
    if found.state != "open":
        return _leave(key, found, "closed, and nothing calls for it")
    doubt = _doubt(found)
    if doubt or found.block is None:
        return _leave(key, found, doubt)
    if held_by:
        return _for_regrouped(key, found, evidence, held_by)
    gaps = evidence.gaps(found.block)
    if gaps:
        return _leave(key, found, f"nothing left is shown, but the evidence is incomplete: {'; '.join(gaps)}")
    there = found.block.by or evidence.identity(key)
    left = "nothing is left to remove or to decide" if there else "the identity does not exist any more"
    return _close(key, found, f"{left}, shown by complete evidence of {evidence.span}")


def _for_regrouped(key: str, found: Found, evidence: Evidence, held_by: str) -> Action:
    """Close a ticket whose work stands in another one; not while that may be only a part of it."""
    block = found.block
    missing = evidence.missing(block) if block is not None and block.by else []
    if missing:
        return _leave(key, found, f"its work is in other tickets ({held_by}), but {'; '.join(missing)}")
    return _close(key, found, f"its work is in {held_by} now, because tickets are grouped in another way")


def _close(key: str, found: Found, reason: str) -> Close:
    return Close(
        key=key,
        reason=reason,
        id=found.id,
        url=found.url,
        title=found.title,
        comment=f"entdrift closes this: {reason}. It is reopened if the work comes back.",
    )


def _doubt(found: Found) -> str:
    """Say why a ticket is not surely ours; such a ticket is never written to."""
    keys = [label for label in found.labels if KEY.fullmatch(label)]
    if found.block is None:
        return (
            "its marks or machine block were edited away: restore them, or remove its label to get a new one"
        )
    if keys != [found.block.key]:
        said = ", ".join(keys) or "missing"
        return f"its key label ({said}) does not agree with its machine block ({found.block.key})"
    return ""


def _update(ticket: Ticket, found: Found, old: Block, new: Block) -> Update:
    reason = _difference(old, new)
    return Update(
        key=ticket.key,
        reason=reason,
        id=found.id,
        url=found.url,
        title=found.title,
        changes=_changes(ticket, found, old),
        comment=f"entdrift updated its part of this ticket: {reason}.",
    )


def _reopen(ticket: Ticket, found: Found, old: Block, new: Block, reason: str) -> Reopen:
    changed = "" if old.work == new.work else f" Since it was written: {_difference(old, new)}."
    return Reopen(
        key=ticket.key,
        reason=reason,
        id=found.id,
        url=found.url,
        title=found.title,
        changes=_changes(ticket, found, old),
        comment=f"entdrift reopens this: {reason}.{changed}",
    )


def _changes(ticket: Ticket, found: Found, old: Block) -> Changes:
    """Change what we wrote; a title, priority or label that a person changed since stays theirs."""
    ours = title_digest(found.title) == old.title
    ranked = found.priority == old.priority
    stale = [f"{_SEVERITY}{old.priority}"] if old.priority != ticket.priority else []
    replaced = [label for label in stale if label in found.labels]
    return Changes(
        body=ticket.body,
        title=ticket.title if ours and ticket.title != found.title else "",
        priority=ticket.priority if ranked and ticket.priority != old.priority else "",
        add_labels=[f"{_SEVERITY}{ticket.priority}"] if replaced else [],
        remove_labels=replaced,
    )


def _grown(old: Block, new: Block) -> str:
    """Say how the work is more than what a person refused; empty when it is not."""
    more = []
    if new.removes > old.removes:
        more.append(f"{old.removes:,} to {new.removes:,} permissions to remove")
    if new.granted > old.granted:
        more.append(f"{old.granted:,} to {new.granted:,} permissions granted")
    if fresh := set(new.findings) - set(old.findings):
        more.append(counted(len(fresh), "new finding"))
    return ", ".join(more)


def _difference(old: Block, new: Block) -> str:
    """Say in words what changed between two blocks; they hold numbers and our own words only."""
    said = []
    if old.priority != new.priority:
        said.append(f"priority {old.priority} to {new.priority}")
    if old.removes != new.removes:
        said.append(f"{old.removes:,} to {new.removes:,} permissions to remove")
    if old.granted != new.granted:
        said.append(f"{old.granted:,} to {new.granted:,} permissions granted")
    fresh, gone = set(new.findings) - set(old.findings), set(old.findings) - set(new.findings)
    if fresh:
        said.append(counted(len(fresh), "new finding"))
    if gone:
        said.append(f"{counted(len(gone), 'finding')} gone")
    before, now = unpacked(old.members), unpacked(new.members)
    if now - before and before:
        said.append(f"{counted(len(now - before), 'account')} joined")
    if before - now and now:
        said.append(f"{counted(len(before - now), 'account')} left")
    return ", ".join(said) or "what to remove or decide is another list of the same size"


def _leave(key: str, found: Found, reason: str, waive: Sequence[str] = ()) -> Leave:
    return Leave(key=key, reason=reason, id=found.id, url=found.url, title=found.title, waive=list(waive))
