"""Assignments times definitions: what is granted, under which condition, how widely."""

import pytest

from connectors.azure.grants.grants import Roles
from connectors.azure.policy.conditions import decide
from connectors.azure.policy.patterns import Plane, Universe
from connectors.facts import Effect
from connectors.permissions import Permissions
from tests.connectors.azure.harness import WINDOW, conditional, facts_of, held
from tests.connectors.azure.synthetic import (
    AGENT,
    BLOB_READER,
    CONTRIBUTOR,
    CUSTOM,
    FOUNDRY_PROJECT_MANAGER,
    GROUP,
    OTHER_SUB,
    OWNER,
    PERSON,
    RBAC_ADMIN,
    READER,
    SUB,
    ai_account,
    assignment,
    event,
    evidence,
    role,
    service_principal,
    storage_account,
    subscription,
)

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
DELETE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
ONLY_READER = f"((!(ActionMatches{{'{ASSIGN}'}})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{{{READER}}}))"


def grant_of(facts, identity=AGENT):
    (found,) = [grant for grant in facts.grants if grant.identity == identity]
    return found


def test_a_role_gives_its_actions_minus_its_not_actions(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put(
        "role_definitions", [role(CUSTOM, "Blobs", dataActions=[READ, WRITE], notDataActions=[WRITE.upper()])]
    )
    assert held(desk.facts(), AGENT) == [READ]


@pytest.mark.parametrize("shape", ["az", "rest", "snake", "powershell"])
def test_every_export_shape_of_assignments_and_definitions_is_read(desk, shape):
    one, definition = (
        assignment(AGENT, CUSTOM, name="e0000000-0000-4000-8000-000000000009"),
        role(CUSTOM, "Blobs", dataActions=[READ]),
    )
    match shape:
        case "az":
            assignments, definitions = [one], [definition]
        case "rest":
            inner = {
                key: one.pop(key) for key in ("principalId", "principalType", "roleDefinitionId", "scope")
            }
            assignments = {"value": [one | {"properties": inner}]}
            inner = {"roleName": definition.pop("roleName"), "permissions": definition.pop("permissions")}
            definitions = {"value": [definition | {"properties": inner | {"type": "CustomRole"}}]}
        case "snake":
            assignments = [
                {
                    "id": one["id"],
                    "principal_id": AGENT.upper(),
                    "principal_type": "ServicePrincipal",
                    "role_definition_id": one["roleDefinitionId"].upper(),
                    "scope": one["scope"].upper(),
                }
            ]
            definitions = [
                {
                    "id": definition["id"],
                    "name": CUSTOM,
                    "role_name": "Blobs",
                    "permissions": [{"actions": [], "data_actions": [READ], "not_data_actions": []}],
                }
            ]
        case _:
            assignments = [
                {
                    "RoleAssignmentId": one["id"],
                    "Scope": one["scope"],
                    "ObjectId": AGENT,
                    "ObjectType": "ServicePrincipal",
                    "RoleDefinitionId": CUSTOM,
                    "RoleDefinitionName": "Blobs",
                }
            ]
            definitions = [{"Name": "Blobs", "Id": CUSTOM, "DataActions": [READ], "AssignableScopes": ["/"]}]
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", definitions)
    facts = desk.facts()
    grant = grant_of(facts)
    assert facts.permissions.names(grant.permissions) == [READ]
    assert (grant.id, grant.scope) == (one["id"].lower(), f"/subscriptions/{SUB}")
    assert (grant.name, grant.effect, grant.undecided) == ("Blobs", Effect.ALLOW, False)


def test_assignments_add_up_and_another_role_restores_what_not_actions_took(desk):
    """What notActions takes is not denied: learn, role-based-access-control/role-definitions."""
    other = "c0570000-0000-4000-8000-000000000002"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM), assignment(AGENT, other)])
    desk.put(
        "role_definitions",
        [
            role(CUSTOM, "A", dataActions=[READ, WRITE], notDataActions=[WRITE]),
            role(other, "B", dataActions=[WRITE]),
        ],
    )
    assert held(desk.facts(), AGENT) == [READ, WRITE]


def test_a_missing_definition_gives_nothing_and_says_so(desk):
    desk.put(
        "role_assignments", [assignment(AGENT, BLOB_READER, roleDefinitionName="Storage Blob Data Reader")]
    )
    desk.put("role_definitions", [role(CUSTOM, "other", dataActions=[READ])])
    facts = desk.facts()
    grant = grant_of(facts)
    assert (grant.permissions, grant.undecided, grant.name) == (0, True, "Storage Blob Data Reader")
    assert held(facts, AGENT) == []
    assert any(BLOB_READER in caveat.what for caveat in facts.caveats)


def test_a_blocks_condition_limits_only_that_block(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    blocks = (
        {"actions": [ASSIGN], "condition": "@Request[a:b] StringEquals 'c'"},
        {"actions": ["Microsoft.X/y/write"], "condition": None},
    )
    desk.put("role_definitions", [role(CUSTOM, "Two blocks", *blocks)])
    facts = desk.facts()
    assert held(facts, AGENT) == ["Microsoft.X/y/write"]
    assert conditional(facts, AGENT) == [ASSIGN]


def test_what_one_assignment_gives_for_certain_is_not_conditional(desk):
    desk.put(
        "role_assignments", [assignment(AGENT, CUSTOM, condition=ONLY_READER), assignment(AGENT, CUSTOM)]
    )
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[ASSIGN, "Microsoft.X/y/write"])])
    facts = desk.facts()
    assert (held(facts, AGENT), conditional(facts, AGENT)) == ([ASSIGN, "Microsoft.X/y/write"], [])


def test_an_assignments_condition_leaves_the_operations_it_does_not_name(desk):
    condition = f"((!(ActionMatches{{'{READ}'}})) OR (@Resource[c:name] StringEquals 'prompts'))"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, storage_account(), condition=condition)])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[READ, WRITE])])
    facts = desk.facts()
    assert (held(facts, AGENT), conditional(facts, AGENT)) == ([WRITE], [READ])
    assert condition in facts.entitlements[AGENT].conditional_reason


def test_foundry_project_manager_is_no_user_access_administrator(desk, built_in_roles):
    """On the default api-version its condition is missing and it would look like one (domain note 1.3)."""
    desk.put("role_assignments", [assignment(AGENT, FOUNDRY_PROJECT_MANAGER)])
    desk.put("role_definitions", built_in_roles)
    facts = desk.facts()
    assert grant_of(facts).admin == ""
    assert ASSIGN in conditional(facts, AGENT)
    assert ASSIGN not in held(facts, AGENT)


def test_a_condition_that_the_export_dropped_is_not_taken_for_none(desk, built_in_roles):
    """Domain note 15.1: API version 2022-04-01 of role definitions has no conditions."""
    bare = [
        one
        | {"permissions": [{k: v for k, v in b.items() if "condition" not in k} for b in one["permissions"]]}
        for one in built_in_roles
    ]
    desk.put("role_assignments", [assignment(AGENT, FOUNDRY_PROJECT_MANAGER)])
    desk.put("role_definitions", bare)
    facts = desk.facts()
    assert grant_of(facts).admin == ""
    assert ASSIGN in conditional(facts, AGENT)
    assert "Microsoft.CognitiveServices/*" in held(facts, AGENT)
    assert any("Foundry Project Manager" in caveat.what for caveat in facts.caveats)


@pytest.mark.parametrize(
    ("guid", "condition", "expected"),
    [
        (OWNER, "", True),
        (OWNER, ONLY_READER, True),
        (CONTRIBUTOR, "", True),
        (RBAC_ADMIN, "", True),
        (RBAC_ADMIN, ONLY_READER, False),
        (READER, "", False),
        (BLOB_READER, "", False),
    ],
)
def test_administrators_are_told_by_guid_and_by_what_they_may_grant(
    desk, built_in_roles, guid, condition, expected
):
    desk.put("role_assignments", [assignment(AGENT, guid, condition=condition or None)])
    desk.put("role_definitions", [one | {"roleName": "renamed"} for one in built_in_roles])
    assert bool(grant_of(desk.facts()).admin) is expected


def test_a_custom_role_with_every_action_or_the_right_to_grant_is_an_administrator(desk):
    other = "c0570000-0000-4000-8000-000000000002"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM), assignment(PERSON, other, kind="User")])
    desk.put(
        "role_definitions",
        [role(CUSTOM, "All", actions=["*"]), role(other, "Access", actions=["Microsoft.Authorization/*"])],
    )
    facts = desk.facts()
    assert "every action" in grant_of(facts).admin
    assert ASSIGN in grant_of(facts, PERSON).admin


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/", True),
        ("/providers/Microsoft.Management/managementGroups/all", True),
        (f"/subscriptions/{SUB}", True),
        (f"/subscriptions/{SUB}/resourceGroups/agents", False),
        (storage_account(), False),
    ],
)
def test_a_grant_is_wide_from_the_subscription_upwards(desk, scope, expected):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, scope)])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[READ])])
    facts = desk.facts()
    assert (facts.permissions.names(grant_of(facts).wide) == [READ]) is expected


def test_an_assignment_on_a_resource_group_is_found(desk):
    """Domain note 15.2."""
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/Agents")])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[READ])])
    facts = desk.facts()
    assert grant_of(facts).scope == f"/subscriptions/{SUB}/resourcegroups/agents"
    assert held(facts, AGENT) == [READ]


def test_what_a_group_holds_is_listed_for_the_group_and_never_unused(desk):
    desk.put("role_assignments", [assignment(GROUP, CUSTOM, kind="Group")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    desk.put("activity_logs", [event("Microsoft.Other/z/write", PERSON)])
    facts = desk.facts()
    codes = {blind.code for blind in facts.entitlements[GROUP].blind}
    assert held(facts, GROUP) == ["Microsoft.X/y/write"]
    assert "group-members-unknown" in codes
    assert grant_of(facts, GROUP).shared
    assert any("groups hold role assignments" in caveat.what for caveat in facts.caveats)


def test_a_grant_used_through_a_group_is_credited_to_that_assignment(desk):
    """Domain note 15.3: the evidence names the group, the claims name the member."""
    one = assignment(GROUP, CUSTOM, kind="Group")
    desk.put("role_assignments", [one])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    desk.put("activity_logs", [event("Microsoft.X/y/write", AGENT, grant=evidence(one))])
    desk.put("service_principals", [service_principal()])
    facts = desk.facts()
    used = {(row.identity, row.via): row.grant for row in facts.usage}
    assert used == {(AGENT, ""): one["id"].lower(), (GROUP, AGENT): one["id"].lower()}
    assert held(facts, AGENT) == ["Microsoft.X/y/write"]
    assert grant_of(facts).id == one["id"].lower()


def test_groups_that_a_service_principal_lists_give_it_their_grants(desk):
    desk.put("role_assignments", [assignment(GROUP, CUSTOM, kind="Group")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    member_of = [{"@odata.type": "#microsoft.graph.group", "id": GROUP}]
    desk.put("service_principals", [service_principal(transitiveMemberOf=member_of)])
    facts = desk.facts()
    assert held(facts, AGENT) == ["Microsoft.X/y/write"]
    assert grant_of(facts).shared


def test_the_same_assignment_in_two_files_counts_once(desk):
    one = assignment(AGENT, CUSTOM)
    desk.put("role_assignments", [one, one | {"id": one["id"].upper()}])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    assert len(desk.facts().grants) == 1


def test_wildcards_are_listed_over_roles_and_logs_and_stay_visible(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    other = role(
        "c0570000-0000-4000-8000-000000000002", "B", actions=["Microsoft.X/y/write", "Microsoft.Z/a/write"]
    )
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/*"]), other])
    desk.put("activity_logs", [event("MICROSOFT.X/Q/DELETE", PERSON)])
    facts = desk.facts()
    assert held(facts, AGENT) == ["Microsoft.X/*", "Microsoft.X/q/delete", "Microsoft.X/y/write"]
    assert any("lower bounds" in caveat.effect for caveat in facts.caveats)


def test_the_provider_catalogue_lists_a_wildcard_whole(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put(
        "role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/*"], dataActions=["Microsoft.X/*"])]
    )
    operations = [{"name": "Microsoft.X/y/write", "isDataAction": False}]
    blobs = [{"name": "Microsoft.X/y/blobs/read", "isDataAction": True}]
    provider = {"id": "/providers/x", "name": "Microsoft.X", "operations": [], "resourceTypes": []}
    provider["resourceTypes"] = [
        {"name": "y", "operations": operations},
        {"name": "blobs", "operations": blobs},
    ]
    desk.put("provider_operations", [provider])
    facts = desk.facts()
    assert held(facts, AGENT) == ["Microsoft.X/y/blobs/read", "Microsoft.X/y/write"]
    assert not any("lower bounds" in caveat.effect for caveat in facts.caveats)


def test_one_provider_is_one_service_whatever_its_spelling(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["microsoft.x/a/write", "Microsoft.X/b/write"])])
    facts = desk.facts()
    assert list(facts.permissions.by_service(facts.entitlements[AGENT].granted)) == ["Microsoft.X"]


def test_without_role_assignments_nobody_has_an_entitlement(desk):
    desk.put("activity_logs", [event("Microsoft.X/y/write")])
    facts = desk.facts()
    assert facts.entitlements == {}
    assert any("no role assignments" in caveat.what for caveat in facts.caveats)


def test_two_runs_give_equal_facts(desk, built_in_roles):
    desk.put("role_assignments", [assignment(AGENT, OWNER), assignment(PERSON, READER, kind="User")])
    desk.put("role_definitions", built_in_roles)
    desk.put("activity_logs", [event("Microsoft.X/y/write"), event("Microsoft.X/y/delete")])
    memory = desk.collect()
    first, second = facts_of(memory), facts_of(memory)
    for name in (
        "identities",
        "grants",
        "entitlements",
        "usage",
        "coverage",
        "caveats",
        "credentials",
        "reach",
    ):
        assert getattr(first, name) == getattr(second, name)


def test_several_sources_and_subscriptions_are_one_tenant(desk):
    desk.put(
        "role_assignments",
        [assignment(AGENT, CUSTOM), assignment(PERSON, CUSTOM, subscription(OTHER_SUB), kind="User")],
    )
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    accounts = {identity.id: identity.account for identity in desk.facts().identities}
    assert accounts == {AGENT: SUB, PERSON: OTHER_SUB}


def test_ai_account_scope_is_a_resource_scope(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, ai_account())])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=["Microsoft.CognitiveServices/*"])])
    assert grant_of(desk.facts()).wide == 0


def test_reach_classes_hold_operations_and_the_patterns_that_reach_into_them(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM), assignment(PERSON, OWNER, kind="User")])
    model = role(CUSTOM, "R", dataActions=["Microsoft.CognitiveServices/*", READ])
    desk.put("role_definitions", [model, role(OWNER, "Owner", actions=["*"])])
    facts = desk.facts()
    names = {name: facts.permissions.names(mask) for name, mask in facts.reach.items()}
    patterns = {name: [one for one in listed if "*" in one] for name, listed in names.items()}
    assert patterns["model"] == ["*", "Microsoft.CognitiveServices/*"]
    assert patterns["data"] == patterns["admin"] == ["*"]
    assert READ in names["data"]
    assert READ not in names["model"]


@pytest.mark.parametrize(
    "condition",
    [
        "!(ActionMatches{'Microsoft.X/y/*'}) OR @Request[a:b] StringEquals 'c'",
        "ActionMatches{'microsoft.x/Y/write', '*/delete'}",
        "ActionMatches{'*'} AND @Request[a:b] StringEquals 'c'",
        "!(ActionMatches{''}) AND !(ActionMatches{'Microsoft.Z/*'})",
        "ActionMatches{'Microsoft.X/*/write'} OR @Resource[a:b] StringEquals 'c'",
        "not a ( condition",
    ],
)
def test_deciding_a_condition_once_for_what_it_does_not_mention_changes_nothing(condition):
    permissions = Permissions(source="", date="", service=str, fold=str.lower)
    universe = Universe(permissions)
    names = ["Microsoft.X/y/write", "Microsoft.X/y/delete", "Microsoft.Z/q/write", "Microsoft.Z/q/read"]
    universe.add(Plane.CONTROL, names)
    universe.add(Plane.DATA, ["Microsoft.X/y/z/read"])
    everything = universe.expand(Plane.CONTROL, "*") | universe.expand(Plane.DATA, "Microsoft.X/*")
    found = Roles({}, universe, WINDOW).under(condition, everything)
    verdicts = {name: decide(condition, name, WINDOW) for name in permissions.names(everything)}
    assert {
        True: permissions.names(found.granted),
        None: permissions.names(found.conditional),
    } == {verdict: sorted(n for n, v in verdicts.items() if v is verdict) for verdict in (True, None)}
