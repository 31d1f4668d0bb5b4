"""What stands in a row's `detail` beside the kind of event: unique id, session policy, who refused."""

from typing import NamedTuple

_ID = ";id="
_REFUSED = ";refused-by=session-policy"
_SESSION = ";session="


class Marks(NamedTuple):
    """The parts of a detail: `<eventCategory>:<eventType>`, and what the record says besides."""

    kind: str
    unique: str = ""
    """Unique id of the caller's role or user."""
    by_session: bool = False
    """True when the record says that a session policy refused the call."""
    session: str = ""
    """What the session that the call issued was limited to."""


def written(marks: Marks) -> str:
    """Return marks as one text; the session policy comes last, because it may hold anything."""
    unique = f"{_ID}{marks.unique}" if marks.unique else ""
    session = f"{_SESSION}{marks.session}" if marks.session else ""
    return f"{marks.kind}{unique}{_REFUSED if marks.by_session else ''}{session}"


def read(detail: str) -> Marks:
    """Return the parts of a detail."""
    if ";" not in detail:
        return Marks(detail)
    rest, _, session = detail.partition(_SESSION)
    rest, mark, _ = rest.partition(_REFUSED)
    kind, _, unique = rest.partition(_ID)
    return Marks(kind, unique, bool(mark), session)
