"""Write live records as the export parts hold them, without what is secret."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.gcp.exports.scrub import scrub
from connectors.interface import Record, Sink
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering

Finds = Iterator[Any]
"""What a part yields: raw records as answers hold them, and the calls that did not work in between."""


def begin_gathering(source: str, sink: Sink, now: datetime) -> Gathering:
    """Return what takes the finds of one source."""
    return Gathering(source, sink, now, _written)


def _written(found: Any) -> Record:
    if not isinstance(found, Mapping):
        text = f"an answer holds {type(found).__name__} where a record should be; please report it"
        raise CallError(text, "other", "answer")
    record: Record = scrub(found)
    return record
