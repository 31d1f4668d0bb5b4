"""What is written to be applied is quoted for its context, parses, and does what was simulated."""

import io
import json

import pytest

from connectors.azure.reduction.standing import Kind, document
from connectors.azure.remediation.forms import artifacts, digest, render, rollback
from connectors.reduction import Change
from tests.connectors.azure.bicep_reader import read
from tests.connectors.azure.fake_az import FakeAzure, words_of
from tests.connectors.azure.reducing import only
from tests.connectors.azure.synthetic import (
    AGENT,
    CONTRIBUTOR,
    CUSTOM,
    SUB,
    assignment,
    event,
    role,
    service_principal,
    subscription,
)

hcl2 = pytest.importorskip("hcl2")

GROUP = f"/subscriptions/{SUB}/resourceGroups/agents"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/one"
WRITE, DELETE, READ = (f"Microsoft.Storage/storageAccounts/{verb}" for verb in ("write", "delete", "read"))
ROLE_ID = "11111111-0000-4000-8000-00000000000a"
NEW_ID = "11111111-0000-4000-8000-00000000000b"
OLD_ID = "11111111-0000-4000-8000-00000000000c"
HOSTILE = [
    "plain",
    'quote " back \\ slash',
    '${file("/etc/passwd")} %{ if true }x%{ endif }',
    "$(touch /tmp/owned) `id` $HOME !!",
    "line\nbreak\r\ttab",
    "esc\x1b[31m del\x7f",
    "\u202eright to left\u2066 zero\u200bwidth \u2028",
    "'; rm -rf / #",
    "*/ // # ''' comment",
    "日本語 ü 🙂",
    "-x",
    "@/etc/passwd",
    "@Resource[a:b] StringEquals 'c'",
]


def made(text="plain", scope=ACCOUNT):
    """Return a change of every kind, with a text of others' making wherever there is room for one."""
    definition = f"/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{ROLE_ID}"
    lists = {"actions": [READ], "notActions": [], "dataActions": [], "notDataActions": []}
    new = {
        "id": definition,
        "name": ROLE_ID,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": text,
            "description": text,
            "type": "CustomRole",
            "permissions": [lists],
            "assignableScopes": [GROUP],
        },
    }
    held = {
        "scope": scope,
        "roleDefinitionId": definition,
        "principalId": AGENT,
        "principalType": "ServicePrincipal",
        "condition": text,
        "conditionVersion": "2.0",
    }

    def named(name, **more):
        return {
            "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "name": name,
            "type": "Microsoft.Authorization/roleAssignments",
            "properties": held | more,
        }

    first, old = named(NEW_ID), named(OLD_ID, description=text)
    return [
        Change(Kind.CREATE_ROLE, AGENT, definition, "", document(new)),
        Change(Kind.CREATE_ASSIGNMENT, AGENT, first["id"], "", document(first)),
        Change(Kind.DELETE_ASSIGNMENT, AGENT, old["id"], document(old)),
        Change(Kind.REMOVE_SECRET, AGENT, OLD_ID, "", "", f"app:{NEW_ID}"),
        Change(Kind.REMOVE_CERTIFICATE, AGENT, NEW_ID, "", "", f"sp:{AGENT}"),
    ]


def text_of(changes, form):
    return next(one.content for one in artifacts(changes) if one.form == form)


@pytest.mark.parametrize("text", HOSTILE)
def test_bash_reads_every_text_as_it_was(text):
    commands = words_of(text_of(made(text), "cli"))
    assert json.loads(commands[0][-1])["properties"]["roleName"] == text
    bodies = [json.loads(one[-1])["properties"] for one in commands if one[:3] == ["rest", "--method", "put"]]
    options = [dict(zip(one[3::2], one[4::2], strict=True)) for one in commands if one[2:3] == ["create"]]
    held = [one["--condition"] for one in options] + [
        one["condition"] for one in bodies if "condition" in one
    ]
    assert held == [text]
    back = words_of(rollback(made(text))[-1].content)
    assert text in back[0] or json.loads(back[0][-1])["properties"]["description"] == text


@pytest.mark.parametrize("text", ["@/etc/passwd", "-x", "--help"])
def test_az_is_given_no_word_that_it_would_take_for_a_file_or_an_option(text):
    for script in (text_of(made(text), "cli"), rollback(made(text))[-1].content):
        for words in words_of(script):
            assert not any(word.startswith("@") for word in words)
            assert text not in words


@pytest.mark.parametrize("text", HOSTILE)
def test_no_form_shows_a_reader_characters_that_hide(text):
    hidden = [letter for letter in text if letter in "\x1b\x7f\u202e\u2066\u200b\u2028\r"]
    for form in ("json", "cli", "terraform", "bicep", "rollback", "break-glass"):
        for one in render(made(text), form):
            assert not any(letter in one.content for letter in hidden)


@pytest.mark.parametrize("text", HOSTILE)
def test_terraform_parses_and_holds_every_text_as_one_string(text):
    written = text_of(made(text), "terraform")
    parsed = hcl2.load(io.StringIO(written))
    kinds = [next(iter(one)).strip('"') for one in parsed["resource"]]
    assert kinds == ["azurerm_role_definition", "azurerm_role_assignment", "azurerm_role_assignment"]
    assert len(parsed["import"]) == len(parsed["variable"]) == 1
    assert "role_definition_resource_id" in written


def test_terraform_imports_what_goes_and_deletes_it_only_when_told():
    written = text_of(made(), "terraform")
    assert f'id       = "{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{OLD_ID}"' in written
    assert written.count('var.keep_old_assignments ? toset(["old"]) : toset([])') == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_bicep_parses_and_means_the_documents(text):
    files = [read(one.content) for one in render(made(text), "bicep")]
    assert [scope for scope, _ in files] == ["subscription", "resourceGroup"]
    (kind, body), (second, placed) = (next(iter(held.values())) for _, held in files)
    changes = made(text)
    assert kind == "Microsoft.Authorization/roleDefinitions@2022-04-01"
    assert body == {"name": ROLE_ID, "properties": json.loads(changes[0].after)["properties"]}
    assert second == "Microsoft.Storage/storageAccounts/providers/roleAssignments@2022-04-01"
    assert placed["name"] == f"one/Microsoft.Authorization/{NEW_ID}"
    wanted = json.loads(changes[1].after)["properties"]
    assert placed["properties"] == {key: value for key, value in wanted.items() if key != "scope"}


@pytest.mark.parametrize(
    ("scope", "target", "kind"),
    [
        (f"/subscriptions/{SUB}", "subscription", "Microsoft.Authorization/roleAssignments"),
        (GROUP, "resourceGroup", "Microsoft.Authorization/roleAssignments"),
        (
            "/providers/Microsoft.Management/managementGroups/top",
            "managementGroup",
            "Microsoft.Authorization/roleAssignments",
        ),
        (
            f"{ACCOUNT}/blobServices/default/containers/c",
            "resourceGroup",
            "Microsoft.Storage/storageAccounts/blobServices/containers/providers/roleAssignments",
        ),
    ],
)
def test_bicep_files_are_deployed_to_the_scope_of_the_assignment(scope, target, kind):
    found = [read(one.content) for one in render(made(scope=scope)[1:2], "bicep")]
    assert [(where, next(iter(held.values()))[0]) for where, held in found] == [
        (target, f"{kind}@2022-04-01")
    ]


def test_the_rollback_carries_each_assignment_with_its_digest():
    changes = made()
    first = rollback(changes)[0]
    assert first.name.endswith(f"sha256 {digest(first.content)}")
    assert json.loads(first.content) == json.loads(changes[2].before)


def test_break_glass_ends_by_itself_and_is_closed_until_it_is_told_when():
    [open_] = render(made(), "break-glass", "2026-12-01T00:00:00Z")
    [request] = json.loads(open_.content)["requests"]
    held = request["body"]["properties"]
    assert held["requestType"] == "AdminAssign"
    assert held["scheduleInfo"]["expiration"]["endDateTime"] == "2026-12-01T00:00:00Z"
    assert "roleAssignmentScheduleRequests" in request["url"]
    assert "ligib" not in open_.content
    [closed] = render(made(), "break-glass")
    assert "1970-01-01" in closed.content


def test_a_form_that_azure_lacks_is_a_key_error():
    with pytest.raises(KeyError):
        render(made(), "cloudformation")


def test_secrets_are_removed_last_and_named_by_id():
    commands = words_of(text_of(made(), "cli"))
    assert commands[-2:] == [
        ["ad", "app", "credential", "delete", "--id", NEW_ID, "--key-id", OLD_ID],
        ["ad", "sp", "credential", "delete", "--id", AGENT, "--key-id", NEW_ID, "--cert"],
    ]


def store_of(desk, assignments, roles, events):
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", roles)
    desk.put("service_principals", [service_principal()])
    edges = [
        event("Microsoft.Resources/tags/write", "someone-else", time=f"2026-{day}T00:00:00Z")
        for day in ("08-01", "10-31")
    ]
    desk.put("activity_logs", [*edges, *events])
    return only(desk.collect(), AGENT), FakeAzure(assignments, roles)


def test_applied_to_an_azure_the_commands_cut_and_the_rollback_gives_all_back(desk):
    text = "(!(ActionMatches{'Microsoft.X/y/write'})) OR (@Resource[a:b] StringEquals '$HOME `id`')"
    assignments = [
        assignment(AGENT, CONTRIBUTOR),
        assignment(AGENT, CUSTOM, GROUP, condition=text, conditionVersion="2.0", description="it's @mine"),
    ]
    roles = [
        role(CONTRIBUTOR, "Contributor", actions=["*"], notActions=["Microsoft.Authorization/*/Write"]),
        role(CUSTOM, "Storage 'Keeper' $(id)", actions=[READ, WRITE, DELETE]),
    ]
    events = [event(WRITE, scope=ACCOUNT, time=f"2026-{month}-02T10:00:00Z") for month in ("08", "10")]
    found, azure = store_of(desk, assignments, roles, events)
    assert azure.allows(AGENT, DELETE, ACCOUNT) >= {""}
    before = {name: dict(one) for name, one in azure.assignments.items()}
    cli = next(one.content for one in found.artifacts if one.form == "cli")
    azure.run(cli)
    assert azure.waited == 600
    assert azure.allows(AGENT, WRITE, ACCOUNT) >= {""}
    assert azure.allows(AGENT, DELETE, ACCOUNT) == set()
    assert azure.allows(AGENT, READ, f"{subscription()}/resourceGroups/other/x") == {""}
    azure.run(found.rollback[-1].content)
    kept = ("principalId", "principalType", "scope", "roleDefinitionId", "condition", "conditionVersion")
    assert {name: [one.get(key) or None for key in kept] for name, one in azure.assignments.items()} == {
        name: [one.get(key) or None for key in kept] for name, one in before.items()
    }
    assert set(azure.roles) == {CONTRIBUTOR, CUSTOM}
