"""One small tenant with many traps at once, its verdicts worked out by hand before it was first scanned."""

import pytest

from tests.connectors.azure.harness import Desk, blind, conditional, held, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    GROUP,
    SUB,
    ai_account,
    assignment,
    blob_event,
    event,
    number,
    role,
    service_principal,
    setting,
    storage_account,
    subscription,
)

MEMBER, OUTSIDER, GONE, SHARED_ID = (number(letter) for letter in "1234")
NESTED, FOREIGN = number("5"), number("6")
STORAGE, AI = "Microsoft.Storage/storageAccounts", "Microsoft.CognitiveServices"
BLOBS = f"{STORAGE}/blobServices/containers/blobs"
CHAT = f"{AI}/accounts/OpenAI/deployments/chat/completions/action"
EMBED = f"{AI}/accounts/OpenAI/deployments/embeddings/action"
RESOURCES = f"{subscription()}/resourceGroups/Agents"
TOP = "/providers/Microsoft.Management/managementGroups/top"
ENDS = ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")
TWO, DATA, DELETER, USER, READER = (number("c") for _ in range(5))
ROLES = [
    role(
        TWO,
        "Two blocks",
        {"actions": [f"{STORAGE}/*"], "notActions": [f"{STORAGE}/delete"]},
        {"actions": [f"{STORAGE}/delete"], "condition": "@Principal[a:b] StringEquals 'x'"},
    ),
    role(DATA, "Blobs", dataActions=[f"{BLOBS}/{one}" for one in ("read", "write", "delete")]),
    role(DELETER, "Deleter", actions=[f"{STORAGE}/delete"]),
    role(USER, "Model user", dataActions=[CHAT, EMBED]),
    role(READER, "Reads all", actions=["*/read"]),
]
ONLY_PROMPTS = (
    f"!(ActionMatches{{'{BLOBS}/read'}}) OR "
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'prompts'"
)


def model_call(caller, time, operation="ChatCompletions_Create"):
    return {
        "time": time,
        "resourceId": ai_account().upper(),
        "operationName": operation,
        "category": "RequestResponse",
        "correlationId": number("b"),
        "resultSignature": "200",
        "properties": f'{{"objectId":"{caller}"}}',
    }


@pytest.fixture
def facts(desk: Desk):
    """Return the facts of the tenant."""
    own = assignment(AGENT, TWO, RESOURCES.lower())
    blobs = assignment(AGENT.replace("-", ""), DATA, subscription(SUB.upper()), condition=ONLY_PROMPTS)
    group = assignment(GROUP, DELETER, RESOURCES, kind="Group")
    desk.put(
        "role_assignments",
        [
            own,
            blobs,
            group,
            assignment(AGENT.upper(), READER, TOP),
            assignment(FOREIGN, USER, ai_account(), kind="ForeignGroup"),
            assignment(GONE, USER, ai_account()),
            assignment(SHARED_ID, USER, RESOURCES),
        ],
    )
    desk.put("role_definitions", ROLES)
    others = [service_principal(one, appId=number("8")) for one in (MEMBER, OUTSIDER)]
    desk.put("service_principals", [service_principal(), *others])
    everyone = {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}
    properties = {
        "denyAssignmentName": "keep",
        "scope": RESOURCES,
        "principals": [everyone],
        "excludePrincipals": [{"id": MEMBER, "type": "ServicePrincipal"}],
        "permissions": [{"actions": [f"{STORAGE}/regenerateKey/action", f"{STORAGE}/delete"]}],
    }
    place = f"{RESOURCES}/providers/Microsoft.Authorization/denyAssignments/{number('d')}"
    desk.put("deny_assignments", [{"id": place, "properties": properties}])
    identity = f"{RESOURCES}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shared"
    apps = [
        {
            "id": f"{RESOURCES}/providers/Microsoft.App/containerApps/{name}",
            "type": "Microsoft.App/containerApps",
            "identity": {"userAssignedIdentities": {identity: {"principalId": SHARED_ID}}},
        }
        for name in ("front", "back")
    ]
    stores = [{"id": storage_account(), "type": STORAGE}, {"id": ai_account(), "type": f"{AI}/accounts"}]
    desk.put(
        "resources", [{"id": subscription(), "type": "microsoft.resources/subscriptions"}, *stores, *apps]
    )
    desk.put("group_members", [{"id": NESTED}, {"id": MEMBER}, {"id": OUTSIDER}], name=f"{GROUP}.json")
    through = {
        "principalId": GROUP.replace("-", ""),
        "principalType": "Group",
        "roleAssignmentId": group["name"].replace("-", ""),
    }
    desk.put(
        "activity_logs",
        [
            *(event(f"{STORAGE}/write", scope=storage_account(), time=at) for at in ENDS),
            event(f"{STORAGE}/delete", MEMBER, scope=storage_account(), grant=through),
            event(f"{STORAGE}/regenerateKey/action", scope=storage_account()),
        ],
    )
    calls = []
    for at in ENDS:
        for who, action in ((AGENT, "read"), (OUTSIDER, "write"), (OUTSIDER, "delete")):
            made = {**blob_event(), "time": at, "correlationId": number("7")}
            made["category"] = {"read": "StorageRead", "write": "StorageWrite", "delete": "StorageDelete"}[
                action
            ]
            made["identity"] = {
                "type": "OAuth",
                "requester": {"objectId": who},
                "authorization": [{"action": f"{BLOBS}/{action}", "roleAssignmentId": blobs["name"]}],
            }
            calls.append(made)
        calls.append(model_call(SHARED_ID, at))
    desk.put("resource_logs", calls)
    on = [setting(f"{storage_account()}/blobServices/default", group="allLogs")]
    desk.put("diagnostic_settings", [*on, setting(ai_account(), "RequestResponse")])
    return desk.facts()


def test_blocks_denies_and_conditions_of_one_principal(facts):
    """Delete is denied to it, regenerateKey too (although it was called), and the rest of Storage stands."""
    granted = held(facts, AGENT)
    assert f"{STORAGE}/write" in granted
    assert {f"{STORAGE}/delete", f"{STORAGE}/regenerateKey/action"}.isdisjoint(granted)
    assert conditional(facts, AGENT) == []
    assert {row.permission for row in facts.usage if row.identity == AGENT} == {
        f"{STORAGE}/write",
        f"{STORAGE}/regenerateKey/action",
        f"{BLOBS}/read",
    }


def test_what_logs_would_have_shown_is_unused_and_reads_are_not(facts):
    keys = [f"{STORAGE}/{name}/action" for name in ("listAccountSas", "listKeys", "listServiceSas")]
    assert unused(facts, AGENT) == sorted([*keys, f"{BLOBS}/delete", f"{BLOBS}/write"])
    assert blind(facts, AGENT)["*/read"] in ("control-plane-reads-not-logged", "wildcard-not-expanded")


def test_a_member_that_a_deny_spares_used_the_groups_assignment(facts):
    assert held(facts, MEMBER) == [f"{STORAGE}/delete"]
    (row,) = [one for one in facts.usage if one.identity == MEMBER]
    assert row.grant in {one.id for one in facts.grants if one.name == "Deleter"}


def test_a_member_that_the_deny_hits_holds_nothing(facts):
    assert held(facts, OUTSIDER) == []


def test_a_group_of_another_tenant_is_never_called_unused(facts):
    assert unused(facts, FOREIGN) == []
    assert set(blind(facts, FOREIGN).values()) == {"group-members-unknown"}


def test_a_deleted_principal_is_said(facts):
    (said,) = [one for one in facts.caveats if "no list names" in one.what]
    assert said.where == GONE


def test_one_identity_of_two_workloads_is_shared_by_both(facts):
    (found,) = [one for one in facts.identities if one.id == SHARED_ID]
    assert [one.name for one in found.workloads] == ["back", "front"]
    assert unused(facts, SHARED_ID) == [EMBED]
