"""Find the identities that are written alike in several accounts, and their findings that say the same.

Alike are identities of one cloud and kind whose id and name have one shape and whose grants are the same:
name, effect, scope, conditions and the permissions they give. That is what one template (a StackSet, a
Terraform module) leaves in hundreds of accounts. What they used differs, and so may their reductions: a group
says which accounts have which.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from reports.document import (
    SEVERITIES,
    FindingEntry,
    GroupEntry,
    GroupVariant,
    IdentityEntry,
    Report,
    ServiceEntry,
)
from reports.groups.shapes import Shapes

_LEAST_ACCOUNTS = 2
_Who = tuple[str, str, str]


def grouped(report: Report) -> Report:
    """Return the report with its groups; one without any stays as it is."""
    names: dict[tuple[int, ...], str] = {}
    members: dict[str, list[IdentityEntry]] = {}
    shapes: dict[_Who, Shapes] = {}
    for entry in report.identities:
        shapes[_who(entry)] = own = Shapes.of(entry)
        members.setdefault(_group_id(entry, own, names), []).append(entry)
    found = {
        group: entries
        for group, entries in members.items()
        if len({entry.account for entry in entries}) >= _LEAST_ACCOUNTS
    }
    if not found:
        return report
    of = {_who(entry): group for group, entries in found.items() for entry in entries}
    findings = [_finding(row, of, shapes) for row in report.findings]
    held: dict[str, list[FindingEntry]] = {}
    for row in findings:
        if row.group:
            held.setdefault(of[row.provider, row.account, row.identity], []).append(row)
    entries = [_group(group, entries, shapes, held.get(group, ())) for group, entries in found.items()]
    return msgspec.structs.replace(
        report,
        identities=[
            msgspec.structs.replace(entry, group=of[_who(entry)]) if _who(entry) in of else entry
            for entry in report.identities
        ],
        findings=findings,
        groups=sorted(entries, key=lambda one: (one.provider, one.name, one.identity, one.id)),
    )


def role_id(entry: IdentityEntry, shapes: Shapes | None = None) -> str:
    """Name what an identity is called in every account, whatever it holds: the same in every report."""
    own = shapes or Shapes.of(entry)
    return _digest("role/1", entry.provider, entry.kind, own.identity(entry.id), own.identity(entry.name))


def _who(entry: IdentityEntry) -> _Who:
    return entry.provider, entry.account, entry.id


def _group_id(entry: IdentityEntry, shapes: Shapes, names: dict[tuple[int, ...], str]) -> str:
    grants = sorted(
        f"{own.effect}|{shapes.text(own.name)}|{shapes.text(own.scope)}|{shapes.text(own.conditions)}"
        f"|{own.admin}|{own.permissions}"
        for own in entry.grants
    )
    without = frozenset(entry.not_granted)
    held = [f"{row.service}:{_names(row, without, names)}" for row in entry.services if row.granted]
    return _digest("group/1", role_id(entry, shapes), *grants, *sorted(held))


def _names(row: ServiceEntry, without: frozenset[str], names: dict[tuple[int, ...], str]) -> str:
    """Return a digest of what is granted of a service; lists that identities share are digested once."""
    lists = (row.used, row.denied, row.unused, row.unobservable, row.conditional)
    key = tuple(map(id, lists))
    every = [name for own in lists for name in own]
    if without.intersection(every):
        return _digest(*sorted(name for name in every if name not in without))
    if key not in names:
        names[key] = _digest(*sorted(every))
    return names[key]


def _finding(row: FindingEntry, of: dict[_Who, str], shapes: dict[_Who, Shapes]) -> FindingEntry:
    who = row.provider, row.account, row.identity
    group = of.get(who)
    if group is None:
        # A row that an earlier scan wrote carries the group of then.
        return msgspec.structs.replace(row, group="") if row.group else row
    said = shapes[who].text(row.subject)
    return msgspec.structs.replace(row, group=_digest("finding/1", group, row.rule, row.severity, said))


def _group(
    group: str, entries: Sequence[IdentityEntry], shapes: dict[_Who, Shapes], findings: Iterable[FindingEntry]
) -> GroupEntry:
    first = entries[0]
    own = shapes[_who(first)]
    still = [row.severity for row in findings if row.status in {"open", "regressed"}]
    return GroupEntry(
        id=group,
        role=role_id(first, own),
        provider=first.provider,
        kind=first.kind,
        name=own.identity(first.name or first.id),
        identity=own.identity(first.id),
        identities=len(entries),
        accounts=sorted({entry.account for entry in entries}),
        stages=sorted({entry.stage for entry in entries if entry.stage}),
        owners=sorted({entry.owner for entry in entries if entry.owner}),
        granted=first.permissions.granted,
        unused_everywhere=sum(map(len, unused_everywhere(entries).values())),
        unused_where_seen=sum(map(len, unused_where_seen(entries).values())),
        unused_somewhere=sum(map(len, unused_somewhere(entries).values())),
        findings={name: number for name in SEVERITIES if (number := still.count(name))},
        variants=_variants(entries, shapes),
    )


def unused_everywhere(entries: Sequence[IdentityEntry]) -> dict[str, list[str]]:
    """Return by service the permissions that are unused in every one of them."""
    first, *others = [{row.service: row.unused for row in entry.services} for entry in entries]
    found = {}
    for service, names in sorted(first.items()):
        left = set(names)
        for other in others:
            if (held := other.get(service)) is not names:
                left.intersection_update(held or ())
        if left:
            found[service] = sorted(left)
    return found


def unused_where_seen(entries: Sequence[IdentityEntry]) -> dict[str, list[str]]:
    """Return by service what is unused in some of them, used in none, and not observable in the others.

    One account whose logs are missing must not hide what all others show, nor be counted as if it showed it.
    """
    needed: dict[int, list[str]] = {}
    for entry in entries:
        for row in entry.services:
            for names in (row.used, row.denied, row.conditional):
                needed[id(names)] = names
    taken = {name for names in needed.values() for name in names}
    found = {}
    for service, names in _not_everywhere(entries).items():
        if left := [name for name in names if name not in taken]:
            found[service] = left
    return found


def unused_somewhere(entries: Sequence[IdentityEntry]) -> dict[str, list[str]]:
    """Return by service the permissions that are unused in some of them and used, or tried, in others."""
    seen = unused_where_seen(entries)
    found = {}
    for service, names in _not_everywhere(entries).items():
        without = set(seen.get(service, ()))
        if left := [name for name in names if name not in without]:
            found[service] = left
    return found


def _not_everywhere(entries: Sequence[IdentityEntry]) -> dict[str, list[str]]:
    """Return by service the permissions that are unused in some of them and not in all."""
    everywhere = unused_everywhere(entries)
    lists: dict[str, dict[int, list[str]]] = {}
    for entry in entries:
        for row in entry.services:
            lists.setdefault(row.service, {})[id(row.unused)] = row.unused
    found = {}
    for service, held in sorted(lists.items()):
        left = {name for names in held.values() for name in names} - set(everywhere.get(service, ()))
        if left:
            found[service] = sorted(left)
    return found


def _variants(entries: Sequence[IdentityEntry], shapes: dict[_Who, Shapes]) -> list[GroupVariant]:
    """Return which accounts may lose the same: equal replacements, but for the account's own id."""
    found: dict[str, list[IdentityEntry]] = {}
    for entry in entries:
        own, reduction = shapes[_who(entry)], entry.reduction
        documents = [own.text(one.content) for one in reduction.artifacts if one.form == "json"]
        key = _digest(reduction.disposition, str(reduction.removes), str(reduction.keeps), *documents)
        found.setdefault(key, []).append(entry)
    variants = [
        GroupVariant(
            id=key,
            disposition=same[0].reduction.disposition,
            removes=same[0].reduction.removes,
            keeps=same[0].reduction.keeps,
            accounts=sorted({entry.account for entry in same}),
        )
        for key, same in found.items()
    ]
    return sorted(variants, key=lambda one: (-len(one.accounts), one.id))


def _digest(*parts: str) -> str:
    text = "\n".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
