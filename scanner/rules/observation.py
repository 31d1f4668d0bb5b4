"""How long and by which logs an identity was watched, and how sure that makes a statement about its use."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

from connectors.facts import Window
from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Evidence, RuleContext
from scanner.rules.recorded import NOT_KNOWN

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Observation:
    """The part of the window in which calls of an identity could have been seen."""

    span: Window
    window: Window
    logs: str
    """The classes of log that were on, in words."""
    complete: bool
    """True when the evidence says of a class of log that it was on everywhere in the account.

    Other classes may be on in part: what they would have shown is unobservable, never unused.
    """

    @cached_property
    def days(self) -> float:
        """Days watched."""
        return self.span.days

    @cached_property
    def confidence(self) -> Confidence:
        """How sure a statement about use is: the one rule of docs/findings.md for all types.

        High when a class of log is known to be on everywhere in the account and the records span at least
        90 % of the window; medium from 30 days or half of the window on; low below.
        """
        share = self.days / self.window.days if self.window.days else 0.0
        if self.complete and share >= 0.9:
            return Confidence.HIGH
        return Confidence.MEDIUM if self.days >= 30 or share >= 0.5 else Confidence.LOW

    @cached_property
    def text(self) -> str:
        """What stands after a number: window, logs, days watched, and which days where many are missing."""
        part = f" ({dates(self.span)})" if self.days < 0.9 * self.window.days else ""
        return f"in {dates(self.window)}, {self.logs}, {days(self.days)} observed{part}"

    def evidence(self, result: IdentityResult, context: RuleContext) -> Evidence:
        """Return the facts a reviewer needs to judge a statement about use."""
        return {
            "window_start": stamp(self.window.start),
            "window_end": stamp(self.window.end),
            "window_days": self.window.days,
            "observed_start": stamp(self.span.start),
            "observed_end": stamp(self.span.end),
            "observed_days": self.days,
            "logs": self.logs,
            "granularity": "permission",
            "data_source": f"log records of account {result.identity.account}; "
            f"grants expanded with {context.permissions.source} of {context.permissions.date}",
        }


def observe(result: IdentityResult, context: RuleContext, *, since: str = "") -> Observation | None:
    """Return how the identity was watched, or None when its account has no log records in the window.

    Nothing can be seen of an identity, or of the grant or credential made at `since`, before it exists.
    """
    if result.observed is None:
        return None
    births = [moment for text in (result.identity.created, since) if (moment := parse(text))]
    start = max([result.observed.start, *births])
    span = Window(min(start, result.observed.end), result.observed.end)
    there = context.recorded.get(result.identity.account, NOT_KNOWN)
    return Observation(span=span, window=context.window, logs=there.logs, complete=there.complete)


def lowered(confidence: Confidence) -> Confidence:
    """Return one step less, but never none."""
    return Confidence.MEDIUM if confidence is Confidence.HIGH else Confidence.LOW


def is_young(created: str, context: RuleContext) -> bool:
    """Tell whether something is too young to be called unused; an unknown age is not young."""
    born = parse(created)
    return born is not None and born > context.window.end - timedelta(days=context.limits.grace_days)


@lru_cache(maxsize=4_096)
def parse(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 UTC time, or None when it is empty or no such time."""
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


@lru_cache(maxsize=4_096)
def stamp(moment: datetime) -> str:
    """Return a moment as an RFC 3339 UTC time."""
    return moment.strftime(_TIME)


@lru_cache(maxsize=256)
def dates(window: Window) -> str:
    """Return the first and last day of a window."""
    return f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"


def days(number: float) -> str:
    """Return a number of days in words, exact below ten."""
    text = f"{number:.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")
    return f"{text} day" if text == "1" else f"{text} days"
