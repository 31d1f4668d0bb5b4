"""Calls that did not work, as data: which, why, how often, and what would mend it."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.errors import EvidenceError


class CallError(EvidenceError):
    """One call that did not work; `kind` is a word of the cloud's own list (`denied`, `throttled`, …)."""

    def __init__(self, message: str, kind: str, call: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.call = call


class NotAllowedError(EvidenceError):
    """A call that the access table does not name: a bug, stopped before anything is sent."""


_GIVE_UP = 3


@dataclass
class Tally:
    """How often one call worked and was refused."""

    worked: int = 0
    failed: int = 0
    absent: int = 0
    """Answers that there is no such thing: no refusal, and no answer either."""
    error: CallError | None = None

    @property
    def hopeless(self) -> CallError | None:
        """The last refusal of a call that was refused so often and never worked: it is not tried again."""
        return self.error if self.failed >= _GIVE_UP and not self.worked else None


def reason(errors: Iterable[CallError], most: int = 0) -> str:
    """Return why a part is not whole: each call once, with how many more places it failed in.

    With `most`, so many calls are named and the others counted.
    """
    first: dict[tuple[str, str], CallError] = {}
    counts: dict[tuple[str, str], int] = {}
    for error in errors:
        key = (error.kind, error.call)
        first.setdefault(key, error)
        counts[key] = counts.get(key, 0) + 1
    told = [
        f"{error}" + (f" (and {counts[key] - 1} more times)" if counts[key] > 1 else "")
        for key, error in sorted(first.items())
    ]
    if most and len(told) > most:
        told[most:] = [f"and {len(told) - most} more requests"]
    return "; ".join(told)
