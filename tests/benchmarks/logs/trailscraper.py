"""What trailscraper takes for a tree: its two commands as its users run them, and its parts in one process."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

COMMANDS, COMPLETE, PARTS = (
    "trailscraper, select \\| generate",
    "trailscraper, unknown events skipped",
    "trailscraper, no policy",
)
_GENERATE = """
from trailscraper import cli, cloudtrail
made = cloudtrail.Record.to_statement
def skipping(record):
    try:
        return made(record)
    except KeyError:
        return None
cloudtrail.Record.to_statement = skipping
cli.generate(prog_name="generate")
"""
"""The command `generate`, which stops at calls that it has no definition of (API Gateway v2), without that."""
_STATEMENTS = """
import datetime, sys
from trailscraper.record_sources.local_directory_record_source import LocalDirectoryRecordSource
span = [datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc) for year in (2000, 2100)]
records = list(LocalDirectoryRecordSource(sys.argv[1]).load_from_dir(*span))
for record in records:
    try:
        record.to_statement()
    except KeyError:
        pass
print(len(records))
"""
"""Reads all records and makes a statement of each; no policy of them."""


def commands(python: Path, tree: Path) -> str:
    """Run `trailscraper select | trailscraper generate`, and return what became of it."""
    return _piped(tree, _command(python), [*_command(python), "generate"])


def complete(python: Path, tree: Path) -> str:
    """Run the two with a `generate` that passes over what it does not know."""
    return _piped(tree, _command(python), [str(python), "-c", _GENERATE])


def parts(python: Path, tree: Path) -> str:
    """Read all records and make their statements in one process."""
    subprocess.run([python, "-c", _STATEMENTS, tree], check=True, stdout=subprocess.DEVNULL)
    return "ok"


RUNS: dict[str, Callable[[Path, Path], str]] = {COMMANDS: commands, COMPLETE: complete, PARTS: parts}


def _command(python: Path) -> list[str]:
    return [str(python.with_name("trailscraper"))]


def _piped(tree: Path, select: list[str], generate: list[str]) -> str:
    span = ["--from", "2000-01-01", "--to", "2100-01-01"]
    with (
        subprocess.Popen([*select, "select", "--log-dir", str(tree), *span], stdout=subprocess.PIPE) as first,
        subprocess.Popen(
            generate, stdin=first.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as second,
    ):
        if first.stdout:
            first.stdout.close()
        policy, complaint = second.communicate()
    if second.returncode:
        return f"no policy: {complaint.strip().splitlines()[-1]}"
    return f"a policy of {len(json.loads(policy)['Statement'])} statements"


def main() -> None:
    """Run one of RUNS on a tree and print what it took, all its processes together, as JSON."""
    name, python, tree, events = sys.argv[1:]
    start = time.perf_counter()
    became = RUNS[name](Path(python), Path(tree))
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "events": int(events),
                "cpu": used.ru_utime + used.ru_stime,
                "wall": wall,
                "mb": used.ru_maxrss / 1024,
                "became": became,
            }
        )
    )


if __name__ == "__main__":
    main()
