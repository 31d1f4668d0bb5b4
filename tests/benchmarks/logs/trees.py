"""Make trees of log files to measure on: CloudTrail by the shared generator, other clouds from shared samples."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
_GENERATOR = SHARED / "aws" / "tools" / "gen_cloudtrail.py"
_SAMPLES = {
    "gcp": ("gcp", ("csa", "dftimewolf", "stratus")),
    "azure": ("azure", ("panther", "stratus")),
}
_SEED = 11
_PER_FILE = 500
_DAYS = 90
_CALLERS = 100
_START = datetime(2026, 8, 1, tzinfo=UTC)


def made(folder: Path, cloud: str, events: int) -> Path:
    """Make a tree of so many events if it is not there, and return the folder of its logs."""
    tree = folder / (str(events) if cloud == "aws" else f"{cloud}-{events}")
    if cloud == "aws":
        if not (tree / "AWSLogs").exists():
            _cloudtrail(tree, events)
        return tree / "AWSLogs"
    logs = tree / "logs"
    if not logs.exists():
        unfinished = tree / "unfinished"
        unfinished.mkdir(parents=True, exist_ok=True)
        _varied(unfinished, cloud, events)
        unfinished.rename(logs)
    return logs


def _cloudtrail(tree: Path, events: int) -> None:
    make = [sys.executable, str(_GENERATOR), str(tree), "--events", str(events)]
    subprocess.run(
        [*make, "--accounts", "8", "--identities", "400", "--seed", str(_SEED), "--jobs", "2"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _varied(folder: Path, cloud: str, events: int) -> None:
    """Write public samples again and again, each with another time, id and caller, as JSON lines."""
    chance = random.Random(_SEED)  # noqa: S311 a repeatable tree
    samples = sorted(_samples(cloud), key=json.dumps)
    vary = {"gcp": _entry, "azure": _record}[cloud]
    for start in range(0, events, _PER_FILE):
        lines = [
            json.dumps(vary(chance.choice(samples), chance), separators=(",", ":"))
            for _ in range(min(_PER_FILE, events - start))
        ]
        text = "\n".join(lines) + "\n"
        (folder / f"{start:09}.json.gz").write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def _samples(cloud: str) -> Iterator[dict[str, Any]]:
    top, folders = _SAMPLES[cloud]
    for path in sorted(one for name in folders for one in (SHARED / top / name).glob("*.json*")):
        text = path.read_text(encoding="utf-8")
        try:
            held = json.loads(text)
        except ValueError:
            held = [json.loads(line) for line in text.splitlines() if line.strip()]
        for one in held if isinstance(held, list) else [held]:
            if ("protoPayload" in one and one.get("timestamp")) or (
                one.get("operationName") and "time" in one
            ):
                yield one


def _entry(sample: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a Cloud Logging entry, its keys in the order in which sinks write them."""
    time = f"{_moment(chance).isoformat()[:-6]}Z"
    number = chance.randrange(_CALLERS)
    caller = {"principalEmail": f"agent-{number}@project-{number % 8}.iam.gserviceaccount.com"}
    payload = dict(sample["protoPayload"])
    payload["authenticationInfo"] = payload.get("authenticationInfo", {}) | caller
    changed = {"insertId": f"{chance.getrandbits(64):x}", "timestamp": time, "receiveTimestamp": time}
    return dict(sorted((sample | changed | {"protoPayload": payload}).items()))


def _record(sample: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return an Azure Monitor record."""
    made = sample | {"time": f"{_moment(chance).isoformat()[:-6]}0Z"}
    for key in ("correlationId", "eventDataId"):
        if key in made:
            made[key] = str(UUID(int=chance.getrandbits(128)))
    return made


def _moment(chance: random.Random) -> datetime:
    second = chance.randrange(_DAYS * 86_400)
    return _START + timedelta(seconds=second, microseconds=chance.randrange(1, 1_000_000))
