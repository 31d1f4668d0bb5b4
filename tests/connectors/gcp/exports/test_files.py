"""Export files of every shape become raw records; wrong and broken ones say what to do."""

import gzip
import json

import pytest

from connectors.gcp.exports.scrub import REMOVED, scrub
from connectors.interface import Status
from tests.connectors.gcp.records import (
    NUMBER,
    PROJECT,
    PROJECT_NAME,
    RAG,
    activity,
    audit,
    binding,
    entry,
    exported,
    role,
    searched,
)

READER = role("roles/storage.objectViewer", "storage.objects.get")
BOUND = binding(READER["name"], f"serviceAccount:{RAG}")


@pytest.mark.parametrize(
    "content",
    [
        [searched(BOUND)],
        {"results": [searched(BOUND)]},
        "\n".join(json.dumps(one) for one in (searched(BOUND), exported(BOUND))),
        json.dumps(exported(BOUND)) + "\n",
        "# a comment line\n" + json.dumps(exported(BOUND)),
        [
            {
                "name": PROJECT_NAME,
                "assetType": "cloudresourcemanager.googleapis.com/Project",
                "iamPolicy": {"bindings": [BOUND]},
            }
        ],
        {
            "policyResults": [
                {"policies": [{"attachedResource": PROJECT_NAME, "policy": {"bindings": [BOUND]}}]}
            ]
        },
        b"\xef\xbb\xbf" + json.dumps([searched(BOUND)]).encode(),
        json.dumps([searched(BOUND)]).encode("utf-16"),
        gzip.compress(json.dumps([searched(BOUND)]).encode()),
    ],
)
def test_every_shape_of_a_policy_export_is_read(gcp, content):
    run = gcp({"iam_policies": content, "roles": [READER]})
    assert run.outcome("iam_policies").status is Status.OK
    assert run.granted(RAG) == ["storage.objects.get"]


def test_a_bare_policy_takes_its_project_from_the_setting_or_its_place(gcp, tmp_path):
    bare = {"bindings": [BOUND], "etag": "x", "version": 3}
    run = gcp({"iam_policies": bare, "roles": [READER]}, texts={"scope": f"projects/{PROJECT}"})
    assert run.facts.grants[0].scope == f"projects/{PROJECT}"
    placed = tmp_path / "folders" / "77.json"
    placed.parent.mkdir()
    placed.write_text(json.dumps(bare))
    assert gcp({"iam_policies": placed, "roles": [READER]}).facts.grants[0].scope == "folders/77"
    run = gcp({"iam_policies": bare, "roles": [READER]})
    assert run.outcome("iam_policies").status is Status.FAILED
    assert 'set scope = "projects/ID"' in run.outcome("iam_policies").reason


@pytest.mark.parametrize(
    ("place", "text", "resource", "more"),
    [
        ("folders/77.json", "", "//cloudresourcemanager.googleapis.com/folders/77", {}),
        ("projects/p/secrets/db.json", "", "//secretmanager.googleapis.com/projects/p/secrets/db", {}),
        ("projects/p/buckets/b.json.gz", "", "//storage.googleapis.com/b", {}),
        ("buckets/b.json", "", "//storage.googleapis.com/b", {}),
        (
            "x.json",
            "",
            "//storage.googleapis.com/b",
            {"resourceId": "projects/_/buckets/b", "kind": "storage#policy"},
        ),
        ("x.json", "projects/p/datasets/d", "//bigquery.googleapis.com/projects/p/datasets/d", {}),
        (
            f"serviceAccounts/{RAG}.json",
            "",
            f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{RAG}",
            {},
        ),
        (
            "projects/example.com:p.json",
            "",
            "//cloudresourcemanager.googleapis.com/projects/example.com:p",
            {},
        ),
    ],
)
def test_a_bare_policy_of_any_kind_of_resource_is_placed(gcp, tmp_path, place, text, resource, more):
    path = tmp_path / "iam" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"bindings": [BOUND], "etag": "BwX=", "version": 1, **more}).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    run = gcp({"iam_policies": path, "roles": [READER]}, texts={"scope": text})
    assert [grant.source for grant in run.facts.grants] == [resource]
    assert run.granted(RAG) == ["storage.objects.get"]


def test_a_policy_without_bindings_is_a_policy(gcp):
    run = gcp({"iam_policies": {"etag": "ACAB"}}, texts={"scope": "folders/77"})
    assert run.outcome("iam_policies").status is Status.OK


def test_a_project_s_chain_of_policies_tells_what_is_above_it(gcp):
    chain = [
        {"type": "project", "id": PROJECT, "policy": {"bindings": [], "auditConfigs": []}},
        {"type": "folder", "id": "77", "policy": {"bindings": [BOUND]}},
        {
            "type": "organization",
            "id": "9",
            "policy": {"auditConfigs": [audit("storage.googleapis.com", "DATA_READ")]},
        },
    ]
    logs = [activity(), entry("storage.objects.list", who="other@example.com")]
    run = gcp({"iam_policies": chain, "roles": [READER], "audit_logs": logs})
    assert run.facts.grants[0].scope == "folders/77"
    assert run.unused(RAG) == ["storage.objects.get"]


def test_roles_listed_without_permissions_are_said(gcp):
    listed = [{"name": READER["name"], "title": "Viewer"}]
    run = gcp({"iam_policies": [searched(BOUND)], "roles": listed})
    assert run.outcome("roles").status is Status.PARTIAL
    assert "no role in it has includedPermissions" in run.outcome("roles").reason


@pytest.mark.parametrize(
    ("setting", "content", "message"),
    [
        ("iam_policies", [READER], "holds role definitions, not IAM policies"),
        ("roles", [entry("a.b.c")], "holds log entries, not role definitions"),
        ("service_accounts", [searched(BOUND)], "holds IAM policies, not service accounts"),
        ("service_account_keys", [{"hello": 1}], "holds records of another kind, not service-account keys"),
        ("roles", "", "is empty"),
        ("roles", "ERROR: (gcloud) permission denied", "not JSON"),
        ("roles", b"\x1f\x8b\x08\x00broken", "gzip data is cut off or corrupt"),
        ("roles", "[" * 100_000, "nested too deeply"),
        (
            "resources",
            '[{"name": "//x/projects/p", "assetType": "a", "resource": '
            + '{"a":' * 400
            + "1"
            + "}" * 400
            + "}]",
            "nested too deeply",
        ),
    ],
)
def test_wrong_and_broken_files_are_named_with_the_way_out(gcp, setting, content, message):
    run = gcp({"audit_logs": [activity()], setting: content})
    outcome = run.outcome(setting)
    assert outcome.status is Status.FAILED
    assert message in outcome.reason
    assert f"{setting}.json" in outcome.reason
    assert len(run.caveats(f"{setting} could not be read whole")) == 1


def test_a_missing_file_fails_its_part_and_the_rest_goes_on(gcp, tmp_path):
    run = gcp({"iam_policies": [searched(BOUND)], "roles": tmp_path / "nowhere.json"})
    assert (run.outcome("roles").status, run.outcome("iam_policies").status) == (Status.FAILED, Status.OK)
    assert "no such file" in run.outcome("roles").reason
    assert run.facts.grants[0].undecided


def test_a_cut_off_export_gives_what_stands_before_the_cut(gcp):
    text = json.dumps([searched(BOUND), searched(binding("roles/x", "user:a@b.c"))], indent=1)
    run = gcp({"iam_policies": text[:-150], "roles": [READER]})
    assert run.outcome("iam_policies").status is Status.PARTIAL
    assert "1 records before that were read" in run.outcome("iam_policies").reason
    assert run.granted(RAG) == ["storage.objects.get"]


def test_one_bad_file_of_several_is_partial(gcp, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps([searched(BOUND)]))
    bad.write_text("{")
    run = gcp({"iam_policies": (good, bad), "roles": [READER]})
    assert run.outcome("iam_policies").status is Status.PARTIAL
    assert run.outcome("iam_policies").records == 1


def test_an_inventory_dump_of_resources_also_gives_roles_accounts_keys_and_policies(gcp):
    dump = [
        {"name": "//iam.googleapis.com/projects/p/roles/r", "asset_type": "iam.googleapis.com/Role",
         "resource": {"data": {"name": f"projects/{PROJECT}/roles/r", "includedPermissions": ["pubsub.topics.publish"]}}},
        {"name": f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/1001", "asset_type": "iam.googleapis.com/ServiceAccount",
         "resource": {"data": {"email": RAG, "uniqueId": "1001", "projectId": PROJECT}}, "ancestors": [f"projects/{NUMBER}"]},
        {"name": f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/1001/keys/k", "asset_type": "iam.googleapis.com/ServiceAccountKey",
         "resource": {"data": {"keyType": "USER_MANAGED", "validAfterTime": "2026-01-01T00:00:00Z"}}},
    ]  # fmt: skip
    run = gcp(
        {
            "iam_policies": [searched(binding(f"projects/{PROJECT}/roles/r", f"serviceAccount:{RAG}"))],
            "resources": dump,
        }
    )
    assert run.granted(RAG) == ["pubsub.topics.publish"]
    assert run.identity(RAG).immutable_id == "1001"
    assert [one.identity for one in run.facts.credentials] == [RAG]


def test_a_source_without_policies_and_logs_says_so(gcp):
    run = gcp({"roles": [READER]})
    assert "there is nothing to compare" in run.outcome("iam_policies").reason


def test_logs_in_every_container_are_read(gcp, tmp_path):
    tree = tmp_path / "cloudaudit.googleapis.com" / "data_access" / "2026" / "09" / "01"
    tree.mkdir(parents=True)
    lines = "\n".join(json.dumps(entry("storage.objects.get")) for _ in range(3))
    (tree / "10:00:00_10:59:59_S0.json").write_text(lines)
    (tree / "11:00:00_11:59:59_A0.json.gz").write_bytes(
        gzip.compress(json.dumps([entry("storage.objects.get")]).encode())
    )
    (tree / "page.json").write_text(
        json.dumps({"entries": [entry("storage.objects.get")], "nextPageToken": ""}, indent=2)
    )
    (tree / "README.txt").write_text("not a log")
    run = gcp({"audit_logs": tmp_path / "cloudaudit.googleapis.com"})
    assert run.outcome("audit_logs").status is Status.OK
    assert sum(row.count for row in run.facts.usage) == 5


def test_a_folder_of_logs_without_any_log_says_so(gcp, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").write_text(json.dumps([READER]))
    run = gcp({"iam_policies": [searched(BOUND)], "audit_logs": tmp_path / "logs"})
    assert run.outcome("audit_logs").status is Status.FAILED
    assert "holds no fields of a log record" in run.outcome("audit_logs").reason


def test_secrets_never_reach_the_bundle(gcp):
    job = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us/customJobs/1",
        "assetType": "aiplatform.googleapis.com/CustomJob",
        "resource": {
            "data": {
                "jobSpec": {
                    "serviceAccount": RAG,
                    "workerPoolSpecs": [
                        {
                            "containerSpec": {
                                "env": [{"name": "TOKEN", "value": "s3cret-1"}],
                                "args": ["--key=s3cret-2"],
                            }
                        }
                    ],
                },
                "environmentVariables": {"PASSWORD": "s3cret-3"},
                "metadata": {"items": [{"key": "startup-script", "value": "curl s3cret-4"}]},
            }
        },
    }
    key = {
        "name": f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/k",
        "keyType": "USER_MANAGED",
        "privateKeyData": "s3cret-5",
    }
    api = {"name": f"projects/{PROJECT}/locations/global/keys/f", "keyString": "s3cret-6"}
    made = entry("iam.serviceAccountKeys.create", response={"private_key_data": "s3cret-7"})
    run = gcp(
        {
            "iam_policies": [searched(BOUND)],
            "resources": [job],
            "service_account_keys": [key],
            "api_keys": [api],
            "audit_logs": [made],
        }
    )
    stored = b"".join(gzip.decompress(path.read_bytes()) for path in sorted(run.bundle.path.rglob("*.gz")))
    assert b"s3cret" not in stored
    assert b"TOKEN" in stored
    assert b"startup-script" in stored


def test_scrubbing_leaves_everything_else_alone():
    record = {
        "name": "n",
        "env": [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
        "list": [1, None],
    }
    assert scrub(record) == {
        "name": "n",
        "env": [{"name": "A", "value": REMOVED, "valueFrom": {"secretKeyRef": {"name": "s"}}}],
        "list": [1, None],
    }


HOSTILE = [
    None,
    1,
    "x",
    [],
    {},
    [[]],
    {"a": None},
    True,
    "\ud800",
    "x" * 10_000,
    {"name": 5},
    [1, {"members": 3}],
]


@pytest.mark.parametrize(
    "field",
    [
        "policy",
        "resource",
        "bindings",
        "members",
        "role",
        "condition",
        "auditConfigs",
        "ancestors",
        "folders",
    ],
)
def test_records_of_odd_types_are_survived(gcp, field):
    policies = []
    for odd in HOSTILE:
        record = searched(dict(BOUND))
        held = record["policy"]
        target = {
            "bindings": held,
            "auditConfigs": held,
            "members": held["bindings"][0],
            "role": held["bindings"][0],
            "condition": held["bindings"][0],
        }.get(field, record)
        target[field] = odd
        policies.append(record)
    logs = [
        activity(),
        {**entry("a.b.c"), "protoPayload": None},
        {**entry("a.b.c"), "resource": 7},
        {"logName": 3},
    ]
    run = gcp({"iam_policies": [*policies, searched(BOUND)], "roles": [READER], "audit_logs": logs})
    assert "storage.objects.get" in run.granted(RAG)


@pytest.mark.parametrize(
    "setting", ["roles", "service_accounts", "service_account_keys", "resources", "deny_policies", "api_keys"]
)
def test_odd_values_in_every_field_of_every_part_are_survived(gcp, setting):
    good = {
        "roles": READER,
        "service_accounts": {"email": RAG, "projectId": PROJECT, "uniqueId": "1", "name": "n", "disabled": False, "displayName": "d"},
        "service_account_keys": {"name": f"projects/p/serviceAccounts/{RAG}/keys/k", "keyType": "USER_MANAGED", "validAfterTime": "t", "validBeforeTime": "t"},
        "resources": {"name": "//x/projects/p/locations/l/customJobs/1", "assetType": "aiplatform.googleapis.com/CustomJob", "project": "projects/1", "labels": {}, "resource": {"data": {"jobSpec": {"serviceAccount": RAG}, "labels": {}}}, "createTime": "t"},
        "deny_policies": {"name": "policies/cloudresourcemanager.googleapis.com%2Fprojects%2F1/denypolicies/d", "kind": "denypolicies", "displayName": "d", "rules": [{"denyRule": {"deniedPrincipals": [], "deniedPermissions": [], "denialCondition": {}}}]},
        "api_keys": {"name": "projects/p/locations/global/keys/k", "serviceAccountEmail": RAG, "restrictions": {}, "createTime": "t"},
    }[setting]  # fmt: skip
    records = [{**good, field: odd} for field in good for odd in HOSTILE]
    run = gcp(
        {"iam_policies": [searched(BOUND)], "roles": [READER], setting: [good, *records]}
        | ({"roles": [READER, *records]} if setting == "roles" else {})
    )
    assert "storage.objects.get" in run.granted(RAG)
