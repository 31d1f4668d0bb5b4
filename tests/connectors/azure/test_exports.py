"""Exports: each file is read in whatever container it comes, and what cannot be read says so."""

import gzip
import json

import pytest

from connectors.interface import Status
from tests.connectors.azure.harness import collect, facts_of, held
from tests.connectors.azure.synthetic import (
    AGENT,
    CUSTOM,
    assignment,
    blob_event,
    event,
    role,
    service_principal,
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
    "page", [{"nextLink": "https://more"}, {"skip_token": "abc"}, {"@odata.nextLink": "https://x"}]
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
