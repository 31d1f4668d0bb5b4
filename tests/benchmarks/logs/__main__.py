"""Compare the log engine with the floors (unpacking, decoding), a plain script, and trailscraper.

    python -m tests.benchmarks.logs /tmp/bench --events 100000 1000000 10000000     makes the trees that are not there
    python -m tests.benchmarks.logs /tmp/bench --events 100000 --runs 5             median of five runs of each
    python -m tests.benchmarks.logs /tmp/bench --events 200000 --cloud gcp          Cloud Audit Logs; azure: Azure Monitor

Each reader runs in a process of its own, in turns, so that other load on the machine falls on all of them. Trees of
more than two million events are read once. CPU counts all processes of a reader; memory is what all of them held at
one time, looked at fifty times a second (and the peak of the first, which misses nothing). trailscraper takes part up to 200,000 events where `--trailscraper` (or
ENTDRIFT_TRAILSCRAPER) names the Python of an environment that has it; the native reference (reference.cpp) where g++, libdeflate and simdjson
are installed (Debian: g++ libdeflate-dev libsimdjson-dev).
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.logs.readers import (
    NATIVE,
    NATIVE_READERS,
    READERS_OF,
    REFERENCE,
    TRAILSCRAPER,
    TRAILSCRAPER_SCRIPT,
    compiled,
)
from tests.benchmarks.logs.remembered import NOTHING_NEW, ROLLUP, remember
from tests.benchmarks.logs.trees import made
from tests.benchmarks.memory import peak_kib

_READ_ONCE = 2_000_000
_LOOK_SECONDS = 0.02
_MOST_FOR_TRAILSCRAPER = 200_000
_FLOOR, _PLAIN, _ONE, _TWO = (
    "inflate only (isal)",
    "gzip + json + dict",
    "engine, 1 process",
    "engine, 2 processes",
)

Runs = dict[str, list[dict[str, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="holds one tree for each number of events")
    parser.add_argument("--cloud", choices=sorted(READERS_OF), default="aws")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--trailscraper", default=os.environ.get("ENTDRIFT_TRAILSCRAPER", ""), metavar="PYTHON"
    )
    parser.add_argument(
        "--only", help="one reader of the logs in FOLDER, as JSON (the program calls itself so)"
    )
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(measure(chosen.cloud, chosen.only, chosen.folder)))
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    readers = list(READERS_OF[chosen.cloud])
    if NATIVE in readers:
        if program := compiled(chosen.folder):
            os.environ[REFERENCE] = str(program)
        else:
            readers = [name for name in readers if name not in NATIVE_READERS]
    measured = [sys.executable, "-m", __spec__.parent, "--cloud", chosen.cloud, "--only"]
    for events in chosen.events:
        logs = made(chosen.folder, chosen.cloud, events)
        remember(chosen.cloud, logs)
        runs: Runs = {name: [] for name in readers}
        for _ in range(1 if events > _READ_ONCE else chosen.runs):
            for name in readers:
                runs[name].append(_told([*measured, name, str(logs)]))
        if chosen.trailscraper and chosen.cloud == "aws" and events <= _MOST_FOR_TRAILSCRAPER:
            call = [chosen.trailscraper, "-c", TRAILSCRAPER_SCRIPT, str(logs)]
            runs[TRAILSCRAPER] = [_told(call)]
        show(runs)


def _told(call: list[str]) -> dict[str, float]:
    peak = 0
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, _family(process.pid))))
            time.sleep(_LOOK_SECONDS)
        answer = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise SystemExit(f"{' '.join(call)} failed")
    found: dict[str, float] = json.loads(answer)
    return found | {"mb": max(found["mb"], peak / (1 << 20))}


def _family(process: int) -> Iterator[int]:
    """Yield a process and everything that it started (Linux; elsewhere only the process)."""
    yield process
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                yield from _family(int(child))


def _resident(process: int) -> int:
    """Return the bytes of a process in memory; pages that several share count for each."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def measure(cloud: str, name: str, logs: Path) -> dict[str, float]:
    """Run one reader and return what it took beyond starting Python."""
    before = _cpu()
    start = time.perf_counter()
    events = READERS_OF[cloud][name](logs)
    wall = time.perf_counter() - start
    return {"events": events, "cpu": _cpu() - before, "wall": wall, "mb": peak_kib() / 1024}


def _cpu() -> float:
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used


def show(runs: Runs) -> None:
    """Print medians, CPU as multiples of the same round, and how they stand to the targets of the design."""
    events = runs[_FLOOR][0]["events"]
    print(f"\n{events:,.0f} records, {len(runs[_FLOOR])} runs\n")
    print(
        "| reader | CPU s | us/event | x unpack only | gzip+json / this | events/s (wall) | peak MB |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, measured in runs.items():
        middle = _median(measured, "cpu")
        peak = max(run["mb"] for run in measured)
        print(
            f"| {name} | {middle:.2f} | {middle / events * 1e6:.2f} | {_times(runs, name, _FLOOR):.1f} "
            f"| {_times(runs, _PLAIN, name):.1f} | {events / _median(measured, 'wall'):,.0f} | {peak:.0f} |"
        )
    speed = events / _median(runs[_TWO], "wall")
    peak = max(run["mb"] for run in runs[_TWO])
    print(f"\ntargets: {_times(runs, _ONE, _FLOOR):.1f} times unpacking (at most 5); ", end="")
    print(f"{_times(runs, _PLAIN, _ONE):.1f} times less than gzip + json (6 at a million); ", end="")
    if NATIVE in runs:
        print(f"{_times(runs, _ONE, NATIVE):.1f} times the native reference (2); ", end="")
    if TRAILSCRAPER in runs:
        print(f"{_times(runs, TRAILSCRAPER, _ONE):.0f} times less than trailscraper (25); ", end="")
    print(
        f"nothing new {_median(runs[NOTHING_NEW], 'cpu'):.2f} s (0.5 at a million), "
        f"{_times(runs, _ONE, NOTHING_NEW):.0f} times less than all, "
        f"{_times(runs, NOTHING_NEW, ROLLUP):.1f} times its rows from SQLite; ",
        end="",
    )
    print(
        f"{speed:,.0f} events/s on two cores (170,000); {peak:.0f} MB (350 at a million, 600 at ten)",
        flush=True,
    )


def _median(measured: list[dict[str, float]], what: str) -> float:
    return statistics.median(run[what] for run in measured)


def _times(runs: Runs, name: str, base: str) -> float:
    """Return the median of a reader's CPU as a multiple of another's in the same round."""
    pairs = zip(runs[name], runs[base], strict=False)
    return statistics.median(mine["cpu"] / other["cpu"] for mine, other in pairs)


if __name__ == "__main__":
    main()
