"""Athena is asked through the real SDK: paged answers, failures, the cost limit and the guard of queries."""

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from connectors.aws.exports.files import QUERIES, collect_exports
from connectors.aws.live.access import policy_text
from connectors.aws.live.examine import examine
from connectors.aws.live.session import open_session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.athena import query_log
from connectors.aws.logs.groups import partition_predicate
from connectors.bundle import BundleWriter, open_bundle
from connectors.facts import Window
from connectors.interface import Source, Status, silent
from connectors.live.failures import NotAllowedError
from connectors.logs.seen import SeenEvents

WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
ROLE = "arn:aws:iam::111122223333:role/agent"


def group(**values):
    """Return one row of the answer: an agent that listed buckets three times on a day."""
    row = {
        "eventsource": "s3.amazonaws.com", "eventname": "ListBuckets", "awsregion": "eu-west-1",
        "eventtype": "AwsApiCall", "eventcategory": "Management", "readonly": "true",
        "recipientaccountid": "111122223333", "identity_type": "AssumedRole", "issuer": ROLE,
        "day": "2026-11-02", "calls": "3", "first_seen": "2026-11-02T01:00:00Z",
        "last_seen": "2026-11-02T03:00:00Z",
    }  # fmt: skip
    return row | values


class Athena(ThreadingHTTPServer):
    """Speaks enough of Athena's and Glue's JSON protocol; keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.states = ["QUEUED", "RUNNING", "SUCCEEDED"]
        self.scanned = 5_000_000
        self.rows = [group(), group(eventname="CreateBucket", readonly="false", calls="1")]
        self.refused = set()
        self.keys = [{"Name": "timestamp", "Type": "string"}]
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, operation, body):
        if operation in self.refused:
            return 400, {"__type": "AccessDeniedException", "message": f"not authorized to {operation}"}
        match operation:
            case "GetTable":
                columns = [
                    {"Name": "useridentity", "Type": "struct<type:string,onbehalfof:struct<userid:string>>"}
                ]
                parameters = {"projection.timestamp.format": "yyyy/MM/dd"}
                table = {"Name": "t", "StorageDescriptor": {"Columns": columns}}
                return 200, {"Table": {**table, "PartitionKeys": self.keys, "Parameters": parameters}}
            case "StartQueryExecution":
                return 200, {"QueryExecutionId": "q-1"}
            case "GetQueryExecution":
                state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
                status = {"State": state, "StateChangeReason": "COLUMN_NOT_FOUND: line 3"}
                statistics = {"DataScannedInBytes": self.scanned}
                return 200, {"QueryExecution": {"Status": status, "Statistics": statistics}}
            case "GetQueryResults":
                return 200, self.page(body)
            case _:
                return 200, {}

    def page(self, body):
        """Return a row a page, the names before the first one."""
        text = next(asked["QueryString"] for name, asked in self.asked if name == "StartQueryExecution")
        written = text.partition(")\nSELECT")[2].partition("FROM events")[0]
        names = [column.split()[-1] for column in written.split(",\n")]
        at = int(body.get("NextToken", "0"))
        rows = [names] if at == 0 else []
        rows += [[self.rows[at].get(name) for name in names]] if self.rows else []
        data = [
            {"Data": [{"VarCharValue": value} if value is not None else {} for value in row]} for row in rows
        ]
        more = {"NextToken": str(at + 1)} if at + 1 < len(self.rows) else {}
        return {"ResultSet": {"Rows": data}, **more}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.server.asked.append((operation, body))
        status, answer = self.server.answer(operation, body)
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        """Stay quiet."""


@pytest.fixture
def athena(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with Athena() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def source(server, **more):
    texts = {"endpoint_url": server.url, "logs.engine": "athena", "logs.table": "audit.trails", **more}
    return Source("s", "aws", "pilot", "export", {}, texts)


def never(seconds):
    """Do not wait."""


def test_groups_of_all_pages_become_rows_with_their_counts(athena):
    found = query_log(source(athena), WINDOW, never)
    assert [("s3.amazonaws.com:CreateBucket", 1), ("s3.amazonaws.com:ListBuckets", 3)] == [
        (row.operation, row.count) for row in found.read.rows
    ]
    assert {ROLE} == {row.identity for row in found.read.rows}
    assert ("2026-11-02T01:00:00Z", "2026-11-02T03:00:00Z") == (
        found.read.rows[1].first,
        found.read.rows[1].last,
    )


def test_only_the_days_of_the_window_are_scanned(athena):
    query_log(source(athena), WINDOW, never)
    (text,) = [body["QueryString"] for name, body in athena.asked if name == "StartQueryExecution"]
    assert "\"timestamp\" BETWEEN '2026/10/31' AND '2026/11/24'" in text
    assert "eventtime >= '2026-11-01T00:00:00Z' AND eventtime < '2026-11-21T00:00:00Z'" in text


def test_the_query_is_evidence(athena, tmp_path):
    with BundleWriter(tmp_path / "b", [source(athena)], WINDOW, tool="t", now=WINDOW.end) as writer:
        collect_exports([source(athena)], writer, WINDOW, silent, SeenEvents())
    (held,) = open_bundle(tmp_path / "b").sources
    (query,) = held.records(QUERIES)
    assert ("athena", "audit.trails", "q-1", 5_000_000) == (
        query["engine"], query["place"], query["query_id"], query["scanned_bytes"],
    )  # fmt: skip
    assert query["text"].startswith("WITH events AS (")
    (file,) = held.log_files()
    assert (query["sha256"], "ok", 4) == (file.digest, file.status, file.records)
    (outcome,) = [one for one in held.outcomes() if one.part == QUERIES]
    assert (Status.OK, 4) == (outcome.status, outcome.records)
    assert "the table lacks identityprovider, inscopeof, invokedbydelegate of userIdentity" == outcome.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"refused": {"GetTable"}}, "GetTable"),
        ({"refused": {"StartQueryExecution"}}, "StartQueryExecution"),
        ({"refused": {"GetQueryResults"}}, "GetQueryResults"),
        ({"states": ["FAILED"]}, "COLUMN_NOT_FOUND"),
        ({"keys": [{"Name": "tenant"}]}, "no partition by day"),
    ],
)
def test_what_fails_is_named_and_nothing_counts_as_unused(athena, change, words):
    for name, value in change.items():
        setattr(athena, name, value)
    found = query_log(source(athena), WINDOW, never)
    assert words in found.problem
    (file,) = found.read.files
    assert (True, "partial") == (file.lost, file.status)


def test_a_query_that_scans_too_much_is_stopped(athena):
    athena.states, athena.scanned = ["RUNNING"], 7_000_000_000
    found = query_log(source(athena, **{"logs.max_scan_gb": "5"}), WINDOW, never)
    assert "it scanned 7.0 GB" in found.problem
    assert "StopQueryExecution" in {name for name, _ in athena.asked}


def test_no_other_query_can_be_run(athena):
    client = open_session(LiveSettings.of(source(athena))).client("athena")
    for text in ("DROP TABLE audit.trails", "WITH events AS (SELECT 1 FROM audit.trails\n); DROP TABLE x"):
        with pytest.raises(NotAllowedError):
            client.start_query_execution(QueryString=text)
    assert [] == athena.asked


def test_doctor_looks_at_the_table_and_runs_no_query(athena):
    (check,) = examine(source(athena, **{"logs.max_scan_gb": "50"}), WINDOW)
    assert ("ok", True) == (check.status, "stopped at 50 GB" in check.detail)
    assert {"GetTable"} == {name for name, _ in athena.asked}


def test_the_printed_policy_lets_athena_read_and_write_only_its_results(athena):
    texts = {"logs.output": "s3://results/entdrift"}
    policy = json.loads(policy_text(LiveSettings.of(source(athena, **texts))))
    by_sid = {one["Sid"]: one for one in policy["Statement"]}
    assert "athena:StartQueryExecution" in by_sid["EntdriftQuery"]["Action"]
    assert "arn:aws:s3:::results/entdrift/*" == by_sid["EntdriftQueryResults"]["Resource"]
    assert all("Condition" in by_sid[sid] for sid in ("EntdriftQueryReads", "EntdriftQueryResults"))


@pytest.mark.parametrize(
    ("keys", "form", "expected"),
    [
        (["date"], "yyyy-MM-dd", "\"date\" BETWEEN '2026-10-31' AND '2026-11-24'"),
        (["account", "region", "Timestamp"], "", "\"Timestamp\" BETWEEN '2026/10/31' AND '2026/11/24'"),
        (["region"], "", ""),
    ],
)
def test_partitions_are_recognised_by_their_columns(keys, form, expected):
    assert expected == partition_predicate(keys, form, WINDOW)


def test_year_month_and_day_are_listed():
    window = Window(datetime(2026, 12, 30, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))
    assert partition_predicate(["region", "year", "month", "day"], "", window) == (
        "((year = '2026' AND month = '12' AND day IN ('29', '30', '31')) OR "
        "(year = '2027' AND month = '01' AND day IN ('01', '02', '03')))"
    )
