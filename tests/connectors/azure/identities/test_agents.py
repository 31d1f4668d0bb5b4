"""Agent identities: what they inherit from their blueprint, and what their sign-ins say of them."""

import pytest

from connectors.facts import SignalKind
from tests.connectors.azure.grants.test_directory import GRAPH, MAIL, api, call, permission, sign_ins
from tests.connectors.azure.harness import blind, held
from tests.connectors.azure.synthetic import AGENT, number, service_principal, sign_in_event

BLUEPRINT, BLUEPRINT_APP = number("b"), number("a")
GRAPH_APP = "00000003-0000-0000-c000-000000000000"
ROLE, SCOPE = "Microsoft.Graph/appRoles/Mail.Read", "Microsoft.Graph/scopes/User.Read"


def blueprint(**declared):
    """Return the application of a blueprint with what it passes on for Graph."""
    record = {
        "@odata.type": "#microsoft.graph.agentIdentityBlueprint",
        "id": number("d"),
        "appId": BLUEPRINT_APP,
        "displayName": "maker",
    }
    return record | (
        {"inheritablePermissions": [{"resourceAppId": GRAPH_APP, **declared}]} if declared else {}
    )


@pytest.fixture
def agents(desk):
    """Return a desk with an agent identity, its blueprint's principal, and a role and a consent of the latter."""
    agent = {
        "@odata.type": "#microsoft.graph.agentIdentity",
        "id": AGENT,
        "displayName": "helper",
        "servicePrincipalType": "ServiceIdentity",
        "agentIdentityBlueprintId": BLUEPRINT_APP,
    }
    maker = {
        **service_principal(BLUEPRINT),
        "@odata.type": "#microsoft.graph.agentIdentityBlueprintPrincipal",
        "appId": BLUEPRINT_APP,
    }
    desk.put("role_assignments", [])
    desk.put("service_principals", [agent, maker, api()])
    desk.put("app_role_assignments", [permission(BLUEPRINT)])
    consent = {"id": "c1", "clientId": BLUEPRINT, "consentType": "AllPrincipals", "resourceId": GRAPH}
    desk.put("delegated_grants", [{**consent, "scope": "User.Read Mail.Send"}])
    return desk


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"inheritableRoles": {"kind": "allAllowed"}}, [ROLE]),
        ({"inheritableRoles": {"@odata.type": "#microsoft.graph.allAllowedRoles"}}, [ROLE]),
        ({"inheritableRoles": {"kind": "enumerated", "roles": ["Mail.Read"]}}, [ROLE]),
        ({"inheritableRoles": {"kind": "enumerated", "roles": ["Other"]}}, []),
        ({"inheritableRoles": {"kind": "none"}}, []),
        (
            {
                "inheritableScopes": {
                    "@odata.type": "#microsoft.graph.enumeratedScopes",
                    "scopes": ["User.Read"],
                }
            },
            [SCOPE],
        ),
        (
            {"inheritableScopes": {"@odata.type": "#microsoft.graph.allAllowedScopes"}},
            ["Microsoft.Graph/scopes/Mail.Send", SCOPE],
        ),
        ({"inheritableScopes": {"@odata.type": "#microsoft.graph.noScopes"}}, []),
    ],
)
def test_an_agent_inherits_what_its_blueprint_was_granted_and_passes_on(agents, declared, expected):
    agents.put("applications", [blueprint(**declared)])
    facts = agents.facts()
    assert held(facts, AGENT) == expected
    inherited = [one for one in facts.grants if one.identity == AGENT]
    assert all(
        one.shared and f"inherited from agent identity blueprint {BLUEPRINT}" in one.conditions
        for one in inherited
    )
    assert not [one for one in facts.caveats if "inherit" in one.what]


def test_what_is_inherited_is_never_called_unused(agents):
    agents.put("applications", [blueprint(inheritableRoles={"kind": "allAllowed"})])
    agents.put("sign_in_logs", sign_ins(sign_in_event()))
    assert blind(agents.facts(), AGENT)[ROLE] == "inherited-from-blueprint"


def test_a_call_of_an_agent_through_an_inherited_role_is_a_use(agents):
    agents.put("applications", [blueprint(inheritableRoles={"kind": "allAllowed"})])
    agents.put("resource_logs", [call()])
    facts = agents.facts()
    assert [(row.identity, row.permission) for row in facts.usage] == [(AGENT, ROLE)]


def test_a_blueprint_whose_declarations_were_not_read_is_said(agents):
    agents.put("applications", [blueprint()])
    facts = agents.facts()
    assert held(facts, AGENT) == []
    (said,) = [one for one in facts.caveats if "inherit" in one.what]
    assert (said.what, said.where) == ("what agents inherit from 1 blueprints is not evaluated", BLUEPRINT)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("agenticAppInstance", f"agent-identity of blueprint {BLUEPRINT}"),
        ("agentIdentityBlueprintPrincipal", f"agent-blueprint of blueprint {BLUEPRINT}"),
        ("agenticApp", f"agent-blueprint of blueprint {BLUEPRINT}"),
        ("notAgentic", None),
        ("somethingNew", None),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_sign_in_says_that_it_was_an_agents(desk, kind, expected, inside):
    agent = {"agentType": kind, "agentSubjectParentId": BLUEPRINT.upper(), "agentSubjectType": "x"}
    event = sign_in_event()
    (event["properties"] if inside else event)["agent"] = agent
    desk.put("role_assignments", [])
    desk.put("service_principals", [service_principal()])
    desk.put("sign_in_logs", [event])
    (found,) = [one for one in desk.facts().identities if one.id == AGENT]
    told = [one.value for one in found.signals if one.kind is SignalKind.LOG]
    assert told == ([expected] if expected else [])


def test_roles_by_id_in_a_declaration_are_the_same_roles(agents):
    agents.put("applications", [blueprint(inheritableRoles={"kind": "enumerated", "roles": [MAIL]})])
    assert held(agents.facts(), AGENT) == [ROLE]
