"""What every tracker answers, what a ticket found there is, and how its failures are told.

TrackerError         one request failed; `wait_seconds` says when it may be tried again
└── TrackerDownError nothing more can be done now: not reached, not authenticated, told to wait too long
"""

import importlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from reports.document import Severity
from reports.errors import ReportError
from reports.escape import clip, terminal
from reports.tickets.block import Block
from reports.tickets.plan import Ticket

LABEL = "entdrift"
KEY = re.compile(r"entdrift-[0-9a-f]{12}")
_UNREADABLE_HINT = "see docs/tickets.md for the permissions the token needs"
_SERVER_ERROR = 500


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that the tracker holds under our label.

    `rejected` is a ticket that a person closed as not to be done. `priority` is empty when the tracker has
    none that we know. `block` is missing when the marks or the machine block were edited away. Times are
    RFC 3339 UTC or empty.
    """

    id: str
    url: str = ""
    title: str = ""
    state: Literal["open", "done", "rejected"] = "open"
    created: str = ""
    closed: str = ""
    labels: list[str] = []
    priority: str = ""
    block: Block | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a ticket; empty means leave as it is. Only our part of the description goes."""

    body: str = ""
    title: str = ""
    priority: Severity | Literal[""] = ""
    add_labels: list[str] = []
    remove_labels: list[str] = []


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket just created."""

    id: str
    url: str = ""


class Tracker(Protocol):
    """One place where tickets live. Texts are plain: the adapter escapes them for its markup.

    Every method raises TrackerError, and TrackerDownError where going on makes no sense.
    """

    pause_seconds: float
    """Time between two writes that the tracker's rules ask for."""

    def find(self, key: str = "") -> list[Found]:
        """List all tickets with our label, open and closed; with a key those that have it as a label."""

    def create(self, ticket: Ticket) -> Made:
        """Create a ticket."""

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Change what is ours of a ticket."""

    def reopen(self, ticket_id: str) -> None:
        """Open a closed ticket."""

    def close(self, ticket_id: str) -> None:
        """Close a ticket as done."""

    def comment(self, ticket_id: str, text: str) -> None:
        """Say something below a ticket."""


class TrackerError(Exception):
    """A tracker did not do what was asked; the text holds neither headers nor secrets.

    `temporary` failures may be tried again, after `wait_seconds` where the tracker says so. `unsure` ones
    may have been done all the same: look before trying again.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        temporary: bool = False,
        unsure: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.temporary = temporary
        self.unsure = unsure
        self.wait_seconds = wait_seconds


class TrackerDownError(TrackerError):
    """The tracker cannot be worked with now; what was done stays done."""


def library(module: str, extra: str) -> Any:
    """Import the library of a tracker; without it, name the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ReportError(
            f"the library {module!r} for this tracker is not installed",
            hint=f"install it with: pip install 'entdrift[{extra}]'",
        ) from error


def refused(status: int, said: str, headers: Mapping[str, str], *, now: float, secret: str) -> TrackerError:
    """Turn an HTTP answer of 400 or more into the error it means.

    429 and 503 with `Retry-After` (RFC 9110 10.2.3), and GitHub's 403 with `x-ratelimit-remaining: 0` or
    `Retry-After` (docs.github.com, rate limits for the REST API) are to be tried again later.
    """
    told = clip(terminal(_without(said, secret).strip()), 300)
    message = f"HTTP {status}" + (f": {told}" if told else "")
    wait = _wait(headers, now)
    if status == 429 or (status == 403 and wait is not None):
        return TrackerError(f"rate limit ({message})", temporary=True, wait_seconds=wait)
    if status in {401, 403}:
        hint = f"check that the token is valid and may write tickets; {_UNREADABLE_HINT}"
        return TrackerDownError(f"not allowed ({message})", hint=hint)
    if status >= _SERVER_ERROR:
        return TrackerError(message, temporary=True, unsure=status != 503, wait_seconds=wait)
    if status == 404:
        return TrackerError(
            f"not found ({message})",
            hint="check url, project and repository; trackers answer 404 for what a token may not see",
        )
    return TrackerError(message)


def unreachable(url: str, error: BaseException) -> TrackerError:
    """Say that no answer came; a request may have been done all the same.

    Only the kind of the error is told: its text may hold the request.
    """
    return TrackerError(
        f"no answer from {terminal(url)} ({type(error).__name__})",
        hint="check the url, the network, the proxy and the certificates, and run again",
        temporary=True,
        unsure=True,
    )


def garbled(url: str, error: BaseException) -> TrackerError:
    """Say that an answer was not what this tracker's interface gives, such as a page to log in."""
    return TrackerDownError(
        f"{terminal(url)} answered something else than expected ({type(error).__name__})",
        hint="check that url is the address of the interface, and no login page stands before it",
    )


GARBLED = (AttributeError, KeyError, TypeError, ValueError)
"""What the libraries raise when an answer has another shape than they expect."""


def edited_away() -> TrackerError:
    """Say that a description was edited between the plan and now."""
    return TrackerError(
        "its marks were edited away since the plan was made; nothing was written",
        hint="plan again to see how it stands",
    )


def check_label(labels: list[str], ticket: Ticket, url: str) -> None:
    """Stop when a tracker dropped the labels, as GitHub and GitLab do for tokens that may not set them."""
    if ticket.key not in labels:
        raise TrackerDownError(
            f"{terminal(url)} was created, but without its labels: it could not be found again",
            hint=f"let the token set labels, then add the labels {LABEL} and {ticket.key} there by hand",
        )


def priority_label(labels: list[str]) -> str:
    """Read the severity from our label, where it still is."""
    found = [label.removeprefix("severity-") for label in labels if label.startswith("severity-")]
    return found[0] if len(found) == 1 else ""


def rfc3339(moment: str | None) -> str:
    """Write a tracker's time in UTC, whole seconds; empty for none or one that cannot be read."""
    try:
        read = datetime.fromisoformat(moment or "")
    except ValueError:
        return ""
    zoned = read if read.tzinfo else read.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(labels: list[str], block: Block | None) -> str:
    """Give the key by which a ticket is ours: its label, or its block where the label is gone."""
    for label in labels:
        if KEY.fullmatch(label):
            return label
    return block.key if block else ""


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text


def _wait(headers: Mapping[str, str], now: float) -> float | None:
    """Read how long to wait: seconds, an HTTP date, or GitHub's time of the next window."""
    lower = {name.lower(): value for name, value in headers.items()}
    after = lower.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after)
    if after:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 slow to import, rarely needed

        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            return None
    if lower.get("x-ratelimit-remaining") == "0" and lower.get("x-ratelimit-reset", "").isdecimal():
        return max(0.0, float(lower["x-ratelimit-reset"]) - now)
    return None
