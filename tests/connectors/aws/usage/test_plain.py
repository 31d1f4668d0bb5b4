"""The log engine, which remembers as much as it can, counts what a plain reading of the same rules counts."""

import gzip
import json

import pytest

from tests.benchmarks.logs.answers import digests
from tests.benchmarks.logs.readers import ENGINE, PLAIN, READERS
from tests.benchmarks.logs.trees import SHARED, made

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"shared test data is absent: {SHARED}")


def same(tree):
    plain, engine = READERS[PLAIN](tree), READERS[ENGINE](tree)
    assert digests(plain.lines) == digests(engine.lines)
    return engine.events


def test_the_engine_gives_the_answer_of_a_plain_reading_of_a_large_trail(tmp_path):
    assert same(made(tmp_path, "aws", 3_000)) >= 3_000


def test_the_engine_gives_the_answer_of_a_plain_reading_of_real_events(tmp_path):
    events = []
    for path in sorted((SHARED / "aws" / "cloudtrail").rglob("*.json*")):
        if path.is_file() and path.name != "malformed.json":
            raw = path.read_bytes()
            document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
            events += document.get("Records", ()) if isinstance(document, dict) else ()
    # A plain reading fails at resources that are no objects.
    clean = [event for event in events if all(isinstance(one, dict) for one in event.get("resources") or ())]
    (tmp_path / "all.json.gz").write_bytes(gzip.compress(json.dumps({"Records": clean}).encode()))
    assert same(tmp_path) == len(clean) > 4_000
