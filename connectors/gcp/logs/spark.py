"""The query with which Spark groups the audit logs that a sink wrote to a bucket."""

from connectors.facts import Window
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.lake_lines import LineLog, line_text


def audit_lines(window: Window) -> LineLog:
    """Return how Spark groups log entries over a window (`queries/spark.sql`)."""
    return LineLog(AuditLogReader(), line_text("connectors.gcp", window))
