"""Compile and run the readers in C++ that the engine is compared with (reference.cpp)."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.logs.answers import Answer
from tests.benchmarks.logs.reference_tables import write_tables

REFERENCE = "ENTDRIFT_REFERENCE"
"""Names the compiled reference in the environment of the processes that measure; its tables lie beside it."""
NATIVE, NATIVE_FLOOR = "native reference", "inflate only (libdeflate)"
_TABLES = "reference.json"


def compiled(folder: Path) -> Path | None:
    """Compile the reference; None where a compiler, libdeflate, simdjson or libcrypto is missing."""
    source, program = Path(__file__).with_name("reference.cpp"), folder / "reference"
    call = ["g++", "-O3", "-march=native", "-std=c++20", "-w", str(source), "-o", str(program)]
    try:
        subprocess.run([*call, "-lsimdjson", "-ldeflate", "-lcrypto"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    write_tables(program.with_name(_TABLES))
    return program


def native_floor(tree: Path) -> int:
    """Unpack only, with libdeflate."""
    return _events(next(_said(str(tree), "unpack")))


def native(tree: Path) -> Answer:
    """Read the tree; it is read once more where somebody asks for what was found."""
    call = [str(tree), str(Path(os.environ[REFERENCE]).with_name(_TABLES))]
    return Answer(_events(next(_said(*call))), _answer(*call))


def _answer(*call: str) -> Iterator[str]:
    said = _said(*call, "answer")
    next(said)
    yield from said


def _events(said: str) -> int:
    return int(json.loads(said)["events"])


def _said(*call: str) -> Iterator[str]:
    """Yield the lines that the program says."""
    with subprocess.Popen(
        [os.environ[REFERENCE], *call], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        for said in process.stdout or ():
            yield said.rstrip("\n")
    if process.returncode:
        raise SystemExit("the native reference failed")


NATIVE_READERS: dict[str, Callable[[Path], int | Answer]] = {NATIVE_FLOOR: native_floor, NATIVE: native}
"""Readers in C++, where they could be compiled."""
