"""The readers that are compared: each reads a whole tree, and says how many events it saw or all that it found."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isal import isal_zlib

from connectors.aws.usage.events import CloudTrailReader, CloudTrailRecord
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogReader
from connectors.logs.seen import SeenEvents
from connectors.logs.shapes import Shapes
from tests.benchmarks.logs.answers import Answer, engine_lines
from tests.benchmarks.logs.native import NATIVE_READERS
from tests.benchmarks.logs.plain import PlainReader
from tests.benchmarks.logs.remembered import remembered_readers

Reader = Callable[[Path], int | Answer]
EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def _files(tree: Path) -> Iterator[Path]:
    return (path for path in sorted(tree.rglob("*.json.gz")) if "CloudTrail-Digest" not in path.parts)


def inflate_isal(tree: Path) -> int:
    """Unpack only, with the inflater that the engine uses: the floor for any reader."""
    return sum(
        isal_zlib.decompressobj(wbits=31).decompress(path.read_bytes()).count(b'"eventID"')
        for path in _files(tree)
    )


def inflate_zlib(tree: Path) -> int:
    """Unpack only, with the standard library."""
    return sum(
        zlib.decompressobj(wbits=31).decompress(path.read_bytes()).count(b'"eventID"')
        for path in _files(tree)
    )


def decode_only(tree: Path) -> int:
    """Unpack and decode the fields that matter, and throw the records away: the floor for msgspec."""
    shapes = Shapes(CloudTrailRecord, CloudTrailReader.containers)
    return sum(
        len(shapes.whole(isal_zlib.decompressobj(wbits=31).decompress(path.read_bytes())) or ())
        for path in _files(tree)
    )


def same_answer(tree: Path) -> Answer:
    """Read with the standard library, and give the answer that the engine gives."""
    return PlainReader().read(sorted(_files(tree), key=str))


def stdlib(tree: Path) -> int:
    """Read as a first script would, and count by six fields: gzip, json, a set of ids and a dictionary."""
    seen: set[str] = set()
    counts: dict[tuple[str, ...], int] = {}
    read = 0
    for path in _files(tree):
        with gzip.open(path) as stream:
            records = json.load(stream)["Records"]
        for record in records:
            read += 1
            if record["eventID"] in seen:
                continue
            seen.add(record["eventID"])
            user = record["userIdentity"]
            issuer = user.get("sessionContext", {}).get("sessionIssuer", {})
            key = (
                record["recipientAccountId"],
                issuer.get("arn") or user.get("arn", ""),
                record["eventSource"],
                record["eventName"],
                record.get("errorCode", ""),
                record["eventTime"][:10],
            )
            counts[key] = counts.get(key, 0) + 1
    return read


def inflate_lines(tree: Path) -> int:
    """Unpack only, where each line is an event."""
    return sum(
        isal_zlib.decompressobj(wbits=31).decompress(path.read_bytes()).count(b"\n") for path in _files(tree)
    )


def stdlib_entries(tree: Path) -> int:
    """Read Cloud Audit Logs as a first script would, and count by a few fields."""
    seen: set[tuple[str, ...]] = set()
    counts: dict[tuple[str, ...], int] = {}
    read = 0
    for entry in _lines(tree):
        read += 1
        one = (entry["logName"], entry["insertId"], entry["timestamp"])
        if one in seen:
            continue
        seen.add(one)
        audit = entry["protoPayload"]
        checked = [check.get("permission", "") for check in audit.get("authorizationInfo", ())]
        caller = audit.get("authenticationInfo", {}).get("principalEmail", "")
        key = (entry["logName"], caller, audit.get("methodName", ""), *checked, entry["timestamp"][:10])
        counts[key] = counts.get(key, 0) + 1
    return read


def stdlib_records(tree: Path) -> int:
    """Read Azure Monitor records as a first script would, and count by a few fields."""
    seen: set[tuple[str, ...]] = set()
    counts: dict[tuple[str, ...], int] = {}
    read = 0
    for record in _lines(tree):
        read += 1
        operation = str(record["operationName"])
        one = (record.get("correlationId", ""), record["time"], operation)
        if one in seen:
            continue
        seen.add(one)
        identity = record.get("identity")
        claims = identity.get("claims", {}) if isinstance(identity, dict) else {}
        caller = claims.get("appid", "") if isinstance(claims, dict) else ""
        key = (caller, operation, str(record.get("resultType", "")), record["time"][:10])
        counts[key] = counts.get(key, 0) + 1
    return read


def _lines(tree: Path) -> Iterator[dict[str, Any]]:
    for path in _files(tree):
        with gzip.open(path) as stream:
            for line in stream:
                yield json.loads(line)


def _engine(reader: Callable[[], LogReader], workers: int) -> Reader:
    def engine(tree: Path) -> Answer:
        logs = read_logs([tree], reader(), EVER, seen=SeenEvents(), workers=workers)
        for _ in logs.rows:
            pass
        return Answer(sum(file.records for file in logs.files), engine_lines(logs))

    return engine


ENGINE, TWO = "engine, 1 process", "engine, 2 processes"
PLAIN, SIX_FIELDS, FEW_FIELDS = (
    f"gzip + json, {what}" for what in ("same answer", "six fields", "few fields")
)
FLOOR = "inflate only (isal)"

READERS: dict[str, Reader] = {
    FLOOR: inflate_isal,
    "inflate only (zlib)": inflate_zlib,
    "unpack + decode (msgspec)": decode_only,
    ENGINE: _engine(CloudTrailReader, 1),
    TWO: _engine(CloudTrailReader, 2),
    PLAIN: same_answer,
    SIX_FIELDS: stdlib,
}
GCP_READERS: dict[str, Reader] = {
    FLOOR: inflate_lines,
    ENGINE: _engine(AuditLogReader, 1),
    TWO: _engine(AuditLogReader, 2),
    FEW_FIELDS: stdlib_entries,
}
AZURE_READERS: dict[str, Reader] = {
    FLOOR: inflate_lines,
    ENGINE: _engine(AzureLogs, 1),
    TWO: _engine(AzureLogs, 2),
    FEW_FIELDS: stdlib_records,
}
READERS_OF: dict[str, dict[str, Reader]] = {
    "aws": READERS | NATIVE_READERS | remembered_readers("aws"),
    "gcp": GCP_READERS | remembered_readers("gcp"),
    "azure": AZURE_READERS | remembered_readers("azure"),
}
