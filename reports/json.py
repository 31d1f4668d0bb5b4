"""Write and read the report document as JSON, with lists that many identities share written once."""

import codecs
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from reports.document import SCHEMA_VERSION, VERDICTS, IdentityEntry, Reduction, Report, ServiceEntry, Verdict
from reports.errors import ReportError

_READABLE_BYTES = 8_000_000
"""Above this the document is written without line breaks: they would add about a third."""

_SHARING_NAMES = 200_000
"""Permission names written in place before sharing starts; fewer are easier to read where they are."""

_SHARED_LENGTH = 3
"""Shortest list that is shared: a reference takes the room of one name."""


class _Head(msgspec.Struct):
    """The one field that tells which reader a document needs."""

    schema_version: str | None = None


def encode(report: Report) -> bytes:
    """Write the report as UTF-8 JSON in stable order: equal reports give equal bytes.

    Small documents are indented by one space, so that two scans can be compared line by line. In large
    ones the long lists are shared and line breaks left out: 500 administrators stay below 50 MB.
    """
    return write(share_permission_sets(report))


def write(document: object) -> bytes:
    """Write any document of ours as UTF-8 JSON: keys of mappings sorted, indented while it is small."""
    try:
        raw = msgspec.json.encode(document, order="deterministic")
    except UnicodeEncodeError:
        # A tolerant log reader may hand on lone surrogates, which UTF-8 cannot hold.
        raw = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(document)), order="deterministic")
    return (msgspec.json.format(raw, indent=1) if len(raw) <= _READABLE_BYTES else raw) + b"\n"


def decode(source: bytes | Path) -> Report:
    """Read a report from bytes or a file; raise ReportError with what is wrong and what to do.

    Documents of a newer minor version are read: within one major version fields are only added.
    """
    name = str(source) if isinstance(source, Path) else "the report"
    raw = (_read(source) if isinstance(source, Path) else source).removeprefix(codecs.BOM_UTF8)
    try:
        version = msgspec.json.decode(raw, type=_Head).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{name} is not a report: {error}", hint=_broken_hint(raw, error)) from error
    if version is None:
        raise ReportError(
            f"{name} is not a report: it has no schema_version",
            hint="Give the report.json that a scan wrote.",
        )
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise ReportError(
            f"{name} has schema version {version}; this program reads {SCHEMA_VERSION.partition('.')[0]}.x",
            hint="Read it with the entdrift version that wrote it, or scan again.",
        )
    try:
        return msgspec.json.decode(raw, type=Report)
    except msgspec.DecodeError as error:
        raise ReportError(
            f"{name} does not follow report schema {version}: {error}",
            hint="It was changed by hand or by another program, or written by a newer entdrift: update.",
        ) from error


def share_permission_sets(report: Report) -> Report:
    """Move equal long lists of permission names into `permission_sets`, when the document is large.

    Only lists of three names or more that occur at least twice are moved, and only when the report holds
    more than 200,000 names in all. A set's id is a hash of its names, so it is the same in every report.
    """
    lists = [names for identity in report.identities for _, names in _lists(identity)]
    lists += [stay.permissions for identity in report.identities for stay in identity.reduction.stays]
    if sum(len(names) for names in lists) <= _SHARING_NAMES:
        return report
    seen = Counter(tuple(names) for names in lists if len(names) >= _SHARED_LENGTH)
    ids = {names: _set_id(names) for names, count in seen.items() if count > 1}
    sets = report.permission_sets | {ids[names]: list(names) for names in ids}
    return msgspec.structs.replace(
        report,
        permission_sets=dict(sorted(sets.items())),
        identities=[
            msgspec.structs.replace(
                identity,
                services=[_refer(entry, ids) for entry in identity.services],
                reduction=_refer_stays(identity.reduction, ids),
            )
            for identity in report.identities
        ],
    )


def resolve(report: Report, service_entry: ServiceEntry, verdict: Verdict) -> list[str]:
    """Name all permissions of a service with a verdict, sorted, whether written in place or shared."""
    own: list[str] = getattr(service_entry, verdict)
    set_id = service_entry.sets.get(verdict)
    if set_id is None:
        return own
    try:
        return sorted({*own, *report.permission_sets[set_id]})
    except KeyError as error:
        raise ReportError(
            f"the report names permission set {set_id} for {service_entry.service} but does not hold it",
            hint="The report was cut or edited; scan again.",
        ) from error


def _lists(identity: IdentityEntry) -> Iterator[tuple[Verdict, list[str]]]:
    for entry in identity.services:
        for verdict in VERDICTS:
            yield verdict, getattr(entry, verdict)


def _refer(entry: ServiceEntry, ids: dict[tuple[str, ...], str]) -> ServiceEntry:
    moved = {
        verdict: ids[names]
        for verdict in VERDICTS
        if verdict not in entry.sets and (names := tuple(getattr(entry, verdict))) in ids
    }
    if not moved:
        return entry
    emptied: dict[str, list[str]] = {verdict: [] for verdict in moved}
    return msgspec.structs.replace(entry, sets=entry.sets | moved, **emptied)


def _refer_stays(reduction: Reduction, ids: dict[tuple[str, ...], str]) -> Reduction:
    if not any(tuple(stay.permissions) in ids for stay in reduction.stays):
        return reduction
    stays = [
        msgspec.structs.replace(stay, set=ids[names], permissions=[])
        if (names := tuple(stay.permissions)) in ids
        else stay
        for stay in reduction.stays
    ]
    return msgspec.structs.replace(reduction, stays=stays)


def _set_id(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise ReportError(
            f"{path} is a folder, not a report", hint=f"Give the file: {path / 'report.json'}"
        ) from error
    except OSError as error:
        raise ReportError(
            f"cannot read the report {path}: {error.strerror or error}",
            hint="Check the path and your permission to read it; `entdrift scan` writes report.json.",
        ) from error


def _broken_hint(raw: bytes, error: Exception) -> str:
    if not raw.strip():
        return "The file is empty: the scan that should have written it did not finish. Scan again."
    if raw.startswith(b"\x1f\x8b"):
        return "The file is gzip data: unpack it first."
    if raw.lstrip()[:1] == b"<":
        return "This looks like the HTML report; give the report.json beside it."
    if "truncated" in str(error):
        return "The file ends too early, as after a broken copy or a full disk: copy it or scan again."
    return "Give the report.json that a scan wrote."


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case _:
            return value
