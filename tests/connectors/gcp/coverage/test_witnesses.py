"""What Google saw and the logs do not show is never unused; a witness proves no use."""

import pytest

from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
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
PUBLISH = role("roles/compute.admin", "compute.instances.create", "compute.instances.delete")
UNIQUE = "100000000000000000001"
ACCOUNT = {
    "name": f"projects/{PROJECT}/serviceAccounts/{RAG}",
    "email": RAG,
    "uniqueId": UNIQUE,
    "projectId": PROJECT,
}
NAME = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{UNIQUE}"
CALL = entry("storage.objects.get", at="2026-10-01T10:00:00Z")


def settings(**more):
    """Give a project whose logs show everything, and one call of the account on 1 October."""
    policy = exported(
        binding(READER["name"], f"serviceAccount:{RAG}"),
        binding(PUBLISH["name"], f"serviceAccount:{RAG}"),
        audit=[audit("allServices", "ADMIN_READ", "DATA_READ", "DATA_WRITE")],
    )
    return {
        "iam_policies": [policy, *above()],
        "roles": [READER, PUBLISH],
        "service_accounts": [ACCOUNT],
        "audit_logs": [
            activity(),
            entry("storage.objects.get", at="2026-08-02T10:00:00Z", who="x@example.com"),
            CALL,
        ],
        **more,
    }


def authenticated(time, **subject):
    who = subject or {"serviceAccount": {"serviceAccountId": UNIQUE, "fullResourceName": NAME}}
    return {
        "fullResourceName": NAME,
        "activityType": "serviceAccountLastAuthentication",
        "activity": {"lastAuthenticatedTime": time, **who},
        "observationPeriod": {"startTime": "2026-08-01T07:00:00Z", "endTime": "2026-10-31T07:00:00Z"},
    }


def series(method, service="storage.googleapis.com", count="3", end="2026-09-02T00:00:00Z"):
    return {
        "metric": {
            "type": "serviceruntime.googleapis.com/api/request_count",
            "labels": {"response_code_class": "2xx"},
        },
        "resource": {
            "type": "consumed_api",
            "labels": {"service": service, "method": method, "credential_id": f"serviceaccount:{UNIQUE}"},
        },
        "points": [
            {
                "interval": {"startTime": "2026-09-01T00:00:00Z", "endTime": end},
                "value": {"int64Value": count},
            }
        ],
    }


def insight(*permissions):
    return {
        "name": f"projects/{NUMBER}/locations/global/insightTypes/google.iam.policy.Insight/insights/1",
        "insightSubtype": "PERMISSIONS_USAGE",
        "content": {
            "role": READER["name"],
            "member": f"serviceAccount:{RAG}",
            "exercisedPermissions": [{"permission": one} for one in permissions],
        },
    }


def test_without_witnesses_what_was_not_called_is_unused(gcp):
    run = gcp(settings())
    assert ["compute.instances.create", "compute.instances.delete", "storage.objects.list"] == run.unused(RAG)


def test_an_account_that_authenticated_after_its_last_record_has_nothing_unused(gcp):
    run = gcp(settings(activity=[authenticated("2026-10-20T07:00:00Z")]))
    assert [] == run.unused(RAG)
    assert {"authenticated-without-record"} == set(run.blind(RAG).values())
    assert ["storage.objects.get"] == run.used(RAG)  # no more than the logs show


@pytest.mark.parametrize(
    "time", ["2026-10-01T07:00:00Z", "2026-07-01T07:00:00Z", "2026-11-05T07:00:00Z", "soon"]
)
def test_an_authentication_that_the_logs_explain_or_outside_of_the_window_changes_nothing(gcp, time):
    assert 3 == len(gcp(settings(activity=[authenticated(time)])).unused(RAG))


def test_an_insight_about_a_service_account_is_heard_the_same_way(gcp):
    found = {
        "name": f"projects/{NUMBER}/locations/global/insightTypes/google.iam.serviceAccount.Insight/insights/2",
        "content": {
            "email": RAG,
            "serviceAccountId": UNIQUE,
            "lastAuthenticatedTime": "2026-10-20T07:00:00Z",
        },
    }
    assert [] == gcp(settings(recommender_insights=[found])).unused(RAG)


def test_a_key_that_authenticated_is_dated_by_it(gcp):
    key = f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/abc"
    subject = {
        "serviceAccountKey": {"serviceAccountId": UNIQUE, "fullResourceName": f"//iam.googleapis.com/{key}"}
    }
    run = gcp(
        settings(
            service_account_keys=[{"name": key, "keyType": "USER_MANAGED"}],
            activity=[authenticated("2026-10-20T07:00:00Z", **subject)],
        )
    )
    assert ["2026-10-20T07:00:00Z"] == [one.last_used for one in run.facts.credentials]


def test_a_permission_that_the_recommender_saw_exercised_is_not_unused(gcp):
    run = gcp(settings(recommender_insights=[insight("storage.objects.list", "compute.instances.create")]))
    assert ["compute.instances.delete"] == run.unused(RAG)
    assert "exercised-without-record" == run.blind(RAG)["storage.objects.list"]


def test_counted_calls_without_a_record_doubt_their_service_alone(gcp):
    run = gcp(settings(api_metrics=[series("google.storage.Objects.List")]))
    assert ["compute.instances.create", "compute.instances.delete"] == run.unused(RAG)
    assert "counted-without-record" == run.blind(RAG)["storage.objects.list"]


@pytest.mark.parametrize(
    "one",
    [
        series("storage.objects.get"),
        series("google.storage.Objects.Get"),
        series("storage.objects.list", count="0"),
        series("storage.objects.list", end="2026-07-01T00:00:00Z"),
        {"points": "x", "resource": {}},
        {
            "points": [None, {}],
            "resource": {"labels": {"credential_id": f"serviceaccount:{UNIQUE}", "service": "s"}},
        },
    ],
)
def test_counts_that_the_logs_explain_or_that_say_nothing_change_nothing(gcp, one):
    assert 3 == len(gcp(settings(api_metrics=[one])).unused(RAG))


@pytest.mark.parametrize("part", ["activity", "recommender_insights", "api_metrics", "access_boundaries"])
@pytest.mark.parametrize("record", [{"name": "x"}, {"content": 7}, {"activity": [], "activityType": "x"}])
def test_witnesses_of_another_kind_are_named_and_do_no_harm(gcp, part, record):
    run = gcp(settings(**{part: [record]}))
    assert 3 == len(run.unused(RAG))


def test_an_agent_that_acts_with_consent_alone_is_not_idle(gcp):
    """The calls are the person's; the agent is in use all the same."""
    shown = settings()
    policy = exported(binding(READER["name"], AGENT), audit=[audit("allServices", "DATA_READ")])
    consented = entry("storage.objects.get", who="ann@example.com", subject=AGENT)
    logs = [activity(), entry("storage.objects.get", at="2026-08-02T10:00:00Z", who="x@example.com")]
    run = gcp({**shown, "iam_policies": [policy, *above()], "audit_logs": [*logs, consented]})
    assert ([], []) == (run.used(AGENT), run.unused(AGENT))
    assert {"acted-with-consent"} == set(run.blind(AGENT).values())
    own = entry("storage.objects.get", who="", subject=AGENT)
    run = gcp({**shown, "iam_policies": [policy, *above()], "audit_logs": [*logs, consented, own]})
    assert ["storage.objects.list"] == run.unused(AGENT)
