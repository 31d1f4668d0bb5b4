"""Log Analytics is asked through the guarded session: failures, parts, the limit, and no query but entdrift's."""

import json

import pytest
from azure.core.pipeline import PipelineRequest
from azure.core.rest import HttpRequest

from connectors.azure.connector import CONNECTOR
from connectors.azure.interpret import interpret
from connectors.azure.live.access import LOG_ANALYTICS, policy_text
from connectors.azure.live.examine import examine
from connectors.azure.live.session import Guard, open_session
from connectors.azure.live.settings import LiveSettings
from connectors.azure.logs.tables import query_text
from connectors.errors import SettingError
from connectors.interface import Patterns, Source, Status
from connectors.live.failures import NotAllowedError
from tests.connectors.azure.harness import WINDOW, Memory
from tests.connectors.azure.live.workspace_fake import METADATA, QUERY, WORKSPACE, FakeWorkspace
from tests.connectors.azure.synthetic import AGENT, SUB, storage_account

OPERATION = "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"


def row(calls=3, at="2026-09-10", **columns):
    """Return one row of an answer: an agent that listed keys on a day."""
    return {
        "OperationNameValue": OPERATION, "CategoryValue": "Administrative", "ActivityStatusValue": "Success",
        "ResourceId": storage_account().lower(), "SubscriptionId": SUB, "Caller": AGENT, "overflow": "",
        "Claims": json.dumps({"oid": AGENT, "appid": "", "idtyp": "app"}), "day": f"{at}T00:00:00Z",
        "calls": calls, "first_seen": f"{at}T01:00:00.1234567Z", "last_seen": f"{at}T03:00:00Z", **columns,
    }  # fmt: skip


@pytest.fixture
def workspace(tenant):
    found = FakeWorkspace(tenant)
    found.holds("AzureActivity", [row(), row(1, "2026-10-02", ActivityStatusValue="Start")], megabytes=7_000)
    return found


@pytest.fixture
def counting(source):
    def make(**settings):
        texts = {"logs.engine": "log_analytics", "logs.workspace": WORKSPACE}
        texts |= {f"logs.{name}": value for name, value in settings.items() if name == "max_scan_gb"}
        lists = {f"logs.{name}": value for name, value in settings.items() if name == "table"}
        rest = {name: value for name, value in settings.items() if name not in ("max_scan_gb", "table")}
        made = source(**rest)
        return Source(
            "live", "azure", "pilot", "live", made.files, {**made.texts, **texts}, {**made.lists, **lists}
        )

    return make


def test_groups_become_rows_with_their_counts(workspace, counting, gather):
    found = gather(counting())
    rows = [(one.identity, one.operation, one.count, one.first) for one in found.evidence.usage()]
    assert (AGENT, OPERATION.lower(), 3, "2026-09-10T01:00:00Z") in rows
    assert 4 == sum(one[2] for one in rows)
    facts = interpret([found.evidence], WINDOW, Patterns())
    assert AGENT in {one.identity for one in facts.usage}
    assert Status.OK is found.outcomes["log_query"].status
    assert "not in the workspace: StorageBlobLogs" in found.reason("log_query")


def test_the_query_is_evidence(workspace, counting, gather):
    found = gather(counting())
    (query,) = found.records("log_query")
    place = f"{WORKSPACE}/AzureActivity 2026-08-01T00:00:00Z/2026-11-01T00:00:00Z"
    assert ("log_analytics", place, 7_000_000_000, "1,234 records scanned") == (
        query["engine"], query["place"], query["scanned_bytes"], query["statistics"],
    )  # fmt: skip
    assert query["text"].startswith("AzureActivity\n| where TimeGenerated >= datetime(2026-08-01T00:00:00Z)")
    (file,) = [one for one in found.evidence.log_files() if one.path.startswith("log_analytics:")]
    assert (query["sha256"], "ok", 4) == (file.digest, file.status, file.records)


def test_every_query_is_bound_in_time_and_asks_for_statistics(workspace, counting, gather):
    gather(counting())
    bodies = [body for body in workspace.fake.bodies if "timespan" in body]
    assert {"2026-08-01T00:00:00Z/2026-11-01T00:00:00Z"} == {body["timespan"] for body in bodies}
    assert all("| where TimeGenerated >= datetime(" in body["query"] for body in bodies)


def test_an_answer_that_would_be_too_large_is_asked_for_in_parts(workspace, counting, gather):
    workspace.too_much = "AzureActivity"
    found = gather(counting())
    assert 4 == sum(one.count for one in found.evidence.usage())
    assert Status.OK is found.outcomes["log_query"].status
    assert "AzureActivity was asked in 4 parts" in found.reason("log_query")
    assert 4 == len({one["place"] for one in found.records("log_query")})


def test_what_took_too_long_is_not_asked_again_as_it_was(workspace, counting, gather):
    workspace.fake.refuse_once(QUERY, 504, "GatewayTimeout")  # the sizes
    workspace.fake.refuse_once(QUERY, 504, "GatewayTimeout")  # the events
    found = gather(counting())
    assert 4 == sum(one.count for one in found.evidence.usage())
    assert "AzureActivity was asked in 2 parts" in found.reason("log_query")
    assert "how much is scanned is not known" in found.reason("log_query")


def test_throttling_is_waited_for(workspace, counting, gather):
    workspace.fake.refuse_once(QUERY, 429, "ThrottledError", Retry_After="0")
    found = gather(counting())
    assert Status.OK is found.outcomes["log_query"].status


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.fake.refuse(METADATA, 403, "InsufficientAccessError"), "Log Analytics Reader"),
        (lambda one: one.fake.refuse(METADATA, 404, "WorkspaceNotFoundError"), "is not there"),
        (lambda one: one.fake.refuse(QUERY, 403, "InsufficientAccessError"), "Log Analytics Reader"),
        (lambda one: one.fake.refuse(QUERY, 400, "The table has the Basic plan"), "only tables with the plan Analytics"),
        (lambda one: one.extra.update(error={"code": "PartialError", "message": "a node failed"}), "a node failed"),
        (lambda one: one.rows["AzureActivity"].append(row(overflow="1")), "AdditionalFields"),
        (lambda one: one.rows["AzureActivity"].append({"first_seen": "2026-09-01"}), "could not be read"),
        (lambda one: one.rows.clear(), "no table that entdrift reads"),
    ],
)  # fmt: skip
def test_what_fails_is_named_and_nothing_counts_as_unused(workspace, counting, gather, change, words):
    change(workspace)
    found = gather(counting())
    assert Status.OK is not found.outcomes["log_query"].status
    assert words in found.reason("log_query")
    assert all(one.lost for one in found.evidence.log_files() if one.path.startswith("log_analytics:"))


def test_a_table_that_is_named_and_not_there_is_a_loss(workspace, counting, gather):
    found = gather(counting(table=["AzureActivity", "StorageBlobLogs"]))
    assert f"there is no table StorageBlobLogs in workspace {WORKSPACE}" in found.reason("log_query")
    assert Status.PARTIAL is found.outcomes["log_query"].status


@pytest.mark.parametrize("known", [True, False])
def test_no_query_is_run_that_scans_too_much_or_nobody_knows_how_much(workspace, counting, gather, known):
    if not known:
        workspace.megabytes = {"AzureActivity": "broken"}
    found = gather(counting(max_scan_gb="6"))
    assert ("would scan 7.0 GB" if known else "is not known") in found.reason("log_query")
    assert Status.FAILED is found.outcomes["log_query"].status
    assert [] == [text for text in workspace.asked if text.startswith("AzureActivity")]


def test_an_empty_workspace_answers_without_a_body(workspace, counting, gather):
    workspace.fake.refuse_once(QUERY, 200)
    workspace.fake.special.pop(QUERY.lower())
    workspace.fake.answer(QUERY, lambda *_: {})
    assert [] == list(gather(counting()).evidence.usage())


def test_no_other_query_can_be_sent(counting):
    base = "https://api.loganalytics.azure.com"
    text = query_text("StorageBlobLogs", [], WINDOW)
    allowed = {"query": text, "timespan": "x"}
    Guard(LOG_ANALYTICS, base).on_request(_post(f"{base}{QUERY}", allowed))
    for body in (
        {"query": "SigninLogs | take 10", "timespan": "x"},
        {"query": f"{text}| extend x = 1", "timespan": "x"},
        {**allowed, "workspaces": ["other"]},
        {"query": text},
        [],
    ):
        with pytest.raises(NotAllowedError, match="nothing was sent"):
            Guard(LOG_ANALYTICS, base).on_request(_post(f"{base}{QUERY}", body))


def _post(url, body):
    return PipelineRequest(HttpRequest("POST", url, json=body), None)


def test_the_real_client_refuses_it_too(workspace, counting):
    session = open_session(LiveSettings.of(counting()))
    with pytest.raises(NotAllowedError):
        session.client(LOG_ANALYTICS).send_request(
            HttpRequest("POST", f"{session.base(LOG_ANALYTICS)}{QUERY}", json={"query": "x", "timespan": "y"})
        )
    assert [] == workspace.asked
    session.close()


def test_doctor_names_the_tables_and_what_they_hold_and_reads_no_events(workspace, counting):
    checks = {one.subject: one for one in examine(counting(max_scan_gb="50"), WINDOW)}
    assert "asks AzureActivity 7.000 GB; at most 50 GB may be scanned" in checks["log_query"].detail
    assert ("partial", "ok") == (checks["log_query"].status, checks["activity_log"].status)
    assert ["Usage"] == [text.split("\n")[0] for text in workspace.asked]
    over = {one.subject: one for one in examine(counting(max_scan_gb="6"), WINDOW)}
    assert ("failed", True) == (over["log_query"].status, "no query was run" in over["log_query"].detail)


def test_doctor_names_a_workspace_that_cannot_be_asked(workspace, counting):
    workspace.fake.refuse(METADATA, 403, "InsufficientAccessError")
    failed = [
        one for one in examine(counting(), WINDOW) if one.subject == f"log analytics workspace {WORKSPACE}"
    ]
    assert ["failed"] == [one.status for one in failed]
    assert "Log Analytics Reader" in failed[0].fix


def test_the_printed_role_reads_the_tables_alone(counting):
    actions = json.loads(policy_text(LiveSettings.of(counting(table=["StorageBlobLogs"]))))[
        "role_definition"
    ]["Actions"]
    assert "Microsoft.OperationalInsights/workspaces/query/StorageBlobLogs/read" in actions
    assert "Microsoft.OperationalInsights/workspaces/query/AzureActivity/read" not in actions
    assert "Microsoft.OperationalInsights/workspaces/query/Usage/read" in actions


@pytest.mark.parametrize("flag", ["activity_log", "sign_ins"])
def test_what_the_workspace_counts_is_not_read_a_second_time(counting, flag):
    assert not getattr(LiveSettings.of(counting()), flag)
    assert getattr(LiveSettings.of(counting(table=["StorageBlobLogs"])), flag)
    with pytest.raises(SettingError, match=f"{flag} = true and logs.engine = log_analytics exclude"):
        LiveSettings.of(counting(**{flag: "true"}))


def test_a_workspace_must_be_named(source):
    made = source()
    chosen = Source("live", "azure", "pilot", "live", {}, {**made.texts, "logs.engine": "log_analytics"}, {})
    with pytest.raises(SettingError, match="no workspace is named"):
        LiveSettings.of(chosen)


def test_files_beside_it_are_left_out_and_said(workspace, counting, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("{}")
    made = counting()
    memory = Memory("live")
    chosen = Source("live", "azure", "pilot", "live", {"resource_logs": (log,)}, made.texts, made.lists)
    CONNECTOR.collect([chosen], memory, WINDOW, lambda *_, **__: None)
    (outcome,) = [one for one in memory.outcomes() if one.part == "resource_logs"]
    assert (Status.SKIPPED, True) == (outcome.status, "would count twice" in outcome.reason)


@pytest.mark.parametrize(
    ("arm", "logs", "scope"),
    [
        ("https://management.azure.com", "https://api.loganalytics.azure.com", "https://api.loganalytics.io/.default"),
        ("https://management.usgovcloudapi.net", "https://api.loganalytics.us", "https://api.loganalytics.us/.default"),
        (
            "https://management.chinacloudapi.cn",
            "https://api.loganalytics.azure.cn",
            "https://api.loganalytics.azure.cn/.default",
        ),
    ],
)  # fmt: skip
def test_workspaces_are_asked_where_their_cloud_is(arm, logs, scope):
    session = open_session(
        LiveSettings.of(Source("live", "azure", "", "live", {}, {"endpoint_url": arm}, {}))
    )
    assert (logs, scope) == (session.base(LOG_ANALYTICS), session._scope(LOG_ANALYTICS))
    session.close()
