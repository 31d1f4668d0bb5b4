"""One request is decided by assignments, conditions, scopes and denies, with the layer that decided."""

import pytest

from connectors.azure.connector import CONNECTOR
from tests.connectors.azure.harness import WINDOW
from tests.connectors.azure.synthetic import (
    AGENT,
    BLOB_READER,
    CUSTOM,
    GROUP,
    OTHER_SUB,
    SUB,
    assignment,
    number,
    role,
    storage_account,
    subscription,
)

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WRITE = "Microsoft.Storage/storageAccounts/write"
CONTAINERS = f"{storage_account()}/blobServices/default/containers"
PROMPTS_ONLY = (
    f"((!(ActionMatches{{'{READ}'}})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'prompts'))"
)


def deny(action, principal=AGENT, kind="ServicePrincipal", scope="", **extra):
    scope = scope or subscription()
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/denyAssignments/{number('d')}",
        "properties": {
            "denyAssignmentName": "frozen",
            "scope": scope,
            "permissions": [{"actions": [action], "dataActions": [action]}],
            "principals": [{"id": principal, "type": kind}],
            **extra,
        },
    }


@pytest.fixture
def ask(desk):
    """Ask for one request of the agent; the rest is put on the desk first."""
    desk.put("role_definitions", [role(BLOB_READER, "Reader of blobs", dataActions=[READ], actions=[WRITE])])

    def answer(permission, resource, identity=AGENT):
        return CONNECTOR.rule([desk.collect()], identity, permission, resource, WINDOW)

    return answer


def test_an_assignment_above_the_resource_allows_it_and_is_named(desk, ask):
    one = assignment(AGENT, BLOB_READER)
    desk.put("role_assignments", [one])
    found = ask(READ.upper(), storage_account())
    assert ("allowed", "role assignment") == (found.answer, found.layer)
    assert one["name"] in found.statement
    assert "Reader of blobs" in found.statement


def test_an_assignment_elsewhere_does_not(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, subscription(OTHER_SUB))])
    assert "not allowed by any assignment" == ask(READ, storage_account()).answer


def test_an_operation_the_role_does_not_name_is_not_allowed(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    assert "not allowed by any assignment" == ask("Microsoft.Compute/disks/write", subscription()).answer


def test_nobody_known_is_no_question(desk, ask):
    desk.put("role_assignments", [])
    assert ask(READ, storage_account()) is None


@pytest.mark.parametrize(
    ("container", "expected"), [("prompts", "allowed"), ("payroll", "not allowed by any assignment")]
)
def test_a_condition_on_the_container_is_decided_by_the_resource(desk, ask, container, expected):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, condition=PROMPTS_ONLY)])
    assert expected == ask(READ, f"{CONTAINERS}/{container}").answer


def test_a_condition_on_what_the_id_does_not_hold_is_undecided(desk, ask):
    condition = (
        "@Request[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike 'a/*'"
    )
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, condition=condition)])
    found = ask(READ, f"{CONTAINERS}/prompts")
    assert "undecided" == found.answer
    assert "blobs:path" in found.reason


def test_an_assignment_on_the_container_itself_is_decided_for_good(desk):
    desk.put("role_definitions", [role(BLOB_READER, "Reader of blobs", dataActions=[READ])])
    desk.put(
        "role_assignments", [assignment(AGENT, BLOB_READER, f"{CONTAINERS}/prompts", condition=PROMPTS_ONLY)]
    )
    facts = desk.facts()
    assert [READ] == facts.permissions.names(facts.entitlements[AGENT].granted)


def test_a_deny_wins_and_is_named(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("deny_assignments", [deny("Microsoft.Storage/*")])
    found = ask(READ, storage_account())
    assert ("denied by a deny assignment", "deny assignments") == (found.answer, found.layer)
    assert ("1 deny assignments",) == found.limits


def test_a_deny_that_only_audits_refuses_nothing(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("deny_assignments", [deny("Microsoft.Storage/*", denyAssignmentEffect="audit")])
    assert "allowed" == ask(READ, storage_account()).answer


def test_a_deny_on_a_group_of_unknown_members_leaves_it_open(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("deny_assignments", [deny("Microsoft.Storage/*", GROUP, "Group")])
    assert "undecided" == ask(READ, storage_account()).answer


def test_a_deny_that_does_not_reach_children_spares_them(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("deny_assignments", [deny("Microsoft.Storage/*", doNotApplyToChildScopes=True)])
    assert "allowed" == ask(READ, storage_account()).answer


def test_a_group_of_known_members_allows_its_members(desk, ask):
    desk.put("role_assignments", [assignment(GROUP, BLOB_READER, kind="Group")])
    desk.put("group_members", [{"id": AGENT}], name=f"{GROUP}.json")
    found = ask(WRITE, storage_account())
    assert "allowed" == found.answer
    assert f"through group {GROUP}" in found.statement


def test_a_role_whose_definition_is_missing_leaves_it_open(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    assert "undecided" == ask(READ, storage_account()).answer


def test_a_management_group_whose_tree_is_unknown_leaves_it_open(desk, ask):
    group = "/providers/Microsoft.Management/managementGroups/corp"
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, group)])
    assert "undecided" == ask(READ, f"/subscriptions/{SUB}").answer


def test_without_a_resource_any_scope_counts(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, storage_account())])
    assert "allowed" == ask(READ, "").answer


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("StringEqualsIgnoreCase", "'PROMPTS'", "allowed"),
        ("StringNotEquals", "'prompts'", "not allowed by any assignment"),
        ("StringLike", "'pro*'", "allowed"),
        ("StringNotLike", "'pro*'", "not allowed by any assignment"),
        ("StringStartsWith", "'x'", "not allowed by any assignment"),
        ("ForAnyOfAnyValues:StringEquals", "{'a', 'prompts'}", "allowed"),
        ("ForAnyOfAllValues:StringNotEquals", "{'a', 'prompts'}", "not allowed by any assignment"),
        ("ForAnyOfAllValues:StringNotEquals", "{'a', 'b'}", "allowed"),
        ("NumericEquals", "'1'", "undecided"),
    ],
)
def test_operators_on_names(desk, ask, operator, values, expected):
    attribute = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:ContainerName]"
    desk.put(
        "role_assignments", [assignment(AGENT, BLOB_READER, condition=f"{attribute} {operator} {values}")]
    )
    assert expected == ask(READ, f"{CONTAINERS}/prompts").answer


OWNER_ID = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
UAA_ID = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ID = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
ROLE_ID = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{ROLE_ID} ForAnyOfAnyValues:GuidEquals {{{BLOB_READER}}}", ""),
        (f"{ROLE_ID} ForAnyOfAnyValues:GuidEquals {{{BLOB_READER}, {OWNER_ID}}}", "may assign Owner"),
        (f"{ROLE_ID} ForAnyOfAllValues:GuidNotEquals {{{OWNER_ID}}}", "may assign Role Based Access Control"),
        (
            f"{ROLE_ID} ForAnyOfAllValues:GuidNotEquals {{{OWNER_ID}, {UAA_ID}, {RBAC_ID}}}",
            "a role of its own",
        ),
    ],
)
def test_a_limited_right_to_assign_roles_is_judged_by_the_roles(desk, condition, expected):
    """A list of forbidden roles is passed by with a role of one's own (hacktricks-cloud#372)."""
    actions = [
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleDefinitions/write",
    ]
    desk.put("role_definitions", [role(CUSTOM, "Delegate", actions=actions)])
    desk.put(
        "role_assignments",
        [assignment(AGENT, CUSTOM, condition=f"(!(ActionMatches{{'{actions[0]}'}})) OR ({condition})")],
    )
    (grant,) = desk.facts().grants
    assert expected in grant.admin
    assert bool(expected) == bool(grant.admin)


def test_an_action_of_the_control_plane_never_allows_a_call_for_data(desk):
    """Domain note 5.3: Owner's `*` gives no data action, and neither does `Microsoft.Storage/*` as an action."""
    wide = role(CUSTOM, "Control only", actions=["Microsoft.Storage/*"])
    desk.put("role_definitions", [wide, role(BLOB_READER, "Reader of blobs", dataActions=[READ])])
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    memory = desk.collect()
    assert CONNECTOR.rule([memory], AGENT, READ, storage_account(), WINDOW).answer.startswith("not allowed")
    assert CONNECTOR.rule([memory], AGENT, WRITE, storage_account(), WINDOW).answer == "allowed"


def test_without_a_resource_a_name_in_a_condition_narrows_and_does_not_deny(desk, ask):
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, condition=PROMPTS_ONLY)])
    assert ask(READ, "").answer == "allowed"
    assert ask(READ, storage_account()).answer == "undecided"
