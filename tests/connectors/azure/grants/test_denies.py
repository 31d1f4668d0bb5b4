"""Deny assignments: they win, where they cover the whole grant and hit the principal for certain."""

import json

import pytest

from connectors.facts import Effect
from tests.connectors.azure.harness import conditional, held
from tests.connectors.azure.synthetic import (
    AGENT,
    CUSTOM,
    GROUP,
    SUB,
    assignment,
    number,
    role,
    storage_account,
    subscription,
)

WRITE, DELETE = "Microsoft.X/y/write", "Microsoft.X/y/delete"
EVERYONE = {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}
GROUP_SCOPE = f"{subscription()}/resourceGroups/agents"


def deny(*actions, scope=GROUP_SCOPE, principals=(EVERYONE,), **properties):
    name = number("9")
    return {
        "id": f"{scope.rstrip('/')}/providers/Microsoft.Authorization/denyAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/denyAssignments",
        "properties": {
            "denyAssignmentName": "no deletes",
            "permissions": [
                {"actions": list(actions), "notActions": [], "dataActions": [], "notDataActions": []},
            ],
            "scope": scope,
            "doNotApplyToChildScopes": False,
            "principals": list(principals),
            "excludePrincipals": [],
            "isSystemProtected": True,
            **properties,
        },
    }


@pytest.fixture
def agent(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, GROUP_SCOPE)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE, DELETE])])
    return desk


def outcome(desk, *denies):
    desk.put("deny_assignments", {"value": list(denies)})
    facts = desk.facts()
    return held(facts, AGENT), conditional(facts, AGENT)


def test_a_deny_for_everyone_takes_the_operation_away(agent):
    assert outcome(agent, deny("*/delete")) == ([WRITE], [])


def test_a_deny_from_above_covers_the_grant(agent):
    assert outcome(agent, deny("*/delete", scope=subscription())) == ([WRITE], [])


def test_a_deny_on_a_part_of_the_scope_leaves_the_permission(agent):
    assert outcome(agent, deny("*/delete", scope=storage_account())) == ([DELETE, WRITE], [])


def test_a_deny_that_stops_at_its_own_scope_leaves_the_permission(agent):
    assert outcome(agent, deny("*/delete", doNotApplyToChildScopes=True)) == ([DELETE, WRITE], [])


def test_an_excluded_principal_keeps_the_permission(agent):
    excluded = [{"id": AGENT.upper(), "type": "ServicePrincipal"}]
    assert outcome(agent, deny("*/delete", excludePrincipals=excluded)) == ([DELETE, WRITE], [])


def test_a_deny_for_somebody_else_does_nothing(agent):
    other = [{"id": number(), "type": "ServicePrincipal"}]
    assert outcome(agent, deny("*/delete", principals=other)) == ([DELETE, WRITE], [])


def test_a_deny_for_a_group_of_unknown_members_leaves_it_conditional(agent):
    assert outcome(agent, deny("*/delete", principals=[{"id": GROUP, "type": "Group"}])) == (
        [WRITE],
        [DELETE],
    )


def test_a_deny_that_spares_an_unknown_group_leaves_it_conditional(agent):
    spared = [{"id": GROUP, "type": "Group"}]
    assert outcome(agent, deny("*/delete", excludePrincipals=spared)) == ([WRITE], [DELETE])


def test_a_deny_on_a_management_group_leaves_it_conditional(agent):
    scope = "/providers/Microsoft.Management/managementGroups/all"
    assert outcome(agent, deny("*/delete", scope=scope)) == ([WRITE], [DELETE])


def test_a_deny_under_an_undecided_condition_leaves_it_conditional(agent):
    assert outcome(agent, deny("*/delete", condition="@Resource[a:b] StringEquals 'c'")) == (
        [WRITE],
        [DELETE],
    )


def test_an_audit_deny_refuses_nothing(agent):
    assert outcome(agent, deny("*/delete", denyAssignmentEffect="audit")) == ([DELETE, WRITE], [])
    assert any("only audits" in caveat.what for caveat in agent.facts().caveats)


def test_another_assignment_beside_the_deny_still_gives_the_permission(agent):
    other = f"{subscription()}/resourceGroups/elsewhere"
    agent.put("role_assignments", [assignment(AGENT, CUSTOM, GROUP_SCOPE), assignment(AGENT, CUSTOM, other)])
    assert outcome(agent, deny("*/delete")) == ([DELETE, WRITE], [])


def test_a_deny_is_listed_as_a_grant_of_the_identity_it_reaches(agent):
    outcome(agent, deny("*/delete"))
    (found,) = [grant for grant in agent.facts().grants if grant.effect is Effect.DENY]
    assert (found.identity, found.name, found.scope) == (AGENT, "no deletes", GROUP_SCOPE.lower())


def test_the_official_example_is_read(desk, shared):
    """azure-rest-api-specs GetDenyAssignmentByScope.json, MIT."""
    example = json.loads((shared / "rest-api-specs" / "GetDenyAssignmentByScope.json").read_text())
    body = example["responses"]["200"]["body"]
    desk.put("deny_assignments", body)
    desk.put("role_assignments", [assignment("principalId1", CUSTOM, "/subscriptions/subId")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["action", "Microsoft.X/y/write"])])
    facts = desk.facts()
    assert held(facts, "principalid1") == ["Microsoft.X/y/write"]
    assert {grant.id for grant in facts.grants if grant.effect is Effect.DENY} == {
        "/subscriptions/subid/providers/microsoft.authorization/denyassignments/denyassignmentid"
    }
    assert SUB not in str(facts.grants)


def test_a_deny_on_the_name_of_a_container_takes_nothing_away_elsewhere(desk):
    """What narrows an assignment does not widen a deny: it holds in that container only."""
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    name = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'secrets'"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Reader of blobs", dataActions=[blobs])])
    denied = deny(scope=subscription(), condition=name)
    denied["properties"]["permissions"][0]["dataActions"] = [blobs]
    desk.put("deny_assignments", [denied])
    facts = desk.facts()
    assert conditional(facts, AGENT) == [blobs]


def test_an_assignment_on_the_name_of_a_container_gives_it_there(desk):
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    name = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'prompts'"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, condition=name)])
    desk.put("role_definitions", [role(CUSTOM, "Reader of blobs", dataActions=[blobs])])
    facts = desk.facts()
    assert held(facts, AGENT) == [blobs]
    assert [one.conditions for one in facts.grants] == [name]
