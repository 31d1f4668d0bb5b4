"""What a whole `entdrift scan` of a made-up account costs: `python -m tests.benchmarks.analysis.whole`.

The command runs as users run it, in a process of its own, without history: five formats, with the copies of
itself that it makes where there are two processors. Seconds are of the wall and of the CPU of all processes.
"""

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.analysis.__main__ import NOW, SHAPES, source, yardstick

CONFIG = """[[source]]
name = "source-000"
provider = "aws"
stage = "pilot"
mode = "export"
authorization_details = "gaad-0.json"
cloudtrail = ["trail-0.json"]
"""


class Cost(NamedTuple):
    """Seconds of the wall and of all processes, and memory held at one time (shared parts counted once)."""

    wall: float
    cpu: float
    peak_mb: float


def scan(folder: Path) -> Cost:
    """Run one scan."""
    command = [sys.executable, "-m", "scanner", "scan", "--quiet", "--no-history"]
    command += [
        "--config",
        str(folder / "config.toml"),
        "--output",
        str(folder / "out"),
        "--now",
        f"{NOW:%Y-%m-%d}",
    ]
    spent, start, peak = os.times(), time.monotonic(), 0
    process = subprocess.Popen(command)
    while process.poll() is None:
        peak = max(peak, sum(map(held, family(process.pid))))
        time.sleep(0.1)
    wall, now = time.monotonic() - start, os.times()
    if process.returncode:
        raise SystemExit(process.returncode)
    cpu = now.children_user + now.children_system - spent.children_user - spent.children_system
    return Cost(wall, cpu, peak / 1e3)


def family(process: int) -> list[int]:
    """Return a process and all that it started."""
    found = [process]
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def held(process: int) -> int:
    """Return the kilobytes of a process, its share of what it has in common with others."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def main() -> None:
    """Print a row for each number of roles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, nargs="+", default=[500, 1_000])
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print(f"unit (JSON of the catalogue, 20 times there and back): {yardstick():.2f} s of CPU\n")
    print("| roles | wall s | CPU s | peak MB | report.json MB | report.html MB |")
    print("|---|---|---|---|---|---|")
    for roles in arguments.roles:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source(folder, random.Random(7), roles, arguments.shape, 0)  # noqa: S311 a repeatable account
            (folder / "config.toml").write_text(CONFIG)
            costs = [scan(folder) for _ in range(arguments.runs)]
            sizes: list[Any] = [
                (folder / "out" / f"report.{kind}").stat().st_size for kind in ("json", "html")
            ]
        row = [f"{statistics.median(column):.1f}" for column in zip(*costs, strict=True)]
        print(
            f"| {roles:,} | {' | '.join(row)} | {' | '.join(f'{size / 1e6:.1f}' for size in sizes)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
