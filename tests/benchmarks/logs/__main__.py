"""Compare the log engine with the floor (unpacking alone) and with a plain script, on one CloudTrail tree.

    python -m tests.benchmarks.logs TREE --events 100000     makes the tree first if it is not there
    python -m tests.benchmarks.logs TREE --runs 5            median of five runs of each

Each reader runs in a process of its own, in turns, so that other load on the machine falls on all of them.
CPU counts all processes of a reader; memory is the peak of the parent plus that of every worker.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.logs.readers import READERS

_GENERATOR = (
    Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "aws" / "tools" / "gen_cloudtrail.py"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tree", type=Path)
    parser.add_argument("--events", type=int, help="make a tree of this many events first, if there is none")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="one reader, printed as JSON (the program calls itself with this)")
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(measure(chosen.only, chosen.tree)))
        return
    if chosen.events and not (chosen.tree / "AWSLogs").exists():
        make = [sys.executable, str(_GENERATOR), str(chosen.tree), "--events", str(chosen.events)]
        subprocess.run(
            [*make, "--accounts", "8", "--identities", "400", "--seed", "11", "--jobs", "1"], check=True
        )
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
    for _ in range(chosen.runs):
        for name in READERS:
            call = [sys.executable, "-m", "tests.benchmarks.logs", str(chosen.tree), "--only", name]
            runs[name].append(json.loads(subprocess.run(call, check=True, capture_output=True).stdout))
    show(runs)


def measure(name: str, tree: Path) -> dict[str, float]:
    """Run one reader and return what it took beyond starting Python."""
    before = _cpu()
    start = time.perf_counter()
    events = READERS[name](tree / "AWSLogs")
    wall = time.perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    workers = int(name.split()[1]) if name.startswith("engine, 2") else 0
    return {
        "events": events,
        "cpu": _cpu() - before,
        "wall": wall,
        "mb": (own + workers * largest_child) / 1024,
    }


def _cpu() -> float:
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used


def show(runs: dict[str, list[dict[str, float]]]) -> None:
    """Print medians, and CPU as a multiple of the floor of the same round."""
    floor = [run["cpu"] for run in runs["inflate only (isal)"]]
    plain = [run["cpu"] for run in runs["gzip + json + dict"]]
    print("| reader | CPU s | us/event | x inflate | gzip+json / this | events/s (wall) | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for name, measured in runs.items():
        cpu = [run["cpu"] for run in measured]
        events = measured[0]["events"]
        times = statistics.median(mine / base for mine, base in zip(cpu, floor, strict=True))
        less = statistics.median(base / mine for mine, base in zip(cpu, plain, strict=True))
        wall = statistics.median(run["wall"] for run in measured)
        peak = max(run["mb"] for run in measured)
        middle = statistics.median(cpu)
        print(
            f"| {name} | {middle:.2f} | {middle / events * 1e6:.2f} | {times:.1f} | {less:.1f} "
            f"| {events / wall:,.0f} | {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
