"""Live collection gives the same facts as exports, and says what it could not read."""

from connectors.interface import Status
from tests.connectors.gcp.records import AGENT, PROJECT, RAG


def test_a_project_is_read_whole_with_what_it_inherits(live):
    run = live(log_entries="true")
    assert [] == [
        (o.part, o.reason) for s in run.bundle.sources for o in s.outcomes() if o.status is not Status.OK
    ]
    assert ["storage.objects.get", "storage.objects.list"] == run.granted(RAG)
    assert ["aiplatform.endpoints.predict", "pubsub.topics.publish"] == run.granted(AGENT)
    assert ["storage.objects.get"] == run.used(RAG)


def test_the_place_of_a_deny_policy_is_escaped_once(google, live):
    """Google's own URL; a client library of today would escape it twice."""
    live()
    assert (
        f"GET /v2/policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies"
        in google.paths("/v2/")
    )
