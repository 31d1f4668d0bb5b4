"""A call whose caller cannot be joined to an identity may be any identity's: it hides, never proves."""

import pytest

from tests.connectors.azure.harness import blind, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    BLOB_READER,
    CUSTOM,
    GROUP,
    OTHER_SUB,
    PERSON,
    SUB,
    ai_account,
    assignment,
    blob_event,
    event,
    evidence,
    key_blob_event,
    openai_event,
    role,
    service_principal,
    setting,
    storage_account,
    subscription,
    vault_event,
)

WRITE, DELETE = "Microsoft.X/y/write", "Microsoft.X/y/delete"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
APP_ONLY = {"claims": {"appid": AGENT_APP, "idtyp": "app"}, "caller": AGENT_APP}


@pytest.fixture
def agent(desk):
    """Prepare an agent that may write and delete, in a subscription whose Activity Log is given."""
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE, DELETE])])
    return desk


def test_a_client_id_that_nobody_can_join_hides_what_it_called(agent):
    """Tokens of old formats carry no object id; without service principals any identity may be the one."""
    agent.put("activity_logs", [event(WRITE, **APP_ONLY)])
    assert (unused(agent.facts(), AGENT), blind(agent.facts(), AGENT)) == (
        [DELETE],
        {WRITE: "caller-not-joined"},
    )


def test_a_service_principal_export_joins_the_client_id(agent):
    agent.put("activity_logs", [event(WRITE, **APP_ONLY)])
    agent.put("service_principals", [service_principal()])
    facts = agent.facts()
    assert unused(facts, AGENT) == [DELETE]
    assert [(row.identity, row.permission) for row in facts.usage] == [(AGENT, WRITE)]


def test_an_identity_whose_client_id_is_known_is_not_hidden_by_another(agent):
    agent.put("activity_logs", [event(WRITE, **APP_ONLY)])
    agent.put("service_principals", [service_principal(appId=CUSTOM)])
    assert unused(agent.facts(), AGENT) == [DELETE, WRITE]


def test_a_refused_call_hides_nothing(agent):
    refused = {"status": "Failed", "subStatus": {"value": "Forbidden"}}
    agent.put("activity_logs", [event(WRITE, **APP_ONLY, **refused)])
    assert unused(agent.facts(), AGENT) == [DELETE, WRITE]


def test_a_call_without_any_caller_hides_its_permission_in_its_subscription(agent):
    elsewhere = f"{subscription(OTHER_SUB)}/resourceGroups/x"
    agent.put(
        "activity_logs",
        [event(WRITE, claims={}, caller=None), event(DELETE, claims={}, caller=None, scope=elsewhere)],
    )
    assert blind(agent.facts(), AGENT) == {WRITE: "caller-not-named"}


def test_the_name_of_an_assignment_joins_a_user(desk):
    desk.put("role_assignments", [assignment(PERSON, CUSTOM, kind="User", principalName="Ann@Example.com")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE, DELETE])])
    desk.put("activity_logs", [event(WRITE, claims={}, caller="ann@example.com")])
    facts = desk.facts()
    assert [(row.identity, row.permission) for row in facts.usage] == [(PERSON, WRITE)]
    assert unused(facts, PERSON) == [DELETE]


def test_a_user_name_that_no_assignment_has_hides_what_it_called(desk):
    desk.put("role_assignments", [assignment(PERSON, CUSTOM, kind="User")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE, DELETE])])
    desk.put("activity_logs", [event(WRITE, claims={}, caller="ann@example.com")])
    assert blind(desk.facts(), PERSON) == {WRITE: "caller-not-joined"}


@pytest.fixture
def reader(desk):
    """Prepare an agent that may read blobs of an account whose log is on."""
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER, storage_account())])
    desk.put("role_definitions", [role(BLOB_READER, "Storage Blob Data Reader", dataActions=[READ])])
    desk.put("diagnostic_settings", [setting(f"{storage_account()}/blobServices/default", group="allLogs")])
    return desk


def test_a_user_delegation_sas_hides_what_was_read_with_it(reader):
    """Such a SAS is checked against its maker's role assignments, and the record names no key and nobody."""
    reader.put("resource_logs", [blob_event() | {"identity": {"type": "SAS"}}])
    assert blind(reader.facts(), AGENT) == {READ: "caller-not-named"}


@pytest.mark.parametrize("kind", ["AccountKey", "SAS Key", "Anonymous"])
def test_keys_and_anonymous_reads_use_no_assignment(reader, kind):
    record = key_blob_event()
    record["identity"]["type"] = kind
    if kind == "Anonymous":
        del record["identity"]["tokenHash"]
    reader.put("resource_logs", [record])
    assert unused(reader.facts(), AGENT) == [READ]


def test_the_challenge_before_a_vault_call_hides_nothing(desk):
    """Vault clients first call without a token and are answered 401."""
    secret = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    vault = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.KeyVault/vaults/safe"
    challenge = vault_event(identity={}, properties={"httpStatusCode": 401}, resultSignature="Unauthorized")
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, vault)])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[secret])])
    desk.put("diagnostic_settings", [setting(vault, "AuditEvent")])
    desk.put("resource_logs", [challenge])
    assert unused(desk.facts(), AGENT) == [secret]


def test_what_a_member_holds_only_through_its_group_is_never_unused(desk):
    mine = assignment(AGENT, "c0570000-0000-4000-8000-000000000002")
    desk.put("role_assignments", [assignment(GROUP, CUSTOM, kind="Group"), mine])
    desk.put(
        "role_definitions",
        [
            role(CUSTOM, "Shared", actions=[WRITE, DELETE]),
            role("c0570000-0000-4000-8000-000000000002", "Own", actions=[DELETE]),
        ],
    )
    desk.put("service_principals", [service_principal(memberOf=[{"id": GROUP}])])
    desk.put("activity_logs", [event("Microsoft.Other/z/write", PERSON)])
    facts = desk.facts()
    assert (unused(facts, AGENT), blind(facts, AGENT)) == ([DELETE], {WRITE: "group-members-unknown"})


def test_a_principal_of_unknown_kind_may_be_a_group(desk):
    """Assignments read with API versions before 2018 do not say what kind of principal they are for."""
    desk.put("role_assignments", [assignment(GROUP, CUSTOM, kind="")])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE])])
    desk.put("activity_logs", [event("Microsoft.Other/z/write", PERSON)])
    assert blind(desk.facts(), GROUP) == {WRITE: "group-members-unknown"}


def test_an_action_that_may_have_allowed_a_call_instead_is_hidden(desk):
    """Putting a blob needs blobs/write or blobs/add/action; a record without details does not say which."""
    put = blob_event("PutBlob")
    put["identity"]["authorization"] = []
    add = READ.removesuffix("read") + "add/action"
    target = f"{storage_account()}/blobServices/default"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, storage_account())])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[add])])
    desk.put("diagnostic_settings", [setting(target, group="allLogs")])
    desk.put("resource_logs", [put])
    assert blind(desk.facts(), AGENT) == {add: "another-action-logged"}


def test_a_call_through_an_assignment_whose_role_does_not_name_it_hides_the_role(desk):
    """Something the role gives was used under the logged name, and nobody can say what."""
    mine = assignment(AGENT, CUSTOM)
    desk.put("role_assignments", [mine])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE, DELETE, "Microsoft.Z/a/write"])])
    desk.put("activity_logs", [event("Microsoft.X/renamed/action", grant=evidence(mine))])
    assert (unused(desk.facts(), AGENT), blind(desk.facts(), AGENT)) == (
        ["Microsoft.Z/a/write"],
        {WRITE: "action-not-in-role", DELETE: "action-not-in-role"},
    )


@pytest.mark.parametrize(("keys_off", "hidden"), [(True, True), (False, False), (None, False)])
def test_a_call_without_a_caller_is_by_a_key_only_where_the_account_accepts_keys(desk, keys_off, hidden):
    chat = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"
    properties = {} if keys_off is None else {"disableLocalAuth": keys_off}
    account = {"id": ai_account(), "type": "Microsoft.CognitiveServices/accounts", "properties": properties}
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[chat])])
    desk.put("resources", [account])
    desk.put("diagnostic_settings", [setting(ai_account(), "RequestResponse")])
    desk.put("activity_logs", [event(WRITE, PERSON)])
    desk.put("resource_logs", [openai_event(caller="")])
    facts = desk.facts()
    assert (chat in unused(facts, AGENT)) is not hidden
    assert (blind(facts, AGENT).get(chat) == "caller-not-named") is hidden
