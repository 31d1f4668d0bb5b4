"""Live collection gives the same facts as exports, and says what it could not read."""

from connectors.interface import Status
from tests.connectors.gcp.records import AGENT, RAG


def test_a_project_is_read_whole_with_what_it_inherits(live):
    run = live(log_entries="true")
    assert [] == [
        (o.part, o.reason) for s in run.bundle.sources for o in s.outcomes() if o.status is not Status.OK
    ]
    assert ["storage.objects.get", "storage.objects.list"] == run.granted(RAG)
    assert ["aiplatform.endpoints.predict", "pubsub.topics.publish"] == run.granted(AGENT)
    assert ["storage.objects.get"] == run.used(RAG)
