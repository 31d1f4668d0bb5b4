"""The table of requests is true: what is sent stands in it, it only reads, and nothing else can be sent."""

import json
import re

import pytest
from azure.core.pipeline import Pipeline, PipelineRequest
from azure.core.rest import HttpRequest

from connectors.azure.live.access import (
    ARM,
    GRAPH,
    LOG_ANALYTICS,
    access_table,
    lost,
    needs_of,
    policy_text,
    row_of,
)
from connectors.azure.live.session import Guard, open_session
from connectors.azure.live.settings import LiveSettings
from connectors.interface import Source, Status
from connectors.live.failures import NotAllowedError
from tests.connectors.azure.live.tenant import AUTHORIZATION
from tests.connectors.azure.live.workspace_fake import WORKSPACE, FakeWorkspace
from tests.connectors.azure.synthetic import SUB

BASE = "https://management.azure.com"
GROUP_CALLS = {
    "managementGroups.descendants",
    "roleAssignments.managementGroup",
    "roleDefinitions.managementGroup",
}


def test_the_requests_made_are_those_of_the_table(tenant, source, gather):
    """Every request of the table is made by a scan that finds something everywhere, and no other."""
    tenant.refuse_once("/providers/Microsoft.ResourceGraph/resources", 403, "AuthorizationFailed")
    tenant.give(f"/subscriptions/{SUB}/resources", [])
    gather(source())
    group = "/providers/Microsoft.Management/managementGroups/ai"
    below = {"id": f"/subscriptions/{SUB}", "name": SUB, "type": "/subscriptions"}
    tenant.give(f"{group}/descendants", [below])
    gather(source(management_group="ai"))
    FakeWorkspace(tenant).holds("AzureActivity", [])
    asking = source()
    texts = {**asking.texts, "logs.engine": "log_analytics", "logs.workspace": WORKSPACE}
    gather(Source("live", "azure", "pilot", "live", {}, texts, {}))
    made = {}
    for method, path in tenant.requests:
        graph = path.startswith(("/v1.0", "/beta"))
        api = GRAPH if graph else LOG_ANALYTICS if path.startswith("/v1/") else ARM
        row = row_of(api, method, path)
        made[row.name if row else f"{method} {path}"] = path
    assert set(access_table()) == set(made)


def test_nothing_but_queries_is_sent_as_anything_else_than_get(tenant, source, gather):
    gather(source())
    others = {(method, path) for method, path in tenant.requests if method != "GET"}
    assert {("POST", "/providers/Microsoft.ResourceGraph/resources")} == others
    queries = {"resourceGraph.query", "logAnalytics.query"}
    assert queries == {row.name for row in access_table().values() if row.method != "GET"}


def test_no_request_reads_keys_or_secrets():
    written = " ".join(row.path for row in access_table().values()).lower()
    assert [] == re.findall(r"list\w*keys|secret|listconnectionstrings|password", written)
    needs = " ".join([*needs_of(ARM), *needs_of(GRAPH), *needs_of(LOG_ANALYTICS)])
    assert [] == re.findall(r"/(?:write|delete|action)\b|ReadWrite", needs)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", f"{BASE}{AUTHORIZATION}/roleAssignments/x"),
        ("DELETE", f"{BASE}{AUTHORIZATION}/roleAssignments/x"),
        ("POST", f"{BASE}/subscriptions/{SUB}/providers/Microsoft.Storage/register?api-version=2021-04-01"),
        ("POST", f"{BASE}/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/accounts/a/listKeys"),
        ("GET", f"{BASE}/subscriptions/{SUB}/providers/Microsoft.KeyVault/vaults/v/secrets"),
        ("GET", "https://elsewhere.example/subscriptions"),
        ("GET", "http://management.azure.com/subscriptions"),
        ("GET", f"{BASE}/subscriptions/../providers/Microsoft.Authorization/roleAssignments"),
        ("GET", f"{BASE}/subscriptions/%2e%2e/providers/Microsoft.Authorization/roleAssignments"),
    ],
)
def test_the_guard_stops_what_the_table_does_not_name(method, url):
    request = PipelineRequest(HttpRequest(method, url), None)
    with pytest.raises(NotAllowedError, match="nothing was sent"):
        Guard(ARM, BASE).on_request(request)


def test_the_guard_lets_reads_of_the_table_pass():
    Guard(ARM, BASE).on_request(
        PipelineRequest(HttpRequest("GET", f"{BASE}{AUTHORIZATION}/roleAssignments"), None)
    )


def test_the_guard_is_the_last_before_the_network(source):
    session = open_session(LiveSettings.of(source()))
    for api in (ARM, GRAPH, LOG_ANALYTICS):
        assert isinstance(session._policies(api)[-1], Guard)
    client = session.authorization(SUB)
    inner: Pipeline = client._client._pipeline
    assert isinstance(inner._impl_policies[-1]._policy, Guard)
    client.close()
    session.close()


def test_a_provider_that_is_not_registered_is_never_registered(tenant, source, gather):
    """The SDK would send POST …/register by itself when it is answered like this."""
    tenant.refuse(f"{AUTHORIZATION}/denyAssignments", 409, "MissingSubscriptionRegistration")
    found = gather(source())
    assert [] == [path for method, path in tenant.requests if "register" in path.lower()]
    assert Status.FAILED is found.outcomes["deny_assignments"].status
    assert "MissingSubscriptionRegistration" in found.reason("deny_assignments")


def test_writing_through_the_sdk_is_stopped(tenant, source):
    session = open_session(LiveSettings.of(source()))
    client = session.authorization(SUB)
    with pytest.raises(NotAllowedError):
        client.role_assignments.delete(f"subscriptions/{SUB}", "x")
    assert [] == tenant.requests
    client.close()
    session.close()


def test_every_part_says_what_is_lost_without_it():
    assert [] == [row.name for row in access_table().values() if not lost(row.part)]


def test_the_policy_is_the_custom_role_and_the_graph_permissions(source):
    policy = json.loads(policy_text(LiveSettings.of(source(subscriptions=[SUB], activity_log="false"))))
    role = policy["role_definition"]
    assert [f"/subscriptions/{SUB}"] == role["AssignableScopes"]
    assert [] == [one for one in role["Actions"] if not one.endswith("/read")]
    assert "Microsoft.Insights/eventtypes/values/read" not in role["Actions"]
    assert "Application.Read.All" in [one["value"] for one in policy["graph_application_permissions"]]


def test_every_action_and_permission_of_the_table_is_one_that_exists(shared):
    """Graph permissions are those of the shared list; actions are named like their paths."""
    known = json.loads((shared / "msgraph-permissions" / "permissions.json").read_text())["permissions"]
    assert [] == [need for need in needs_of(GRAPH) if need not in known]
