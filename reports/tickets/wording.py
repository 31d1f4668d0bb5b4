"""How the lines of a ticket are worded: untrusted text made safe and short, numbers with their nouns."""

from functools import lru_cache

from reports import escape
from reports.document import Report

ROWS = 15
"""Rows of one table or list in a ticket; the report holds all."""


@lru_cache(maxsize=4096)
def text(untrusted: str, limit: int = 400) -> str:
    """Write untrusted text as prose, cut where it is too long, without its final full stop."""
    return escape.markdown(escape.clip(untrusted, limit).rstrip("."))


@lru_cache(maxsize=4096)
def code(untrusted: str) -> str:
    """Write an untrusted name as code of at most 200 characters."""
    return escape.markdown_code(escape.clip(untrusted, 200))


def left_out(left: int, what: str, where: str) -> list[str]:
    """Say how many rows were left out and where in the report they are."""
    return ["", f"{left:,} more {what} are in `report.json` under `{where}`."] if left > 0 else []


def window(report: Report) -> str:
    """Write the window of the report."""
    span = report.window
    return f"{text(span.start)} to {text(span.end)}, {span.days:g} days"
