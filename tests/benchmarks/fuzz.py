"""Feed broken logs to every reader: nothing may raise, hang, or lose what stands in another file.

    python -m tests.benchmarks.fuzz --seconds 60 --seed 7
    python -m tests.benchmarks.fuzz --reader azure --seconds 600 --seed 8

Takes real and written records of each cloud, breaks their files at random (bytes changed, cut out, doubled, cut off,
values put in place of others; plain and gzip), and reads each beside a whole one, in one process, with a ledger and
again from it. Prints the seed and keeps the file that breaks the promise. Seconds are those of the processor.
"""

import argparse
import gzip
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.aws.usage.events import CloudTrailReader
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.engine import read_logs
from connectors.logs.ledger import Ledger
from connectors.logs.rows import LogRead
from connectors.logs.seen import SeenEvents
from tests.benchmarks.memory import peak_kib

EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
READERS = {"aws": CloudTrailReader, "gcp": AuditLogReader, "azure": AzureLogs}
_SEEDS = {
    "aws": ("aws/cloudtrail/stratus_red_team.json", "aws/cloudtrail/malformed.json"),
    "gcp": ("gcp/panther/gcp_audit_half.jsonl", "gcp/dftimewolf/gcp-project-logs.jsonl"),
    "azure": (
        "azure/plaso/azure_activity_log.jsonl",
        "azure/panther/Azure_Audit_half.jsonl",
        "azure/panther/Azure_MonitorActivity_half.jsonl",
        "azure/stratus/azure_entra_detection_events.jsonl",
    ),
}
_SLOWEST_SECONDS = 20
_MOST_MEMORY_KIB = 1 << 20
_OLD = 1_700_000_000
_VALUE = re.compile(rb'"[^"\\]{0,80}"|\b\d+\b|\btrue\b|\bnull\b')
_VALUES = (
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"0",
    b"-1",
    b"1e308",
    b"true",
    b'[{"a":[null]}]',
    b'{"arn":{"arn":[1]}}',
    b'"arn:aws:iam::::"',
    b'"arn:aws:sts::1:assumed-role//"',
    b'"projects/"',
    b'"/subscriptions//resourceGroups/"',
    b'"\\ud800"',
    b'"\\u0000"',
    b'"9999-12-31T23:59:59Z"',
    b'"1969-12-31T23:59:59Z"',
    b'"{\\"a\\":"',
    b'"' + b"/" * 5000 + b'"',
    b'"' + b":" * 5000 + b'"',
    b"9" * 400,
)
_PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"NaN",
    b"\r",
    b"[" * 3000,
    b"1e999",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found.bin"))
    parser.add_argument("--reader", choices=sorted(READERS), action="append", help="repeatable; default: all")
    chosen = parser.parse_args()
    readers = tuple(chosen.reader or READERS)
    count = run(chosen.seconds, chosen.seed, chosen.keep, readers)
    peak = peak_kib() >> 10
    print(f"{count} files read by {', '.join(readers)}, seed {chosen.seed}, at most {peak} MiB")


def run(seconds: float, seed: int, keep: Path, readers: Sequence[str] = tuple(READERS)) -> int:
    """Break and read files for so long; return how many. AssertionError keeps the file that did it."""
    chance = random.Random(seed)  # noqa: S311 a repeatable course, no secret
    seeds = [
        (reader, (_SHARED / name).read_bytes())
        for reader in readers
        for name in _SEEDS[reader]
        if (_SHARED / name).exists()
    ] or [(readers[0], json.dumps({"Records": [{"eventTime": "2026-03-01T10:00:00Z"}] * 5}).encode())]
    end = time.process_time() + seconds
    count = 0
    while time.process_time() < end:
        reader, whole = chance.choice(seeds)
        data = broken(whole, chance)
        keep.write_bytes(data)
        check(READERS[reader](), whole, data, remember=chance.random() < 0.2)
        keep.unlink()
        count += 1
    return count


def broken(data: bytes, chance: random.Random) -> bytes:
    """Return a text with some bytes changed, or its gzip form."""
    start = chance.randrange(max(1, len(data) - 20_000))
    found = bytearray(data if len(data) < 20_000 or chance.random() < 0.3 else data[:20_000])
    if chance.random() < 0.5:
        found = revalued(found, chance)
    zipped = chance.random() < 0.5
    if zipped and chance.random() < 0.5:
        found = bytearray(gzip.compress(bytes(found), 1, mtime=0))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(found) + 1)
        length = chance.choice((1, 3, 40, 1000))
        match chance.randrange(5):
            case 0:
                del found[at : at + length]
            case 1:
                found[at:at] = chance.choice(_PIECES)
            case 2:
                found[at:at] = data[start : start + length]
            case 3:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                del found[at:]
    return bytes(found)


def revalued(data: bytearray, chance: random.Random) -> bytearray:
    """Return a text in which some values are others, so that it stays JSON and means something odd."""
    places = [found.span() for found in _VALUE.finditer(data)]
    for start, end in sorted(chance.sample(places, min(len(places), chance.randrange(1, 12))), reverse=True):
        if data[end : end + 1] != b":":  # a name of a field stays
            data[start:end] = chance.choice(_VALUES)
    return data


def check(reader: Any, whole: bytes, data: bytes, *, remember: bool = False) -> None:
    """Read a broken file beside a whole one: it is done soon, and the whole one is read as ever."""
    with tempfile.TemporaryDirectory(prefix="entdrift-fuzz-") as folder:
        (Path(folder) / "broken").write_bytes(data)
        (Path(folder) / "whole").write_bytes(whole)
        began = time.process_time()
        logs = read_logs([Path(folder)], reader, EVER, seen=SeenEvents(), workers=1)
        assert time.process_time() - began < _SLOWEST_SECONDS
        assert peak_kib() < _MOST_MEMORY_KIB
        files = {Path(file.path).name: file for file in logs.files}
        alone = read_logs([Path(folder) / "whole"], reader, EVER, seen=SeenEvents(), workers=1)
        assert alone.files[0].records == files["whole"].records
        assert alone.files[0].status == files["whole"].status
        assert files["broken"].status in ("ok", "partial", "failed", "skipped")
        assert msgspec.json.encode([list(logs.rows), logs.presence, logs.files])
        lost = files["broken"]
        assert lost.status == "ok" or lost.reason
        if remember:
            _check_remembered(reader, Path(folder), logs)


def _check_remembered(reader: Any, folder: Path, logs: LogRead) -> None:
    """Hold that a scan that remembers gives the same, the first time and when it reads nothing."""
    for file in folder.iterdir():
        os.utime(file, (_OLD, _OLD))
    with tempfile.TemporaryDirectory(prefix="entdrift-fuzz-") as kept:
        for _ in range(2):
            ledger = Ledger.open(Path(kept) / "state.sqlite", "s/logs", reader)
            again = read_logs([folder], reader, EVER, seen=SeenEvents(), workers=1, ledger=ledger)
            ledger.close()
            assert list(again.rows) == list(logs.rows)
            assert (again.files, again.presence) == (logs.files, logs.presence)


if __name__ == "__main__":
    main()
