"""End the program without taking its memory apart: the system takes all of it back at once.

A large scan holds millions of objects when its last line is said. Freeing them one by one, after looking for
cycles among them, took a twentieth of it.
"""

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

_kept: list[object] = []
_program = threading.Event()


def as_program() -> None:
    """Note that this process ends with the verb it runs; tests and notebooks go on."""
    _program.set()


def keep(*objects: object) -> None:
    """Hold what is not used any more until the end of the program; elsewhere it is freed as ever."""
    if _program.is_set():
        _kept.extend(objects)
        gc.freeze()


def leave(end: SystemExit) -> NoReturn:
    """Exit with the code of `end`, after what was registered for the end and what is still to be written."""
    if not isinstance(end.code, int) or threading.active_count() > 1:
        raise end
    atexit._run_exitfuncs()  # noqa: SLF001 the one way to run them before os._exit
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        raise end from None
    os._exit(end.code)
