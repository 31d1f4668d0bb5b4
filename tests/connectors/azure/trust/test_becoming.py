"""Who may become which application or managed identity: owners, directory permissions, federated credentials."""

import pytest

from connectors.facts import Step
from tests.connectors.azure.synthetic import (
    AGENT,
    CUSTOM,
    OWNER,
    SUB,
    assignment,
    number,
    role,
    service_principal,
    subscription,
)

BOSS, GRAPH = "b0550000-0000-4000-8000-000000000001", "62a90000-0000-4000-8000-000000000002"
WRITE_ALL, ROLE = "Application.ReadWrite.All", "3f1e0000-0000-4000-8000-000000000003"
FEDERATE = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"
IDENTITY = (
    f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/boss"
)
MANAGED = {"id": IDENTITY, "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "properties": {"principalId": BOSS}}  # fmt: skip


def boss(desk, *more, principals=(), actions=(), scope="", **extra):
    """Prepare an agent and an owner of the subscription, whom nobody else may become."""
    desk.put("role_assignments", [assignment(BOSS, OWNER), assignment(AGENT, CUSTOM, scope), *more])
    desk.put(
        "role_definitions", [role(OWNER, "Owner", actions=["*"]), role(CUSTOM, "R", actions=list(actions))]
    )
    target = service_principal(BOSS, appId=number("a"), displayName="boss", **extra)
    desk.put("service_principals", [service_principal(), target, *principals])
    return desk


def graph():
    roles = [{"id": ROLE, "value": WRITE_ALL}]
    return service_principal(GRAPH, appId="00000003-0000-0000-c000-000000000000", appRoles=roles)


def test_an_owner_of_an_administrators_application_may_become_it(desk):
    assert boss(desk, owners=[{"id": AGENT}]).facts().steps == {AGENT: (Step(BOSS, sure=True),)}


def test_who_may_change_all_applications_may_become_each_that_leads_on(desk):
    boss(desk, principals=[graph()])
    held = {"id": "r1", "principalId": AGENT, "resourceId": GRAPH, "appRoleId": ROLE}
    desk.put("app_role_assignments", [held])
    assert desk.facts().steps == {AGENT: (Step(BOSS, sure=True),)}


@pytest.mark.parametrize("kind", ["ManagedIdentity", "ServiceIdentity"])
def test_nobody_gives_a_secret_to_what_takes_none(desk, kind):
    assert boss(desk, owners=[{"id": AGENT}], servicePrincipalType=kind).facts().steps == {}


@pytest.mark.parametrize(
    ("scope", "reaches"),
    [("", True), (IDENTITY, True), (f"{subscription()}/resourceGroups/other", False)],
)
def test_who_may_federate_a_managed_identity_may_become_it(desk, scope, reaches):
    boss(desk, actions=[FEDERATE], scope=scope, servicePrincipalType="ManagedIdentity")
    desk.put("resources", [MANAGED])
    assert desk.facts().steps == ({AGENT: (Step(BOSS, sure=True),)} if reaches else {})


def test_what_leads_nowhere_is_no_step(desk):
    other = service_principal(
        "07e40000-0000-4000-8000-000000000009", appId=number("a"), owners=[{"id": AGENT}]
    )
    assert boss(desk, principals=[other]).facts().steps == {}
