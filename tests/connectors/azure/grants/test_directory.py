"""Permissions for Graph and other APIs, consents and directory roles are grants of their own."""

import pytest

from tests.connectors.azure.harness import blind, held, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    BLOB_READER,
    GROUP,
    PERSON,
    TENANT,
    assignment,
    number,
    role,
    service_principal,
    sign_in_event,
)

GRAPH = "96a00000-0000-4000-8000-000000000001"
MAIL = "810c84a8-4a9e-49e6-bf7d-12d183f40d01"
WRITE = "Microsoft.Storage/storageAccounts/write"


def api(identifier=GRAPH, app="00000003-0000-0000-c000-000000000000", name="Microsoft Graph"):
    roles = [{"id": MAIL, "value": "Mail.Read"}]
    return {
        "id": identifier,
        "appId": app,
        "displayName": name,
        "servicePrincipalType": "Application",
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoles": roles,
    }


def permission(principal=AGENT, app_role=MAIL, resource=GRAPH, **extra):
    return {
        "id": number("6"),
        "appRoleId": app_role,
        "principalId": principal,
        "resourceId": resource,
        "resourceDisplayName": "Microsoft Graph",
        **extra,
    }


@pytest.fixture
def tenant(desk):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("role_definitions", [role(BLOB_READER, "Storage writer", actions=[WRITE])])
    desk.put("service_principals", [service_principal(), api()])
    desk.put("app_role_assignments", [permission()])
    return desk


def sign_ins(*events):
    """Return sign-ins that span the window: another principal's at both ends."""
    other = number("9")
    ends = ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")
    return [*(sign_in_event(other, time=at) for at in ends), *events]


def graph_sign_in(principal=AGENT):
    made = sign_in_event(principal)
    made["properties"] |= {"resourceDisplayName": "Microsoft Graph", "resourceServicePrincipalId": GRAPH}
    return made


def call(method="GET", uri="https://graph.microsoft.com/v1.0/users/0b1c/messages?$top=1", code=200, **extra):
    """Return a Graph activity record of a diagnostic export."""
    return {
        "time": "2026-09-10T10:00:00Z",
        "resourceId": f"/TENANTS/{TENANT}/PROVIDERS/MICROSOFT.AADIAM",
        "operationName": "Microsoft Graph Activity",
        "category": "MicrosoftGraphActivityLogs",
        "tenantId": TENANT,
        "correlationId": number("b"),
        "properties": {
            "appId": AGENT_APP,
            "servicePrincipalId": AGENT,
            "requestMethod": method,
            "requestUri": uri,
            "responseStatusCode": code,
            "roles": "Mail.Read",
            **extra,
        },
    }


def test_a_permission_for_graph_is_a_grant_by_its_name(tenant):
    facts = tenant.facts()
    assert "Microsoft.Graph/appRoles/Mail.Read" in held(facts, AGENT)
    (grant,) = [one for one in facts.grants if one.name.startswith("Microsoft.Graph")]
    assert ("Microsoft.Graph: Mail.Read", GRAPH) == (grant.name, grant.scope)
    assert facts.permissions.mask(["Microsoft.Graph/appRoles/Mail.Read"]) & facts.reach["data"]


def test_without_sign_ins_nobody_can_say_whether_it_was_used(tenant):
    assert "sign-ins-missing" == blind(tenant.facts(), AGENT)["Microsoft.Graph/appRoles/Mail.Read"]


def test_a_principal_that_never_asked_for_a_token_of_the_api_did_not_use_it(tenant):
    tenant.put("sign_in_logs", sign_ins(sign_in_event()))
    assert "Microsoft.Graph/appRoles/Mail.Read" in unused(tenant.facts(), AGENT)


def test_one_that_did_may_have_used_any_of_its_permissions(tenant):
    tenant.put("sign_in_logs", sign_ins(graph_sign_in()))
    assert "graph-activity-missing" == blind(tenant.facts(), AGENT)["Microsoft.Graph/appRoles/Mail.Read"]


def test_sign_ins_that_do_not_span_the_window_say_nothing(tenant):
    tenant.put("sign_in_logs", [sign_in_event()])
    assert "sign-ins-missing" == blind(tenant.facts(), AGENT)["Microsoft.Graph/appRoles/Mail.Read"]


def test_a_call_of_graph_in_the_name_of_a_person_is_the_persons(tenant):
    tenant.put("resource_logs", [call(userId=PERSON)])
    memory = tenant.collect()
    (row,) = memory.usage()
    assert (PERSON, f"app:{AGENT_APP}") == (row.identity, row.via)


def test_calls_of_graph_are_read_from_log_analytics_too(tenant):
    row = {
        "Type": "MicrosoftGraphActivityLogs",
        "TimeGenerated": "2026-09-10T10:00:00Z",
        "RequestMethod": "POST",
        "RequestUri": "https://graph.microsoft.com/beta/groups",
        "ResponseStatusCode": 403,
        "ServicePrincipalId": AGENT,
        "AppId": AGENT_APP,
        "UserId": "",
        "TenantId": TENANT,
    }
    tenant.put("resource_logs", [row])
    (found,) = tenant.collect().usage()
    assert ("microsoft.graph:activity:post /groups", "denied", AGENT) == (
        found.operation,
        found.outcome,
        found.identity,
    )


def test_a_principal_that_signs_in_and_leaves_no_call_is_not_called_idle(tenant):
    """It is active somewhere these logs do not show."""
    tenant.put("sign_in_logs", sign_ins(graph_sign_in()))
    assert [] == unused(tenant.facts(), AGENT)


def test_only_graphs_own_id_makes_an_api_graph(tenant):
    fake = api(number("8"), app=number("7"), name="Microsoft Graph")
    tenant.put("service_principals", [service_principal(), fake])
    tenant.put("app_role_assignments", [permission(resource=fake["id"])])
    assert ["api:Microsoft Graph/appRoles/Mail.Read", WRITE] == sorted(
        held(tenant.facts(), AGENT), reverse=True
    )[::-1] or [
        WRITE,
        "api:Microsoft Graph/appRoles/Mail.Read",
    ] == held(tenant.facts(), AGENT)


def test_a_role_nobody_names_keeps_its_id(tenant):
    unknown = number("5")
    tenant.put("app_role_assignments", [permission(app_role=unknown)])
    assert f"Microsoft.Graph/appRoles/{unknown}" in held(tenant.facts(), AGENT)


def test_consents_are_listed_and_never_called_unused(tenant):
    consent = {
        "id": "c1",
        "clientId": AGENT.replace("-", ""),
        "consentType": "AllPrincipals",
        "resourceId": GRAPH,
        "scope": " User.Read  Mail.Send ",
    }
    tenant.put("delegated_grants", [consent])
    facts = tenant.facts()
    assert "Microsoft.Graph/scopes/Mail.Send" in held(facts, AGENT)
    assert "delegated-permission" == blind(facts, AGENT)["Microsoft.Graph/scopes/Mail.Send"]
    (grant,) = [one for one in facts.grants if one.id == "c1"]
    assert "for everyone who signs in" == grant.conditions


def test_directory_roles_are_grants_and_the_highest_make_administrators(tenant):
    admin = "62e90394-69f5-4237-9190-012177145e10"
    tenant.put(
        "directory_roles",
        [
            {"id": admin, "displayName": "Global Administrator", "isBuiltIn": True},
            {"id": "d1", "principalId": AGENT, "roleDefinitionId": admin, "directoryScopeId": "/"},
        ],
    )
    facts = tenant.facts()
    assert "Microsoft.Entra/directoryRoles/Global Administrator" in held(facts, AGENT)
    assert ["Global Administrator on the tenant"] == [one.admin for one in facts.grants if one.id == "d1"]


def test_what_a_group_holds_for_an_api_its_members_hold(tenant):
    tenant.put("app_role_assignments", [permission(GROUP, principalType="Group")])
    tenant.put("group_members", [{"id": AGENT}], name=f"{GROUP}.json")
    tenant.put("sign_in_logs", sign_ins(sign_in_event()))
    facts = tenant.facts()
    assert "group-members-unknown" == blind(facts, AGENT)["Microsoft.Graph/appRoles/Mail.Read"]


def test_a_permission_that_makes_administrators_is_an_administrators(tenant):
    wide = {**api(), "appRoles": [{"id": MAIL, "value": "RoleManagement.ReadWrite.Directory"}]}
    tenant.put("service_principals", [service_principal(), wide])
    facts = tenant.facts()
    assert any(one.admin for one in facts.grants)
    assert facts.permissions.names(facts.reach["admin"])


def test_hostile_names_of_apis_forge_no_permission_of_resource_manager(tenant):
    evil = api(number("8"), app=number("7"), name="Microsoft.Authorization/roleAssignments")
    evil["appRoles"] = [{"id": MAIL, "value": "write"}]
    tenant.put("service_principals", [service_principal(), evil])
    tenant.put("app_role_assignments", [permission(resource=evil["id"])])
    assert "Microsoft.Authorization/roleAssignments/write" not in held(tenant.facts(), AGENT)


def test_the_report_of_last_use_counts_for_credentials(tenant):
    key = "5ec0e700-0000-4000-8000-000000000009"
    tenant.put("service_principals", [service_principal(passwordCredentials=[{"keyId": key}]), api()])
    tenant.put(
        "credential_activity",
        [
            {
                "id": "1",
                "keyId": key.upper(),
                "signInActivity": {"lastSignInDateTime": "2026-10-20T10:00:00.5Z"},
            }
        ],
    )
    (credential,) = [one for one in tenant.facts().credentials if one.id == key]
    assert "2026-10-20T10:00:00Z" == credential.last_used
    assert not credential.last_used_known
