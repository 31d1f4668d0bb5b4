"""Write live records as the export parts hold them, without what is secret."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.azure.exports.scrub import scrubbed
from connectors.interface import Sink
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering

Finds = Iterator[Mapping[str, Any] | CallError]
"""What a part yields: raw records, and the calls that did not work in between; it goes on after them."""
_NAMED = 6


def begin_gathering(source: str, sink: Sink, now: datetime) -> Gathering:
    """Return what takes the finds of one source; an outcome names six failed requests at most."""
    return Gathering(source, sink, now, scrubbed, most=_NAMED)


def keeping(finds: Finds, kept: list[Mapping[str, Any]]) -> Finds:
    """Pass finds on, and put the records among them into `kept`."""
    for found in finds:
        if not isinstance(found, CallError):
            kept.append(found)
        yield found
