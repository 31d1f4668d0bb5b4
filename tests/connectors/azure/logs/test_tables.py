"""The texts that Log Analytics runs give the rows that reading the files gives: run in KQL over real events."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.azure.logs.tables import group_of, is_own, known_tables, query_text, usage_text
from connectors.azure.usage.events import AzureLogs
from connectors.azure.usage.graph_paths import _table
from connectors.facts import Window
from connectors.logs.engine import read_logs
from connectors.logs.pushdown import Query, read_groups
from connectors.logs.seen import SeenEvents
from tests.connectors.azure.harness import WINDOW
from tests.connectors.azure.logs.tables import table_row
from tests.connectors.azure.logs.workspace import Workspace
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    GROUP,
    OBJECT_ID,
    PERSON,
    SUB,
    TENANT,
    blob_event,
    event,
    key_blob_event,
    number,
    openai_event,
    sign_in_event,
    storage_account,
    vault_event,
)  # fmt: skip

EVER = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def from_files(records, window, tmp_path):
    whole = tmp_path / "whole.jsonl"
    whole.write_text("\n".join(json.dumps(one) for one in records))
    return read_logs([whole], AzureLogs(), window, seen=SeenEvents(), workers=1)


def pushed(records, window, mode="resource-specific"):
    """Put exported records into the tables they would be in, ask each, and read the groups together."""
    tables = {}
    for record in records:
        name, row = table_row(record, mode)
        tables.setdefault(name, []).append(row)
    workspace, groups = Workspace(), []
    for name, rows in sorted(tables.items()):
        workspace.fill(name, rows)
        text = query_text(name, workspace.columns[name], window)
        assert is_own(text)
        groups += [group_of(name, row) for row in workspace.ask(text)]
    return groups, read_groups(groups, AzureLogs(), Query("log_analytics", "w", "", "q", 1))


def told(rows):
    """Return rows without what most tables do not hold: the region of a call."""
    found = {}
    for row in rows:
        kept = row if row.operation.startswith("storage:") else msgspec.structs.replace(row, region="")
        found.setdefault(msgspec.structs.astuple(kept)[:-3], []).append(row)
    return {
        key: (sum(one.count for one in rows), min(one.first for one in rows), max(one.last for one in rows))
        for key, rows in found.items()
    }


def places(presence):
    """Return the places that a log is of, and from when to when; how many copies there are may differ."""
    found = {}
    for one in presence:
        found.setdefault((one.account, one.log_class, one.resource_type), []).append(one)
    return {
        key: (min(one.first for one in held), max(one.last for one in held)) for key, held in found.items()
    }


def same(records, window, tmp_path, mode="resource-specific"):
    """Hold the rows of both ways against each other, and return those of the query."""
    read, (_, found) = from_files(records, window, tmp_path), pushed(records, window, mode)
    assert told(read.rows) == told(found.rows)
    assert places(read.presence) == places(found.presence)
    return found.rows


def told_apart(records):
    """Leave out examples that share an event id though they differ: which one counts is chance."""
    kinds = {}
    for one in records:
        content = {key: value for key, value in one.items() if not key.startswith("_")}
        kinds.setdefault(identity(one), set()).add(json.dumps(content, sort_keys=True))
    return [one for one in records if len(kinds[identity(one)]) == 1]


def identity(one):
    names = ("correlationId", "time", "operationName", "resourceId")
    return tuple(str(one.get(name)).lower() for name in names) if one.get("correlationId") else id(one)


def shared_records(path):
    """Return the records of a set that would be in a table; excerpts of documentation may lack a time."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records = [one.get("event", one) for one in records]
    timed = {"time", "eventTimestamp", "event_timestamp"}
    records = [one if timed & set(one) else {**one, "time": "2026-09-10T10:00:00Z"} for one in records]
    return told_apart([one for one in records if table_row(one, "resource-specific")[0]])


SETS = {
    "panther/Azure_MonitorActivity_half.jsonl": 90,
    "panther/Azure_Audit_half.jsonl": 1,
    "plaso/azure_activity_log.jsonl": 4,
    "stratus/azure_entra_detection_events.jsonl": 3,
}
"""Sets of real and published events, and how many of each are at least in a table that is asked."""


def test_rows_of_real_events_are_those_of_the_files(shared, tmp_path):
    sets = {name: shared_records(shared / name) for name in SETS}
    assert dict.fromkeys(SETS, True) == {name: len(sets[name]) >= SETS[name] for name in SETS}
    assert len(same([one for held in sets.values() for one in held], EVER, tmp_path)) > 90


COSMOS = {
    "time": "2026-09-10T10:00:00.5Z",
    "resourceId": f"/SUBSCRIPTIONS/{SUB}/RESOURCEGROUPS/A/PROVIDERS/MICROSOFT.DOCUMENTDB/DATABASEACCOUNTS/MEM",
    "category": "DataPlaneRequests",
    "operationName": "Query",
    "properties": {
        "activityId": "77777777-0000-4000-8000-000000000001",
        "aadPrincipalId": AGENT,
        "aadAppliedRoleAssignmentId": number(),
        "statusCode": "200",
        "databaseName": "agents",
        "collectionName": "memory",
    },
}


def cosmos(**properties):
    return COSMOS | {"properties": COSMOS["properties"] | properties}


def graph(method="GET", uri="https://graph.microsoft.com/v1.0/users", code=200, **properties):
    held = {"requestId": number(), "requestMethod": method, "requestUri": uri, "responseStatusCode": code}
    held |= {"servicePrincipalId": AGENT, "appId": AGENT_APP, **properties}
    return {
        "time": "2026-09-10T10:00:00.1Z",
        "resourceId": f"/TENANTS/{TENANT}/PROVIDERS/MICROSOFT.AADIAM",
        "category": "MicrosoftGraphActivityLogs",
        "operationName": "Microsoft Graph Activity",
        "tenantId": TENANT,
        "properties": held,
    }


UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
BY_GROUP = {"principalId": GROUP.replace("-", ""), "principalType": "Group", "roleAssignmentId": "e" * 32}
DENIED = '{"error":{"code":"AuthorizationFailed","message":"no \\"quotes\\""}}'
VAULT = "https://safe.vault.azure.net"


def test_what_a_row_of_the_activity_log_depends_on_is_kept_apart(tmp_path):
    write = "Microsoft.Storage/storageAccounts/write"
    person = {
        OBJECT_ID: PERSON,
        UPN: "Ann@Example.com",
        "appid": AGENT_APP,
        "scp": "user_impersonation",
        "iat": "1",
    }
    records = [
        event(write),
        event(write.upper(), grant=BY_GROUP),
        event(write, status="Started"),
        event(write, status="Accepted"),
        event(write, claims={**person, "uti": "a"}, caller="ann@example.com"),
        event(write, claims={**person, "uti": "b"}, caller="ann@example.com"),
        event(write, claims={}, caller="Bob@Example.com"),
        event(write, claims={}, caller=AGENT),
        event(write, claims={"appid": AGENT_APP, "xms_mirid": storage_account()}),
        event(write, claims={"name": "Ann Smith", "appid": AGENT_APP}),
        event(write, status="Failed", properties={"statusCode": "Forbidden", "statusMessage": DENIED}),
        event(write, status="Failed", properties={"statusMessage": DENIED}),
        event(write, status="Failed", properties={"statusMessage": '{"error":{"code":"RequestDisallowedByPolicy"}}'}),
        event(write, status="Failed", subStatus={"value": "Conflict (HTTP Status Code: 409)"}),
        event("Begin something", properties={"message": write}),
        event(write, category={"value": "Policy"}),
        event(write, category={"value": "ServiceHealth"}),
    ]  # fmt: skip
    rows = same(records, WINDOW, tmp_path)
    assert 11 == len(rows)
    assert 2 == max(row.count for row in rows if row.identity == PERSON)


def test_what_a_row_of_storage_depends_on_is_kept_apart(tmp_path):
    address = "https://agentdata.blob.core.windows.net/prompts/a.json?sp=r&sig=XX&skoid="
    queue = {"accountName": "agentdata", "objectKey": "/agentdata/jobs", "serviceType": "queue"}
    records = [
        blob_event(),
        blob_event(status=403, result="Denied"),
        blob_event(grant=number()),
        blob_event(caller=PERSON),
        key_blob_event("key1"),
        key_blob_event("key2"),
        blob_event(uri=f"{address}{AGENT}") | {"identity": {"type": "SAS"}},
        blob_event() | {"identity": {"type": "Anonymous"}},
        blob_event() | {"identity": {"type": "OAuth", "requester": {"upn": "Ann@example.com"}}},
        blob_event("PutBlob", time="2026-09-11T10:00:00Z"),
        blob_event() | {"properties": queue, "category": "StorageRead", "operationName": "PeekMessages"},
        blob_event() | {"properties": {"accountName": "agentdata", "serviceType": "blob"}},
        blob_event(statusText="AuthorizationFailure") | {"statusCode": None},
    ]  # fmt: skip
    assert 13 <= len(same(records, WINDOW, tmp_path))


@pytest.mark.parametrize("mode", ["resource-specific", "shared table"])
def test_what_a_row_of_a_service_depends_on_is_kept_apart(tmp_path, mode):
    person = {"identity": {"claim": {OBJECT_ID: PERSON, "appid": AGENT_APP, UPN: "ann@example.com"}}}
    records = [
        vault_event(),
        vault_event(properties={"id": f"{VAULT}/secrets/token/other-version", "httpStatusCode": 200}),
        vault_event(properties={"id": f"{VAULT}/keys/k/1", "httpStatusCode": 403}, resultSignature="Forbidden"),
        vault_event("KeySign", properties={"requestUri": f"{VAULT}/keys/k/sign?api-version=7", "httpStatusCode": 200}),
        vault_event("VaultGet", properties={"id": f"{VAULT}/", "httpStatusCode": 200}, **person),
        vault_event("Authentication", identity={}, properties={"httpStatusCode": 401}),
        cosmos(),
        cosmos(activityId=number(), statusCode="403"),
        cosmos(activityId=number(), aadPrincipalId="", aadAppliedRoleAssignmentId="", keyType="PrimaryMasterKey"),
        openai_event(),
        openai_event(caller=""),
        openai_event(resultSignature="401"),
        openai_event("ListKeys", category="Audit"),
    ]  # fmt: skip
    assert 10 <= len(same(records, WINDOW, tmp_path, mode))


LONG = "AAMkAGI2TG93AAA-x_" * 4
PATHS = (
    "users/ann@example.com/messages",
    "users/ann%40example.com/messages",
    "users('ann@example.com')/messages",
    f"applications(appId='{AGENT_APP}')/owners",
    f"me/messages/{LONG}=/attachments/{LONG}",
    "drives/b!x/root:/folder/a file 2026.docx:/content",
    f"drives/b!{LONG}/root:/folder",
    f"users/{PERSON}/drive/items/01ABC/workbook/worksheets('Sheet 1')/range(address='A1')",
    "oauth2PermissionGrants",
    "deviceManagement/microsoft.graph.getAssignmentFiltersStatusDetails",
    "users?$select=id,signInActivity&$filter=startswith(x,'secret-name')",
    "groups?%24expand=members",
    "sites/contoso.sharepoint.com:/sites/agents:/lists",
    "reports/getOffice365ActiveUserDetail(period='D7')",
)


def test_sign_ins_and_graph_calls_give_the_rows_of_the_files(tmp_path):
    graphs = "https://graph.microsoft.com"
    records = [
        sign_in_event(key=number()),
        sign_in_event(key=number(), resultType="7000215"),
        sign_in_event(category="ManagedIdentitySignInLogs"),
        sign_in_event(properties={"servicePrincipalId": AGENT, "federatedCredentialId": number(), "resourceId": number()}),
        sign_in_event(properties={"servicePrincipalId": AGENT, "agent": {"agentType": "agenticAppInstance", "agentSubjectParentId": PERSON}}),
        graph(),
        graph(uri=f"{graphs}/beta/users/{PERSON}/messages?$top=1"),
        graph(uri=f"{graphs}/v1.0/users/{AGENT}/messages?$top=2"),
        graph(uri=f"{graphs}//v1.0/drives/b!x/root/children/more/and/more"),
        graph(uri=f"{graphs}/v1.0/users('{PERSON}')/$ref"),
        graph(uri=f"{graphs}/v1.0"),
        *(graph(uri=f"{graphs}/v1.0/{path}") for path in PATHS),
        graph("POST", code=201),
        graph(code=403),
        graph(userId=PERSON),
    ]  # fmt: skip
    records[1]["properties"]["status"] = {"errorCode": 7000215}
    assert 24 <= len(same(records, WINDOW, tmp_path))


def test_many_blobs_of_a_container_are_one_group_and_copies_count_once(tmp_path):
    records = [
        blob_event(uri=f"https://x/{n}", time=f"2026-09-10T10:00:{n:02}.5Z")
        | {"properties": {"accountName": "agentdata", "objectKey": f"/agentdata/prompts/{n}", "serviceType": "blob"}}
        for n in range(50)
    ]  # fmt: skip
    groups, found = pushed([*records, *records], WINDOW)
    assert [50] == [group.calls for group in groups]
    assert told(from_files([*records, *records], WINDOW, tmp_path).rows) == told(found.rows)


def test_an_event_without_an_id_is_never_a_copy(tmp_path):
    one = blob_event() | {"correlationId": ""}
    assert [2] == [row.count for row in same([one, one], WINDOW, tmp_path)]


def test_the_window_bounds_what_counts(tmp_path):
    times = (
        "2026-07-31T23:59:59.999Z",
        "2026-08-01T00:00:00Z",
        "2026-10-31T23:59:59.9Z",
        "2026-11-01T00:00:00Z",
    )
    records = [blob_event(time=time) for time in times]
    _, found = pushed(records, WINDOW)
    assert told(from_files(records, WINDOW, tmp_path).rows) == told(found.rows)
    assert 2 == sum(row.count for row in found.rows)


def test_what_stands_past_the_columns_of_the_shared_table_is_told():
    workspace = Workspace()
    row = {"TimeGenerated": "2026-09-10T10:00:00Z", "OperationName": "SecretGet", "Category": "AuditEvent"}
    workspace.fill("AzureDiagnostics", [row, row | {"AdditionalFields": {"identity_claim_oid": AGENT}}])
    found = workspace.ask(query_text("AzureDiagnostics", workspace.columns["AzureDiagnostics"], WINDOW))
    assert ["", "1"] == sorted(one["overflow"] for one in found)


def test_only_what_is_needed_comes_back():
    """Names, addresses and tokens beside the caller stay in the workspace."""
    secret = event("Microsoft.X/y/write", httpRequest={"clientIpAddress": "10.1.2.3"})
    secret["claims"] |= {"ipaddr": "10.1.2.3", "uti": "token-id", "groups": GROUP}
    groups, _ = pushed(
        [secret, blob_event(callerIpAddress="10.1.2.3:1"), vault_event(callerIpAddress="10.1.2.3")], WINDOW
    )
    assert [] == [word for word in ("10.1.2.3", "token-id", GROUP) if word in json.dumps([*map(str, groups)])]


def test_no_part_of_graph_looks_like_an_id():
    """What the query folds into an id is none of the words that the reader would have kept."""
    words = _table().words
    assert [] == [one for one in words if "@" in one or re.search(r"[0-9=!_-][^/():'%$]{47,}$", one)]


def test_no_other_text_is_its_own():
    text = query_text("StorageBlobLogs", [], WINDOW)
    assert is_own(text)
    assert is_own(usage_text(known_tables(), WINDOW))
    for other in (
        text + "| take 1",
        text.replace("StorageBlobLogs", "SalaryLogs"),
        text.replace("RequesterUpn", "UserAgentHeader"),
        usage_text(["SalaryLogs"], WINDOW),
        query_text("AzureDiagnostics", ["properties_s"], WINDOW).replace("tostring(properties_s)", "tostring(secret_s)"),
        "StorageBlobLogs | take 10",
    ):  # fmt: skip
        assert not is_own(other)
