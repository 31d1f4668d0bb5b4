"""Reductions at the edges: API permissions, PIM, roles with conditions, keys, secrets, limits, real assignments."""

import json

import pytest

from connectors.azure.catalog.tables import catalogue
from connectors.azure.policy.patterns import Universe
from connectors.azure.reduction.quotas import Tenant, check_limits
from connectors.azure.reduction.standing import Access, Kind, document, simulate
from connectors.azure.remediation.forms import render
from connectors.permissions import Permissions
from connectors.reduction import Change, Standing
from tests.connectors.azure.bicep_reader import read
from tests.connectors.azure.fake_az import FakeAzure, words_of
from tests.connectors.azure.grants.test_directory import MAIL, api, permission, sign_ins
from tests.connectors.azure.harness import Desk, replies
from tests.connectors.azure.reducing import ask, nothing_changes, only
from tests.connectors.azure.reduction.test_reduction import (
    ACCOUNT,
    DELETE,
    READ,
    STORAGE_ROLE,
    WRITE,
    kinds,
    lists,
    told,
)
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    CONTRIBUTOR,
    CUSTOM,
    FOUNDRY_PROJECT_MANAGER,
    OWNER,
    SUB,
    ai_account,
    assignment,
    event,
    number,
    role,
    service_principal,
    sign_in_event,
    storage_account,
    subscription,
)

GROUP = f"/subscriptions/{SUB}/resourceGroups/agents"
SECRET = "5ec0e700-0000-4000-8000-000000000001"


def test_an_api_permission_that_no_token_was_asked_for_goes_and_comes_back(desk):
    held = permission()
    desk.put("app_role_assignments", [held])
    desk.put("sign_in_logs", sign_ins(sign_in_event()))
    memory = told(desk, [assignment(AGENT, CUSTOM, GROUP)], [event(WRITE, scope=ACCOUNT)])
    desk.put("service_principals", [service_principal(), api()])
    memory = desk.collect()
    found = only(memory, AGENT)
    assert "remove-app-role" in kinds(found)
    assert found.restore.standing is Standing.PROVED
    commands = words_of(next(one.content for one in found.artifacts if one.form == "cli"))
    place = f"https://graph.microsoft.com/v1.0/servicePrincipals/{AGENT}/appRoleAssignments"
    assert commands[-1] == ["rest", "--method", "delete", "--url", f"{place}/{held['id']}"]
    back = words_of(found.rollback[-1].content)
    assert back[0][:5] == ["rest", "--method", "post", "--url", place]
    assert json.loads(back[0][-1])["appRoleId"] == MAIL


def test_an_assignment_that_pim_made_is_left_to_pim(desk):
    held = assignment(AGENT, CUSTOM, GROUP)
    schedule = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances/{number('7')}",
        "properties": {
            "principalId": AGENT,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": held["roleDefinitionId"],
            "scope": GROUP,
            "originRoleAssignmentId": held["id"],
            "endDateTime": "2027-01-01T00:00:00Z",
        },
    }
    desk.put("role_assignment_schedules", [schedule])
    _, answers = ask(told(desk, [held], [event(WRITE, scope=ACCOUNT)]), AGENT)
    assert nothing_changes(answers)


def test_a_role_with_a_condition_of_its_own_is_not_copied_into_a_custom_role(desk):
    guarded = role(
        FOUNDRY_PROJECT_MANAGER,
        "Foundry Project Manager",
        {"actions": [WRITE, DELETE]},
        {
            "actions": ["Microsoft.Authorization/roleAssignments/write"],
            "condition": "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] StringEquals 'x'",
        },
    )
    memory = told(
        desk, [assignment(AGENT, FOUNDRY_PROJECT_MANAGER, GROUP)], [event(WRITE, scope=ACCOUNT)], guarded
    )
    _, answers = ask(memory, AGENT)
    assert nothing_changes(answers)


def test_a_role_given_twice_differently_is_left_alone(desk):
    other = role(CUSTOM, "Storage Keeper", actions=[READ, DELETE])
    _, answers = ask(told(desk, [assignment(AGENT, CUSTOM, GROUP)], [], STORAGE_ROLE, other), AGENT)
    assert nothing_changes(answers)


def test_a_delegated_assignment_is_left_to_the_tenant_that_made_it(desk):
    held = assignment(AGENT, CUSTOM, GROUP, delegatedManagedIdentityResourceId="/subscriptions/x/y")
    _, answers = ask(told(desk, [held], [event(WRITE, scope=ACCOUNT)]), AGENT)
    assert nothing_changes(answers)
    assert [stay.code for stay in answers.found[AGENT].stays] == ["managed-elsewhere"]


def test_data_actions_are_not_put_into_a_custom_role_at_a_management_group(desk):
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    both = role(CUSTOM, "Both", actions=[WRITE, DELETE], dataActions=[blobs])
    desk.put("resources", [{"id": f"/subscriptions/{SUB}", "type": "microsoft.resources/subscriptions"}])
    top = "/providers/Microsoft.Management/managementGroups/top"
    _, answers = ask(told(desk, [assignment(AGENT, CUSTOM, top)], [event(WRITE, scope=ACCOUNT)], both), AGENT)
    assert nothing_changes(answers)


def test_several_blocks_become_a_role_each(desk):
    two = role(
        CUSTOM,
        "Two",
        {"actions": ["Microsoft.Storage/*"], "notActions": [DELETE]},
        {"actions": ["Microsoft.Storage/storageAccounts/*"], "notActions": [WRITE]},
    )
    found = only(told(desk, [assignment(AGENT, CUSTOM, GROUP)], [event(WRITE, scope=ACCOUNT)], two), AGENT)
    paths = set(catalogue("escalation")["control"])  # the wildcards give them too, and none was used
    assert [set(one["notActions"]) - paths for one in lists(found)] == [{DELETE}, {WRITE, DELETE}]
    assert all(paths & set(one["notActions"]) for one in lists(found))


def test_unused_secrets_go_last_and_leave_the_way_back_open(desk):
    secret = {"keyId": SECRET, "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2028-01-01T00:00:00Z"}
    memory = told(desk, [assignment(AGENT, CUSTOM, GROUP)], [event(WRITE, scope=ACCOUNT)])
    desk.put("service_principals", [service_principal(passwordCredentials=[secret])])
    found = only(desk.collect(), AGENT, credentials=(SECRET,))
    assert memory
    assert found.changes[-1] == Change(Kind.REMOVE_SECRET, AGENT, SECRET, "", "", f"sp:{AGENT}")
    assert found.restore.standing is Standing.UNDECIDED
    assert any("cannot be brought back" in note for note in found.notes)


def test_secrets_that_stay_are_to_be_replaced_and_keys_to_be_looked_at(desk):
    lists_keys = role(
        CUSTOM, "Lister", actions=["Microsoft.CognitiveServices/accounts/listKeys/action", WRITE, DELETE]
    )
    told(desk, [assignment(AGENT, CUSTOM, GROUP)], [event(WRITE, scope=ACCOUNT)], lists_keys)
    secret = {"keyId": SECRET, "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2028-01-01T00:00:00Z"}
    desk.put("service_principals", [service_principal(passwordCredentials=[secret])])
    desk.put(
        "resources", [{"id": ai_account(), "type": "Microsoft.CognitiveServices/accounts", "properties": {}}]
    )
    notes = only(desk.collect(), AGENT).notes
    assert any("federated-credential create --id " + AGENT_APP in note for note in notes)
    [keys] = [note for note in notes if "disableLocalAuth=true" in note]
    assert "Review" in keys
    assert ai_account() in keys


def made(**properties):
    held = {
        "roleName": "r",
        "description": "d",
        "type": "CustomRole",
        "permissions": [{"actions": [READ], "notActions": [], "dataActions": [], "notDataActions": []}],
        "assignableScopes": [GROUP],
    } | properties
    name = f"/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}"
    return Change(
        Kind.CREATE_ROLE, AGENT, name, "", document({"id": name, "name": CUSTOM, "properties": held})
    )


def placed(scope=GROUP, **properties):
    held = {
        "scope": scope,
        "principalId": AGENT,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": CUSTOM,
    }
    name = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{number('8')}"
    return Change(
        Kind.CREATE_ASSIGNMENT,
        AGENT,
        name,
        "",
        document({"id": name, "name": "n", "properties": held | properties}),
    )


TOP = "/providers/Microsoft.Management/managementGroups/top"


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        (made(roleName="n" * 512), made(roleName="n" * 513)),
        (made(description="d" * 2048), made(description="d" * 2049)),
        (
            made(assignableScopes=["/subscriptions/s"] * 2000),
            made(assignableScopes=["/subscriptions/s"] * 2001),
        ),
        (made(assignableScopes=[TOP]), made(assignableScopes=[TOP, TOP + "2"])),
        (made(assignableScopes=[GROUP]), made(assignableScopes=["/"])),
        (
            made(assignableScopes=[TOP]),
            made(
                assignableScopes=[TOP],
                permissions=[{"actions": [], "notActions": [], "dataActions": [READ], "notDataActions": []}],
            ),
        ),
        (
            made(),
            made(
                permissions=[
                    {
                        "actions": ["Microsoft.No/such"],
                        "notActions": [],
                        "dataActions": [],
                        "notDataActions": [],
                    }
                ]
            ),
        ),
        (placed(condition="c" * 8192), placed(condition="c" * 8193)),
        (placed(condition="ü" * 4096), placed(condition="ü" * 4097)),
    ],
)
def test_limits_hold_up_to_their_edge(fits, too_much):
    universe = Universe(Permissions(source="", date="", service=str))
    verdicts = [
        check_limits(simulate(Access(), [change]), Tenant(), universe, [READ]).standing
        for change in (fits, too_much)
    ]
    assert verdicts == [Standing.PROVED, Standing.REFUTED]


@pytest.mark.parametrize(
    ("tenant", "change", "standing"),
    [
        (Tenant(custom_roles=4999), made(), Standing.PROVED),
        (Tenant(custom_roles=5000), made(), Standing.REFUTED),
        (Tenant(assignments={SUB: 3999}), placed(), Standing.PROVED),
        (Tenant(assignments={SUB: 4000}), placed(), Standing.REFUTED),
        (Tenant(assignments={TOP.lower(): 499}), placed(TOP), Standing.PROVED),
        (Tenant(assignments={TOP.lower(): 500}), placed(TOP), Standing.REFUTED),
    ],
)
def test_what_stands_in_the_tenant_counts(tenant, change, standing):
    universe = Universe(Permissions(source="", date="", service=str))
    assert check_limits(simulate(Access(), [change]), tenant, universe, [READ]).standing is standing


def test_a_rebuild_narrows_to_resources_and_leaves_room_to_create(desk):
    start = "Microsoft.Compute/virtualMachines/start/action"
    machine = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/one"
    held = role(CUSTOM, "Runner", actions=[start, WRITE])
    events = [event(start, scope=machine), event(WRITE, scope=ACCOUNT)]
    found = only(told(desk, [assignment(AGENT, CUSTOM)], events, held), AGENT, rebuild=True)
    scopes = [
        json.loads(c.after)["properties"]["scope"] for c in found.changes if c.kind == Kind.CREATE_ASSIGNMENT
    ]
    assert sorted(scopes) == sorted(
        [
            GROUP,
            machine.replace("virtualMachines", "virtualmachines").replace(
                "Microsoft.Compute", "microsoft.compute"
            ),
        ]
    )
    assert found.containment.standing is Standing.PROVED


def test_the_recorded_assignments_are_reduced_and_every_document_reads(desk: Desk, shared):
    """74 role assignments and 128 definitions recorded by cloud-custodian, Apache-2.0."""
    folder = shared / "cloud-custodian"
    assignments = next(replies(folder / "AccessControlTest.test_find_assignments_by_role.json"))["value"]
    definitions = next(replies(folder / "AccessControlTest.test_find_definition_by_name.json"))["value"]
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", definitions)
    real = "ea42f556-5106-4743-99b0-c129bfa71a47"
    write = "Microsoft.Storage/storageAccounts/write"
    place = f"/subscriptions/{real}/resourceGroups/a/providers/Microsoft.Storage/storageAccounts/b"
    people = sorted({one["properties"]["principalId"] for one in assignments})
    desk.put(
        "activity_logs",
        [
            event(write, who, scope=place, time=f"2026-{day}T00:00:00Z")
            for who in people[:10]
            for day in ("08-01", "10-31")
        ],
    )
    _, answers = ask(desk.collect(), *people)
    assert answers.failed == {}
    assert len(answers.found) > 20
    flat = [one["properties"] | {"id": one["id"]} for one in assignments]
    roles = [
        {"name": one["name"], "permissions": one["properties"]["permissions"], "assignableScopes": ["/"]}
        for one in definitions
    ]
    azure = FakeAzure(flat, roles)
    before = {name: one["roleDefinitionId"] for name, one in azure.assignments.items()}
    for found in answers.found.values():
        for claim in (found.replay, found.containment, found.limits, found.restore):
            assert claim.standing is Standing.PROVED
        azure.run(next(one.content for one in found.artifacts if one.form == "cli"))
    for who in people[:10]:
        assert azure.allows(who, write, place) or not any(
            one["principalId"] == who
            for one in flat
            if one["roleDefinitionId"].endswith((OWNER, CONTRIBUTOR))
        )
    for found in answers.found.values():
        azure.run(found.rollback[-1].content)
    assert {name: one["roleDefinitionId"] for name, one in azure.assignments.items()} == before


def test_every_bicep_file_of_a_reduction_reads(desk):
    memory = told(
        desk, [assignment(AGENT, CUSTOM, storage_account())], [event(WRITE, scope=storage_account())]
    )
    files = render(only(memory, AGENT).changes, "bicep")
    assert [read(one.content)[0] for one in files] == ["subscription", "resourceGroup"]
    assert subscription() in files[0].content
