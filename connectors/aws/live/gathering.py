"""Write live records as the export parts hold them: which list, which call, which place."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.aws.exports.kinds import PAGE, scrub
from connectors.interface import Record, Sink
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering


class Found(NamedTuple):
    """One raw record: the list it stands in, the call that gave it, and where."""

    list: str
    call: str
    record: Any
    account: str = ""
    region: str = ""


Finds = Iterator["Found | CallError"]
"""What a part yields: records, and the calls that did not work in between; it goes on after them."""


def begin_gathering(source: str, sink: Sink, now: datetime) -> Gathering:
    """Return what takes the finds of one source; pages are no records."""
    return Gathering(source, sink, now, _written, counts=lambda found: found.list != PAGE)


def _written(found: Found) -> Record:
    places = {"account": found.account, "region": found.region}
    return {
        "list": found.list,
        "file": found.call,
        **{name: value for name, value in places.items() if value},
        "record": scrub(plain(found.record)),
    }


def plain(value: Any) -> Any:
    """Return an SDK answer as JSON values: times as text, no transport data, no bytes."""
    if isinstance(value, dict):
        return {str(key): plain(held) for key, held in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value if isinstance(value, str | int | float | bool | None) else ""
