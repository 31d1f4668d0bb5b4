"""What the logs could not have shown is never unused, and each reason names what would show it."""

import pytest

from connectors.facts import CoverageState
from tests.connectors.azure.harness import blind, held, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    BLOB_READER,
    CUSTOM,
    OTHER_SUB,
    PERSON,
    READER,
    SUB,
    ai_account,
    assignment,
    blob_event,
    event,
    key_blob_event,
    number,
    openai_event,
    role,
    setting,
    storage_account,
    subscription,
    vault_event,
)

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
CHAT = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"


def scene(desk, *logs, scope="", **lists):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, scope)])
    desk.put("role_definitions", [role(CUSTOM, "R", **lists)])
    if logs:
        desk.put("activity_logs", list(logs))


def test_a_write_that_would_have_been_logged_is_unused(desk):
    scene(
        desk,
        event("Microsoft.Other/z/write", PERSON),
        actions=["Microsoft.X/y/write", "Microsoft.X/y/delete"],
    )
    assert unused(desk.facts(), AGENT) == ["Microsoft.X/y/delete", "Microsoft.X/y/write"]


def test_control_plane_reads_are_never_observable(desk):
    """Domain note 15.4: a Reader-only workload is unobservable, not unused."""
    scene(desk, event("Microsoft.Other/z/write", PERSON), actions=["Microsoft.X/y/read", "*/read"])
    facts = desk.facts()
    assert unused(facts, AGENT) == []
    assert blind(facts, AGENT)["Microsoft.X/y/read"] == "control-plane-reads-not-logged"


def test_without_a_record_of_the_subscription_everything_is_hidden(desk):
    scene(desk, actions=["Microsoft.X/y/write"])
    desk.put("activity_logs", [event("Microsoft.X/y/write", PERSON, scope=subscription(OTHER_SUB))])
    assert blind(desk.facts(), AGENT) == {"Microsoft.X/y/write": "no-logs-for-account"}


def test_records_outside_the_window_show_nothing(desk):
    scene(
        desk,
        event("Microsoft.X/y/write", PERSON, time="2025-01-01T00:00:00Z"),
        actions=["Microsoft.X/y/write"],
    )
    assert blind(desk.facts(), AGENT) == {"Microsoft.X/y/write": "no-logs-for-account"}


def test_other_categories_do_not_show_that_calls_were_logged(desk):
    policy = event("Microsoft.Authorization/policies/audit/action", PERSON) | {
        "category": {"value": "Policy"}
    }
    scene(desk, policy, actions=["Microsoft.X/y/write"])
    assert blind(desk.facts(), AGENT) == {"Microsoft.X/y/write": "no-logs-for-account"}


def test_one_subscription_without_logs_hides_what_is_granted_there_too(desk):
    desk.put(
        "role_assignments", [assignment(AGENT, CUSTOM), assignment(AGENT, CUSTOM, subscription(OTHER_SUB))]
    )
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    desk.put("activity_logs", [event("Microsoft.Other/z/write", PERSON)])
    assert unused(desk.facts(), AGENT) == []


@pytest.mark.parametrize("scope", ["/", "/providers/Microsoft.Management/managementGroups/all"])
def test_a_grant_above_subscriptions_is_seen_only_when_all_of_them_are_listed_and_logged(desk, scope):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=scope, actions=["Microsoft.X/y/write"])
    assert blind(desk.facts(), AGENT) == {"Microsoft.X/y/write": "subscriptions-not-listed"}
    listed = {"id": subscription(), "type": "microsoft.resources/subscriptions", "name": "pilot"}
    desk.put("resources", {"data": [listed], "count": 1})
    assert unused(desk.facts(), AGENT) == ["Microsoft.X/y/write"]
    desk.put("resources", {"data": [listed, listed | {"id": subscription(OTHER_SUB)}], "count": 2})
    assert unused(desk.facts(), AGENT) == []


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("Microsoft.Network/virtualNetworks/subnets/join/action", "checked-inside-another-call"),
        ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", "checked-inside-another-call"),
        (
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action",
            "not-through-resource-manager",
        ),
        ("Microsoft.ContainerRegistry/registries/push/write", "not-through-resource-manager"),
        ("Microsoft.X/*", "wildcard-not-expanded"),
    ],
)
def test_operations_that_leave_no_record_of_their_own_are_hidden(desk, operation, code):
    scene(desk, event("Microsoft.Other/z/write", PERSON), actions=[operation])
    assert blind(desk.facts(), AGENT)[operation] == code


@pytest.mark.parametrize("what", ["deployments/audio", "deployments/realtime", "images/generations"])
def test_calls_of_openai_that_no_source_calls_logged_are_never_unused(desk, what):
    operation = f"Microsoft.CognitiveServices/accounts/OpenAI/{what}/action"
    scene(desk, event("Microsoft.Other/z/write", PERSON), dataActions=[operation])
    assert blind(desk.facts(), AGENT)[operation] == "not-known-to-be-logged"


def test_data_actions_are_hidden_until_the_evidence_says_the_log_is_on(desk):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[READ, WRITE])
    facts = desk.facts()
    assert set(blind(facts, AGENT).values()) == {"diagnostic-setting-unknown"}
    (fix,) = {one.fix for one in facts.entitlements[AGENT].blind if "StorageRead" in one.fix}
    assert "az monitor diagnostic-settings create" in fix


def test_a_category_that_is_on_shows_unused_data_actions(desk):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[READ, WRITE])
    desk.put("diagnostic_settings", [setting(f"{storage_account()}/blobServices/default", "StorageRead")])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON)], lines=True)
    facts = desk.facts()
    assert unused(facts, AGENT) == [READ]
    assert blind(facts, AGENT) == {WRITE: "diagnostic-setting-off"}


def test_a_setting_without_its_records_shows_nothing(desk):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[READ])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    assert blind(desk.facts(), AGENT) == {READ: "resource-logs-missing"}


def test_a_setting_changed_inside_the_window_shows_nothing(desk):
    target = f"{storage_account()}/blobServices/default"
    changed = event(
        "Microsoft.Insights/diagnosticSettings/write",
        PERSON,
        scope=f"{target}/providers/Microsoft.Insights/diagnosticSettings/all",
    )
    scene(desk, changed, scope=storage_account(), dataActions=[READ])
    desk.put("diagnostic_settings", [setting(target, group="allLogs")])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON)])
    assert blind(desk.facts(), AGENT) == {READ: "diagnostic-setting-new"}


def test_every_account_below_the_scope_must_be_logged(desk):
    scene(desk, event("Microsoft.Other/z/write", PERSON), dataActions=[READ])
    accounts = [storage_account("agentdata"), storage_account("silent")]
    kind = "Microsoft.Storage/storageAccounts"
    desk.put("resources", [{"id": one, "type": kind, "name": one.rsplit("/", 1)[-1]} for one in accounts])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON)])
    desk.put("diagnostic_settings", [setting(accounts[0], group="allLogs")])
    assert unused(desk.facts(), AGENT) == []
    desk.put("diagnostic_settings", [setting(one, group="allLogs") for one in accounts])
    assert blind(desk.facts(), AGENT) == {READ: "resource-logs-missing"}
    other = blob_event("GetBlob", PERSON, resourceId=f"{accounts[1]}/blobServices/default")
    desk.put("resource_logs", [blob_event("GetBlob", PERSON), other])
    assert unused(desk.facts(), AGENT) == [READ]


@pytest.mark.parametrize(
    "operation", ["containers/write", "containers/delete", "generateUserDelegationKey/action"]
)
def test_control_actions_that_the_blob_endpoint_answers_need_its_log_too(desk, operation):
    """Creating a container with a data-plane call leaves no Activity Log record."""
    action = f"Microsoft.Storage/storageAccounts/blobServices/{operation}"
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), actions=[action])
    assert blind(desk.facts(), AGENT) == {action: "diagnostic-setting-unknown"}
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    records = [blob_event(name, PERSON) for name in ("GetBlob", "PutBlob", "DeleteBlob")]
    desk.put("resource_logs", records)
    assert unused(desk.facts(), AGENT) == [action]


def test_a_right_that_only_widens_other_data_calls_is_never_unused(desk):
    action = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/runAsSuperUser/action"
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[action])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", [blob_event("PutBlob", PERSON), blob_event("DeleteBlob", PERSON)])
    assert blind(desk.facts(), AGENT) == {action: "checked-inside-another-call"}


def test_openai_is_seen_with_request_response_on_and_other_ai_services_never(desk):
    vision = "Microsoft.CognitiveServices/accounts/ComputerVision/analyze/action"
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=ai_account(), dataActions=[CHAT, vision])
    desk.put("diagnostic_settings", [setting(ai_account(), "RequestResponse")])
    desk.put("resource_logs", [openai_event(caller=PERSON)])
    facts = desk.facts()
    assert unused(facts, AGENT) == [CHAT]
    assert blind(facts, AGENT) == {vision: "caller-not-logged"}


def test_the_audit_group_does_not_record_openai_calls(desk):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=ai_account(), dataActions=[CHAT])
    desk.put("diagnostic_settings", [setting(ai_account(), group="audit")])
    desk.put("resource_logs", [openai_event(caller=PERSON)])
    assert blind(desk.facts(), AGENT) == {CHAT: "diagnostic-setting-off"}


def test_a_read_with_an_account_key_leaves_the_grant_unused(desk):
    """Domain note 15.5: key1 used; the OAuth grant stays unused and observable."""
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[READ])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", [key_blob_event(), key_blob_event(time="2026-09-11T10:00:00Z")])
    facts = desk.facts()
    assert unused(facts, AGENT) == [READ]
    assert facts.unattributed == {"account-key": 2}
    assert any(caveat.what == "key1 was used 2 times, last 2026-09-11T10:00:00Z" for caveat in facts.caveats)


def test_an_operation_nobody_can_map_hides_its_service_from_its_caller(desk):
    secret = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    vault = vault_event()["resourceId"]
    desk.put(
        "role_assignments", [assignment(AGENT, CUSTOM, vault), assignment(PERSON, CUSTOM, vault, kind="User")]
    )
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[secret])])
    desk.put("diagnostic_settings", [setting(vault, group="audit")])
    desk.put("resource_logs", [vault_event("SecretDance"), vault_event("KeyList", PERSON)])
    facts = desk.facts()
    assert blind(facts, AGENT) == {secret: "unmapped-operation"}
    assert unused(facts, PERSON) == [secret]
    assert [(one.source, one.operation, one.count) for one in facts.unmapped] == [
        ("microsoft.keyvault:auditevent", "secretdance", 1)
    ]


def test_coverage_names_each_subscription_and_how_to_export_it(desk):
    desk.put(
        "role_assignments", [assignment(AGENT, CUSTOM), assignment(AGENT, CUSTOM, subscription(OTHER_SUB))]
    )
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    desk.put(
        "activity_logs",
        [event("M.Y/z/write", PERSON, time=f"2026-{day}T00:00:00Z") for day in ("08-03", "10-30")],
    )
    states = {
        one.account: (one.state, one.fix)
        for one in desk.facts().coverage
        if one.log_class == "administrative"
    }
    assert states[SUB] == (CoverageState.ON, "")
    assert states[OTHER_SUB][0] is CoverageState.UNKNOWN
    assert "az monitor activity-log list" in states[OTHER_SUB][1]


def test_a_log_that_begins_late_is_partial(desk):
    scene(desk, event("M.Y/z/write", PERSON, time="2026-10-20T00:00:00Z"), actions=["Microsoft.X/y/write"])
    (one,) = [one for one in desk.facts().coverage if one.log_class == "administrative"]
    assert (one.state, one.since) == (CoverageState.PARTIAL, "2026-10-20T00:00:00Z")


def test_a_reader_of_the_subscription_is_unobservable_as_a_whole(desk, built_in_roles):
    desk.put("role_assignments", [assignment(AGENT, READER), assignment(AGENT, BLOB_READER)])
    desk.put("role_definitions", built_in_roles)
    desk.put("activity_logs", [event("Microsoft.Other/z/write", PERSON)])
    facts = desk.facts()
    assert len(held(facts, AGENT)) > 1000
    assert unused(facts, AGENT) == []


def test_coverage_of_data_logs_is_said_where_somebody_holds_what_they_record(desk):
    scene(desk, event("M.Y/z/write", PERSON), scope=storage_account(), dataActions=[READ])
    kind = "Microsoft.Storage/storageAccounts"
    desk.put(
        "resources", [{"id": storage_account(), "type": kind}, {"id": storage_account("other"), "type": kind}]
    )
    desk.put("diagnostic_settings", [setting(storage_account(), group="audit")])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON), blob_event("PutBlob", PERSON)])
    found = {
        (one.place.split("/")[8], one.log_class): (one.state, one.since[:10], bool(one.fix))
        for one in desk.facts().coverage
        if one.log_class != "administrative"
    }
    assert found == {
        ("agentdata", "storageread"): (CoverageState.ON, "2026-09-10", False),
        ("agentdata", "storagewrite"): (CoverageState.PARTIAL, "2026-09-10", False),
        ("other", "storageread"): (CoverageState.UNKNOWN, "", True),
    }


def test_a_statement_about_use_holds_for_the_shortest_log_that_backs_it(desk):
    """A Storage log over the whole window says nothing of the writes that the Activity Log shows."""
    write = "Microsoft.Storage/storageAccounts/write"
    account = storage_account()
    setting = f"{account}/blobServices/default/providers/microsoft.insights/diagnosticSettings/all"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, account)])
    desk.put("role_definitions", [role(CUSTOM, "Writer", actions=[write], dataActions=[READ])])
    desk.put(
        "diagnostic_settings",
        [{"id": setting, "properties": {"logs": [{"categoryGroup": "allLogs", "enabled": True}]}}],
    )
    ends = ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")
    desk.put("resource_logs", [blob_event(time=at, caller=number("9")) for at in ends])
    quiet = ("2026-08-20T10:00:00Z", "2026-09-10T10:00:00Z", "2026-10-15T10:00:00Z")
    desk.put("activity_logs", [event("Microsoft.X/y/write", number("9"), time=at) for at in quiet])
    facts = desk.facts()
    assert ["2026-08-20", "2026-10-15"] == [
        f"{at:%Y-%m-%d}" for at in (facts.watched[AGENT].start, facts.watched[AGENT].end)
    ]
    desk.put("role_definitions", [role(CUSTOM, "Reader", dataActions=[READ])])
    facts = desk.facts()
    assert ["2026-08-02", "2026-10-30"] == [
        f"{at:%Y-%m-%d}" for at in (facts.watched[AGENT].start, facts.watched[AGENT].end)
    ]


def test_coverage_says_whether_a_subscription_keeps_its_activity_log(desk):
    place = f"{subscription()}/providers/microsoft.insights/diagnosticSettings/all"
    scene(desk, event("Microsoft.X/y/write"), actions=["Microsoft.X/y/write"])
    logs = [{"category": "Administrative", "enabled": True}]
    desk.put("diagnostic_settings", [{"id": place, "properties": {"logs": logs}}])
    (row,) = [one for one in desk.facts().coverage if one.log_class == "administrative"]
    assert "exports it" in row.reason
    desk.put("diagnostic_settings", [{"id": place, "properties": {"logs": []}}])
    (row,) = [one for one in desk.facts().coverage if one.log_class == "administrative"]
    assert "forgets it after 90 days" in row.reason


def test_coverage_says_which_sign_ins_the_tenant_exports(desk):
    scene(desk, event("Microsoft.X/y/write"), actions=["Microsoft.X/y/write"])
    logs = [{"category": "ServicePrincipalSignInLogs", "enabled": True}]
    setting = {"id": "/providers/microsoft.aadiam/diagnosticSettings/x", "properties": {"logs": logs}}
    desk.put("tenant_diagnostic_settings", [setting])
    states = {one.log_class: one.state for one in desk.facts().coverage if one.account == "tenant"}
    assert states == {
        "service-principal-sign-ins": CoverageState.ON,
        "managed-identity-sign-ins": CoverageState.OFF,
        "microsoftgraphactivitylogs": CoverageState.OFF,
    }


@pytest.mark.parametrize("category", ["AmlComputeJobEvent", "OperationLogs"])
def test_logs_without_a_caller_are_read_and_claim_nothing(desk, category):
    """Azure ML and AI Search do not say who called (domain note 7)."""
    record = {
        "time": "2026-09-10T10:00:00Z",
        "category": category,
        "operationName": "Score",
        "resourceId": f"{subscription()}/resourceGroups/a/providers/Microsoft.MachineLearningServices/workspaces/w",
        "correlationId": number("b"),
        "properties": {"path": "/score", "responseCode": 200},
    }
    scene(desk, event("Microsoft.X/y/write"), actions=["Microsoft.X/y/write"])
    desk.put("resource_logs", [record])
    facts = desk.facts()
    assert "Score".lower() in {one.operation for one in facts.unmapped}
    assert 1 == sum(facts.unattributed.values())


def test_what_a_call_checks_on_what_it_refers_to_may_have_been_used(desk):
    """A diagnostic setting needs the keys of the event hub and the workspace it sends to."""
    write, keys = (
        "Microsoft.Insights/diagnosticSettings/write",
        "Microsoft.Storage/storageAccounts/listKeys/action",
    )
    shared = "Microsoft.OperationalInsights/workspaces/sharedKeys/action"
    actions = [write, keys, shared, "Microsoft.Storage/storageAccounts/delete"]
    scene(desk, event(write.upper(), AGENT), actions=actions)
    facts = desk.facts()
    assert unused(facts, AGENT) == ["Microsoft.Storage/storageAccounts/delete"]
    assert {blind(facts, AGENT)[name] for name in (keys, shared)} == {"checked-within"}


def test_a_refused_call_checks_nothing_else(desk):
    write, begin = "Microsoft.Compute/disks/write", "Microsoft.Compute/disks/beginGetAccess/action"
    scene(
        desk, event(write, AGENT, status="Failed", subStatus={"value": "Forbidden"}), actions=[write, begin]
    )
    assert unused(desk.facts(), AGENT) == [begin]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("Microsoft.Network/virtualNetworks/peer/action", "checked-inside-another-call"),
        ("Microsoft.App/sessionPools/sessions/generatesessions/action", "not-through-resource-manager"),
        ("Microsoft.Search/searchServices/knowledgeBases/write", "not-through-resource-manager"),
        ("Microsoft.Web/sites/slots/publish/Action", "not-through-resource-manager"),
        ("Microsoft.CognitiveServices/checkDomainAvailability/action", "not-known-to-be-logged"),
        ("Microsoft.Storage/storageAccounts/queueServices/generateUserDelegationKey/action", "diagnostic-setting-unknown"),
        ("Microsoft.Storage/storageAccounts/tableServices/generateUserDelegationKey/action", "diagnostic-setting-unknown"),
    ],
)  # fmt: skip
def test_actions_that_the_activity_log_does_not_show(desk, action, code):
    other = "Microsoft.Web/sites/delete"
    scene(desk, event("Microsoft.Other/z/write", PERSON), actions=[action, other])
    facts = desk.facts()
    assert unused(facts, AGENT) == [other]
    assert blind(facts, AGENT)[action] == code


@pytest.mark.parametrize(
    ("destination", "seen"),
    [
        ({"workspaceId": "/w"}, True),
        ({"eventHubAuthorizationRuleId": "/h", "eventHubName": "logs"}, True),
        ({"eventHubAuthorizationRuleId": "/h"}, False),
        ({"storageAccountId": "/s"}, False),
        ({"storageAccountId": "/s", "workspaceId": "/w"}, False),
        ({}, False),
    ],
)
def test_a_workspace_keeps_all_categories_together_a_storage_account_each_for_itself(desk, destination, seen):
    scene(desk, event("Microsoft.Other/z/write", PERSON), scope=storage_account(), dataActions=[READ, WRITE])
    target = f"{storage_account()}/blobServices/default"
    desk.put("diagnostic_settings", [{**setting(target, "StorageRead", "StorageWrite"), **destination}])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON)])
    facts = desk.facts()
    assert blind(facts, AGENT) == ({} if seen else {WRITE: "resource-logs-missing"})
