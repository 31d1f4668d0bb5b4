"""A Data Access log counts as on only where it was on, and kept, for the whole window."""

import pytest

from tests.connectors.gcp.records import (
    ORG,
    PROJECT,
    RAG,
    above,
    activity,
    audit,
    binding,
    entry,
    exported,
    role,
)

READER = role("roles/storage.objectViewer", "storage.objects.get", "storage.objects.list")
WITNESS = entry("storage.objects.get", at="2026-08-01T10:00:00Z", who="x@example.com")


def change(*deltas, at="2026-09-15T00:00:00Z", node=f"projects/{PROJECT}", **payload):
    """Return the entry of a SetIamPolicy call that changed the audit configuration."""
    data = {
        "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
        "policyDelta": {"auditConfigDeltas": list(deltas)},
    }
    return entry(
        "resourcemanager.projects.setIamPolicy",
        who="admin@example.com",
        log="activity",
        service="cloudresourcemanager.googleapis.com",
        method="SetIamPolicy",
        resource=node,
        at=at,
        serviceData=data,
        **payload,
    )


def delta(action, service, kind, **more):
    return {"action": action, "service": service, "logType": kind, **more}


def run_with(gcp, *entries, **more):
    policy = exported(
        binding(READER["name"], f"serviceAccount:{RAG}"),
        audit=[audit("storage.googleapis.com", "DATA_READ")],
    )
    logs = [activity(), WITNESS, *entries]
    return gcp({"iam_policies": [policy, *above()], "roles": [READER], "audit_logs": logs, **more})


def test_a_log_that_was_on_all_the_time_shows_what_is_unused(gcp):
    assert ["storage.objects.get", "storage.objects.list"] == run_with(gcp).unused(RAG)


def test_a_log_switched_on_within_the_window_shows_nothing_unused(gcp):
    run = run_with(gcp, change(delta("ADD", "storage.googleapis.com", "DATA_READ")))
    assert [] == run.unused(RAG)
    assert {"data-access-logs-switched-on"} == set(run.blind(RAG).values())
    [row] = [row for row in run.facts.coverage if row.place == "storage.googleapis.com"]
    assert ("partial", "2026-09-15T00:00:00Z") == (row.state.value, row.since)


@pytest.mark.parametrize(
    "entries",
    [
        [change(delta("ADD", "storage.googleapis.com", "DATA_WRITE"))],
        [change(delta("ADD", "pubsub.googleapis.com", "DATA_READ"))],
        [change(delta("ADD", "storage.googleapis.com", "DATA_READ", exemptedMember="user:x@example.com"))],
        [change(delta("ADD", "storage.googleapis.com", "DATA_READ"), at="2026-07-01T00:00:00Z")],
        [change(delta("ADD", "storage.googleapis.com", "DATA_READ"), node=f"organizations/{ORG}")],
        [change(delta("ADD", "storage.googleapis.com", "DATA_READ"), status={"code": 7})],
        [change(delta("REMOVE", "storage.googleapis.com", "DATA_READ"))],
        [entry("storage.objects.get", at="2026-08-03T10:00:00Z", who="x@example.com", serviceData=[1, 2])],
    ],
)
def test_changes_of_something_else_hide_nothing(gcp, entries):
    assert ["storage.objects.get", "storage.objects.list"] == run_with(gcp, *entries).unused(RAG)


def test_a_log_that_another_node_had_on_all_the_time_was_on(gcp):
    policy = exported(
        binding(READER["name"], f"serviceAccount:{RAG}"), audit=[audit("storage.googleapis.com", "DATA_READ")]
    )
    logs = [activity(), WITNESS, change(delta("ADD", "storage.googleapis.com", "DATA_READ"))]
    run = gcp(
        {
            "iam_policies": [policy, *above([audit("allServices", "DATA_READ")])],
            "roles": [READER],
            "audit_logs": logs,
        }
    )
    assert ["storage.objects.get", "storage.objects.list"] == run.unused(RAG)


def test_an_exemption_that_was_taken_back_held_until_then(gcp):
    spared = delta("REMOVE", "storage.googleapis.com", "DATA_READ", exemptedMember=f"serviceAccount:{RAG}")
    run = run_with(gcp, change(spared))
    assert {"exempted-from-audit"} == set(run.blind(RAG).values())


def test_a_change_is_nobodys_use_and_no_lost_event(gcp):
    run = run_with(gcp, change(delta("ADD", "storage.googleapis.com", "DATA_READ")))
    assert {} == run.facts.unattributed
    assert ["resourcemanager.projects.setIamPolicy"] == run.used("admin@example.com")


def test_numbers_for_enums_and_the_columns_of_bigquery_are_read(gcp):
    made = change(delta(1, "storage.googleapis.com", 3))
    payload = made["protoPayload"]
    payload["servicedata_v1_iam"] = payload.pop("serviceData")
    assert {"data-access-logs-switched-on"} == set(run_with(gcp, made).blind(RAG).values())


def test_a_row_of_log_analytics_is_read(gcp):
    made = change(delta("ADD", "storage.googleapis.com", "DATA_READ"))
    held = made.pop("protoPayload")
    log = {
        "service_name": held["serviceName"],
        "method_name": held["methodName"],
        "resource_name": held["resourceName"],
        "authentication_info": {"principal_email": "admin@example.com"},
        "service_data": {
            "policy_delta": {
                "audit_config_deltas": [
                    {"action": "ADD", "service": "storage.googleapis.com", "log_type": "DATA_READ"}
                ]
            }
        },
    }
    row = {
        **made,
        "log_name": made.pop("logName"),
        "insert_id": made.pop("insertId"),
        "proto_payload": {"audit_log": log},
    }
    row = {key: value for key, value in row.items() if key not in ("logName", "insertId")}
    assert {"data-access-logs-switched-on"} == set(run_with(gcp, row).blind(RAG).values())


def bucket(days):
    return {"name": f"projects/{PROJECT}/locations/global/buckets/_Default", "retentionDays": days}


def late(gcp, days):
    policy = exported(
        binding(READER["name"], f"serviceAccount:{RAG}"), audit=[audit("storage.googleapis.com", "DATA_READ")]
    )
    first = entry("storage.objects.get", at="2026-10-03T10:00:00Z", who="x@example.com")
    return gcp(
        {
            "iam_policies": [policy, *above()],
            "roles": [READER],
            "audit_logs": [activity(), first],
            "log_buckets": [bucket(days)],
        }
    )


def test_records_that_begin_where_their_bucket_cuts_them_off_show_nothing_unused(gcp):
    run = late(gcp, 30)
    assert [] == run.unused(RAG)
    assert {"data-access-logs-not-kept"} == set(run.blind(RAG).values())


def test_a_bucket_that_keeps_the_whole_window_cuts_nothing_off(gcp):
    assert ["storage.objects.get", "storage.objects.list"] == late(gcp, 400).unused(RAG)


def test_records_of_a_sink_that_reach_further_back_than_the_bucket_are_whole(gcp):
    assert 2 == len(run_with(gcp, log_buckets=[bucket(30)]).unused(RAG))


def sunk(gcp, *exclusions, asset=False, **more):
    """Run over a project that records all, whose `_Default` sink is as `gcloud logging sinks list` prints it."""
    sink = {
        "name": "_Default",
        "destination": f"logging.googleapis.com/projects/{PROJECT}/locations/global/buckets/_Default",
        "filter": 'NOT LOG_ID("cloudaudit.googleapis.com/activity") AND NOT LOG_ID("cloudaudit.googleapis.com/system_event")',
        "exclusions": [{"name": f"e{at}", "filter": one} for at, one in enumerate(exclusions)],
        "writerIdentity": "",
        **more,
    }
    name = f"//logging.googleapis.com/projects/{PROJECT}/sinks/_Default"
    found = {"name": name, "assetType": "logging.googleapis.com/LogSink", "resource": {"data": sink}}
    return run_with(gcp, **({"resources": [found]} if asset else {"log_buckets": [sink, bucket(400)]}))


@pytest.mark.parametrize("asset", [False, True])
@pytest.mark.parametrize(
    "exclusion",
    [
        'protoPayload.methodName="storage.objects.get"',
        'resource.type="gcs_bucket"',
        'log_id("cloudaudit.googleapis.com/data_access") AND sample(insertId, 0.9)',
        "severity<=INFO",
        'NOT log_id("app")',
        'resource.type="k8s_container" OR resource.type="gcs_bucket"',
    ],
)
def test_where_a_sink_may_drop_audit_records_silence_proves_nothing(gcp, exclusion, asset):
    run = sunk(gcp, exclusion, asset=asset)
    assert [] == run.unused(RAG)
    assert {"data-access-logs-excluded"} == set(run.blind(RAG).values())


@pytest.mark.parametrize(
    "exclusions",
    [
        (),
        ('resource.type="k8s_container" AND severity<ERROR',),
        ('resource.type="http_load_balancer"',),
        ('logName="projects/p/logs/requests"',),
    ],
)
def test_exclusions_of_other_logs_change_nothing(gcp, exclusions):
    assert 2 == len(sunk(gcp, *exclusions).unused(RAG))


@pytest.mark.parametrize(
    "more", [{"disabled": True}, {"filter": 'NOT LOG_ID("cloudaudit.googleapis.com/data_access")'}]
)
def test_a_sink_that_is_off_or_filters_data_access_out_shows_nothing(gcp, more):
    assert [] == sunk(gcp, **more).unused(RAG)
