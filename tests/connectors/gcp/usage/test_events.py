"""One audit log entry becomes rows that say who used which permission."""

import base64
import json
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.gcp.usage.entry import LogEntry
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.rows import STRANGE, Folded
from tests.connectors.gcp.records import AGENT, PROJECT, RAG, entry

READER = AuditLogReader()


def fold(record):
    return READER.fold(msgspec.convert(record, LogEntry))


def keys(record):
    folded = fold(record)
    assert isinstance(folded, Folded), folded
    return folded.keys


def test_permission_comes_from_authorization_info_and_not_from_the_method():
    [key] = keys(entry("aiplatform.endpoints.predict", method="x.PredictionService.GenerateContent"))
    assert (key.permission, key.identity, key.identity_type, key.outcome) == (
        "aiplatform.endpoints.predict",
        RAG,
        "serviceAccount",
        "allowed",
    )
    assert key.operation == "storage.googleapis.com:x.PredictionService.GenerateContent"


@pytest.mark.parametrize(
    ("granted", "outcome"),
    [(True, "allowed"), ("true", "allowed"), (False, "denied"), ("false", "denied"), (None, "denied")],
)
def test_only_a_definite_true_is_allowed_because_proto_json_drops_false(granted, outcome):
    [key] = keys(entry("storage.objects.get", granted=granted))
    assert key.outcome == outcome


def test_garbage_in_granted_is_no_use():
    [key] = keys(entry("storage.objects.get", granted="афдиу"))
    assert key.outcome == "denied"


def test_each_permission_of_one_call_is_a_row_and_repeats_are_not():
    record = entry("compute.instances.create", log="activity")
    checks = record["protoPayload"]["authorizationInfo"]
    checks += [{"permission": "compute.disks.create", "granted": True, "resource": "d"}, dict(checks[0])]
    assert [key.permission for key in keys(record)] == ["compute.instances.create", "compute.disks.create"]


def test_a_call_that_failed_after_its_permission_was_granted_is_an_error_not_a_refusal():
    [key] = keys(entry("storage.objects.get", status={"code": 5}))
    assert key.outcome == "error"


def test_missing_act_as_is_its_own_refusal_beside_an_error_of_the_call():
    record = entry("run.services.create", status={"code": 3})
    record["protoPayload"]["authorizationInfo"].append(
        {"permission": "iam.serviceAccounts.actAs", "resource": "x"}
    )
    assert [key.outcome for key in keys(record)] == ["error", "denied"]


def test_agent_identities_have_only_a_subject_and_keep_their_full_principal_name():
    for subject in (AGENT, AGENT.removeprefix("principal://")):
        [key] = keys(entry("storage.objects.get", who="", subject=subject))
        assert (key.identity, key.identity_type) == (AGENT, "agent")


def test_federated_identity_and_its_exchange_chain():
    subject = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s"
    record = entry("storage.objects.get", who="", subject=subject)
    [key] = keys(record)
    assert (key.identity, key.identity_type, key.via) == (subject, "principal", "")
    record["protoPayload"]["authenticationInfo"] = {
        "principalEmail": RAG,
        "serviceAccountDelegationInfo": [
            {"principalSubject": subject},
            {"firstPartyPrincipal": {"principalEmail": "Hop@x.iam.gserviceaccount.com"}},
        ],
    }
    [key] = keys(record)
    assert (key.identity, key.via) == (RAG, f"{subject} > hop@x.iam.gserviceaccount.com")


def test_an_agent_with_a_persons_consent_acts_with_the_persons_permissions():
    [key] = keys(entry("storage.objects.get", who="Ann@Example.com", subject=AGENT))
    assert (key.identity, key.via) == ("ann@example.com", AGENT)


def test_key_name_is_canonical():
    record = entry("storage.objects.get")
    name = f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/abc"
    record["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = f"//iam.googleapis.com/{name}"
    [key] = keys(record)
    assert key.credential == name


def test_resource_falls_back_to_its_attributes_then_to_the_call():
    record = entry("compute.disks.create", resource="projects/p/zones/z/instances/i")
    check = record["protoPayload"]["authorizationInfo"][0]
    del check["resource"]
    check["resourceAttributes"] = {"name": "projects/p/zones/z/disks/d"}
    assert keys(record)[0].resource == "projects/p/zones/z/disks/d"
    del check["resourceAttributes"]
    assert keys(record)[0].resource == "projects/p/zones/z/instances/i"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("projects/_/buckets/b/objects/o", "projects/_/buckets/b/objects/*"),
        ("projects/_/buckets/b/objects/2026/10/31/x.json", "projects/_/buckets/b/objects/2026/10/*"),
        ("projects/p/jobs/job_1", "projects/p/jobs/*"),
        ("projects/p/datasets/d/tables/t", "projects/p/datasets/d/tables/t"),
        ("projects/_/buckets/b", "projects/_/buckets/b"),
    ],
)
def test_names_that_change_with_every_call_are_folded(written, kept):
    assert keys(entry("storage.objects.get", resource=written))[0].resource == kept


@pytest.mark.parametrize(
    ("written", "permission"),
    [
        ("iam.googleapis.com/workloadIdentityPools.delete", "iam.workloadIdentityPools.delete"),
        ("cloudresourcemanager.googleapis.com/projects.get", "resourcemanager.projects.get"),
        ("io.k8s.core.v1.pods.create", "container.pods.create"),
        ("io.k8s.core.v1.pods.exec.create", "container.pods.exec"),
        ("io.k8s.authorization.rbac.v1.clusterroles.patch", "container.clusterroles.update"),
        ("cloudonefs.isiloncloud.com/clusters.get", "cloudonefs.isiloncloud.com/clusters.get"),
    ],
)
def test_permission_names_are_written_as_roles_write_them(written, permission):
    assert keys(entry(written))[0].permission == permission


def test_closing_entries_of_long_operations_repeat_and_are_marked():
    closing = entry("", log="activity", method="v1.compute.instances.insert")
    closing["operation"] = {"id": "o", "last": True}
    assert [(one.permission, one.detail) for one in keys(closing)] == [("", "admin_activity shown")]
    repeated = entry("compute.instances.create", log="activity")
    repeated["operation"] = {"id": "o", "last": True}
    assert keys(repeated)[0].detail == "admin_activity last"
    whole = entry("compute.instances.create", log="activity")
    whole["operation"] = {"id": "o", "first": True, "last": True}
    assert keys(whole)[0].detail == "admin_activity"


def test_system_events_and_permission_tests_show_the_log_but_no_use():
    event = fold(entry("compute.instances.migrate", log="system_event"))
    assert (event.keys, event.place[2]) == ((), "system_event")
    tests = keys(entry("storage.objects.get", method="google.iam.v1.IAMPolicy.TestIamPermissions"))
    assert [(one.permission, one.detail) for one in tests] == [("", "data_access shown")]


def test_calls_refused_by_a_perimeter_are_refused_even_if_iam_granted_them():
    assert keys(entry("storage.objects.get", log="policy"))[0].outcome == "denied"


def test_a_call_without_permissions_is_kept_for_the_fallback_table():
    [key] = keys(entry("", method="google.cloud.aiplatform.v1.PredictionService.Predict"))
    assert (key.permission, key.outcome, key.identity) == ("", "allowed", RAG)
    [key] = keys(entry("", status={"code": 7}))
    assert key.outcome == "denied"


def test_a_caller_that_is_not_recorded_leaves_one_event_and_its_permissions():
    head, call = keys(entry("storage.objects.get", who=""))
    assert (head.identity, head.permission, head.identity_type) == ("", "", "not-recorded")
    assert (call.identity, call.permission) == ("", "storage.objects.get")


def test_kubernetes_users_are_no_iam_identities():
    [key] = keys(entry("io.k8s.core.v1.pods.get", who="system:serviceaccount:ns:sa"))
    assert (key.identity, key.identity_type) == ("", "kubernetes")


def test_place_is_project_location_log_and_service():
    assert fold(entry("storage.objects.get")).place == (
        PROJECT,
        "us",
        "data_access",
        "storage.googleapis.com",
    )
    record = entry("x.y.z", log="activity")
    record["logName"] = "organizations/5/logs/cloudaudit.googleapis.com/activity"
    assert fold(record).place[0] == "organizations/5"


def test_an_entry_without_log_name_is_placed_by_its_labels_and_permission_type():
    record = entry("secretmanager.versions.access", kind="DATA_READ")
    del record["logName"]
    assert fold(record).place == (PROJECT, "us", "data_access", "storage.googleapis.com")


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-09-01T10:00:00.999999999Z", "2026-09-01T10:00:00Z"),
        ("2026-09-01 10:00:00.5 UTC", "2026-09-01T10:00:00Z"),
        ("2026-09-01 10:00:00", "2026-09-01T10:00:00Z"),
        ("2026-09-01T12:00:00+02:00", "2026-09-01T10:00:00Z"),
    ],
)
def test_times_of_sinks_bigquery_and_offsets(written, time):
    assert fold(entry("a.b.c", at=written)).time == time


def test_copies_have_one_id_whatever_the_digits_of_their_time():
    nano = entry("a.b.c", at="2026-09-01T10:00:00.123456789Z")
    micro = {**nano, "timestamp": "2026-09-01T10:00:00.123456Z"}
    other = {**nano, "insertId": "other"}
    assert fold(nano).event_id == fold(micro).event_id != fold(other).event_id
    assert len(fold(nano).event_id) == 16
    assert fold({**nano, "insertId": None}).event_id == b""


def test_wrappings_of_other_tools_are_taken_off():
    record = entry("storage.objects.get")
    data = base64.b64encode(json.dumps(record).encode()).decode()
    for wrapped in (
        {"_source": "x", "entry": record},
        {"message": {"data": data, "messageId": "1"}, "subscription": "s"},
        {"ackId": "a", "message": {"data": data}},
    ):
        assert keys(wrapped)[0].permission == "storage.objects.get"
    assert fold({"message": {"data": "%%%"}}) == "a Pub/Sub message without a log entry in it"


def test_bigquery_rows_and_lower_case_spellings():
    record = entry("bigquery.tables.getData", granted="true")
    payload = record.pop("protoPayload")
    assert keys({**record, "protopayload_auditlog": payload})[0].outcome == "allowed"
    lower = {
        "logname": record["logName"],
        "insertid": "1",
        "protopayload": payload,
        "timestamp": record["timestamp"],
    }
    assert fold(lower).place[0] == PROJECT


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"textPayload": "hello"}, STRANGE),
        ({"logName": "projects/p/logs/x", "textPayload": "y"}, "not an audit log entry (no protoPayload)"),
        ({"protoPayload": {}}, "not an audit log entry (no protoPayload)"),
        (
            {
                "protoPayload": {
                    "@type": "type.googleapis.com/google.appengine.logging.v1.RequestLog",
                    "methodName": "x",
                }
            },
            "not an audit log entry (another protoPayload type)",
        ),
        (
            {"protoPayload": {"methodName": "x"}, "timestamp": "yesterday"},
            "has no usable timestamp (not counted)",
        ),
    ],
)
def test_what_is_no_audit_record_says_why(record, reason):
    assert fold(record) == reason


def test_time_is_cut_not_rounded():
    moment = datetime.fromisoformat(fold(entry("a.b.c", at="2026-12-31T23:59:59.999999Z")).time)
    assert moment == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("labels", [{"project_id": PROJECT}, json.dumps({"project_id": PROJECT})])
def test_a_row_of_log_analytics_is_the_entry_it_was_made_from(labels):
    """Synthetic row in the columns of `_AllLogs` (docs.cloud.google.com/logging/docs/analyze/log-schema)."""
    made = entry(
        "storage.objects.get", service="storage.googleapis.com", status={"code": 7}, kind="DATA_READ"
    )
    key = "projects/p/serviceAccounts/1/keys/2"
    made["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = key
    row = {
        "log_name": made["logName"],
        "log_id": "cloudaudit.googleapis.com/data_access",
        "insert_id": made["insertId"],
        "timestamp": made["timestamp"],
        "resource": {"type": "gcs_bucket", "labels": labels},
        "proto_payload": {
            "type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "audit_log": {
                "service_name": "storage.googleapis.com",
                "method_name": "storage.objects.get",
                "resource_name": "projects/_/buckets/b/objects/o",
                "status": {"code": 7},
                "authentication_info": {"principal_email": RAG, "service_account_key_name": key},
                "authorization_info": [
                    {
                        "permission": "storage.objects.get",
                        "resource": "projects/_/buckets/b/objects/o",
                        "granted": True,
                        "permission_type": "DATA_READ",
                    }
                ],
            },
        },
    }
    one, other = fold(made), fold(row)
    assert (other.event_id, other.time) == (one.event_id, one.time)
    assert [key._replace(region="us") for key in other.keys] == list(one.keys)


def test_a_row_of_log_analytics_of_another_form_is_a_record_that_cannot_be_read():
    row = {"proto_payload": {"audit_log": {"service_name": 5}}, "timestamp": "2026-09-01T00:00:00Z"}
    with pytest.raises(msgspec.ValidationError):
        fold(row)
    assert fold({"proto_payload": {"request_log": {}}, "timestamp": "2026-09-01T00:00:00Z"}) == (
        "not an audit log entry (no protoPayload)"
    )


def test_a_log_named_by_the_projects_number_belongs_to_the_id_that_the_resource_names():
    record = entry("storage.objects.get", project="111111111111")
    assert fold(record).place[0] == "111111111111"
    record["resource"]["labels"]["project_id"] = PROJECT
    assert fold(record).place[0] == PROJECT
    assert keys(record)[0].account == PROJECT


def as_json(record, **changes):
    """Return an entry as tools that ship logs on write it: the payload is plain JSON."""
    made = {name: value for name, value in record.items() if name != "protoPayload"}
    return made | {"jsonPayload": record["protoPayload"]} | changes


def test_an_audit_record_in_the_plain_json_payload_is_read(gcp):
    record = entry("storage.objects.get", kind="DATA_READ")
    run = gcp({"audit_logs": [as_json(record)]})
    assert run.used(RAG) == ["storage.objects.get"]
    named = as_json(record, logName="projects/p/logs/forwarded")
    assert gcp({"audit_logs": [named]}).used(RAG) == ["storage.objects.get"]


def test_an_audit_record_in_snake_case_json_is_read(gcp):
    payload = {
        "service_name": "storage.googleapis.com",
        "method_name": "storage.objects.get",
        "authentication_info": {"principal_email": RAG},
        "authorization_info": [{"permission": "storage.objects.get", "granted": True}],
    }
    assert gcp({"audit_logs": [as_json(entry(), jsonPayload=payload)]}).used(RAG) == ["storage.objects.get"]


def test_an_audit_entry_whose_json_payload_tells_nothing_is_counted_as_unread(gcp):
    run = gcp({"audit_logs": [as_json(entry("storage.objects.get"), jsonPayload={"message": "x"})]})
    [file] = run.bundle.sources[0].log_files()
    assert "jsonPayload that cannot be read" in file.reason
    assert file.lost


def test_other_logs_with_a_json_payload_are_passed_over(gcp):
    app = as_json(entry(), jsonPayload={"message": "AuditLog of my own"}, logName="projects/p/logs/stdout")
    run = gcp({"audit_logs": [app]})
    [file] = run.bundle.sources[0].log_files()
    assert not file.lost
