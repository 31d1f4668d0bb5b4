"""The report's data as a block in the page: JSON that cannot end its element, packed when it is large."""

import base64
import gzip
import json
import re
from typing import Any, NamedTuple

import msgspec

from reports.document import FindingEntry, Report
from reports.sharing import share

PACK_ABOVE_BYTES = 300_000
"""Below this plain JSON opens faster and can be read with any editor."""

_IN_PLACE_NAMES = 20_000
"""Permission names of all identities together that the page writes in place; nobody reads them there."""

# What could end the element or start another, and the line ends that JSON allows but JavaScript once did not.
# `ensure_ascii` already writes U+2028 and U+2029 (and lone surrogates) as escapes.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

_SHA256 = re.compile("[0-9a-f]{64}")


class Island(NamedTuple):
    """The text of the data block and how it is written: `json` or `gzip+base64`."""

    encoding: str
    text: str


def island(report: Report) -> Island:
    """Return the data block of a report.

    What many identities share stands once, as in a large report.json. Findings are laid out by column,
    framework references stand once, and fingerprints are packed: of ten thousand findings that halves the
    page and the time the browser needs to read it.
    """
    document: dict[str, Any] = msgspec.to_builtins(share(report, above=_IN_PLACE_NAMES))
    del document["unlisted"]
    findings = msgspec.to_builtins(report.findings)
    document["framework_sets"] = _share_frameworks(findings)
    del document["findings"]
    document["finding_columns"] = _columns(findings)
    document["finding_fingerprints"] = _pack_fingerprints(document["finding_columns"])
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":")).translate(_ESCAPES)
    if len(text) <= PACK_ABOVE_BYTES:
        return Island("json", text)
    packed = gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)
    return Island("gzip+base64", base64.b64encode(packed).decode("ascii"))


def _share_frameworks(findings: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Replace each finding's framework references by the number of an equal list in the result."""
    numbers: dict[str, int] = {}
    shared: list[list[dict[str, Any]]] = []
    for finding in findings:
        references = finding["frameworks"]
        key = json.dumps(references)
        if key not in numbers:
            numbers[key] = len(shared)
            shared.append(references)
        finding["frameworks"] = numbers[key]
    return shared


def _columns(findings: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [finding[name] for finding in findings] for name in FindingEntry.__struct_fields__}


def _pack_fingerprints(columns: dict[str, list[Any]]) -> str:
    """Take the fingerprints out of the columns as base64 of their bytes; leave them if one is no SHA-256.

    Hexadecimal digits are the one part of a finding that does not compress.
    """
    fingerprints = columns["fingerprint"]
    if not all(_SHA256.fullmatch(fingerprint) for fingerprint in fingerprints):
        return ""
    del columns["fingerprint"]
    return base64.b64encode(bytes.fromhex("".join(fingerprints))).decode("ascii")
