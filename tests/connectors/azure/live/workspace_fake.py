"""The query API of a Log Analytics workspace, answered by the fake that also is Resource Manager and Graph."""

from datetime import datetime, timedelta
from typing import Any

from tests.connectors.azure.live.fake import Fake
from tests.connectors.azure.logs.workspace import columns_of

WORKSPACE = "a0a0a0a0-bbbb-4ccc-8ddd-e1e1e1e1e1e1"
METADATA, QUERY = f"/v1/workspaces/{WORKSPACE}/metadata", f"/v1/workspaces/{WORKSPACE}/query"
LONG = {"calls", "copies"}


class FakeWorkspace:
    """Answers each table with its rows; keeps what it was asked."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.megabytes: dict[str, float] = {}
        self.too_much = ""
        """A word of queries that are answered by half, if their span is longer than thirty days."""
        self.extra: dict[str, Any] = {}
        fake.answer(METADATA, lambda *_: self._metadata())
        fake.answer(QUERY, lambda _, body: self._answer(body))

    @property
    def asked(self) -> list[str]:
        """The queries of events that arrived."""
        return [body["query"] for body in self.fake.bodies if "query" in body and "timespan" in body]

    def holds(self, table: str, rows: list[dict[str, Any]], megabytes: float = 0) -> None:
        self.rows[table] = rows
        self.megabytes[table] = megabytes

    def _metadata(self) -> dict[str, Any]:
        tables = [
            {
                "id": f"t/{name}",
                "name": name,
                "timespanColumn": "TimeGenerated",
                "columns": [{"name": one, "type": "string"} for one in ("TimeGenerated", *columns_of(name))],
            }
            for name in self.rows
        ]
        return {
            "tables": [*tables, {"id": "t/Heartbeat", "name": "Heartbeat", "columns": [{"name": "Computer"}]}]
        }

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        table = body["query"].split("\n", 1)[0]
        if table == "Usage":
            return answer([{"name": name, "megabytes": size} for name, size in self.megabytes.items()])
        first, last = body["timespan"].split("/")
        rows = [row for row in self.rows[table] if first <= row["first_seen"] < last]
        found = answer(rows) | self.extra
        if (
            self.too_much
            and self.too_much in body["query"]
            and datetime.fromisoformat(last) - datetime.fromisoformat(first) > timedelta(days=30)
        ):
            said = "Query result set has exceeded the internal record count limit 500000"
            inner = {"code": "-2133196797", "message": f"{said} (E_QUERY_RESULT_SET_TOO_LARGE; 0x80DA0003)"}
            found["error"] = {
                "code": "PartialError",
                "message": "There were some errors when processing your query.",
                "details": [{"code": "EngineError", "message": "Something went wrong", "innererror": inner}],
            }
        return found


def answer(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows as the API writes them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [{"name": name, "type": "long" if name in LONG else "string"} for name in names]
    return {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": columns,
                "rows": [[row.get(name) for name in names] for row in rows],
            }
        ],
        "statistics": {"query": {"inputDatasetStatistics": {"rows": {"scanned": 1234, "total": 9999}}}},
    }
