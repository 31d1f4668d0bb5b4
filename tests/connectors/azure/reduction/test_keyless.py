"""Keys are switched off where no call used one, and secrets that stay get a way to do without them."""

import json
import shlex

import pytest

from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.forms import render
from connectors.reduction import Standing
from tests.connectors.azure.harness import Desk
from tests.connectors.azure.reducing import only
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    CUSTOM,
    ai_account,
    assignment,
    event,
    number,
    role,
    service_principal,
    setting,
    sign_in_event,
)

LIST = "Microsoft.CognitiveServices/accounts/listKeys/action"
WRITE, DELETE = "Microsoft.Storage/storageAccounts/write", "Microsoft.Storage/storageAccounts/delete"
BRAIN = ai_account()
ENDS = ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")
SECRET = "5ec0e700-0000-4000-8000-000000000009"


def model_call(time, caller=AGENT):
    return {
        "time": time,
        "resourceId": BRAIN.upper(),
        "operationName": "ChatCompletions_Create",
        "category": "RequestResponse",
        "correlationId": number("b"),
        "resultSignature": "200",
        "properties": json.dumps({"objectId": caller, "modelDeploymentName": "gpt"}),
    }


@pytest.fixture
def keyed(desk: Desk) -> Desk:
    """Return a desk: the agent may fetch the keys of an AI account whose log spans the window without one."""
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Lister", actions=[LIST, WRITE, DELETE])])
    desk.put("activity_logs", [event(WRITE, time=at) for at in ENDS])
    desk.put("service_principals", [service_principal()])
    desk.put("resources", [{"id": BRAIN, "type": "Microsoft.CognitiveServices/accounts", "properties": {}}])
    desk.put("diagnostic_settings", [setting(BRAIN, "RequestResponse")])
    desk.put("resource_logs", [model_call(at) for at in ENDS])
    return desk


def switches(found):
    return [change for change in found.changes if change.kind == Kind.SWITCH_OFF_KEYS]


def test_keys_that_no_call_used_are_switched_off_as_a_step_with_its_way_back(keyed):
    found = only(keyed.collect(), AGENT)
    (change,) = switches(found)
    assert json.loads(change.after)["properties"] == {"disableLocalAuth": True}
    assert found.restore.standing is Standing.PROVED
    (script,) = [one.content for one in render(found.changes, "cli") if one.form == "cli"]
    assert f"az resource update --ids {BRAIN} --set properties.disableLocalAuth=true" in script
    back = found.rollback[-1].content
    assert f"az resource update --ids {BRAIN} --set properties.disableLocalAuth=false" in back
    (code,) = render(found.changes, "terraform")[:1]
    assert 'resource "azapi_update_resource" "keys_of_brain"' in code.content
    assert "disableLocalAuth = true" in code.content
    assert "disableLocalAuth=true" in render(found.changes, "bicep")[0].content
    assert any("for everybody at brain" in note for note in found.notes)


@pytest.mark.parametrize("why", ["used", "setting unknown", "short log", "stored in a connection"])
def test_otherwise_it_is_said_what_to_do_first(keyed, why):
    if why == "used":
        keyed.put("resource_logs", [*(model_call(at) for at in ENDS), model_call(ENDS[0], caller="")])
    elif why == "setting unknown":
        del keyed.files["diagnostic_settings"]
    elif why == "short log":
        keyed.put("resource_logs", [model_call(ENDS[1])])
    else:
        connection = {
            "id": f"{BRAIN}/projects/p/connections/c",
            "type": "Microsoft.CognitiveServices/accounts/projects/connections",
            "properties": {"authType": "ApiKey", "target": "https://brain.openai.azure.com/"},
        }
        held = json.loads(keyed.files["resources"].read_text())
        keyed.put("resources", [*held, connection])
    found = only(keyed.collect(), AGENT)
    assert switches(found) == []
    (note,) = [one for one in found.notes if "disableLocalAuth=true" in one]
    assert {
        "used": "They are in use",
        "setting unknown": "Review",
        "short log": "Review",
        "stored in a connection": "stored key",
    }[why] in note


def test_an_account_whose_keys_are_off_is_left_alone(keyed):
    held = json.loads(keyed.files["resources"].read_text())
    held[0]["properties"] = {"disableLocalAuth": True}
    keyed.put("resources", held)
    found = only(keyed.collect(), AGENT)
    assert switches(found) == []
    assert not [one for one in found.notes if "disableLocalAuth" in one]


def test_a_secret_that_stays_gets_both_ways_to_do_without_it(keyed):
    secret = {"keyId": SECRET, "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2028-01-01T00:00:00Z"}
    keyed.put("service_principals", [service_principal(passwordCredentials=[secret])])
    found = only(keyed.collect(), AGENT)
    (text,) = [one.content for one in found.artifacts if "do without secrets" in one.name]
    told = json.loads(text)
    (create,) = told["federation"]["commands"]
    words = shlex.split(create)
    assert words[:7] == ["az", "ad", "app", "federated-credential", "create", "--id", AGENT_APP]
    assert json.loads(words[-1])["subject"] == "SUBJECT"
    made = told["managed_identity"]["commands"]
    assert made[0].startswith("az identity create")
    assert [shlex.split(one)[shlex.split(one).index("--scope") + 1] for one in made[1:]] == [
        json.loads(change.after)["properties"]["scope"]
        for change in found.changes
        if change.kind == Kind.CREATE_ASSIGNMENT
    ]
    for way in ("federation", "managed_identity"):
        (gone,) = next(value for key, value in told[way].items() if key.startswith("when "))
        assert gone == f"az ad app credential delete --id {AGENT_APP} --key-id {SECRET}"
        assert told[way]["rollback"][0] == f"az ad app credential reset --id {AGENT_APP} --append"


def test_nothing_is_said_of_secrets_where_there_are_none(keyed):
    assert not [one for one in only(keyed.collect(), AGENT).artifacts if "do without secrets" in one.name]


def test_a_rehearsal_can_be_put_in_place_and_taken_back(keyed):
    (text,) = [one.content for one in only(keyed.collect(), AGENT).artifacts if "rehearsal" in one.name]
    (request,) = json.loads(text)["requests"]
    assert shlex.split(request["command"])[:4] == ["az", "rest", "--method", "put"]
    assert json.loads(shlex.split(request["command"])[-1]) == request["body"]
    assert shlex.split(request["rollback"])[3:] == ["delete", "--url", request["url"]]


@pytest.mark.parametrize(
    ("kind", "operation", "properties", "opens"),
    [
        ("Microsoft.Cache/redis", "Microsoft.Cache/redis/listKeys/action", {}, True),
        (
            "Microsoft.Cache/redis",
            "Microsoft.Cache/redis/listKeys/action",
            {"disableAccessKeyAuthentication": True},
            False,
        ),
        (
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.ContainerRegistry/registries/listCredentials/action",
            {},
            False,
        ),
        (
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.ContainerRegistry/registries/listCredentials/action",
            {"adminUserEnabled": True},
            True,
        ),
        (
            "Microsoft.DocumentDB/databaseAccounts",
            "Microsoft.DocumentDB/databaseAccounts/readonlykeys/read",
            {},
            True,
        ),
        ("Microsoft.Maps/accounts", "Microsoft.Maps/accounts/regenerateKey/action", {}, True),
        (
            "Microsoft.Search/searchServices",
            "Microsoft.Search/searchServices/regenerateAdminKey/action",
            {},
            True,
        ),
    ],
)
def test_who_may_fetch_a_key_reaches_what_it_opens(desk, kind, operation, properties, opens):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Keys", actions=[operation])])
    place = BRAIN.rpartition("/providers/")[0]
    desk.put("resources", [{"id": f"{place}/providers/{kind}/x", "type": kind, "properties": properties}])
    facts = desk.facts()
    assert (operation in facts.permissions.names(facts.reach["data"])) is opens


def test_the_right_to_assign_through_pim_makes_an_administrator(desk):
    held = "Microsoft.Authorization/roleAssignmentScheduleRequests/write"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Scheduler", actions=[held])])
    assert [held in grant.admin for grant in desk.facts().grants] == [True]


def test_switching_keys_off_is_for_review_where_nobody_knows_who_stores_one(keyed):
    """It affects every caller of the account; connections in the evidence tell who has a key."""
    doubted = only(keyed.collect(), AGENT)
    assert doubted.replay.standing is Standing.UNDECIDED
    assert "affects every caller" in doubted.replay.reason
    connection = {
        "id": f"{BRAIN}/projects/p/connections/c",
        "type": "Microsoft.CognitiveServices/accounts/projects/connections",
        "properties": {"authType": "AAD", "target": "https://brain.openai.azure.com/"},
    }
    keyed.put("resources", [*json.loads(keyed.files["resources"].read_text()), connection])
    found = only(keyed.collect(), AGENT)
    assert len(switches(found)) == 1
    assert found.replay.standing is Standing.PROVED


def test_switching_keys_off_is_for_review_where_somebody_fetched_one(keyed):
    """Whoever fetched a key may hold it for a call that the window does not show."""
    connection = {
        "id": f"{BRAIN}/projects/p/connections/c",
        "type": "Microsoft.CognitiveServices/accounts/projects/connections",
        "properties": {"authType": "AAD", "target": "https://other.example"},
    }
    keyed.put("resources", [*json.loads(keyed.files["resources"].read_text()), connection])
    assert only(keyed.collect(), AGENT).replay.standing is Standing.PROVED
    fetch = event(LIST, number("9"), scope=BRAIN, time=ENDS[0])
    keyed.put("activity_logs", [*(event(WRITE, time=at) for at in ENDS), fetch])
    found = only(keyed.collect(), AGENT)
    assert found.replay.standing is Standing.UNDECIDED
    assert "keys were fetched in the window, last on 2026-08-02" in found.replay.reason


FEDERATION = number("fed")


@pytest.mark.parametrize(
    ("sign_ins", "goes"),
    [
        ([(SECRET, "2026-08-10"), (FEDERATION, "2026-10-20")], True),
        ([(FEDERATION, "2026-10-20")], True),
        ([(SECRET, "2026-10-25"), (FEDERATION, "2026-10-20")], False),
        ([(SECRET, "2026-08-10")], False),
        ([], False),
    ],
)
def test_a_secret_goes_where_the_workload_signs_in_by_federation_instead(keyed, sign_ins, goes):
    secret = {"keyId": SECRET, "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2028-01-01T00:00:00Z"}
    trusted = {"id": FEDERATION, "name": "f", "issuer": "https://token.example", "subject": "repo:a/b"}
    holder = service_principal(passwordCredentials=[secret], federatedIdentityCredentials=[trusted])
    keyed.put("service_principals", [holder])
    events = [sign_in_event(time=f"{day}T10:00:00Z") for _, day in sign_ins]
    for one, (key, _) in zip(events, sign_ins, strict=True):
        name = "federatedCredentialId" if key == FEDERATION else "servicePrincipalCredentialKeyId"
        one["properties"][name] = key
    keyed.put("sign_in_logs", events)
    found = only(keyed.collect(), AGENT, trust=True)
    gone = [change.target for change in found.changes if change.kind == Kind.REMOVE_SECRET]
    assert gone == ([SECRET] if goes else [])
    if goes:
        assert found.restore.standing is Standing.UNDECIDED
        assert any("https://token.example repo:a/b can stand in its place" in note for note in found.notes)


@pytest.mark.parametrize(
    ("days", "more", "standing"),
    [
        (("08-02", "10-30"), {}, Standing.PROVED),
        (("08-02",), {}, Standing.UNDECIDED),
        (("08-02", "10-30"), {"replyUrls": ["https://app.example"]}, Standing.UNDECIDED),
        ((), {}, Standing.UNDECIDED),
    ],
)
def test_a_secret_that_sign_ins_of_the_whole_window_never_name_is_no_loss(keyed, days, more, standing):
    secret = {"keyId": SECRET, "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2028-01-01T00:00:00Z"}
    keyed.put("service_principals", [service_principal(passwordCredentials=[secret], **more)])
    if days:
        keyed.put("sign_in_logs", [sign_in_event(key=number(), time=f"2026-{day}T10:00:00Z") for day in days])
    found = only(keyed.collect(), AGENT, credentials=(SECRET,), trust=True)
    assert found.restore.standing is standing
    assert "cannot be restored. Create a new one" in found.rollback[-1].content
