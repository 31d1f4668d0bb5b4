"""Carry out planned actions in a tracker, one after the other; each failure stays with its ticket."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from reports.tickets.patience import Patience
from reports.tickets.sync import Action, Close, Create, Leave, Reopen, Update
from reports.tickets.tracker import Made, Tracker, TrackerDownError, TrackerError


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one action; `skipped` ones were not begun because the tracker could not go on."""

    action: Action
    status: Literal["done", "left", "failed", "skipped"]
    id: str = ""
    url: str = ""
    message: str = ""
    hint: str = ""


def apply(actions: Sequence[Action], tracker: Tracker, patience: Patience) -> Iterator[Result]:
    """Do each action and give its result at once.

    The status goes first, then the fields, then the comment (webhooks race otherwise, and a comment that
    was lost in a crash is better than one that is repeated). A run that was cut off is finished by the
    next one, because each action is planned anew from what the tracker holds.
    """
    closed: TrackerDownError | None = None
    for action in actions:
        if isinstance(action, Leave):
            yield Result(action=action, status="left", id=action.id, url=action.url)
        elif closed:
            yield Result(action=action, status="skipped", message="not begun")
        else:
            try:
                yield _do(action, tracker, patience)
            except TrackerDownError as error:
                closed = error
                yield Result(action=action, status="failed", message=str(error), hint=error.hint)
            except TrackerError as error:
                yield Result(action=action, status="failed", message=str(error), hint=error.hint)


def _do(action: Create | Update | Reopen | Close, tracker: Tracker, patience: Patience) -> Result:
    def write(request: Callable[[], None]) -> None:
        """Do what may be done twice without harm."""
        patience.write(request, tracker.pause_seconds, done=lambda: None)

    match action:
        case Create():
            return _create(action, tracker, patience)
        case Update():
            write(lambda: tracker.edit(action.id, action.changes))
        case Reopen():
            write(lambda: tracker.reopen(action.id))
            write(lambda: tracker.edit(action.id, action.changes))
        case Close():
            write(lambda: tracker.close(action.id))
    _comment(action, tracker, patience)
    return Result(action=action, status="done", id=action.id, url=action.url)


def _comment(action: Update | Reopen | Close, tracker: Tracker, patience: Patience) -> None:
    """Say what was done; a comment that may have arrived is not sent again."""

    def said() -> bool:
        tracker.comment(action.id, action.comment)
        return True

    patience.write(said, tracker.pause_seconds, done=lambda: True)


def _create(action: Create, tracker: Tracker, patience: Patience) -> Result:
    """Create a ticket unless one with its key label exists by now: another run may have been quicker."""

    def existing() -> Made | None:
        found = tracker.find(action.key)
        return Made(id=found[0].id, url=found[0].url) if found else None

    there = patience.ask(existing)
    if there is not None:
        message = "a ticket with this key label exists already; it is left as it is"
        return Result(action=action, status="left", id=there.id, url=there.url, message=message)
    made = patience.write(lambda: tracker.create(action.ticket), tracker.pause_seconds, done=existing)
    return Result(action=action, status="done", id=made.id, url=made.url)
