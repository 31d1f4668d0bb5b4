"""Work something out of a report once, although several formats ask for it."""

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from reports.document import Report

_Found = TypeVar("_Found")


def once(work: Callable[[Report], _Found]) -> Callable[[Report], _Found]:
    """Keep the answer for the report asked about last, for as long as that report is in use.

    The answer is shared: callers must not change it.
    """
    held: list[tuple[weakref.ref[Report], _Found]] = []

    @wraps(work)
    def kept(report: Report) -> _Found:
        for asked, found in held:
            if asked() is report:
                return found
        found = work(report)
        held[:] = [(weakref.ref(report, lambda _: held.clear()), found)]
        return found

    return kept
