"""Data that nobody here wrote is read without loss."""

import json
from datetime import UTC, datetime

import pytest

from connectors.facts import Window
from connectors.gcp.inventory import read_inventory
from connectors.gcp.names import permission_name
from connectors.interface import Status
from tests.connectors.gcp.records import EVER


def test_forseti_policies_inherit_audit_configurations_and_expand_editors(gcp, shared, predefined):
    folder = shared / "forseti_cai"
    names = (
        "mock_cai_iam_policies",
        "additional_cai_iam_policies",
        "mock_cai_project3_iam_policies",
        "mock_cai_project4_iam_policies",
    )
    run = gcp(
        {
            "iam_policies": tuple(folder / f"{name}.dump" for name in names),
            "resources": folder / "mock_cai_resources.dump",
            "roles": predefined,
        },
        window=EVER,
    )
    assert {run.outcome(part).status for part in ("iam_policies", "resources", "roles")} == {Status.OK}
    assert run.outcome("iam_policies").records == 33
    editor = run.identity("3-compute@developer.gserviceaccount.com")
    assert (editor.kind, len(run.granted(editor.id)) > 11_900) == ("default-service-account", True)
    scopes = {grant.scope for grant in run.facts.grants if grant.identity == editor.id}
    assert scopes == {
        "projects/project3",
        "//storage.googleapis.com/bucket1",
        "//bigquery.googleapis.com/projects/project3/datasets/bq_test_ds1",
    }
    states = {(c.account, c.place, c.log_class): c.state.value for c in run.facts.coverage}
    # The organization switches ADMIN_READ on for every project below; no logs are given with it.
    assert states["project3", "", "ADMIN_READ"] == "partial"
    assert states["project1", "", "DATA_READ"] == "partial"
    assert run.unused(editor.id) == []
    assert run.identity("1041-compute@developer.gserviceaccount.com").account == "project1"


def test_policy_library_exports_are_read(gcp, shared, predefined):
    folder = shared / "policy_library"
    run = gcp(
        {
            "iam_policies": tuple(
                folder / f"{name}.json"
                for name in (
                    "iam_audit_log",
                    "iam_allow_ban_roles",
                    "iam_allowed_bindings",
                    "iam_allowed_policy_member_domains",
                )
            ),
            "roles": (folder / "iam_custom_role_permissions.json",),
            "service_accounts": folder / "gcp_iam_restrict_service_account_creation.json",
            "service_account_keys": (
                folder / "gcp_iam_restrict_service_account_key_age.json",
                folder / "gcp_iam_restrict_service_account_key_type.json",
            ),
            "resources": folder / "gke_cluster_location.json",
        }
    )
    assert {o.status for source in run.bundle.sources for o in source.outcomes()} == {Status.OK}
    switched = {(c.account, c.place, c.log_class) for c in run.facts.coverage if c.place}
    assert ("good", "cloudasset.googleapis.com", "DATA_WRITE") in switched
    assert ("wrong-log-type", "cloudasset.googleapis.com", "ADMIN_READ") in switched
    assert not any(account == "ignore-asset-type" for account, _, _ in switched)
    assert {one.id.rpartition("/")[2] for one in run.facts.credentials} >= {"1234567890abcdef"}
    assert "1234567891abcdef" not in {one.id.rpartition("/")[2] for one in run.facts.credentials}


def test_a_real_projects_activity_log_is_read_whole(gcp, shared):
    run = gcp({"audit_logs": shared / "dftimewolf"}, window=EVER)
    [file] = run.bundle.sources[0].log_files()
    assert (file.records, file.rejected, file.duplicates, file.status) == (98, 0, 0, "ok")
    calls = {}
    for row in run.facts.usage:
        calls[row.permission] = calls.get(row.permission, 0) + row.count
    # Counted by hand from the file: 14 opening delete entries, 8 instance inserts, 6 stops.
    assert (
        calls["compute.instances.delete"],
        calls["compute.instances.create"],
        calls["compute.instances.stop"],
    ) == (14, 8, 6)
    # Enabling a service authorises the same permission for one resource twice; each call counts once.
    assert calls["servicemanagement.services.bind"] == 2
    assert "iam.serviceAccounts.actAs" not in calls
    assert run.facts.unmapped == ()


def test_detection_rule_events_of_odd_shapes_lose_only_those_without_time(gcp, shared):
    run = gcp({"audit_logs": shared / "panther"}, window=EVER)
    [file] = run.bundle.sources[0].log_files()
    # 25 carry no time at all, one has "..." in its place.
    assert (file.records, file.rejected, file.status, file.lost) == (72, 26, "partial", True)
    denied = {row.permission for row in run.facts.usage if row.count == row.denied}
    assert "run.services.setIamPolicy" in denied


@pytest.mark.parametrize(
    ("name", "permission", "who"),
    [
        (
            "google.cloud.aiplatform.v1.PredictionService.Predict",
            "aiplatform.endpoints.predict",
            "test-user@example.com",
        ),
        ("google.cloud.audit.AuditLog.GetProject", "resourcemanager.projects.get", "test-user@example.com"),
        (
            "google.cloud.audit.AuditLog.setIamPolicy",
            "resourcemanager.projects.setIamPolicy",
            "test-user@example.com",
        ),
        (
            "google.cloud.bigquery.v2.JobService.InsertJob-dataRead",
            "bigquery.tables.getData",
            "test-user@example.com",
        ),
        ("google.iam.admin.v1.CreateServiceAccountRequest", "iam.serviceAccounts.create", "test@example.com"),
        (
            "google.iam.admin.v1.SetIamPolicy-tokenCreator",
            "iam.serviceAccounts.setIamPolicy",
            "admin@example.com",
        ),
    ],
)
def test_google_s_own_fixtures_name_their_permission_and_caller(gcp, shared, name, permission, who):
    run = gcp({"audit_logs": shared / "csa" / f"{name}.json"}, window=EVER)
    [row] = run.facts.usage
    assert (row.permission, row.identity, row.count, row.denied) == (permission, who, 1, 0)


def test_shortened_events_of_attack_docs_are_read_once_they_have_a_time(gcp, shared):
    lines = (shared / "stratus" / "stratus_gcp_doc_events.jsonl").read_text().splitlines()
    entries = [{**json.loads(line)["entry"], "timestamp": "2026-09-01T00:00:00Z"} for line in lines]
    run = gcp({"audit_logs": entries})
    [file] = run.bundle.sources[0].log_files()
    assert file.records + file.rejected == len(entries)
    # A secret is read by a caller the record does not name: an event, not anyone's use.
    assert run.facts.unattributed["not-recorded"] >= 1
    assert "secretmanager.versions.access" not in {row.permission for row in run.facts.usage}


def test_api_response_shapes_of_cartography_are_read(gcp, shared):
    folder = shared / "cartography"

    def part(file, key):
        return json.loads((folder / f"{file}.json").read_text())[key]

    results = part("policy_bindings", "MOCK_POLICY_BINDINGS_RESPONSE")
    run = gcp(
        {
            "iam_policies": results,
            "roles": part("policy_bindings", "MOCK_IAM_ROLES"),
            "service_accounts": part("iam", "LIST_SERVICE_ACCOUNTS_RESPONSE"),
            "service_account_keys": part("iam", "LIST_SERVICE_ACCOUNT_KEYS_RESPONSE"),
            "api_keys": part("apikeys", "LIST_API_KEYS_RESPONSE"),
            "resources": [
                *part("vertex", "VERTEX_WORKBENCH_INSTANCES_RESPONSE"),
                *part("cloudrun", "MOCK_SERVICES")["services"],
                *part("gcf", "GCF_RESPONSE")["functions"],
                *part("vertex", "VERTEX_ENDPOINTS_RESPONSE"),
            ],
        },
        window=Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)),
    )
    assert {o.status for source in run.bundle.sources for o in source.outcomes()} == {Status.OK}
    service = "sa@project-abc.iam.gserviceaccount.com"
    assert "compute.acceleratorTypes.get" in run.granted(service)
    assert "storage.buckets.create" in run.granted("bob@example.com")
    kinds = {w.kind for one in run.facts.identities for w in one.workloads}
    assert kinds == {"notebook", "cloud-run-service", "function"}
    assert run.identity("service-account-2@project-abc.iam.gserviceaccount.com").enabled is False
    assert [one.status for one in run.facts.credentials if one.kind == "service-account-key"] == ["expired"]


def test_the_predefined_roles_are_one_catalogue(gcp, predefined):
    run = gcp({"iam_policies": [], "roles": predefined, "audit_logs": []})
    assert len(run.facts.permissions) == 13_790
    assert {name for name in run.facts.reach if run.facts.reach[name]} == {
        "admin",
        "credential",
        "data",
        "destructive",
        "identity",
        "logging",
        "model",
        "network",
    }


def test_every_role_gives_just_what_googles_index_lists(gcp, predefined):
    run = gcp({"iam_policies": [], "roles": predefined, "audit_logs": []})
    roles = read_inventory(run.bundle.sources, run.facts.permissions).roles
    listed = {
        one["name"]: sorted(set(map(permission_name, one["includedPermissions"]))) for one in predefined
    }
    assert len(listed) > 2400
    assert listed == {name: run.names(roles.find(name).permissions) for name in listed}
