"""How a scan is named in the history."""

import hashlib
import json
from datetime import datetime

from scanner.results import ScanResult


def code(now: str, result: ScanResult) -> str:
    """Return the id of a scan: 12 hexadecimal digits over its time and its sources."""
    return hashlib.sha256(f"{now}\n{scope(result)}".encode()).hexdigest()[:12]


def scope(result: ScanResult) -> str:
    """Return what a scan is about: its sources by cloud and name."""
    return json.dumps(sorted((source.provider, source.name) for source in result.sources))


def time_text(moment: datetime) -> str:
    """Return a time as the history and the report write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
