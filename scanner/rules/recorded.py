"""Say in words which logs were on in each account, once for all identities of a cloud."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.facts import Coverage, CoverageState

_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Recorded:
    """The classes of log that were on in an account, and whether one is known to be on everywhere in it."""

    logs: str = "log settings not known"
    complete: bool = False


NOT_KNOWN = Recorded()


def recorded(coverage: Iterable[Coverage]) -> dict[str, Recorded]:
    """Return what was recorded, by account; an account without a row is not in it."""
    accounts: dict[str, dict[str, set[CoverageState]]] = {}
    for row in coverage:
        accounts.setdefault(row.account, {}).setdefault(row.log_class, set()).add(row.state)
    return {account: _in_words(states) for account, states in accounts.items()}


def _in_words(states: dict[str, set[CoverageState]]) -> Recorded:
    seen = {
        name: found for name, found in states.items() if found & {CoverageState.ON, CoverageState.PARTIAL}
    }
    parts = [f"{name} {'on' if found == {CoverageState.ON} else 'partly on'}" for name, found in seen.items()]
    more = len(parts) - _CLASSES
    words = ", ".join(sorted(parts)[:_CLASSES]) + (f" and {more} more" if more > 0 else "")
    return Recorded(
        logs=f"logs: {words}" if words else NOT_KNOWN.logs,
        complete=any(found == {CoverageState.ON} for found in states.values()),
    )
