"""Collect from the fake with the real client libraries, through a real bundle."""

from dataclasses import replace

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.gcp.connector import CONNECTOR
from connectors.gcp.live.collect import Way, collect_live
from connectors.interface import Patterns, Source, silent
from connectors.logs.seen import SeenEvents
from tests.connectors.gcp.conftest import Run
from tests.connectors.gcp.live.fake import Google, Servers
from tests.connectors.gcp.records import PROJECT, QUARTER


class Live(Run):
    """A run, and how collection went."""

    def records(self, part):
        return [record for source in self.bundle.sources for record in source.records(part)]


@pytest.fixture
def google():
    return Google()


@pytest.fixture
def servers(google, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    running = Servers(google)
    yield running
    running.stop()


@pytest.fixture
def source(servers):
    def make(**more):
        lists = {key: more.pop(key) for key in ("impersonate", "locations") if key in more}
        texts = {
            "scope": f"projects/{PROJECT}",
            "endpoint_url": servers.endpoint_url,
            "iam_endpoint": servers.iam_endpoint,
            **more,
        }
        kept = {key: value for key, value in texts.items() if value}
        return Source("live", "gcp", "pilot", "live", {}, kept, lists)

    return make


@pytest.fixture
def waits():
    return []


@pytest.fixture
def live(source, tmp_path, waits):
    """Collect a source and interpret what was found."""

    def run(state=None, **settings):
        chosen = replace(source(**settings), state=state)
        path = tmp_path / "bundle"
        clock = iter(range(0, 10**6, 10))
        way = Way(
            QUARTER,
            silent,
            SeenEvents(),
            False,
            waits.append,
            lambda: float(next(clock)),
            lambda: QUARTER.end,
        )
        with BundleWriter(path, [chosen], QUARTER, tool="test", now=QUARTER.end) as writer:
            collect_live(chosen, writer, way)
        bundle = open_bundle(path)
        return Live(bundle, CONNECTOR.interpret(bundle.sources, bundle.window, Patterns()))

    return run
