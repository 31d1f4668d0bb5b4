"""Live collection gives the raw records that exports give, whole, and says what it could not read."""

import json
from dataclasses import replace

import pytest

from connectors.azure.connector import CONNECTOR
from connectors.facts import Window
from connectors.interface import Patterns, Status
from tests.connectors.azure.harness import WINDOW, held
from tests.connectors.azure.live.conftest import NOW
from tests.connectors.azure.live.tenant import AUTHORIZATION, RUNNER_ID, fill
from tests.connectors.azure.synthetic import AGENT, GROUP, OTHER_SUB, SUB, event, storage_account


def test_every_part_of_a_tenant_is_read(tenant, source, gather):
    found = gather(source())
    assert {} == {part: one.reason for part, one in found.outcomes.items() if one.status is not Status.OK}
    assert {part: one.records for part, one in found.outcomes.items()} == {
        "activity_logs": 1,
        "agent_identities": 1,
        "app_role_assignments": 1,
        "applications": 1,
        "classic_administrators": 1,
        "cosmos_role_assignments": 1,
        "cosmos_role_definitions": 1,
        "credential_activity": 1,
        "delegated_grants": 1,
        "deny_assignments": 2,
        "diagnostic_settings": 9,
        "directory_roles": 2,
        "group_members": 1,
        "provider_operations": 1,
        "resources": 21,
        "role_assignment_schedules": 1,
        "role_assignments": 5,
        "role_definitions": 4,
        "role_eligibility_schedules": 1,
        "service_principals": 6,
        "sign_in_logs": 1,
        "tenant_diagnostic_settings": 0,
    }


def test_live_records_are_interpreted_like_exported_ones(tenant, source, gather):
    found = gather(source())
    facts = CONNECTOR.interpret([found.evidence], WINDOW, Patterns())
    assert "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action" in held(
        facts, AGENT
    )
    # A condition that the SDK's own version would have dropped.
    (manager,) = [one for one in facts.grants if one.name == "Foundry Project Manager"]
    assert manager.undecided
    assert "RoleDefinitionId" in manager.conditions
    # Membership of a group, which makes its owner.
    assert [True] == [one.shared for one in facts.grants if (one.identity, one.name) == (AGENT, "Owner")]
    # The same principal, written without dashes in the assignment.
    assert "managed-identity" == next(one.kind for one in facts.identities if one.id == RUNNER_ID)
    assert [row.permission for row in facts.usage] == ["Microsoft.Storage/storageAccounts/write"]
    assert any("audit deny only audits" in caveat.what for caveat in facts.caveats)


def test_what_is_asked_for_apart_completes_a_principal(tenant, source, gather):
    """The list of all leaves out owners and the roles of APIs, which are read one by one."""
    facts = CONNECTOR.interpret([gather(source()).evidence], WINDOW, Patterns())
    assert "Microsoft.Graph/appRoles/Mail.Read" in held(facts, AGENT)
    assert "ada@example.com" == next(one.owner for one in facts.identities if one.id == AGENT)


def test_versions_asked_for_keep_conditions_and_effects(tenant, source, gather):
    gather(source())
    asked = {
        path.rsplit("/", 1)[-1]: version for path, version in tenant.versions.items() if AUTHORIZATION in path
    }
    assert "2022-05-01-preview" == asked["roleDefinitions"]
    assert "2024-07-01-preview" == asked["denyAssignments"]


def test_a_cloud_that_knows_no_newer_version_is_asked_with_the_older(tenant, source, gather):
    tenant.refuse_once(f"{AUTHORIZATION}/denyAssignments", 400, "InvalidApiVersionParameter")
    found = gather(source())
    assert (Status.OK, 2) == (
        found.outcomes["deny_assignments"].status,
        found.outcomes["deny_assignments"].records,
    )
    assert "2022-04-01" == tenant.versions[f"{AUTHORIZATION}/denyAssignments"]


def test_pages_are_followed_at_the_configured_address_only(tenant, source, gather):
    """A next page on another host would be shown the token: it is asked for where the list began."""
    tenant.next_host = "http://127.0.0.1:9"
    found = gather(source())
    assert 5 == len(found.records("role_assignments"))
    assert 3 == len(found.records("group_members")[0]["transitiveMembers"])


def test_a_next_page_that_leads_back_ends_the_list(tenant, source, gather):
    path = "/v1.0/oauth2PermissionGrants"
    tenant.answer(path, lambda *_: {"value": [{"id": "1"}], "@odata.nextLink": f"{tenant.url}{path}?x=1"})
    found = gather(source())
    assert Status.PARTIAL is found.outcomes["delegated_grants"].status
    assert "read already" in found.reason("delegated_grants")


def test_secrets_in_answers_are_not_stored(tenant, source, gather):
    found = gather(source())
    stored = json.dumps([found.records(part) for part in found.outcomes])
    assert "planted-secret" not in stored
    assert "OPENAI_KEY" in stored


def test_an_app_that_is_connected_to_a_model_is_found_without_its_settings(tenant, source, gather):
    """The settings of an app are only handed out with their values: nothing asks for them."""
    facts = CONNECTOR.interpret([gather(source()).evidence], WINDOW, Patterns())
    (runner,) = [one for one in facts.identities if one.id == RUNNER_ID]
    assert any(one.value.startswith("connection to Azure AI services account") for one in runner.signals)
    assert not [path for method, path in tenant.requests if "config" in path or path.endswith("/list")]


def test_a_resource_without_diagnostic_settings_is_told_from_one_that_was_not_asked(tenant, source, gather):
    found = gather(source())
    place = f"{storage_account()}/blobServices/default/providers/Microsoft.Insights/diagnosticSettings"
    empty = [one["id"].lower() for one in found.records("diagnostic_settings") if one.get("value") == []]
    assert place.lower() in empty
    facts = CONNECTOR.interpret([found.evidence], WINDOW, Patterns())
    states = {
        row.state.value
        for row in facts.coverage
        if row.place == f"{storage_account()}/blobServices/default".lower()
    }
    assert states == {"off"}


def test_subscriptions_of_a_management_group_are_read_with_the_group_itself(tenant, source, gather):
    group = "/providers/Microsoft.Management/managementGroups/ai"
    tenant.give(
        f"{group}/descendants",
        [
            {
                "id": f"/subscriptions/{SUB}",
                "name": SUB,
                "type": "Microsoft.Management/managementGroups/subscriptions",
            }
        ],
    )
    tenant.give(f"{group}/providers/Microsoft.Authorization/roleAssignments", [])
    tenant.give(f"{group}/providers/Microsoft.Authorization/roleDefinitions", [])
    found = gather(source(management_group="ai"))
    assert [SUB] == found.reached.subscriptions
    assert 2 == len(found.records("management_groups"))
    assert ("GET", f"{group}/providers/Microsoft.Authorization/roleAssignments") in tenant.requests


def test_listed_subscriptions_are_read_in_either_spelling(tenant, source, gather):
    found = gather(source(subscriptions=[SUB.replace("-", "").upper()]))
    assert [SUB] == found.reached.subscriptions
    assert ("GET", "/subscriptions") not in tenant.requests


def test_resources_come_from_resource_manager_where_resource_graph_does_not_answer(tenant, source, gather):
    tenant.refuse("/providers/Microsoft.ResourceGraph/resources", 403, "AuthorizationFailed")
    tenant.give(
        f"/subscriptions/{SUB}/resources",
        [{"id": storage_account(), "type": "Microsoft.Storage/storageAccounts"}],
    )
    found = gather(source())
    assert Status.PARTIAL is found.outcomes["resources"].status
    assert ("GET", f"/subscriptions/{SUB}/resources") in tenant.requests
    assert any(one["id"].endswith("/projects/pilot") for one in found.records("resources"))


def test_resource_graph_that_returns_fewer_than_it_counted_is_partial(tenant, source, gather):
    answer = {"totalRecords": 3, "count": 1, "data": [{"id": storage_account(), "type": "x"}]}
    tenant.answer("/providers/Microsoft.ResourceGraph/resources", lambda *_: answer)
    found = gather(source())
    assert "returned 1 of 3" in found.reason("resources")


def test_the_activity_log_is_read_in_slices_and_counts_an_event_once(tenant, source, gather):
    path = f"/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values"
    events = [
        event("Microsoft.Storage/storageAccounts/delete", time=f"2026-09-1{n}T10:00:00Z") for n in range(5)
    ]
    tenant.give_events(path, events)
    found = gather(source())
    (row,) = [row for row in found.evidence.log_files() if row.path == f"activity-log/{SUB}.jsonl"]
    assert "ok" == row.status
    facts = CONNECTOR.interpret([found.evidence], WINDOW, Patterns())
    assert [5] == [use.count for use in facts.usage]


def test_a_second_scan_asks_the_activity_log_for_the_last_days_only(tenant, source, gather, tmp_path):
    """Microsoft names 3 to 20 minutes and guarantees nothing: three days are asked for again."""
    path = f"/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values"
    events = [
        event("Microsoft.Storage/storageAccounts/delete", time=f"2026-09-1{n}T10:00:00Z") for n in range(5)
    ]
    asked = []

    def give(query, _):
        start, end = query["$filter"][0].split("'")[1::2]
        asked.append((start, end))
        return {"value": [one for one in events if start <= one["eventTimestamp"] <= end]}

    tenant.answer(path, give)
    configured = replace(source(), state=tmp_path / "state.sqlite")
    reads = []
    for one in (configured, configured, source()):
        asked.clear()
        found = gather(one)
        reads.append((list(found.evidence.usage()), found.evidence.presence(), found.evidence.log_files()))
        if len(reads) == 2:
            # The day of which the service has forgotten a part is asked for again, too.
            assert ("2026-10-29T00:00:00Z", "2026-11-01T00:00:00Z") == asked[1]
            assert ("2026-08-03T00:05:00Z", "2026-08-04T00:00:00Z") == asked[0]
            assert 2 == len(asked)
    assert reads[0] == reads[1] == reads[2]


def test_the_activity_log_is_left_out_when_files_or_the_config_say_so(tenant, source, gather):
    found = gather(source(activity_log="false"))
    assert "activity_logs" not in found.outcomes


def test_an_activity_log_that_breaks_off_leaves_nothing_of_its_subscription_unused(tenant, source, gather):
    path = f"/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values"
    seen = []

    def give(query, _):
        seen.append(query)
        if len(seen) > 2:
            return {"value": "not a list"}
        return {"value": [event("Microsoft.Storage/storageAccounts/write", scope=storage_account())]}

    tenant.answer(path, give)
    found = gather(source())
    assert Status.PARTIAL is found.outcomes["activity_logs"].status
    (file,) = [row for row in found.evidence.log_files() if SUB in row.path]
    assert (file.status, file.lost) == ("partial", True)


@pytest.mark.parametrize("days", [400])
def test_no_more_than_90_days_are_asked_for(tenant, source, gather, days):
    asked = []
    path = f"/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values"
    tenant.answer(path, lambda query, _: asked.append(query["$filter"][0]) or {"value": []})
    gather(source(), Window(NOW.replace(year=2025), NOW))
    assert min(asked).startswith("eventTimestamp ge '2026-08-03")


def test_members_of_groups_are_stored_with_their_group(tenant, source, gather):
    (group,) = gather(source()).records("group_members")
    assert (GROUP, 3) == (group["id"], len(group["transitiveMembers"]))


def test_a_second_subscription_is_read_too(tenant, source, gather):
    fill(tenant)
    other = f"/subscriptions/{OTHER_SUB}/providers/Microsoft.Authorization/roleAssignments"
    tenant.give(other, [])
    found = gather(source(subscriptions=[SUB, OTHER_SUB]))
    assert ("GET", other) in tenant.requests
    assert Status.PARTIAL is found.outcomes["role_definitions"].status
