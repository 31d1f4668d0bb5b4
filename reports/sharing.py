"""Write what many identities and findings have in common once, and put it back in its places.

Only the wire knows shared parts: `spread` puts them back when a document is read, so that everything else in
the program sees each list where it belongs. Equal lists are then one object, so memory stays small too.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from reports.document import (
    VERDICTS,
    IdentityEntry,
    KeptPermissions,
    Report,
    ServiceEntry,
    VerdictReason,
)
from reports.once import once
from reports.shared_parts import digest, find_shared, written
from reports.sharing_findings import are_many, findings_are_shared, share_findings, spread_findings
from reports.sharing_texts import share_texts, spread_texts, texts_are_shared

SHARING_NAMES = 1_000_000
"""Permission names written in place before sharing starts; fewer are easier to read where they are."""

SHARING_NAMES_TOO = 100_000
"""The same where findings are shared: who reads such a document puts parts back in any case."""

_SHARED_LENGTH = 3
"""Shortest list of names that is shared: a reference takes the room of one name."""

_Row = TypeVar("_Row", ServiceEntry, VerdictReason)
_Named = TypeVar("_Named", KeptPermissions, VerdictReason)


def share(report: Report) -> Report:
    """Move what stands more than once to the top of the document, when it is large.

    With more than 5,000 findings these are their framework references and evidence (`share_findings`);
    with more than 1,000,000 permission names, or 100,000 beside so many findings, lists of names and rows
    of identities (`share_names`). Ids are hashes of the content, so they are the same in every report.
    """
    if _is_shared(report):
        return report
    above = min(SHARING_NAMES, SHARING_NAMES_TOO) if are_many(report.findings) else SHARING_NAMES
    return share_texts(share_findings(share_names(report, above=above)))


def share_names(report: Report, *, above: int) -> Report:
    """Move equal lists of names and equal rows to the top of a document with more names than `above`.

    Lists have three or more names (`permission_sets`), rows are those of `services` and `reasons`
    (`service_rows`, `reason_rows`).
    """
    lists = _lists(report)
    if sum(len(names) * times for names, times in lists) <= above:
        return report
    shared = _shared(report)
    return msgspec.structs.replace(
        report,
        permission_sets=shared.names,
        service_rows=shared.services,
        reason_rows=shared.reasons,
        identities=shared.identities,
    )


class _Shared(NamedTuple):
    """The identities of a report, and what they name by id."""

    names: dict[str, list[str]]
    services: dict[str, ServiceEntry]
    reasons: dict[str, VerdictReason]
    identities: list[IdentityEntry]


@once
def _shared(report: Report) -> _Shared:
    """Move what identities have in common; report.json and the page both ask for it."""
    names = _Names(_lists(report))
    identities = [names.moved(entry) for entry in report.identities]
    services = _Rows([row for entry in identities for row in entry.services])
    reasons = _Rows([row for entry in identities for row in entry.reasons])
    return _Shared(
        names.sets(),
        services.shared(),
        reasons.shared(),
        [_refer_rows(entry, services, reasons) for entry in identities],
    )


def spread(report: Report) -> Report:
    """Put shared parts back in their places; ReportError where the document names one it does not hold."""
    if not _is_shared(report):
        return report
    report = spread_texts(report)
    parts = _Parts(report)
    return msgspec.structs.replace(
        spread_findings(report),
        permission_sets={},
        service_rows={},
        reason_rows={},
        identities=[parts.identity(entry) for entry in report.identities],
    )


class _Names:
    """The lists of permission names that stand more than once."""

    def __init__(self, lists: Iterable[tuple[list[str], int]]) -> None:
        keys: dict[int, tuple[str, ...]] = {}
        seen: Counter[tuple[str, ...]] = Counter()
        self._services: dict[int, ServiceEntry] = {}
        for names, times in lists:
            if len(names) >= _SHARED_LENGTH:
                # Equal lists are mostly one object, and hashing thousands of names again and again is slow.
                key = keys.get(id(names))
                if key is None:
                    key = keys[id(names)] = tuple(names)
                seen[key] += times
        self._ids = {key: digest("\n".join(key)) for key, count in seen.items() if count > 1}
        self._by_object = {number: self._ids.get(key, "") for number, key in keys.items()}

    def sets(self) -> dict[str, list[str]]:
        """Return the shared lists by id."""
        return {name: list(key) for key, name in sorted(self._ids.items(), key=lambda row: row[1])}

    def moved(self, entry: IdentityEntry) -> IdentityEntry:
        """Return an identity whose shared lists are named instead of written."""
        return msgspec.structs.replace(
            entry,
            services=[self._services.get(id(row)) or self._service(row) for row in entry.services],
            reasons=[self._named(row) for row in entry.reasons],
            reduction=msgspec.structs.replace(
                entry.reduction, stays=[self._named(row) for row in entry.reduction.stays]
            ),
        )

    def _of(self, names: list[str]) -> str:
        return self._by_object.get(id(names), "")

    def _service(self, entry: ServiceEntry) -> ServiceEntry:
        moved = {verdict: found for verdict in VERDICTS if (found := self._of(getattr(entry, verdict)))}
        emptied: dict[str, list[str]] = {verdict: [] for verdict in moved}
        made = msgspec.structs.replace(entry, sets=moved, **emptied) if moved else entry
        self._services[id(entry)] = made
        return made

    def _named(self, row: _Named) -> _Named:
        found = self._of(row.permissions)
        return msgspec.structs.replace(row, set=found, permissions=[]) if found else row


class _Rows(Generic[_Row]):
    """The rows of one kind that stand more than once."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        seen: Counter[bytes] = Counter()
        self._held: dict[bytes, _Row] = {}
        keys: dict[int, bytes] = {}
        for number, (row, times) in _counted(rows).items():
            key = keys[number] = written(row)
            seen[key] += times
            self._held.setdefault(key, row)
        self._ids = {key: digest(key) for key, count in seen.items() if count > 1}
        self._by_object = {number: self._ids.get(key, "") for number, key in keys.items()}

    def shared(self) -> dict[str, _Row]:
        """Return the shared rows by id."""
        return {name: self._held[key] for key, name in sorted(self._ids.items(), key=lambda row: row[1])}

    def split(self, rows: Sequence[_Row]) -> tuple[list[_Row], list[str]]:
        """Return the rows that stay in place, and the ids of the others in their order."""
        named = [(row, self._by_object[id(row)]) for row in rows]
        return [row for row, name in named if not name], [name for _, name in named if name]


class _Parts:
    """The shared parts of a document that was read."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._services = {name: self._service(row) for name, row in report.service_rows.items()}
        self._reasons = {name: self._named(row) for name, row in report.reason_rows.items()}

    def identity(self, entry: IdentityEntry) -> IdentityEntry:
        """Return an identity with everything in its place."""
        services = [self._service(row) for row in entry.services]
        services += [find_shared(self._services, name) for name in entry.services_shared]
        reasons = [self._named(row) for row in entry.reasons]
        reasons += [find_shared(self._reasons, name) for name in entry.reasons_shared]
        return msgspec.structs.replace(
            entry,
            services=sorted(services, key=lambda row: row.service),
            services_shared=[],
            reasons=sorted(reasons, key=lambda row: (row.verdict, row.code, row.reason)),
            reasons_shared=[],
            reduction=msgspec.structs.replace(
                entry.reduction, stays=[self._named(row) for row in entry.reduction.stays]
            ),
        )

    def _service(self, entry: ServiceEntry) -> ServiceEntry:
        if not entry.sets:
            return entry
        lists = {
            verdict: self._together(getattr(entry, verdict), name) for verdict, name in entry.sets.items()
        }
        return msgspec.structs.replace(entry, sets={}, **lists)

    def _named(self, row: _Named) -> _Named:
        if not row.set:
            return row
        return msgspec.structs.replace(row, set="", permissions=self._together(row.permissions, row.set))

    def _together(self, own: list[str], name: str) -> list[str]:
        shared = find_shared(self._report.permission_sets, name)
        return sorted({*own, *shared}) if own else shared


def _is_shared(report: Report) -> bool:
    return bool(
        report.permission_sets
        or report.service_rows
        or report.reason_rows
        or findings_are_shared(report)
        or texts_are_shared(report)
    )


@once
def _lists(report: Report) -> list[tuple[list[str], int]]:
    """Return the lists of names in a report, each with how many times it stands there at least."""
    rows = _counted([row for entry in report.identities for row in entry.services])
    found = [(getattr(row, verdict), times) for row, times in rows.values() for verdict in VERDICTS]
    for identity in report.identities:
        found += [(reason.permissions, 1) for reason in identity.reasons]
        found += [(stay.permissions, 1) for stay in identity.reduction.stays]
    return found


def _counted(rows: Sequence[_Row]) -> dict[int, tuple[_Row, int]]:
    """Return rows by object, with how often each stands: equal rows are mostly one object."""
    times = Counter(map(id, rows))
    held = dict(zip(map(id, rows), rows, strict=True))
    return {number: (held[number], count) for number, count in times.items()}


def _refer_rows(
    entry: IdentityEntry, services: _Rows[ServiceEntry], reasons: _Rows[VerdictReason]
) -> IdentityEntry:
    own_services, shared_services = services.split(entry.services)
    own_reasons, shared_reasons = reasons.split(entry.reasons)
    return msgspec.structs.replace(
        entry,
        services=own_services,
        services_shared=shared_services,
        reasons=own_reasons,
        reasons_shared=shared_reasons,
    )
