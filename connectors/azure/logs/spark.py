"""The query with which Spark groups the logs that diagnostic settings exported."""

from connectors.azure.usage.events import AzureLogs
from connectors.azure.usage.record import SPELLINGS
from connectors.facts import Window
from connectors.logs.lake_lines import LineLog, line_text

_FIELDS = ("time", "correlation", "event", "id", "operation", "resource", "status")
"""What tells a record's day and its copies, by the names of `record.SPELLINGS`."""


def exported_lines(window: Window) -> LineLog:
    """Return how Spark groups log records over a window (`queries/spark.sql`)."""
    return LineLog(
        AzureLogs(), line_text("connectors.azure", window, {name: _word(name) for name in _FIELDS})
    )


def _word(name: str) -> str:
    """Return SQL for what `record.pick` and `record.word` give of a field."""
    given = ", ".join(f"nullif(m['{one}'], '')" for one in SPELLINGS[name])
    one = f"coalesce({given})"
    return f"trim(CASE WHEN {one} LIKE '{{%' THEN get_json_object({one}, '$.value') ELSE {one} END)"
