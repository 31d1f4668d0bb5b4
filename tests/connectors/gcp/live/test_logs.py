"""Audit logs read live: both bounds, every page, and nothing silently left out."""

from connectors.interface import Status
from tests.connectors.gcp.live.fake import entries, error
from tests.connectors.gcp.records import PROJECT, RAG, activity, entry


def asked(google):
    return [body for _, path, _, body in google.asked if path.endswith("entries:list")]


def test_every_question_has_both_bounds_and_names_the_four_logs(google, live):
    live(log_entries="true")
    for body in asked(google):
        assert 'timestamp>="2026-08-01T00:00:00Z" AND timestamp<"2026-11-01T00:00:00Z"' in body["filter"]
        assert 4 == body["filter"].count("cloudaudit.googleapis.com%2F")


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
    pages = entries([[activity(), entry("storage.objects.get")], []])

    def give(query, body):
        return error(403, "gone") if body.get("pageToken") else pages(query, body)

    google.route("POST /v2/entries:list", give)
    run = live(log_entries="true")
    assert Status.PARTIAL is run.outcome("log_entries").status
    assert ["storage.objects.get"] == run.used(RAG)
    assert [] == run.unused(RAG)
    [file] = [file for source in run.bundle.sources for file in source.log_files() if file.lost]
    assert f"log-entries/projects/{PROJECT}.jsonl" == file.path
