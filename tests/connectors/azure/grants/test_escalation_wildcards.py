"""A wildcard gives the operations of escalation paths whether or not the evidence lists them."""

from itertools import chain

import pytest

from connectors.azure.catalog.tables import catalogue
from scanner.rules.paths import paths
from scanner.rules.self_modification import changes
from tests.connectors.azure.harness import held
from tests.connectors.azure.synthetic import AGENT, CUSTOM, assignment, role

ASSIGN = "Microsoft.Authorization/roleAssignments/write"
RUN = "Microsoft.Compute/virtualMachines/runCommand/action"


def open_paths(facts):
    granted = facts.entitlements[AGENT].granted
    return {path.id for path in paths("azure") if path.of(granted, facts.permissions)}


def given(desk, **lists):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Wide", **lists)])
    return desk


@pytest.mark.parametrize(
    ("lists", "opens", "closed"),
    [
        ({"actions": ["*/action"]}, "azure-run-command", "azure-role-assignment"),
        ({"actions": ["Microsoft.Authorization/*"]}, "azure-role-assignment", "azure-run-command"),
        ({"actions": ["*/WRITE"]}, "azure-role-definition", "azure-run-command"),
        ({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/write"]}, "azure-run-command", "azure-role-assignment"),
        ({"dataActions": ["*"]}, "azure-machine-login", "azure-run-command"),
    ],
)  # fmt: skip
def test_a_path_fires_though_no_list_of_operations_is_in_the_evidence(desk, lists, opens, closed):
    found = open_paths(given(desk, **lists).facts())
    assert opens in found or opens not in {path.id for path in paths("azure")}
    assert closed not in found


def test_a_provider_whose_operations_are_listed_gives_what_is_listed(desk):
    given(desk, actions=["Microsoft.Compute/*", "Microsoft.Authorization/*"])
    listed = {"name": "Microsoft.Compute", "operations": [{"name": "Microsoft.Compute/disks/write", "isDataAction": False}]}  # fmt: skip
    desk.put("provider_operations", [listed])
    names = held(desk.facts(), AGENT)
    assert RUN not in names
    assert ASSIGN in names


def test_nothing_is_added_that_no_wildcard_gives(desk):
    facts = given(desk, actions=["Microsoft.X/y/write"]).facts()
    assert facts.permissions.find(ASSIGN) is None


def test_the_table_holds_what_the_rules_look_for():
    table = catalogue("escalation")
    asked = {name for path in paths("azure") for name in chain(path.permissions, path.one_of)}
    asked |= {name for change in changes("azure") for name in change.permissions}
    # Permissions for Microsoft Graph and Entra roles are no operations: no wildcard of a role gives them.
    asked = {name for name in asked if not name.startswith(("Microsoft.Graph/", "Microsoft.Entra/"))}
    assert asked == {*table["control"], *table["data"]}


def test_planes_are_those_of_the_built_in_roles(built_in_roles):
    spelled = {"control": set(), "data": set()}
    for one in built_in_roles:
        for block in one["permissions"]:
            spelled["control"].update(name.lower() for name in block["actions"])
            spelled["data"].update(name.lower() for name in block["dataActions"])
    table = catalogue("escalation")
    assert [name for name in table["control"] if name.lower() in spelled["data"] - spelled["control"]] == []
    assert [name for name in table["data"] if name.lower() in spelled["control"]] == []
