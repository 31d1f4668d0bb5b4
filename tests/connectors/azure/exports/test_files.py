"""Exports: each file is read in whatever container it comes, and what cannot be read says so."""

import gzip
import json

import pytest

from connectors.azure.ids import EVERYONE
from connectors.interface import Status
from tests.connectors.azure.harness import collect, facts_of, held
from tests.connectors.azure.synthetic import (
    AGENT,
    CUSTOM,
    FOUNDRY_PROJECT_MANAGER,
    GROUP,
    assignment,
    blob_event,
    event,
    role,
    service_principal,
    subscription,
)

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
ROLES = [role(CUSTOM, "R", dataActions=[READ])]


def outcome(memory, part="role_assignments"):
    (found,) = [one for one in memory.outcomes() if one.part == part]
    return found


@pytest.mark.parametrize("wrap", ["list", "value", "pages", "lines", "gzip", "utf16", "graph", "folder"])
def test_every_container_is_opened(desk, wrap, tmp_path):
    records = [assignment(AGENT, CUSTOM)]
    path = tmp_path / "ra.json"
    match wrap:
        case "list":
            path.write_text(json.dumps(records))
        case "value":
            path.write_text(json.dumps({"value": records, "nextLink": None}))
        case "pages":
            path.write_text(json.dumps([{"value": records, "nextLink": "https://more"}, {"value": []}]))
        case "lines":
            path.write_text("\n".join(map(json.dumps, records)))
        case "gzip":
            path.write_bytes(gzip.compress(json.dumps(records).encode()))
        case "utf16":
            path.write_text(json.dumps(records), encoding="utf-16")
        case "graph":
            path.write_text(json.dumps({"count": 1, "data": records, "skip_token": None, "total_records": 1}))
        case _:
            (tmp_path / "deep" / "er").mkdir(parents=True)
            (tmp_path / "deep" / "er" / "a.json").write_text(json.dumps(records))
            path = tmp_path / "deep"
    desk.files["role_assignments"] = path
    desk.put("role_definitions", ROLES)
    memory = desk.collect()
    assert outcome(memory).status is Status.OK
    assert held(facts_of(memory), AGENT) == [READ]


@pytest.mark.parametrize(
    "page",
    [
        {"nextLink": "https://more"},
        {"skip_token": "abc"},
        {"@odata.nextLink": "https://x"},
        {"count": 1, "total_records": 2},
    ],
)
def test_one_page_of_several_is_partial(desk, page):
    desk.put("role_assignments", {"value": [assignment(AGENT, CUSTOM)], **page})
    memory = desk.collect()
    assert outcome(memory).status is Status.PARTIAL
    assert "one page of several" in outcome(memory).reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"[{", "not JSON"),
        (b"\x1f\x8b\x08\x00garbage", "gzip"),
        (json.dumps(ROLES).encode(), "holds no role assignments"),
        (b'{"error": {"code": "AuthorizationFailed", "message": "no rights"}}', "error answer (no rights)"),
        (b'["text"]', "no objects"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_way_out(desk, tmp_path, content, said):
    path = tmp_path / "ra.json"
    path.write_bytes(content)
    desk.files["role_assignments"] = path
    desk.put("role_definitions", ROLES)
    memory = desk.collect()
    found = outcome(memory)
    assert found.status is Status.FAILED
    assert said in found.reason
    assert str(path) in found.reason
    facts = facts_of(memory)
    assert facts.entitlements == {}
    assert any("role_assignments" in caveat.what for caveat in facts.caveats)


def test_one_bad_file_beside_good_ones_is_partial(desk, tmp_path):
    good = desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", ROLES)
    memory = collect({**desk.files, "role_assignments": [good, tmp_path / "absent.json"]})
    assert outcome(memory).status is Status.PARTIAL
    assert "absent.json: no such file" in outcome(memory).reason
    assert held(facts_of(memory), AGENT) == [READ]


def test_foreign_records_among_good_ones_are_counted(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM), {"hello": "world"}])
    found = outcome(desk.collect())
    assert (found.status, found.records) == (Status.PARTIAL, 1)
    assert "1 of 2 records are no role assignments" in found.reason


@pytest.mark.parametrize(
    ("part", "records"),
    [
        ("role_definitions", [assignment(AGENT, CUSTOM)]),
        ("resources", [assignment(AGENT, CUSTOM)]),
        (
            "service_principals",
            [{"id": AGENT, "displayName": "A Person", "userPrincipalName": "a@example.com"}],
        ),
        ("deny_assignments", ROLES),
        ("diagnostic_settings", [service_principal()]),
        ("provider_operations", ROLES),
    ],
)
def test_a_file_of_another_kind_is_refused(desk, part, records):
    desk.put("role_assignments", [])
    desk.put(part, records)
    found = outcome(desk.collect(), part)
    assert found.status is Status.FAILED
    assert "it should be the output of" in found.reason


def test_no_assignments_at_all_is_fine(desk):
    desk.put("role_assignments", [])
    assert outcome(desk.collect()).status is Status.OK


def test_a_source_without_anything_to_compare_says_what_to_run(desk):
    desk.put("role_definitions", ROLES)
    found = outcome(desk.collect())
    assert found.status is Status.FAILED
    assert "az role assignment list --all" in found.reason


def test_a_log_folder_without_logs_is_no_evidence_of_silence(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("activity_logs", ROLES)
    found = outcome(desk.collect(), "activity_logs")
    assert found.status is Status.FAILED
    assert "activity_logs.json" in found.reason


def test_log_kinds_may_lie_in_one_folder_whatever_the_setting(desk):
    desk.put("activity_logs", [event("Microsoft.X/y/write"), blob_event()], lines=True)
    used = {row.permission for row in desk.facts().usage}
    assert used == {"Microsoft.X/y/write", READ}


PLANTED = "S3cr3tPl4nt3dV4lu3"


def test_no_secret_reaches_the_bundle(desk):
    records = [
        service_principal(
            passwordCredentials=[{"keyId": "k", "secretText": PLANTED, "hint": PLANTED[:3] + PLANTED}],
            keyCredentials=[{"keyId": "c", "key": PLANTED}],
        )
    ]
    resources = [
        {
            "id": "/subscriptions/s/providers/Microsoft.Web/sites/a",
            "properties": {
                "siteConfig": {
                    "appSettings": [{"name": "OPENAI_KEY", "value": PLANTED}],
                    "connectionStrings": [{"name": "db", "connectionString": PLANTED}],
                },
                "template": {"containers": [{"env": [{"name": "KEY", "value": PLANTED}]}]},
                "environmentVariables": {"AZURE_OPENAI_ENDPOINT": PLANTED},
                "primaryKey": PLANTED,
                "adminPassword": PLANTED,
                "webChatSecret": PLANTED,
                "sharedAccessKey": PLANTED,
                "note": f"Endpoint=sb://x/;SharedAccessKey={PLANTED};sig={PLANTED}",
                "bearer": f"eyJhbGciOiJIUzI1NiJ9.{PLANTED}{PLANTED}.{PLANTED}",
                "parameters": {"p": {"type": "SecureString", "value": PLANTED}},
                "credentials": {"key": PLANTED, "keys": {"custom": PLANTED}},
                "keys": [{"keyName": "key1", "value": PLANTED}],
                "disableLocalAuth": False,
            },
        }
    ]
    desk.put("service_principals", records)
    desk.put("resources", resources)
    desk.put("resource_logs", [blob_event(uri=f"https://a.blob.core.windows.net/c/b?sig={PLANTED}")])
    memory = desk.collect()
    stored = json.dumps(memory.parts) + str(memory.usage()) + str(list(memory.usage()))
    assert PLANTED not in stored
    assert "OPENAI_KEY" in stored
    assert "AZURE_OPENAI_ENDPOINT" in stored
    assert memory.parts["resources"][0]["properties"]["disableLocalAuth"] is False
    assert PLANTED not in str(facts_of(memory))


def test_tags_named_like_settings_are_kept(desk):
    desk.put("resources", [{"id": "/a/b", "tags": {"env": "pilot", "owner": "team-a"}}])
    assert desk.collect().parts["resources"][0]["tags"] == {"env": "pilot", "owner": "team-a"}


def test_exports_of_older_tools_are_read(desk):
    """`az` before 2.37 and PowerShell before Az 7 call the ids `objectId` and `ApplicationId`."""
    key = "5ec5e700-0000-4000-8000-000000000001"
    secrets = [{"keyId": key, "startDate": "2025-06-01T00:00:00+00:00", "endDate": "2299-12-31T00:00:00Z"}]
    old = {"objectId": AGENT, "appId": CUSTOM, "displayName": "pilot", "servicePrincipalType": "Application"}
    windows = {
        "ObjectId": GROUP,
        "ApplicationId": "c0570000-0000-4000-8000-000000000002",
        "DisplayName": "windows",
        "ServicePrincipalType": "Application",
        "PasswordCredentials": [{"KeyId": CUSTOM, "EndDateTime": "/Date(1767225600000)/"}],
    }
    desk.put("service_principals", [old | {"passwordCredentials": secrets}, windows])
    facts = desk.facts()
    assert {identity.id: identity.name for identity in facts.identities} == {AGENT: "pilot", GROUP: "windows"}
    assert [(one.identity, one.id, one.expires, one.status) for one in facts.credentials] == [
        (GROUP, CUSTOM, "2026-01-01T00:00:00Z", "expired"),
        (AGENT, key, "2299-12-31T00:00:00Z", "active"),
    ]


def test_deny_assignments_of_powershell_are_read(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", ROLES)
    deny = {
        "Id": f"{subscription()}/providers/Microsoft.Authorization/denyAssignments/{GROUP}",
        "DenyAssignmentName": "lock",
        "Actions": [],
        "DataActions": ["*"],
        "Scope": subscription(),
        "DoNotApplyToChildScopes": False,
        "Principals": [{"ObjectId": EVERYONE, "ObjectType": "SystemDefined"}],
        "ExcludePrincipals": [],
    }
    desk.put("deny_assignments", [deny])
    assert held(desk.facts(), AGENT) == []


def test_a_definition_that_keeps_its_conditions_wins_over_one_that_lost_them(desk, built_in_roles):
    (whole,) = [one for one in built_in_roles if one["name"] == FOUNDRY_PROJECT_MANAGER]
    bare = whole | {"permissions": [block | {"condition": None} for block in whole["permissions"]]}
    desk.put("role_assignments", [assignment(AGENT, FOUNDRY_PROJECT_MANAGER)])
    desk.put("role_definitions", [whole])
    expected = desk.facts()
    desk.put("role_definitions", [bare, whole])
    found = desk.facts()
    assert held(found, AGENT) == held(expected, AGENT)
    assert not [caveat for caveat in found.caveats if "were not exported" in caveat.what]


def test_of_two_definitions_of_a_role_the_later_counts_and_that_is_said(desk):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    old = role(CUSTOM, "R", actions=["Microsoft.X/y/write"]) | {
        "updatedOn": "2025-01-01T00:00:00.000000+00:00"
    }
    new = role(CUSTOM, "R", actions=["Microsoft.X/y/delete"]) | {"updatedOn": "2026-01-01T00:00:00.1234567Z"}
    for given in ([old, new], [new, old]):
        desk.put("role_definitions", given)
        facts = desk.facts()
        assert held(facts, AGENT) == ["Microsoft.X/y/delete"]
        assert any("role R is given twice" in caveat.what for caveat in facts.caveats)


def test_an_empty_activity_log_says_how_the_command_is_meant(desk):
    """`az monitor activity-log list` prints `[]` where nothing happened in the last six hours."""
    desk.put("activity_logs", [])
    found = outcome(desk.collect(), "activity_logs")
    assert found.status is Status.FAILED
    assert "the last 6 hours unless told: --offset 90d" in found.reason
