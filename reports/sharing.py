"""Write what many identities and findings have in common once, and put it back in its places.

Only the wire knows shared parts: `spread` puts them back when a document is read, so that everything else in
the program sees each list where it belongs. Equal lists are then one object, so memory stays small too.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from reports.document import (
    VERDICTS,
    FindingEntry,
    FrameworkReference,
    IdentityEntry,
    KeptPermissions,
    Report,
    ServiceEntry,
    VerdictReason,
)
from reports.errors import ReportError

SHARING_NAMES = 1_000_000
"""Permission names written in place before sharing starts; fewer are easier to read where they are."""

SHARING_FINDINGS = 5_000
"""Findings from which on framework references, about 2 kB each, are written once."""

_SHARED_LENGTH = 3
"""Shortest list of names that is shared: a reference takes the room of one name."""

_Row = TypeVar("_Row", ServiceEntry, VerdictReason)
_Named = TypeVar("_Named", KeptPermissions, VerdictReason)
_Part = TypeVar("_Part")


def share(report: Report, *, above: int | None = None) -> Report:
    """Move what stands more than once to the sets at the top of the document, when it is large.

    With more than a million permission names, or `above`, these are lists of three or more names
    (`permission_sets`) and whole rows of `services` and `reasons` (`service_rows`, `reason_rows`); with more
    than 5,000 findings, their framework references (`framework_sets`). Ids are hashes of the content, so they
    are the same in every report.
    """
    if _is_shared(report):
        return report
    limit = SHARING_NAMES if above is None else above
    if len(report.findings) > SHARING_FINDINGS:
        report = _share_frameworks(report)
    if sum(map(len, _lists(report.identities))) <= limit:
        return report
    names = _Names(report.identities)
    identities = [names.moved(entry) for entry in report.identities]
    services = _Rows(row for entry in identities for row in entry.services)
    reasons = _Rows(row for entry in identities for row in entry.reasons)
    return msgspec.structs.replace(
        report,
        permission_sets=names.sets(),
        service_rows=services.shared(),
        reason_rows=reasons.shared(),
        identities=[_refer_rows(entry, services, reasons) for entry in identities],
    )


def spread(report: Report) -> Report:
    """Put shared parts back in their places; ReportError where the document names one it does not hold."""
    if not _is_shared(report):
        return report
    parts = _Parts(report)
    return msgspec.structs.replace(
        report,
        permission_sets={},
        service_rows={},
        reason_rows={},
        framework_sets={},
        identities=[parts.identity(entry) for entry in report.identities],
        findings=[parts.finding(entry) for entry in report.findings],
    )


class _Names:
    """The lists of permission names that stand more than once."""

    def __init__(self, identities: Sequence[IdentityEntry]) -> None:
        keys: dict[int, tuple[str, ...]] = {}
        seen: Counter[tuple[str, ...]] = Counter()
        for names in _lists(identities):
            if len(names) >= _SHARED_LENGTH:
                # Equal lists are mostly one object, and hashing thousands of names again and again is slow.
                key = keys.setdefault(id(names), tuple(names))
                seen[key] += 1
        self._ids = {key: _digest("\n".join(key)) for key, count in seen.items() if count > 1}
        self._by_object = {number: self._ids.get(key, "") for number, key in keys.items()}

    def sets(self) -> dict[str, list[str]]:
        """Return the shared lists by id."""
        return {name: list(key) for key, name in sorted(self._ids.items(), key=lambda row: row[1])}

    def moved(self, entry: IdentityEntry) -> IdentityEntry:
        """Return an identity whose shared lists are named instead of written."""
        return msgspec.structs.replace(
            entry,
            services=[self._service(row) for row in entry.services],
            reasons=[self._named(row) for row in entry.reasons],
            reduction=msgspec.structs.replace(
                entry.reduction, stays=[self._named(row) for row in entry.reduction.stays]
            ),
        )

    def _of(self, names: list[str]) -> str:
        return self._by_object.get(id(names), "")

    def _service(self, entry: ServiceEntry) -> ServiceEntry:
        moved = {verdict: found for verdict in VERDICTS if (found := self._of(getattr(entry, verdict)))}
        if not moved:
            return entry
        emptied: dict[str, list[str]] = {verdict: [] for verdict in moved}
        return msgspec.structs.replace(entry, sets=moved, **emptied)

    def _named(self, row: _Named) -> _Named:
        found = self._of(row.permissions)
        return msgspec.structs.replace(row, set=found, permissions=[]) if found else row


class _Rows(Generic[_Row]):
    """The rows of one kind that stand more than once."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        seen: Counter[bytes] = Counter()
        self._held: dict[bytes, _Row] = {}
        for row in rows:
            key = _key(row)
            seen[key] += 1
            self._held.setdefault(key, row)
        self._ids = {key: _digest(key) for key, count in seen.items() if count > 1}

    def shared(self) -> dict[str, _Row]:
        """Return the shared rows by id."""
        return {name: self._held[key] for key, name in sorted(self._ids.items(), key=lambda row: row[1])}

    def split(self, rows: Sequence[_Row]) -> tuple[list[_Row], list[str]]:
        """Return the rows that stay in place, and the ids of the others in their order."""
        named = [(row, self._ids.get(_key(row), "")) for row in rows]
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
        services += [self._find(self._services, name) for name in entry.services_shared]
        reasons = [self._named(row) for row in entry.reasons]
        reasons += [self._find(self._reasons, name) for name in entry.reasons_shared]
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

    def finding(self, entry: FindingEntry) -> FindingEntry:
        """Return a finding with its framework references."""
        if not entry.framework_set:
            return entry
        references = self._find(self._report.framework_sets, entry.framework_set)
        return msgspec.structs.replace(entry, frameworks=references, framework_set="")

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
        shared = self._find(self._report.permission_sets, name)
        return sorted({*own, *shared}) if own else shared

    @staticmethod
    def _find(held: Mapping[str, _Part], name: str) -> _Part:
        try:
            return held[name]
        except KeyError as error:
            raise ReportError(
                f"the report names the shared part {name} but does not hold it",
                hint="The report was cut or edited; scan again.",
            ) from error


def _is_shared(report: Report) -> bool:
    return bool(report.permission_sets or report.service_rows or report.reason_rows or report.framework_sets)


def _lists(identities: Iterable[IdentityEntry]) -> Iterator[list[str]]:
    for identity in identities:
        for entry in identity.services:
            for verdict in VERDICTS:
                yield getattr(entry, verdict)
        for reason in identity.reasons:
            yield reason.permissions
        for stay in identity.reduction.stays:
            yield stay.permissions


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


def _share_frameworks(report: Report) -> Report:
    sets: dict[str, list[FrameworkReference]] = {}
    findings = [_refer_frameworks(finding, sets) for finding in report.findings]
    return msgspec.structs.replace(report, findings=findings, framework_sets=dict(sorted(sets.items())))


def _refer_frameworks(finding: FindingEntry, sets: dict[str, list[FrameworkReference]]) -> FindingEntry:
    if not finding.frameworks:
        return finding
    name = _digest(msgspec.json.encode(finding.frameworks))
    sets.setdefault(name, finding.frameworks)
    return msgspec.structs.replace(finding, frameworks=[], framework_set=name)


def _key(row: ServiceEntry | VerdictReason) -> bytes:
    try:
        return msgspec.json.encode(row, order="deterministic")
    except UnicodeEncodeError:  # lone surrogates of a tolerant log reader
        return repr(row).encode("utf-8", "backslashreplace")


def _digest(content: str | bytes) -> str:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(raw).hexdigest()[:12]
