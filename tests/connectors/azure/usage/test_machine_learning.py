"""Logs of Azure ML name callers in some records; logs of AI Search and Foundry agents name none."""

import json

import pytest

from connectors.azure.catalog.tables import catalogue
from tests.connectors.azure.harness import blind, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    CUSTOM,
    SUB,
    ai_account,
    assignment,
    event,
    number,
    role,
    setting,
)
from tests.connectors.azure.usage.test_resource_logs import fold, row

ML = "Microsoft.MachineLearningServices"
PLACE = f"/subscriptions/{SUB}/resourceGroups/agents/providers/{ML}/workspaces/lab"
SEARCH = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.Search/searchServices/find"
READ, SCORE = f"{ML}/workspaces/datasets/registered/read", f"{ML}/workspaces/onlineEndpoints/score/action"


def ml_event(category, operation, **columns):
    return {
        "time": "2026-09-10T10:00:00Z",
        "resourceId": PLACE.upper(),
        "category": category,
        "operationName": operation,
        "correlationId": number("b"),
        "resultSignature": "200",
        "properties": {},
        **columns,
    }


@pytest.mark.parametrize(
    ("identity", "found"),
    [
        ({"UserObjectId": AGENT, "UserName": "pilot-agent"}, (AGENT, "unknown")),
        (json.dumps({"UserObjectId": AGENT}), (AGENT, "unknown")),
        ({"ApplicationId": AGENT_APP}, (f"app:{AGENT_APP}", "app")),
        ({"UserName": "Ann@Example.com"}, ("user:ann@example.com", "user")),
        ({"UserName": "Ann Smith"}, ("", "machine-learning")),
        (AGENT, (AGENT, "app")),
        (None, ("", "machine-learning")),
    ],
)
def test_who_used_an_asset_is_whom_the_record_names(identity, found):
    one = row(ml_event("DataSetReadEvent", READ.upper(), identity=identity))
    assert (one.identity, one.identity_type) == found
    assert (one.permission.lower(), one.outcome, one.resource) == (READ.lower(), "allowed", PLACE.lower())


def test_a_row_of_a_table_is_read_like_the_exported_record():
    shared = {
        "TimeGenerated": "2026-09-10T10:00:00Z",
        "_ResourceId": PLACE.lower(),
        "Type": "AmlDataSetEvent",
    }
    held = {
        "OperationName": READ.upper(),
        "Identity": json.dumps({"UserObjectId": AGENT}),
        "ResultSignature": "403",
    }
    one = row(shared | held)
    assert (one.identity, one.permission.lower(), one.outcome) == (AGENT, READ.lower(), "denied")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"AuthType": "AADToken", "IdentityData": AGENT, "ResponseCode": 200}, (AGENT, "unknown", "allowed")),
        ({"AuthType": "AADToken", "IdentityData": AGENT, "ResponseCode": 403}, (AGENT, "unknown", "denied")),
        ({"AuthType": "Key", "IdentityData": "", "ResponseCode": 200}, ("", "key", "allowed")),
        ({"AuthType": "AMLToken", "ResponseCode": 200}, ("", "machine-learning", "allowed")),
    ],
)
def test_a_call_of_an_endpoint_is_a_score_whichever_shape_tells_it(told, found):
    exported = row(ml_event("AmlOnlineEndpointTrafficLog", "Inference", properties=told))
    table = {
        "TimeGenerated": "2026-09-10T10:00:00Z",
        "_ResourceId": PLACE.lower(),
        "OperationName": "Inference",
    }
    for one in (exported, row(table | told | {"Type": "AmlOnlineEndpointTrafficLog"})):
        assert (one.identity, one.identity_type, one.outcome) == found
        assert one.permission == SCORE


def test_the_assets_of_a_registry_are_read_by_whom_the_record_names():
    registry = f"/subscriptions/{SUB}/resourceGroups/agents/providers/{ML}/registries/shared"
    told = {"UserObjectId": AGENT, "RegistryResourceId": registry, "AssetName": "m"}
    one = row(ml_event("RegistryAssetReadEvent", "", resourceId="", properties=told))
    assert (one.identity, one.permission, one.resource) == (
        AGENT,
        f"{ML}/registries/assets/read",
        registry.lower(),
    )


def test_samples_and_output_are_no_calls():
    for category in ("AmlComputeCpuGpuUtilization", "AmlOnlineEndpointConsoleLog"):
        assert list(fold(ml_event(category, "Sample")).keys) == []


def test_what_the_logs_show_is_used_and_what_they_leave_out_stays_open(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put(
        "role_definitions",
        [role(CUSTOM, "Scientist", actions=[f"{ML}/workspaces/*/read", f"{ML}/workspaces/models/write"])],
    )
    desk.put(
        "activity_logs",
        [event("Microsoft.X/y/write", time=f"2026-{day}T10:00:00Z") for day in ("08-02", "10-30")],
    )
    desk.put("diagnostic_settings", [setting(PLACE, "DataSetReadEvent")])
    desk.put("resource_logs", [ml_event("DataSetReadEvent", READ.upper(), identity={"UserObjectId": AGENT})])
    facts = desk.facts()
    assert [one.permission.lower() for one in facts.usage if one.permission.startswith(ML)] == [READ.lower()]
    assert unused(facts, AGENT) == []
    assert blind(facts, AGENT)[f"{ML}/workspaces/models/write"] == "not-through-resource-manager"
    (why,) = [one for one in facts.entitlements[AGENT].blind if "Machine Learning" in one.reason]
    assert "AmlOnlineEndpointTrafficLog" in why.fix
    assert READ.lower() in [
        name.lower() for name in facts.permissions.names(facts.entitlements[AGENT].granted)
    ]


def test_logs_that_name_no_caller_are_counted_by_kind_and_said(desk):
    query = "Microsoft.Search/searchServices/indexes/documents/read"
    agents = "Microsoft.CognitiveServices/accounts/AIServices/agents/read"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put(
        "role_definitions",
        [role(CUSTOM, "Agent", dataActions=[query, agents], actions=[f"{ML}/workspaces/jobs/read"])],
    )
    shared = {"time": "2026-09-10T10:00:00Z", "resultSignature": "200", "properties": {}}
    desk.put("resource_logs", [
        shared | {"resourceId": SEARCH, "category": "OperationLogs", "operationName": "Query.Search", "correlationId": number()},
        shared | {"resourceId": ai_account(), "category": "RequestResponse", "operationName": "Agents_Run", "correlationId": number()},
        ml_event("AmlComputeJobEvent", "JobSubmitted"),
    ])  # fmt: skip
    facts = desk.facts()
    assert facts.unattributed == {"ai-search": 1, "foundry": 1, "machine-learning": 1}
    assert unused(facts, AGENT) == []
    said = [one.what for one in facts.caveats if "name no caller" in one.what]
    assert len(said) == 3
    assert any("1 calls in the logs of Azure AI Search (OperationLogs)" in one for one in said)
    assert {one.operation for one in facts.unmapped} >= {"query.search", "agents_run"}


def test_names_of_logs_are_lower_case_and_each_stands_once():
    names = [name for log in catalogue("machine_learning")["log"] for name in log["names"]]
    assert len(names) == len(set(names)) == len([name for name in names if name == name.lower()])
