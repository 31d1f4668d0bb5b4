"""Feed broken logs to every reader: nothing may raise, hang, or lose what stands in another file.

    python -m tests.benchmarks.fuzz --seconds 60 --seed 7

Takes real and written records of each cloud, breaks their files at random (bytes changed, cut out, doubled, cut off;
plain and gzip), and reads each beside a whole one. Prints the seed and keeps the file that breaks the promise.
"""

import argparse
import gzip
import json
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from connectors.aws.events import CloudTrailReader
from connectors.azure.events import AzureLogs
from connectors.facts import Window
from connectors.gcp.events import AuditLogReader
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents

EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
_SEEDS = {
    CloudTrailReader: ("aws/cloudtrail/stratus_red_team.json", "aws/cloudtrail/malformed.json"),
    AuditLogReader: ("gcp/panther/gcp_audit_half.jsonl", "gcp/dftimewolf/gcp-project-logs.jsonl"),
    AzureLogs: ("azure/plaso/azure_activity_log.jsonl",),
}
_SLOWEST_SECONDS = 20
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
    chosen = parser.parse_args()
    print(f"{run(chosen.seconds, chosen.seed, chosen.keep)} files read, seed {chosen.seed}")


def run(seconds: float, seed: int, keep: Path) -> int:
    """Break and read files for so long; return how many. AssertionError keeps the file that did it."""
    chance = random.Random(seed)  # noqa: S311 a repeatable course, no secret
    seeds = [
        (reader, (_SHARED / name).read_bytes())
        for reader, names in _SEEDS.items()
        for name in names
        if (_SHARED / name).exists()
    ] or [(CloudTrailReader, json.dumps({"Records": [{"eventTime": "2026-03-01T10:00:00Z"}] * 5}).encode())]
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        reader, whole = chance.choice(seeds)
        data = broken(whole, chance)
        keep.write_bytes(data)
        check(reader(), whole, data)
        keep.unlink()
        count += 1
    return count


def broken(data: bytes, chance: random.Random) -> bytes:
    """Return a text with some bytes changed, or its gzip form."""
    start = chance.randrange(max(1, len(data) - 20_000))
    found = bytearray(data if len(data) < 20_000 or chance.random() < 0.3 else data[:20_000])
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


def check(reader: object, whole: bytes, data: bytes) -> None:
    """Read a broken file beside a whole one: it is done soon, and the whole one is read as ever."""
    with tempfile.TemporaryDirectory(prefix="entdrift-fuzz-") as folder:
        (Path(folder) / "broken").write_bytes(data)
        (Path(folder) / "whole").write_bytes(whole)
        began = time.process_time()
        logs = read_logs([Path(folder)], reader, EVER, seen=SeenEvents(), workers=1)  # type: ignore[arg-type]
        assert time.process_time() - began < _SLOWEST_SECONDS
        files = {Path(file.path).name: file for file in logs.files}
        alone = read_logs([Path(folder) / "whole"], reader, EVER, seen=SeenEvents(), workers=1)  # type: ignore[arg-type]
        assert alone.files[0].records == files["whole"].records
        assert alone.files[0].status == files["whole"].status
        assert files["broken"].status in ("ok", "partial", "failed", "skipped")
        list(logs.rows)


if __name__ == "__main__":
    main()
