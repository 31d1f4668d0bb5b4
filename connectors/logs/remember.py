"""Give a source's logs their ledger, if the scan has a state file."""

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.errors import StateError
from connectors.interface import Source
from connectors.logs.rows import LogReader

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def remembering(source: Source, part: str, reader: LogReader) -> "Iterator[Ledger | None]":
    """Give the ledger of one part of a source; None without a state file, or with one that fails.

    A state file that fails costs time, no evidence: it is said, and all logs are read.
    """
    if source.state is None:
        yield None
        return
    from connectors.logs.ledger import Ledger  # noqa: PLC0415 sqlite3 and numpy are slow to import

    try:
        ledger = Ledger.open(source.state, f"{source.name}/{part}", reader, reread=source.reread)
    except StateError as error:
        _log.warning("all logs are read, the state file cannot be used: %s", error)
        yield None
        return
    with contextlib.closing(ledger):
        yield ledger
