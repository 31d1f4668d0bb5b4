"""How long each log of a project reaches, and what that leaves unseen. Synthetic records."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.facts import CoverageState
from tests.connectors.gcp.records import NUMBER, PROJECT, RAG, above, audit, binding, entry, exported, role

HELD = ("aiplatform.customJobs.create", "aiplatform.reasoningEngines.query", "secretmanager.versions.access")
ON = audit("allServices", "ADMIN_READ", "DATA_READ", "DATA_WRITE")
FIRST = datetime(2026, 8, 1, 9, tzinfo=UTC)


def day(number: int) -> str:
    """Return a time on a day of the window, which has 92."""
    return (FIRST + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(at: int, **more):
    return entry("storage.objects.get", who="op@example.com", at=day(at), kind="DATA_READ", **more)


def changed(at: int):
    return entry("compute.instances.start", who="op@example.com", at=day(at), log="activity", method="start")


def judged(gcp, logs, **more):
    policies = [exported(binding("roles/custom", f"serviceAccount:{RAG}"), audit=[ON]), *above()]
    return gcp({"iam_policies": policies, "roles": [role("roles/custom", *HELD)], "audit_logs": logs, **more})


def bucket(days: int):
    return {"name": f"projects/{NUMBER}/locations/global/buckets/_Default", "retentionDays": days}


def states(run):
    return {c.log_class: c.state for c in run.facts.coverage if c.account == PROJECT and not c.place}


def test_records_of_a_bucket_that_nobody_described_begin_where_thirty_days_cut_them_off(gcp):
    run = judged(gcp, [changed(1), read(63), read(80), changed(90)])
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    assert run.blind(RAG)["secretmanager.versions.access"] == "data-access-logs-not-kept"
    assert states(run)["DATA_READ"] is CoverageState.PARTIAL


@pytest.mark.parametrize("days", [92, 400])
def test_a_bucket_that_keeps_the_window_makes_late_records_a_quiet_log(gcp, days):
    run = judged(gcp, [changed(1), read(63), read(80), changed(90)], log_buckets=[bucket(days)])
    assert run.unused(RAG) == ["aiplatform.customJobs.create", "secretmanager.versions.access"]
    assert run.facts.watched == {}


def test_files_of_a_sink_come_from_no_bucket(gcp, tmp_path):
    folder = tmp_path / "sink" / "cloudaudit.googleapis.com" / "data_access" / "2026"
    folder.mkdir(parents=True)
    lines = [read(63), read(80), changed(1), changed(90)]
    (folder / "a.json").write_bytes(b"\n".join(map(_line, lines)))
    run = judged(gcp, (tmp_path / "sink",))
    assert "secretmanager.versions.access" in run.unused(RAG)


def _line(record) -> bytes:
    return json.dumps(record).encode()


def test_a_statement_about_data_calls_holds_from_where_their_records_begin(gcp):
    run = judged(gcp, [changed(1), read(40), changed(90)])
    assert "secretmanager.versions.access" in run.unused(RAG)
    watched = run.facts.watched[RAG]
    assert (watched.start.isoformat()[:10], watched.end.isoformat()[:10]) == ("2026-09-10", "2026-10-30")


def test_daily_records_that_end_before_those_of_other_logs_show_nothing_unused(gcp):
    run = judged(gcp, [changed(0), *(read(at) for at in range(60)), changed(91)])
    assert run.blind(RAG)["secretmanager.versions.access"] == "data-access-logs-partial"
    assert states(run)["DATA_READ"] is CoverageState.PARTIAL
    [row] = [c for c in run.facts.coverage if c.account == PROJECT and c.log_class == "DATA_READ"]
    assert "end earlier" in row.reason
    kept = judged(gcp, [changed(0), *(read(at) for at in range(60)), changed(91)], log_buckets=[bucket(400)])
    assert "secretmanager.versions.access" in kept.unused(RAG)


def test_seldom_records_are_a_quiet_log(gcp):
    run = judged(gcp, [changed(0), *(read(at) for at in range(0, 60, 7)), changed(91)])
    assert "secretmanager.versions.access" in run.unused(RAG)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ([*range(30), *range(45, 92)], f"projects/{PROJECT}: 2026-08-31 to 2026-09-14"),
        ([at for at in range(92) if at % 7 < 5], ""),
        ([at for at in range(92) if at % 7 < 5 and not 30 <= at <= 50], f"projects/{PROJECT}: "),
        ([0, 5, 90], ""),
    ],
)
def test_days_without_any_record_between_days_with_records_are_said(gcp, days, told):
    run = judged(gcp, [changed(at) for at in days])
    found = run.caveats("days without any audit log record")
    assert bool(found) == bool(told)
    assert all(told in one for one in found)


def test_a_call_of_which_nobody_says_that_it_is_recorded_is_unused_only_where_a_record_shows_one(gcp):
    query = "aiplatform.reasoningEngines.query"
    run = judged(gcp, [changed(1), read(2), read(90)])
    assert run.blind(RAG)[query] == "recording-not-proved"
    other = entry(query, who="user@example.com", at=day(3), service="aiplatform.googleapis.com")
    assert query in judged(gcp, [changed(1), read(2), other, read(90)]).unused(RAG)
    elsewhere = entry(
        query, who="user@example.com", at=day(3), project="another", resource="projects/another/x"
    )
    assert query not in judged(gcp, [changed(1), read(2), elsewhere, read(90)]).unused(RAG)
