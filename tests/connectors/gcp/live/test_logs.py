"""Audit logs read live: both bounds, every page, and nothing silently left out."""

import re

from connectors.interface import Status
from tests.connectors.gcp.live.fake import entries, error
from tests.connectors.gcp.records import PROJECT, RAG, activity, entry


def asked(google):
    return [body for _, path, _, body in google.asked if path.endswith("entries:list")]


def test_every_question_has_both_bounds_and_names_the_four_logs(google, live):
    live(log_entries="true")
    bounds = []
    for body in asked(google):
        found = re.search(r'timestamp>="([^"]+)" AND timestamp<"([^"]+)"$', body["filter"])
        bounds += [] if body["resourceNames"] != [f"projects/{PROJECT}"] else [found.groups()]
        assert 4 == body["filter"].count("cloudaudit.googleapis.com%2F")
    bounds = list(dict.fromkeys(bounds))  # each page asks anew
    assert "2026-08-01T00:00:00Z" == bounds[0][0]
    assert "2026-11-01T00:00:00Z" == bounds[-1][1]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]


def test_no_logs_are_read_unless_asked_for(google, live):
    live()
    assert [] == asked(google)


def test_a_scanner_without_private_logs_says_that_they_are_missing(google, live):
    google.route(f"POST /v3/projects/{PROJECT}:testIamPermissions", {})
    run = live(log_entries="true")
    outcome = run.outcome("log_entries")
    assert Status.PARTIAL is outcome.status
    assert "Data Access records are left out" in outcome.reason
    assert "--role=roles/logging.privateLogViewer" in outcome.reason


def test_a_page_that_fails_leaves_nothing_of_the_project_unused(google, live):
    pages = entries([[activity(), entry("storage.objects.get", at="2026-08-02T10:00:00Z")], []])

    def give(query, body):
        return error(403, "gone") if body.get("pageToken") else pages(query, body)

    google.route("POST /v2/entries:list", give)
    run = live(log_entries="true")
    assert Status.PARTIAL is run.outcome("log_entries").status
    assert ["storage.objects.get"] == run.used(RAG)
    assert [] == run.unused(RAG)
    [file] = [file for source in run.bundle.sources for file in source.log_files() if file.lost]
    assert f"log-entries/projects/{PROJECT}.jsonl" == file.path


def test_a_second_scan_asks_for_the_last_days_and_for_what_was_received_since(google, live, tmp_path):
    """An entry keeps the time of its event however late it is received; receiveTimestamp tells."""
    held = [
        entry("storage.objects.get", at="2026-09-01T10:00:00Z"),
        entry("storage.objects.list", at="2026-10-31T10:00:00Z"),
    ]

    def give(query, body):
        if body["resourceNames"] != [f"projects/{PROJECT}"]:
            return {}
        start, end = re.search(r'timestamp>="([^"]+)" AND timestamp<"([^"]+)"', body["filter"]).groups()
        since = re.search(r'receiveTimestamp>="([^"]+)"', body["filter"])
        since = since[1] if since else ""
        fitting = [one for one in held if start <= one["timestamp"] < end]
        return {"entries": [one for one in fitting if one.get("receiveTimestamp", "") >= since]}

    google.route("POST /v2/entries:list", give)
    state = tmp_path / "state.sqlite"
    assert ["storage.objects.get", "storage.objects.list"] == live(state=state, log_entries="true").used(RAG)
    late = entry("storage.objects.delete", at="2026-09-05T10:00:00Z")
    held.append(late | {"receiveTimestamp": "2026-11-01T00:00:00Z"})
    google.asked.clear()
    found = live(state=state, log_entries="true")
    spans = [
        re.search(r'timestamp>="([^"]+)" AND timestamp<"([^"]+)"', body["filter"]).groups()
        for body in asked(google)
        if "receiveTimestamp" not in body["filter"] and body["resourceNames"] == [f"projects/{PROJECT}"]
    ]
    assert [
        ("2026-09-05T00:00:00Z", "2026-09-06T00:00:00Z"),
        ("2026-10-29T00:00:00Z", "2026-11-01T00:00:00Z"),
    ] == spans
    assert 3 == sum(row.count for source in found.bundle.sources for row in source.usage())


def test_the_right_to_see_data_access_records_asks_for_everything_anew(google, live, tmp_path):
    google.route(f"POST /v3/projects/{PROJECT}:testIamPermissions", {})
    state = tmp_path / "state.sqlite"
    live(state=state, log_entries="true")
    google.route(
        f"POST /v3/projects/{PROJECT}:testIamPermissions",
        {"permissions": ["logging.privateLogEntries.list"]},
    )
    google.asked.clear()
    live(state=state, log_entries="true")
    assert any('timestamp>="2026-08-01T00:00:00Z"' in body["filter"] for body in asked(google))
