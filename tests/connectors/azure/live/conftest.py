"""A whole small tenant behind a fake Resource Manager and Graph, read by the real SDK clients."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.azure.live.collect import Reached, Way, collect_live
from connectors.bundle import BundleWriter, open_bundle
from connectors.facts import Window
from connectors.interface import Source, silent
from connectors.logs.seen import SeenEvents
from tests.connectors.azure.harness import WINDOW
from tests.connectors.azure.live.fake import Fake
from tests.connectors.azure.live.tenant import fill

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def fake():
    server = Fake()
    yield server
    server.close()


@pytest.fixture
def tenant(fake) -> Fake:
    """Fill the fake with something of everything."""
    fill(fake)
    return fake


@pytest.fixture
def source(fake):
    """Make a live source that asks the fake; keyword arguments are its settings."""

    def make(**settings: Any) -> Source:
        texts = {"endpoint_url": fake.url}
        texts |= {key: value for key, value in settings.items() if isinstance(value, str)}
        lists = {key: tuple(value) for key, value in settings.items() if not isinstance(value, str)}
        return Source("live", "azure", "pilot", "live", {}, texts, lists)

    return make


class Gathered:
    """What a live collection left in the bundle."""

    def __init__(self, bundle: Any, reached: Reached, pauses: list[float]) -> None:
        self.pauses = pauses
        (self.evidence,) = bundle.sources
        self.outcomes = {one.part: one for one in self.evidence.outcomes()}
        self.reached = reached

    def records(self, part: str) -> list[Any]:
        return list(self.evidence.records(part))

    def reason(self, part: str) -> str:
        return self.outcomes[part].reason


@pytest.fixture
def gather(tmp_path):
    """Collect a live source into a real bundle."""
    pauses: list[float] = []

    def run(source: Source, window: Window = WINDOW) -> Gathered:
        path = tmp_path / "bundle"
        with BundleWriter(path, [source], window, tool="test", now=NOW) as writer:
            way = Way(window, silent, SeenEvents(), now=lambda: NOW, pause=pauses.append)
            reached = collect_live(source, writer, way)
        return Gathered(open_bundle(path), reached, pauses)

    return run
