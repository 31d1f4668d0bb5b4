"""BigQuery is asked through the guarded session: pages, failures, the cost limit, and no query but entdrift's."""

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import SettingError
from connectors.gcp.connector import CONNECTOR
from connectors.gcp.live.access import role_text
from connectors.gcp.live.collect import Way, collect_live
from connectors.gcp.live.examine import examine
from connectors.gcp.live.session import Session, log_in
from connectors.gcp.live.settings import LiveSettings
from connectors.interface import Patterns, Source, Status, silent
from connectors.live.failures import NotAllowedError
from connectors.logs.seen import SeenEvents
from tests.connectors.gcp.conftest import Run
from tests.connectors.gcp.live.fake import Google, Servers, error
from tests.connectors.gcp.records import PROJECT, QUARTER, RAG

TABLE = "audit-1.logs.cloudaudit_googleapis_com_data_access"
FIELDS = [
    {"name": "logName", "type": "STRING"},
    {"name": "insertId", "type": "STRING"},
    {"name": "timestamp", "type": "TIMESTAMP"},
    {
        "name": "protopayload_auditlog",
        "type": "RECORD",
        "fields": [
            {"name": "serviceName", "type": "STRING"},
            {"name": "methodName", "type": "STRING"},
            {
                "name": "authenticationInfo",
                "type": "RECORD",
                "fields": [{"name": "principalEmail", "type": "STRING"}],
            },
            {
                "name": "authorizationInfo",
                "type": "RECORD",
                "mode": "REPEATED",
                "fields": [{"name": "permission", "type": "STRING"}, {"name": "granted", "type": "BOOLEAN"}],
            },
        ],
    },
]
NAMES = [
    "log_name",
    "service",
    "method",
    "resource",
    "code",
    "email",
    "subject",
    "selector",
    "key_name",
    "delegation",
    "checks",
    "deltas",
    "op_first",
    "op_last",
    "project",
    "location",
    "region",
    "zone",
    "day",
    "calls",
    "first_seen",
    "last_seen",
]


def row(permission, calls):
    """Return one row of the answer as REST writes it: an agent that read objects on a day."""
    values = {
        "log_name": f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Fdata_access",
        "service": "storage.googleapis.com",
        "method": "storage.objects.get",
        "resource": "projects/_/buckets/b/objects/-",
        "email": RAG,
        "delegation": "null",
        "checks": f'[{{"permission":"{permission}","granted":true}}]',
        "day": "2026-09-02",
        "calls": str(calls),
        "first_seen": "2026-09-02T01:00:00Z",
        "last_seen": "2026-09-02T03:00:00Z",
    }
    return {"f": [{"v": values.get(name)} for name in NAMES]}


class BigQuery:
    """What the fake answers about one partitioned table, and what it was asked."""

    def __init__(self, google):
        self.found = {
            "type": "TABLE",
            "location": "EU",
            "schema": {"fields": FIELDS},
            "timePartitioning": {"type": "DAY", "field": "timestamp"},
        }
        self.job = {
            "jobReference": {"projectId": "audit-1", "jobId": "job-1", "location": "EU"},
            "schema": {"fields": [{"name": name} for name in NAMES]},
            "totalBytesProcessed": "7000000000",
            "totalRows": "2",
        }
        self.google = google
        google.route("GET /bigquery/v2/projects/audit-1/datasets/logs/tables/[^/]+", lambda *_: self.found)
        google.route("POST /bigquery/v2/projects/audit-1/queries", self.query)
        google.route("GET /bigquery/v2/projects/audit-1/queries/job-1", self.page)

    def query(self, query, body):
        if body["dryRun"]:
            return {"jobComplete": True, "totalBytesProcessed": self.job["totalBytesProcessed"]}
        return {"jobReference": self.job["jobReference"], "jobComplete": False}

    def page(self, query, body):
        """Return a row a page."""
        at = int(query.get("pageToken") or "0")
        rows = [row("storage.objects.get", 3), row("storage.objects.list", 4)]
        more = {"pageToken": "1"} if at == 0 else {}
        return {**self.job, "jobComplete": True, "rows": rows[at : at + 1], **more}

    def sent(self, *, dry):
        asked = [
            body
            for method, path, _, body in self.google.asked
            if path.endswith("/queries") and method == "POST"
        ]
        return [body for body in asked if body["dryRun"] is dry]


@pytest.fixture
def google():
    return Google()


@pytest.fixture
def bigquery(google):
    return BigQuery(google)


@pytest.fixture
def source(google, bigquery, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    servers = Servers(google)

    def make(*tables, files=None, **more):
        texts = {
            "scope": f"projects/{PROJECT}",
            "endpoint_url": servers.endpoint_url,
            "iam_endpoint": servers.iam_endpoint,
            "logs.engine": "bigquery",
            **{f"logs.{name}" if name == "max_scan_gb" else name: value for name, value in more.items()},
        }
        return Source("live", "gcp", "pilot", "live", files or {}, texts, {"logs.table": tables or (TABLE,)})

    yield make
    servers.stop()


@pytest.fixture
def run(tmp_path):
    def collect(source):
        path = tmp_path / "bundle"
        clock = iter(range(0, 10**6, 10))
        way = Way(
            QUARTER,
            silent,
            SeenEvents(),
            wait=lambda _: None,
            clock=lambda: float(next(clock)),
            now=lambda: QUARTER.end,
        )
        with BundleWriter(path, [source], QUARTER, tool="test", now=QUARTER.end) as writer:
            collect_live(source, writer, way)
        bundle = open_bundle(path)
        return Run(bundle, CONNECTOR.interpret(bundle.sources, bundle.window, Patterns()))

    return collect


def log_files(found):
    return [file for held in found.bundle.sources for file in held.log_files()]


def test_groups_of_all_pages_become_uses_with_their_counts(source, run):
    found = run(source())
    assert ["storage.objects.get", "storage.objects.list"] == found.used(RAG)
    assert [3, 4] == sorted(one.count for one in found.facts.usage)


def test_the_query_is_evidence_and_names_what_it_scanned(source, run, bigquery):
    found = run(source())
    [query] = [one for held in found.bundle.sources for one in held.records("log_query")]
    [file] = log_files(found)
    [sent] = bigquery.sent(dry=False)
    assert ("bigquery", TABLE, "job-1", 7_000_000_000, sent["query"]) == (
        query["engine"],
        query["place"],
        query["query_id"],
        query["scanned_bytes"],
        query["text"],
    )
    assert (query["sha256"], "ok", 7, False) == (file.digest, file.status, file.records, file.lost)
    outcome = found.outcome("log_query")
    assert (Status.OK, 7) == (outcome.status, outcome.records)


def test_a_query_is_checked_before_it_is_run_and_bound_by_bigquery_itself(source, run, bigquery):
    run(source(max_scan_gb="8"))
    [dry], [wet] = bigquery.sent(dry=True), bigquery.sent(dry=False)
    assert (dry["query"], "8000000000", "EU") == (wet["query"], wet["maximumBytesBilled"], wet["location"])


def test_nothing_is_run_that_would_scan_too_much(source, run, bigquery):
    found = run(source(max_scan_gb="6"))
    outcome = found.outcome("log_query")
    assert [] == bigquery.sent(dry=False)
    assert Status.OK is not outcome.status
    assert "they would scan 7.0 GB" in outcome.reason
    assert [True] == [file.lost for file in log_files(found)]
    assert [] == found.unused(RAG)


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("GET /bigquery/v2/projects/audit-1/datasets/logs/tables/[^/]+", "bigquery.tables.get was refused"),
        ("POST /bigquery/v2/projects/audit-1/queries", "bigquery.jobs.query was refused"),
        ("GET /bigquery/v2/projects/audit-1/queries/job-1", "bigquery.jobs.getQueryResults was refused"),
    ],
)
def test_what_is_refused_is_named_and_nothing_counts_as_unused(google, source, run, route, words):
    found_source = source()
    google.route(route, error(403, "Access Denied"))
    found = run(found_source)
    assert words in found.outcome("log_query").reason
    assert [(True, "partial")] == [(file.lost, file.status) for file in log_files(found)]
    assert [] == found.unused(RAG)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timePartitioning": None}, "no partitions by time"),
        ({"type": "VIEW"}, "is a view"),
        ({"schema": {"fields": FIELDS[:3]}}, "no sink wrote audit logs"),
        ({"schema": "odd"}, "could not be read"),
    ],
)
def test_a_table_that_cannot_be_asked_is_named(source, run, bigquery, change, words):
    bigquery.found |= change
    found = run(source())
    assert words in found.outcome("log_query").reason
    assert [] == bigquery.sent(dry=True)
    assert [True] == [file.lost for file in log_files(found)]


@pytest.mark.parametrize("change", [{"totalRows": "9"}, {"schema": {"fields": [{"name": "x"}]}}])
def test_an_answer_that_is_not_whole_loses_calls(source, run, bigquery, change):
    bigquery.job |= change
    found = run(source())
    assert [True] == [file.lost for file in log_files(found)]
    assert Status.OK is not found.outcome("log_query").status


def test_tables_of_one_day_each_are_asked_for_the_days_that_are_there(google, source, run, bigquery):
    chosen = source(f"{TABLE}_*")
    path = "GET /bigquery/v2/projects/audit-1/datasets/logs/tables/"
    google.route(path + "[^/]+", error(404, "Not found: Table"))
    google.route(path + "[^/]+_20260902", {**bigquery.found, "timePartitioning": None})
    found = run(chosen)
    assert [f"bigquery:{TABLE}_20260902"] == [file.path for file in log_files(found)]
    assert "91 days without a table" in found.outcome("log_query").reason
    google.route(path + "[^/]+", error(404, "Not found: Table"))


def test_a_table_that_is_nowhere_is_a_failure(google, source, run):
    chosen = source()
    google.route(
        "GET /bigquery/v2/projects/audit-1/datasets/logs/tables/[^/]+", error(404, "Not found: Table")
    )
    found = run(chosen)
    assert f"there is no table {TABLE}" in found.outcome("log_query").reason
    assert [True] == [file.lost for file in log_files(found)]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "DROP TABLE `audit-1.logs.x`", "useLegacySql": False},
        {"query": "SELECT 1", "useLegacySql": True},
        {},
    ],
)
def test_no_other_query_can_be_run(google, source, body):
    settings = LiveSettings.of(source())
    session = Session(settings, log_in(settings))
    with pytest.raises(NotAllowedError, match="a query that is not entdrift's own"):
        session.post("bigquery.jobs.query", "bigquery/v2/projects/audit-1/queries", body)
    session.close()
    assert [] == google.asked


def test_its_own_query_writes_no_table(google, source, run, bigquery):
    chosen = source()
    run(chosen)
    [sent] = bigquery.sent(dry=False)
    settings = LiveSettings.of(chosen)
    session = Session(settings, log_in(settings))
    with pytest.raises(NotAllowedError):
        session.post(
            "bigquery.jobs.query",
            "bigquery/v2/projects/audit-1/queries",
            {**sent, "destinationTable": {"tableId": "x"}},
        )
    session.close()


@pytest.mark.parametrize(("limit", "status"), [("50", "ok"), ("6", "failed")])
def test_doctor_shows_the_estimate_and_runs_nothing(source, bigquery, limit, status):
    [check] = [one for one in examine(source(max_scan_gb=limit), QUARTER) if one.subject == "log_query"]
    assert (status, True) == (
        check.status,
        f"1 query would scan 7.000 GB; at most {limit} GB" in check.detail,
    )
    assert [] == bigquery.sent(dry=False)


def test_doctor_names_a_table_that_cannot_be_asked(source, bigquery):
    bigquery.found["type"] = "VIEW"
    checks = [one for one in examine(source(), QUARTER) if one.subject.startswith("bigquery table")]
    assert [(f"bigquery table {TABLE}", "failed")] == [(one.subject, one.status) for one in checks]


def test_the_printed_role_gives_the_tables_alone(source):
    text = role_text(LiveSettings.of(source(TABLE, "audit-1.days.activity_*")))
    assert f'GRANT `roles/bigquery.dataViewer` ON TABLE `{TABLE}` TO "MEMBER"' in text
    assert 'GRANT `roles/bigquery.dataViewer` ON SCHEMA `audit-1.days` TO "MEMBER"' in text
    assert "projects add-iam-policy-binding audit-1 --member=MEMBER --role=roles/bigquery.jobUser" in text
    assert "- bigquery." not in text


def test_files_beside_it_are_left_out_and_said(source, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("{}")
    chosen = source(files={"audit_logs": (log,)})
    with BundleWriter(tmp_path / "b", [chosen], QUARTER, tool="t", now=QUARTER.end) as writer:
        CONNECTOR.collect([chosen], writer, QUARTER, silent)
    found = Run(open_bundle(tmp_path / "b"), None)
    assert (Status.SKIPPED, True) == (
        found.outcome("audit_logs").status,
        "would count twice" in found.outcome("audit_logs").reason,
    )


@pytest.mark.parametrize("more", [{"log_entries": "true"}, {"tables": ()}])
def test_settings_that_contradict_each_other_are_refused(source, more):
    chosen = source(**{name: value for name, value in more.items() if name != "tables"})
    if "tables" in more:
        chosen = Source("live", "gcp", "pilot", "live", {}, chosen.texts)
    with pytest.raises(SettingError, match="bigquery"):
        LiveSettings.of(chosen)
