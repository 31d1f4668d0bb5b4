"""The readers that are compared: each reads a whole tree of logs and returns how many events it saw."""

import gzip
import json
import os
import subprocess
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
from tests.benchmarks.logs.remembered import remembered_readers

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


def stdlib(tree: Path) -> int:
    """Read as a first script would: gzip, json, a set of ids and a dictionary of counts."""
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
    """Read Cloud Audit Logs as a first script would."""
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
    """Read Azure Monitor records as a first script would."""
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


def _engine(reader: Callable[[], LogReader], workers: int) -> Callable[[Path], int]:
    def engine(tree: Path) -> int:
        logs = read_logs([tree], reader(), EVER, seen=SeenEvents(), workers=workers)
        for _ in logs.rows:
            pass
        return sum(file.records for file in logs.files)

    return engine


REFERENCE = "ENTDRIFT_REFERENCE"
"""Names the compiled reference in the environment of the processes that measure."""


def compiled(folder: Path) -> Path | None:
    """Compile the native reference; None where a compiler, libdeflate or simdjson is missing."""
    source, program = Path(__file__).with_name("reference.cpp"), folder / "reference"
    call = ["g++", "-O3", "-march=native", "-std=c++20", "-w", str(source), "-o", str(program)]
    try:
        subprocess.run([*call, "-lsimdjson", "-ldeflate"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return program


def _native(*mode: str) -> Callable[[Path], int]:
    def native(tree: Path) -> int:
        call = [os.environ[REFERENCE], str(tree), *mode]
        told = subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout
        return int(json.loads(told)["events"])

    return native


TRAILSCRAPER = "trailscraper"
TRAILSCRAPER_SCRIPT = """
import datetime, json, resource, sys, time
from trailscraper.record_sources.local_directory_record_source import LocalDirectoryRecordSource
span = [datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc) for year in (2000, 2100)]
cpu, wall = time.process_time(), time.perf_counter()
records = list(LocalDirectoryRecordSource(sys.argv[1]).load_from_dir(*span))
for record in records:
    try:
        record.to_statement()
    except KeyError:
        pass
print(json.dumps({
    "events": len(records), "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall,
    "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""
"""Reads all records and makes a statement of each, run by the Python that has it. Its last step, one policy of all
statements, is left out: it stops at events that it does not know (API Gateway v2)."""

READERS: dict[str, Callable[[Path], int]] = {
    "inflate only (isal)": inflate_isal,
    "inflate only (zlib)": inflate_zlib,
    "unpack + decode (msgspec)": decode_only,
    "engine, 1 process": _engine(CloudTrailReader, 1),
    "engine, 2 processes": _engine(CloudTrailReader, 2),
    "gzip + json + dict": stdlib,
}
GCP_READERS: dict[str, Callable[[Path], int]] = {
    "inflate only (isal)": inflate_lines,
    "engine, 1 process": _engine(AuditLogReader, 1),
    "engine, 2 processes": _engine(AuditLogReader, 2),
    "gzip + json + dict": stdlib_entries,
}
AZURE_READERS: dict[str, Callable[[Path], int]] = {
    "inflate only (isal)": inflate_lines,
    "engine, 1 process": _engine(AzureLogs, 1),
    "engine, 2 processes": _engine(AzureLogs, 2),
    "gzip + json + dict": stdlib_records,
}
NATIVE = "native reference"
NATIVE_READERS: dict[str, Callable[[Path], int]] = {
    "inflate only (libdeflate)": _native("unpack"),
    NATIVE: _native(),
}
"""Readers in C++, where they could be compiled."""
READERS_OF = {
    "aws": READERS | NATIVE_READERS | remembered_readers("aws"),
    "gcp": GCP_READERS | remembered_readers("gcp"),
    "azure": AZURE_READERS | remembered_readers("azure"),
}
