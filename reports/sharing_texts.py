"""Write the texts of a very large report once, and leave out the scripts that its steps give again.

Hundreds of identities that hold the same policies have findings, documents and grants word for word alike. In
smaller reports all of it stands where it is read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from reports.document import (
    Artifact,
    EvidenceValue,
    FindingBody,
    FindingEntry,
    GrantEntry,
    IdentityEntry,
    ReductionChange,
    Report,
)
from reports.on_demand import without_scripts
from reports.shared_parts import digest, find_shared, written

SHARING_TEXT = 20_000_000
"""Characters of messages, remediations, documents and scripts from which on this is worth it."""

_LONG = 64
"""Shortest text that is named instead of written: naming it takes half of that."""

_BY_ID = attrgetter("id")

_NONE: list[str] = []


class _Finding(FindingEntry, frozen=True, kw_only=True, omit_defaults=True):
    """A finding that is written without what it does not have."""


class _Step(ReductionChange, frozen=True, kw_only=True, omit_defaults=True):
    """A step that is written without what it does not have."""


def share_texts(report: Report) -> Report:
    """Move texts, rows of grants and bodies of findings that stand twice to the top of a very large document.

    Asked last: findings name their evidence then, and equal evidence has equal names.
    """
    if _length(report) <= SHARING_TEXT:
        return report
    identities = [without_scripts(entry) for entry in report.identities]
    bodies = _Bodies(report.findings)
    left = [bodies.left(finding) for finding in report.findings]
    texts = _Texts(identities, left)
    grants = _Grants(identities)
    return msgspec.structs.replace(
        report,
        identities=[grants.moved(texts.moved(entry)) for entry in identities],
        findings=[
            _Finding(**msgspec.structs.asdict(finding) | bodies.named(finding) | texts.named(said))
            for finding, said in zip(report.findings, left, strict=True)
        ],
        texts=texts.shared(),
        grant_rows=grants.shared(),
        finding_bodies=bodies.shared(),
    )


def spread_texts(report: Report) -> Report:
    """Put texts, grants and bodies back; ReportError where the document names one it does not hold."""
    if not texts_are_shared(report):
        return report
    return msgspec.structs.replace(
        report,
        identities=[_spread_identity(entry, report) for entry in report.identities],
        findings=[_spread_finding(finding, report) for finding in report.findings],
        texts=msgspec.UNSET,
        grant_rows=msgspec.UNSET,
        finding_bodies=msgspec.UNSET,
    )


def texts_are_shared(report: Report) -> bool:
    """Tell whether a document names texts, grants or bodies at its top."""
    return bool(report.texts or report.grant_rows or report.finding_bodies)


def _length(report: Report) -> int:
    said = sum(len(one.message) + len(one.remediation) for one in report.findings)
    return said + sum(len(one.content) for entry in report.identities for one in _artifacts(entry))


def _artifacts(entry: IdentityEntry) -> Iterator[Artifact]:
    yield from entry.reduction.artifacts
    yield from entry.reduction.rollback


class _Bodies:
    """What findings of several identities say word for word alike: all of it, or all but the remediation."""

    def __init__(self, findings: Sequence[FindingEntry]) -> None:
        said = Counter(one.message for one in findings)
        alike = [one for one in findings if said[one.message] > 1]
        whole = _repeated((one, _body(one)) for one in alike)
        partly = _repeated((one, _body(one, "")) for one in alike if id(one) not in whole)
        self._bodies = whole | partly

    def left(self, finding: FindingEntry) -> "_Left":
        """Return what a finding says beside its body."""
        if id(finding) not in self._bodies:
            return _Left(finding.message, finding.remediation, finding.evidence)
        _, body = self._bodies[id(finding)]
        return _Left("", "" if body.remediation else finding.remediation, {})

    def named(self, finding: FindingEntry) -> dict[str, object]:
        """Return the fields of a finding that name its body, if others have it."""
        if id(finding) not in self._bodies:
            return {}
        return {"evidence_shared": _NONE, "body": self._bodies[id(finding)][0]}

    def shared(self) -> dict[str, FindingBody]:
        """Return the bodies by id."""
        return dict(sorted(dict(self._bodies.values()).items()))


def _repeated(
    bodies: Iterable[tuple[FindingEntry, FindingBody]],
) -> dict[int, tuple[str, FindingBody]]:
    """Return by finding the bodies that stand more than once, each with its id and as one object."""
    keys = [(id(finding), body, written(body)) for finding, body in bodies]
    times = Counter(key for _, _, key in keys)
    held = {key: (digest(key), body) for _, body, key in keys if times[key] > 1}
    return {number: held[key] for number, _, key in keys if key in held}


def _body(finding: FindingEntry, remediation: str | None = None) -> FindingBody:
    return FindingBody(
        message=finding.message,
        remediation=finding.remediation if remediation is None else remediation,
        evidence=finding.evidence,
        evidence_shared=finding.evidence_shared,
    )


class _Left(NamedTuple):
    """What a finding says beside its body."""

    message: str
    remediation: str
    evidence: dict[str, EvidenceValue]


def _listed(evidence: Mapping[str, EvidenceValue]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lists of evidence that may hold texts; most hold names, which are shorter."""
    for key, value in evidence.items():
        if isinstance(value, list) and value and len(value[0]) >= _LONG:
            yield key, value


class _Texts:
    """Texts that stand more than once: whole ones of identities, whole ones and ends of those of findings."""

    def __init__(self, identities: Iterable[IdentityEntry], findings: Sequence[_Left]) -> None:
        said = [text for one in findings for text in (one.message, one.remediation)]
        listed = (texts for one in findings for _, texts in _listed(one.evidence))
        whole = Counter(said)
        self._cuts = {text: 0 if count > 1 else text.find(". ") + 1 for text, count in whole.items()}
        counted = Counter(text[self._cuts[text] :] for text in said)
        for texts in listed:
            counted.update(texts)
        for entry in identities:
            counted.update(one.content for one in _artifacts(entry))
            counted.update(one.note for one in entry.reduction.changes)
        self._ids = {
            text: digest(text) for text, count in counted.items() if count > 1 and len(text) >= _LONG
        }

    def moved(self, entry: IdentityEntry) -> IdentityEntry:
        """Return an identity that names the texts it shares."""
        reduction = entry.reduction
        shorter = msgspec.structs.replace(
            reduction,
            artifacts=[self._document(one) for one in reduction.artifacts],
            rollback=[self._document(one) for one in reduction.rollback],
            changes=[self._step(one) for one in reduction.changes],
        )
        return msgspec.structs.replace(entry, reduction=shorter)

    def _step(self, one: ReductionChange) -> ReductionChange:
        name = self._ids.get(one.note)
        held = msgspec.structs.asdict(one)
        return _Step(**held | ({"note": "", "note_text": name} if name else {}))

    def _document(self, one: Artifact) -> Artifact:
        name = self._ids.get(one.content)
        return msgspec.structs.replace(one, content="", content_text=name) if name else one

    def named(self, said: "_Left") -> dict[str, object]:
        """Return the fields of a finding that hold what it says, and name the texts that it shares."""
        message, more = self._parted(said.message)
        remediation, rest = self._parted(said.remediation)
        lists = {
            key: [self._ids[text] for text in texts]
            for key, texts in _listed(said.evidence)
            if all(text in self._ids for text in texts)
        }
        return {
            "message": message,
            "message_text": more or msgspec.UNSET,
            "remediation": remediation,
            "remediation_text": rest or msgspec.UNSET,
            "evidence": said.evidence | dict.fromkeys(lists, _NONE) if lists else said.evidence,
            "evidence_texts": lists or msgspec.UNSET,
        }

    def _parted(self, text: str) -> tuple[str, str]:
        cut = self._cuts[text]
        name = self._ids.get(text[cut:], "")
        return (text[:cut], name) if name else (text, "")

    def shared(self) -> dict[str, str]:
        """Return the texts by id."""
        return {name: text for text, name in sorted(self._ids.items(), key=lambda row: row[1])}


class _Grants:
    """Rows of grants that several identities have in common."""

    def __init__(self, identities: Iterable[IdentityEntry]) -> None:
        times = Counter(row for entry in identities for row in entry.grants)
        self._ids = {row: digest(written(row)) for row, count in times.items() if count > 1}

    def moved(self, entry: IdentityEntry) -> IdentityEntry:
        """Return an identity that names the rows it shares."""
        names = [self._ids[row] for row in entry.grants if row in self._ids]
        if not names or not _in_order(entry):
            return entry
        own = [row for row in entry.grants if row not in self._ids]
        return msgspec.structs.replace(entry, grants=own, grants_shared=names)

    def shared(self) -> dict[str, GrantEntry]:
        """Return the rows by id."""
        return {name: row for row, name in sorted(self._ids.items(), key=lambda row: row[1])}


def _in_order(entry: IdentityEntry) -> bool:
    """Tell whether sorting the grants by id gives them back as they stand."""
    ids = [row.id for row in entry.grants]
    return len(set(ids)) == len(ids) and ids == sorted(ids)


def _spread_identity(entry: IdentityEntry, report: Report) -> IdentityEntry:
    held, reduction = report.texts or {}, entry.reduction
    rows = [find_shared(report.grant_rows or {}, name) for name in entry.grants_shared or ()]
    whole = msgspec.structs.replace(
        reduction,
        artifacts=[_spread_document(one, held) for one in reduction.artifacts],
        rollback=[_spread_document(one, held) for one in reduction.rollback],
        changes=[_spread_step(one, held) for one in reduction.changes],
    )
    return msgspec.structs.replace(
        entry,
        reduction=whole,
        grants=sorted([*entry.grants, *rows], key=_BY_ID) if rows else entry.grants,
        grants_shared=msgspec.UNSET,
    )


def _spread_step(one: ReductionChange, held: dict[str, str]) -> ReductionChange:
    if not one.note_text:
        return one
    note = one.note + find_shared(held, one.note_text)
    return msgspec.structs.replace(one, note=note, note_text=msgspec.UNSET)


def _spread_document(one: Artifact, held: dict[str, str]) -> Artifact:
    if not one.content_text:
        return one
    content = one.content + find_shared(held, one.content_text)
    return msgspec.structs.replace(one, content=content, content_text=msgspec.UNSET)


def _spread_finding(finding: FindingEntry, report: Report) -> FindingEntry:
    held = report.texts or {}
    message = finding.message + _named(held, finding.message_text)
    remediation = finding.remediation + _named(held, finding.remediation_text)
    lists = finding.evidence_texts or {}
    evidence, named = dict(finding.evidence), finding.evidence_shared
    evidence |= {key: [find_shared(held, name) for name in names] for key, names in lists.items()}
    if finding.body:
        body = find_shared(report.finding_bodies or {}, finding.body)
        message, remediation = message + body.message, remediation + body.remediation
        evidence, named = evidence | body.evidence, [*named, *body.evidence_shared]
    return msgspec.structs.replace(
        finding,
        message=message,
        message_text=msgspec.UNSET,
        remediation=remediation,
        remediation_text=msgspec.UNSET,
        evidence=evidence,
        evidence_texts=msgspec.UNSET,
        evidence_shared=named,
        body=msgspec.UNSET,
    )


def _named(held: dict[str, str], name: str | msgspec.UnsetType) -> str:
    return find_shared(held, name) if name else ""
