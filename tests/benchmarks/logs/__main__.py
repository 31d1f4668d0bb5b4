"""Compare the log engine with the floors (unpacking, decoding), plain scripts, a native reader, and trailscraper.

    python -m tests.benchmarks.logs /tmp/bench --events 100000 1000000 10000000     makes the trees that are not there
    python -m tests.benchmarks.logs /tmp/bench --events 100000 --runs 5             median of five runs of each
    python -m tests.benchmarks.logs /tmp/bench --events 200000 --cloud gcp          Cloud Audit Logs; azure: Azure Monitor

Each reader runs in a process of its own, in turns, so that other load on the machine falls on all of them. Trees of
more than two million events are read once. The engine, the plain script named so and the native reference must give
the same answer (answers.py), or the run fails. CPU counts all processes of a reader; memory is what all of them held
at one time, looked at fifty times a second (and the peak of the first, which misses nothing). trailscraper takes part up to 200,000 events
where `--trailscraper` (or ENTDRIFT_TRAILSCRAPER) names the Python of an environment that has it; the native reference (reference.cpp)
where g++, libdeflate, simdjson and libcrypto are installed (Debian: g++ libdeflate-dev libsimdjson-dev libssl-dev).
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
from typing import Any

from tests.benchmarks.logs import trailscraper
from tests.benchmarks.logs.answers import Answer, digests
from tests.benchmarks.logs.native import NATIVE, NATIVE_FLOOR, NATIVE_READERS, REFERENCE, compiled
from tests.benchmarks.logs.readers import (
    ENGINE,
    FEW_FIELDS,
    FLOOR,
    PLAIN,
    READERS_OF,
    SIX_FIELDS,
    TWO,
)
from tests.benchmarks.logs.remembered import NOTHING_NEW, ROLLUP, remember
from tests.benchmarks.logs.trees import made
from tests.benchmarks.memory import peak_kib

_READ_ONCE = 2_000_000
_LOOK_SECONDS = 0.02
_MOST_FOR_TRAILSCRAPER = 200_000
_SAME_ANSWER = (ENGINE, TWO, PLAIN, NATIVE)

Run = dict[str, Any]
Runs = dict[str, list[Run]]


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
    parser.add_argument("--answer", action="store_true", help="with --only: digests of what the reader found")
    chosen = parser.parse_args()
    if chosen.only:
        told = answered if chosen.answer else measure
        print(json.dumps(told(chosen.cloud, chosen.only, chosen.folder)))
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
        same = compared([*measured], [name for name in readers if name in _SAME_ANSWER], logs)
        runs: Runs = {name: [] for name in readers}
        for _ in range(1 if events > _READ_ONCE else chosen.runs):
            for name in readers:
                runs[name].append(_told([*measured, name, str(logs)]))
        if chosen.trailscraper and chosen.cloud == "aws" and events <= _MOST_FOR_TRAILSCRAPER:
            call = [sys.executable, "-m", trailscraper.__name__]
            held = str(round(runs[FLOOR][0]["events"]))
            for name in trailscraper.RUNS:
                runs[name] = [_told([*call, name, chosen.trailscraper, str(logs), held])]
        show(runs)
        print(f"\n{same}", flush=True)


def compared(call: list[str], names: list[str], logs: Path) -> str:
    """Say that readers gave the same answer; end the program where they did not."""
    answers: dict[str, dict[str, str]] = {
        name: json.loads(
            subprocess.run([*call, name, str(logs), "--answer"], check=True, stdout=subprocess.PIPE).stdout
        )
        for name in names
    }
    first = answers[names[0]]
    for name, answer in answers.items():
        if answer != first:
            raise SystemExit(f"{name} gives another answer than {names[0]}:\n{answer}\n{first}")
    return f"same answer (rows, places, files): {'; '.join(names)}: {', '.join(first.values())}"


def _told(call: list[str]) -> Run:
    peak = 0
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, _family(process.pid))))
            time.sleep(_LOOK_SECONDS)
        answer = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise SystemExit(f"{' '.join(call)} failed")
    found: Run = json.loads(answer)
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


def measure(cloud: str, name: str, logs: Path) -> Run:
    """Run one reader and return what it took beyond starting Python."""
    before = _cpu()
    start = time.perf_counter()
    found = READERS_OF[cloud][name](logs)
    wall = time.perf_counter() - start
    used = _cpu() - before
    events = found.events if isinstance(found, Answer) else found
    return {"events": events, "cpu": used, "wall": wall, "mb": peak_kib() / 1024}


def answered(cloud: str, name: str, logs: Path) -> dict[str, str]:
    """Run one reader and return digests of its answer."""
    found = READERS_OF[cloud][name](logs)
    if not isinstance(found, Answer):
        raise SystemExit(f"{name} only counts events")
    return digests(found.lines)


def _cpu() -> float:
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used


def show(runs: Runs) -> None:
    """Print medians, CPU as multiples of the same round, and how they stand to the targets of the design."""
    events = runs[FLOOR][0]["events"]
    print(f"\n{events:,.0f} records, {len(runs[FLOOR])} runs\n")
    print(
        "| reader | CPU s | us/event | x unpack only | x engine | events/s (wall) | peak MB |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, measured in runs.items():
        middle = _median(measured, "cpu")
        peak = max(run["mb"] for run in measured)
        print(
            f"| {name} | {middle:.2f} | {middle / events * 1e6:.2f} | {_times(runs, name, FLOOR):.1f} "
            f"| {_times(runs, name, ENGINE):.2f} | {events / _median(measured, 'wall'):,.0f} | {peak:.0f} |"
        )
    print(f"\ntargets: {'; '.join(_targets(runs, events))}", flush=True)


def _targets(runs: Runs, events: float) -> Iterator[str]:
    """Yield how the engine stands to each target, in brackets."""
    yield f"{_times(runs, ENGINE, FLOOR):.2f} times unpacking with isal"
    if NATIVE in runs:
        yield f"{_times(runs, ENGINE, NATIVE_FLOOR):.2f} times unpacking with libdeflate (at most 5)"
        yield f"{_times(runs, ENGINE, NATIVE):.2f} times the native reference (2)"
    if PLAIN in runs:
        yield f"{_times(runs, PLAIN, ENGINE):.2f} times less than gzip + json with the same answer (6 at a million)"
    small = SIX_FIELDS if SIX_FIELDS in runs else FEW_FIELDS
    yield f"{_times(runs, small, ENGINE):.2f} times less than {small}"
    for name in trailscraper.RUNS:
        if name in runs:
            became = f": {runs[name][0]['became']}" if name != trailscraper.PARTS else ""
            yield f"{_times(runs, name, ENGINE):.1f} times less than {name} (25){became}"
    yield (
        f"nothing new {_median(runs[NOTHING_NEW], 'cpu'):.2f} s (0.5 at a million), "
        f"{_times(runs, ENGINE, NOTHING_NEW):.0f} times less than all, "
        f"{_times(runs, NOTHING_NEW, ROLLUP):.1f} times its rows from SQLite"
    )
    yield f"{events / _median(runs[TWO], 'wall'):,.0f} events/s on two cores (170,000)"
    yield f"{max(run['mb'] for run in runs[TWO]):.0f} MB (350 at a million, 600 at ten)"


def _median(measured: list[Run], what: str) -> float:
    return statistics.median(run[what] for run in measured)


def _times(runs: Runs, name: str, base: str) -> float:
    """Return the median of a reader's CPU as a multiple of another's in the same round."""
    pairs = zip(runs[name], runs[base], strict=False)
    return statistics.median(mine["cpu"] / other["cpu"] for mine, other in pairs)


if __name__ == "__main__":
    main()
