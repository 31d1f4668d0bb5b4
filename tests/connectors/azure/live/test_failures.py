"""What cannot be read costs its own part, never the scan, and is never zero."""

import pytest

from connectors.azure.connector import CONNECTOR
from connectors.interface import Patterns, Status
from tests.connectors.azure.harness import WINDOW
from tests.connectors.azure.live.tenant import AUTHORIZATION
from tests.connectors.azure.synthetic import AGENT, GROUP, SUB

PLANES = {
    "role_assignments": f"{AUTHORIZATION}/roleAssignments",
    "role_definitions": f"{AUTHORIZATION}/roleDefinitions",
    "deny_assignments": f"{AUTHORIZATION}/denyAssignments",
    "role_assignment_schedules": f"{AUTHORIZATION}/roleAssignmentScheduleInstances",
    "role_eligibility_schedules": f"{AUTHORIZATION}/roleEligibilityScheduleInstances",
    "classic_administrators": f"{AUTHORIZATION}/classicAdministrators",
    "provider_operations": "/providers/Microsoft.Authorization/providerOperations",
    "tenant_diagnostic_settings": "/providers/microsoft.aadiam/diagnosticSettings",
    "service_principals": "/v1.0/servicePrincipals",
    "applications": "/v1.0/applications",
    "delegated_grants": "/v1.0/oauth2PermissionGrants",
    "directory_roles": "/v1.0/roleManagement/directory/roleAssignments",
    "group_members": f"/v1.0/groups/{GROUP}/transitiveMembers",
    "credential_activity": "/beta/reports/appCredentialSignInActivities",
    "activity_logs": f"/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values",
}


@pytest.mark.parametrize("part", PLANES)
def test_a_refused_plane_is_named_with_what_it_needs_and_the_rest_goes_on(tenant, source, gather, part):
    tenant.special.pop(PLANES[part].lower(), None)
    tenant.refuse(PLANES[part], 403, "AuthorizationFailed")
    found = gather(source())
    outcome = found.outcomes[part]
    assert outcome.status in (Status.FAILED, Status.PARTIAL)
    assert "HTTP 403" in outcome.reason
    assert "az " in outcome.reason or "Entra role" in outcome.reason
    others = {name: one.status for name, one in found.outcomes.items() if one.status is Status.FAILED}
    assert set(others) <= {part, "app_role_assignments", "group_members"}
    facts = CONNECTOR.interpret([found.evidence], WINDOW, Patterns())
    assert any(part in caveat.what for caveat in facts.caveats)


def test_refused_agent_lists_leave_the_agents_of_the_plain_list(tenant, source, gather):
    """Global Reader is refused the typed lists: the plane is not evaluated, and not empty."""
    for path in (
        "/v1.0/servicePrincipals/microsoft.graph.agentIdentity",
        "/v1.0/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal",
        "/v1.0/applications/microsoft.graph.agentIdentityBlueprint",
    ):
        tenant.refuse(path, 403, "Authorization_RequestDenied")
    found = gather(source())
    assert Status.FAILED is found.outcomes["agent_identities"].status
    assert Status.OK is found.outcomes["service_principals"].status


def test_throttling_is_waited_for_as_long_as_the_cloud_asks(tenant, source, gather):
    tenant.refuse_once(PLANES["role_assignments"], 429, "TooManyRequests", Retry_After="1")
    tenant.refuse_once(PLANES["delegated_grants"], 429, "TooManyRequests", Retry_After="0")
    found = gather(source())
    assert Status.OK is found.outcomes["role_assignments"].status
    assert Status.OK is found.outcomes["delegated_grants"].status


def test_throttling_for_longer_than_a_scan_can_wait_costs_the_part(tenant, source, gather):
    tenant.refuse(PLANES["directory_roles"], 429, "TooManyRequests", Retry_After="86400")
    assert "throttled" in gather(source()).reason("directory_roles")


def test_an_expired_token_is_called_so(tenant, source, gather):
    for path in ("/subscriptions", *PLANES.values()):
        tenant.refuse(path, 401, "ExpiredAuthenticationToken")
    found = gather(source(subscriptions=[SUB]))
    assert {"role_assignments"} == set(found.outcomes)
    assert "no valid sign-in" in found.reason("role_assignments")
    assert "az login" in found.reason("role_assignments")


@pytest.mark.parametrize(
    "body", [b"<html>proxy</html>", b'{"value": [', b"[1, 2]", b'{"value": "no list"}', b"null", b"\xff\xfe"]
)
def test_an_answer_that_is_none_costs_its_part(tenant, source, gather, body):
    tenant.answer(PLANES["delegated_grants"], lambda *_: body)
    tenant.answer(PLANES["role_definitions"], lambda *_: body)
    found = gather(source())
    assert Status.FAILED is found.outcomes["delegated_grants"].status
    assert found.outcomes["role_definitions"].status in (Status.FAILED, Status.PARTIAL)
    assert Status.OK is found.outcomes["role_assignments"].status


def test_records_that_are_no_objects_are_left_out(tenant, source, gather):
    tenant.give(PLANES["delegated_grants"], [None, 1, "x", {"id": "1"}])
    assert [{"id": "1"}] == gather(source()).records("delegated_grants")


def test_a_server_that_is_not_there_is_one_failed_source(source, gather):
    found = gather(source(endpoint_url="http://127.0.0.1:9"))
    assert Status.FAILED is found.outcomes["role_assignments"].status
    assert "no connection" in found.reason("role_assignments")


def test_no_subscription_is_one_failed_source_that_says_what_to_do(fake, source, gather):
    fake.give("/subscriptions", [])
    found = gather(source())
    assert "assign it Reader" in found.reason("role_assignments")


def test_hostile_names_in_ids_stay_in_their_place(tenant, source, gather):
    """An id that climbs out of its place, or carries a query, is asked for as it is or not at all."""
    evil = f"/subscriptions/{SUB}/resourceGroups/a/providers/Microsoft.DocumentDB/databaseAccounts/x?y=#z"
    tenant.give(f"/subscriptions/{SUB}/providers/Microsoft.DocumentDB/databaseAccounts", [{"id": evil}])
    found = gather(source())
    assert found.outcomes["cosmos_role_assignments"].records in (0, 1)
    assert [] == [path for _, path in tenant.requests if "?" in path]


def test_an_id_that_climbs_is_never_sent(tenant, source, gather):
    evil = f"/subscriptions/{SUB}/resourceGroups/../providers/Microsoft.DocumentDB/databaseAccounts/x"
    tenant.give(f"/subscriptions/{SUB}/providers/Microsoft.DocumentDB/databaseAccounts", [{"id": evil}])
    found = gather(source())
    assert [] == [path for _, path in tenant.requests if ".." in path]
    assert Status.OK is not found.outcomes["cosmos_role_assignments"].status


@pytest.mark.parametrize("part", ["role_assignments", "delegated_grants"])
def test_a_next_page_of_another_list_is_not_asked_for_and_what_was_read_stays(tenant, source, gather, part):
    """A server may send a reader anywhere: the guard stops it, and the scan goes on."""
    path = PLANES[part]
    key = "nextLink" if part == "role_assignments" else "@odata.nextLink"
    record = {"id": "x", "properties": {"principalId": AGENT, "roleDefinitionId": "r", "scope": "/"}}
    tenant.answer(path, lambda *_: {"value": [record], key: f"{tenant.url}/subscriptions/x/listKeys"})
    found = gather(source())
    assert (Status.PARTIAL, 1) == (found.outcomes[part].status, found.outcomes[part].records)
    assert "nothing was sent" in found.reason(part)
    assert [] == [one for _, one in tenant.requests if "listKeys" in one]


def test_a_tenant_without_the_licence_for_pim_has_none(tenant, source, gather):
    for part in ("role_assignment_schedules", "role_eligibility_schedules"):
        tenant.refuse(PLANES[part], 400, "AadPremiumLicenseRequired")
    tenant.refuse(PLANES["classic_administrators"], 410, "Gone")
    found = gather(source())
    parts = ("role_assignment_schedules", "role_eligibility_schedules", "classic_administrators")
    assert [(Status.OK, 0)] * 3 == [
        (found.outcomes[one].status, found.outcomes[one].records) for one in parts
    ]
