"""Rights beside role assignments: PIM, classic administrators, access policies, Cosmos DB, groups, trees."""

import json

from tests.connectors.azure.harness import blind, collect, conditional, facts_of, held, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    BLOB_READER,
    CONTRIBUTOR,
    GROUP,
    KEY_VAULT_SECRETS_USER,
    OTHER_SUB,
    OWNER,
    PERSON,
    SUB,
    assignment,
    event,
    number,
    role,
    service_principal,
    subscription,
    vault_event,
)

GET_SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
LIST_SECRETS = "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
WRITE = "Microsoft.Storage/storageAccounts/write"
VAULT = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.KeyVault/vaults/safe"
COSMOS = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.DocumentDB/databaseAccounts/memory"
ITEMS = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read"


def instance(principal, role_id, *, kind="ServicePrincipal", **extra):
    """Return a PIM schedule instance in the shape of the official example."""
    scope = extra.pop("scope", subscription())
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/RoleAssignmentScheduleInstances/{number('7')}",
        "properties": {
            "scope": scope,
            "roleDefinitionId": f"{subscription()}/providers/Microsoft.Authorization/roleDefinitions/{role_id}",
            "principalId": principal,
            "principalType": kind,
            "endDateTime": "2027-02-01T00:00:00.5Z",
            "expandedProperties": {
                "principal": {"displayName": "Ada"},
                "roleDefinition": {"displayName": "X"},
            },
            **extra,
        },
    }


def base(desk, *assignments, roles=()):
    desk.put("role_assignments", list(assignments))
    desk.put("role_definitions", [role(BLOB_READER, "Storage writer", actions=[WRITE]), *roles])
    return desk


def test_a_pim_assignment_gives_its_role_until_it_ends(desk):
    base(desk)
    desk.put("role_assignment_schedules", [instance(AGENT, BLOB_READER)])
    facts = desk.facts()
    assert [WRITE] == held(facts, AGENT)
    (grant,) = facts.grants
    assert "PIM assignment" in grant.source
    assert "ends 2027-02-01T00:00:00Z" in grant.conditions


def test_a_pim_assignment_that_ends_in_the_window_is_conditional(desk):
    base(desk)
    desk.put("role_assignment_schedules", [instance(AGENT, BLOB_READER, endDateTime="2026-09-15T00:00:00Z")])
    facts = desk.facts()
    assert [] == held(facts, AGENT)
    assert [WRITE] == conditional(facts, AGENT)


def test_a_pim_instance_of_a_listed_assignment_is_that_assignment(desk):
    one = assignment(AGENT, BLOB_READER)
    base(desk, one)
    desk.put(
        "role_assignment_schedules", [instance(AGENT, BLOB_READER, originRoleAssignmentId=one["id"].upper())]
    )
    (grant,) = desk.facts().grants
    assert one["id"].lower() == grant.id
    assert "ends 2027-02-01" in grant.conditions
    assert not grant.undecided


def test_what_may_be_activated_through_pim_is_conditional(desk):
    base(desk)
    desk.put("role_eligibility_schedules", [instance(PERSON, BLOB_READER, kind="User")])
    facts = desk.facts()
    assert ([], [WRITE]) == (held(facts, PERSON), conditional(facts, PERSON))
    assert "activated" in facts.entitlements[PERSON].conditional_reason


def test_the_official_example_of_an_eligibility_is_read(desk, shared):
    base(desk)
    example = json.loads(
        (shared / "rest-api-specs" / "GetRoleEligibilityScheduleInstancesByScope.json").read_text()
    )
    desk.put("role_eligibility_schedules", example["responses"]["200"]["body"])
    facts = desk.facts()
    (grant,) = facts.grants
    assert ("a3bb8764-cb92-4276-9d2a-ca1e895e55ea", "Contributor") == (grant.identity, grant.name)


def test_a_classic_administrator_may_do_everything_and_is_never_called_unused(desk):
    base(desk, assignment(AGENT, BLOB_READER))
    desk.put(
        "classic_administrators",
        [
            {
                "id": f"{subscription()}/providers/Microsoft.Authorization/classicAdministrators/1",
                "properties": {
                    "emailAddress": "Old@Example.com",
                    "role": "ServiceAdministrator;AccountAdministrator",
                },
            }
        ],
    )
    desk.put("activity_logs", [event(WRITE)])
    facts = desk.facts()
    who = "user:old@example.com"
    assert WRITE in held(facts, who)
    assert [] == unused(facts, who)
    (grant,) = [one for one in facts.grants if one.identity == who]
    assert grant.admin


def test_a_classic_administrator_is_the_user_with_that_address(desk):
    base(desk, assignment(PERSON, BLOB_READER, kind="User", principalName="ada@example.com"))
    desk.put(
        "classic_administrators",
        [
            {
                "id": f"{subscription()}/providers/Microsoft.Authorization/classicAdministrators/1",
                "emailAddress": "ada@example.com",
                "role": "CoAdministrator",
            }
        ],
    )
    facts = desk.facts()
    assert {PERSON} == {identity.id for identity in facts.identities}
    assert "*" in held(facts, PERSON)


def vault(*policies, **extra):
    return {
        "id": VAULT,
        "type": "Microsoft.KeyVault/vaults",
        "properties": {"enableRbacAuthorization": False, "accessPolicies": list(policies), **extra},
    }


def test_access_policies_are_grants_on_their_vault(desk):
    base(desk)
    desk.put(
        "resources", [vault({"objectId": AGENT, "permissions": {"secrets": ["Get", "list"], "keys": []}})]
    )
    desk.put("resource_logs", [vault_event()])
    facts = desk.facts()
    assert [GET_SECRET, LIST_SECRETS] == held(facts, AGENT)
    (grant,) = facts.grants
    assert ("Key Vault access policy: secrets get, list", VAULT.lower()) == (grant.name, grant.scope)
    assert [GET_SECRET] == [row.permission for row in facts.usage]


def test_all_in_an_access_policy_is_every_word(desk):
    base(desk)
    desk.put("resources", [vault({"objectId": AGENT, "permissions": {"secrets": ["all"]}})])
    assert "Microsoft.KeyVault/vaults/secrets/purge/action" in held(desk.facts(), AGENT)


def test_a_vault_with_access_policies_ignores_role_assignments_on_it(desk):
    secrets = role(
        KEY_VAULT_SECRETS_USER, "Key Vault Secrets User", dataActions=[GET_SECRET], actions=[WRITE]
    )
    base(desk, assignment(AGENT, KEY_VAULT_SECRETS_USER, VAULT), roles=[secrets])
    desk.put("resources", [vault()])
    facts = desk.facts()
    assert [WRITE] == held(facts, AGENT)
    assert any("use access policies" in caveat.what for caveat in facts.caveats)


def test_a_vault_with_role_assignments_ignores_its_access_policies(desk):
    base(desk)
    desk.put(
        "resources",
        [vault({"objectId": AGENT, "permissions": {"secrets": ["get"]}}, enableRbacAuthorization=True)],
    )
    assert () == desk.facts().grants


def test_an_access_policy_for_an_application_within_another_is_conditional(desk):
    base(desk)
    policy = {"objectId": PERSON, "applicationId": number("a"), "permissions": {"secrets": ["get"]}}
    desk.put("resources", [vault(policy)])
    assert [GET_SECRET] == conditional(desk.facts(), PERSON)


def cosmos(principal=AGENT, scope=COSMOS, definition="00000000-0000-0000-0000-000000000001"):
    """Return an assignment as `az cosmosdb sql role assignment list` writes it."""
    return {
        "id": f"{COSMOS}/sqlRoleAssignments/{number('c')}",
        "principalId": principal,
        "roleDefinitionId": f"{COSMOS}/sqlRoleDefinitions/{definition}",
        "scope": scope,
        "type": "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
    }


def test_cosmos_roles_are_grants_and_their_log_names_them(desk):
    base(desk)
    one = cosmos(scope=f"{COSMOS}/dbs/chat/colls/turns")
    desk.put("cosmos_role_assignments", [one])
    desk.put(
        "resource_logs",
        [
            {
                "time": "2026-09-10T10:00:00Z",
                "category": "DataPlaneRequests",
                "operationName": "Read",
                "resourceId": COSMOS.upper(),
                "properties": {
                    "aadPrincipalId": AGENT,
                    "aadAppliedRoleAssignmentId": one["id"].rsplit("/", 1)[-1],
                    "statusCode": "200",
                    "databaseName": "chat",
                    "collectionName": "turns",
                },
            }
        ],
    )
    facts = desk.facts()
    assert ITEMS in held(facts, AGENT)
    (grant,) = facts.grants
    assert f"{COSMOS}/sqldatabases/chat/containers/turns".lower() == grant.scope
    assert [(ITEMS, grant.id)] == [(row.permission, row.grant) for row in facts.usage]


def test_a_cosmos_role_of_the_account_itself_is_read(desk):
    base(desk)
    custom = number("9")
    desk.put("cosmos_role_assignments", [cosmos(definition=custom)])
    definition = {
        "id": f"{COSMOS}/sqlRoleDefinitions/{custom}",
        "roleName": "Turn reader",
        "permissions": [{"dataActions": [ITEMS]}],
        "assignableScopes": [COSMOS],
    }
    desk.put("cosmos_role_definitions", [definition])
    facts = desk.facts()
    assert ([ITEMS], "Turn reader") == (held(facts, AGENT), facts.grants[0].name)


def members(desk, group, *who):
    desk.put("group_members", list(who), name=f"{group}.json")


def person(identifier=PERSON):
    return {"@odata.type": "#microsoft.graph.user", "id": identifier, "userPrincipalName": "ada@example.com"}


def test_a_member_of_a_group_that_is_known_whole_is_told_what_it_did_not_use(desk):
    base(desk, assignment(GROUP, BLOB_READER, kind="Group"))
    desk.put("service_principals", [service_principal()])
    desk.put("activity_logs", [event("Microsoft.Compute/disks/write")])
    members(desk, GROUP, {"@odata.type": "#microsoft.graph.servicePrincipal", "id": AGENT}, person())
    facts = desk.facts()
    assert [WRITE] == unused(facts, AGENT)
    # Any member's call may have gone through the group's assignment.
    assert {WRITE: "group-members-unknown"} == blind(facts, GROUP)


def test_members_of_nested_groups_hold_what_the_outer_group_holds(desk, tmp_path):
    inner = number("9")
    base(desk, assignment(GROUP, BLOB_READER, kind="Group"))
    folder = tmp_path / "members"
    folder.mkdir()
    (folder / f"{GROUP}.json").write_text(
        json.dumps([{"@odata.type": "#microsoft.graph.group", "id": inner}])
    )
    (folder / f"{inner.replace('-', '')}.json").write_text(
        json.dumps([{"id": AGENT, "objectType": "ServicePrincipal"}])
    )
    facts = facts_of(collect({**desk.files, "group_members": folder}))
    assert [WRITE] == held(facts, AGENT)


def test_a_nested_group_that_is_not_listed_leaves_its_members_open(desk):
    base(desk, assignment(GROUP, BLOB_READER, kind="Group"))
    desk.put("service_principals", [service_principal()])
    desk.put("activity_logs", [event("Microsoft.Compute/disks/write")])
    members(desk, GROUP, {"@odata.type": "#microsoft.graph.group", "id": number("9")}, {"id": AGENT})
    facts = desk.facts()
    assert {WRITE: "group-members-unknown"} == blind(facts, AGENT)


def test_a_list_of_members_that_names_no_group_is_refused(desk):
    base(desk)
    desk.put("group_members", [person()])
    (outcome,) = [one for one in desk.collect().outcomes() if one.part == "group_members"]
    assert "name the file by the group's id" in outcome.reason


def test_a_deny_on_a_group_is_decided_where_its_members_are_known(desk):
    deny = {
        "id": f"{subscription()}/providers/Microsoft.Authorization/denyAssignments/{number('d')}",
        "properties": {
            "denyAssignmentName": "no writes",
            "scope": subscription(),
            "permissions": [{"actions": [WRITE]}],
            "principals": [{"id": GROUP, "type": "Group"}],
        },
    }
    base(desk, assignment(AGENT, BLOB_READER), assignment(PERSON, BLOB_READER, kind="User"))
    desk.put("deny_assignments", [deny])
    members(desk, GROUP, person())
    facts = desk.facts()
    assert ([WRITE], []) == (held(facts, AGENT), conditional(facts, AGENT))
    assert ([], []) == (held(facts, PERSON), conditional(facts, PERSON))


def tree(*subscriptions):
    root = "/providers/Microsoft.Management/managementGroups/root"
    return [
        {"id": root, "type": "Microsoft.Management/managementGroups", "name": "root"},
        *(
            {
                "id": f"/subscriptions/{one}",
                "name": one,
                "type": "Microsoft.Management/managementGroups/subscriptions",
                "properties": {"parent": {"id": root}},
            }
            for one in subscriptions
        ),
    ]


def test_a_grant_at_a_management_group_is_seen_where_all_its_subscriptions_are(desk):
    group = "/providers/Microsoft.Management/managementGroups/root"
    base(desk, assignment(AGENT, BLOB_READER, group))
    desk.put("management_groups", tree(SUB))
    desk.put("activity_logs", [event("Microsoft.Compute/disks/write")])
    assert [WRITE] == unused(desk.facts(), AGENT)
    desk.put("management_groups", tree(SUB, OTHER_SUB))
    assert {WRITE: "subscriptions-not-listed"} == blind(desk.facts(), AGENT)


def test_a_deny_at_a_management_group_is_decided_where_its_tree_is_known(desk):
    deny = {
        "id": f"/providers/Microsoft.Management/managementGroups/root/providers/Microsoft.Authorization/denyAssignments/{number('d')}",
        "properties": {
            "denyAssignmentName": "no writes",
            "permissions": [{"actions": [WRITE]}],
            "principals": [{"id": AGENT, "type": "ServicePrincipal"}],
        },
    }
    base(desk, assignment(AGENT, BLOB_READER))
    desk.put("deny_assignments", [deny])
    desk.put("management_groups", tree(SUB))
    facts = desk.facts()
    assert ([], []) == (held(facts, AGENT), conditional(facts, AGENT))


def test_planes_that_nobody_read_are_not_evaluated(desk):
    base(
        desk,
        assignment(AGENT, BLOB_READER),
        roles=[role(OWNER, "Owner", actions=["*"]), role(CONTRIBUTOR, "C")],
    )
    desk.put("directory_roles", [])
    (caveat,) = [one for one in desk.facts().caveats if one.what.startswith("not evaluated: ")]
    assert "PIM eligibilities" in caveat.what
    assert "directory roles" not in caveat.what
