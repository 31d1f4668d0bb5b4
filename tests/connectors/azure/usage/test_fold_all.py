"""Records that look like one met before are told without asking the rules again, and exactly as they would tell."""

import json
import pickle
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.azure.usage import events
from connectors.azure.usage.events import AzureLogs
from tests.connectors.azure.synthetic import AGENT, PERSON
from tests.connectors.azure.varied import kinds, published, varied

DECODE = msgspec.json.Decoder(AzureLogs.record_type).decode
RECORDS = [*kinds(), *published()]


def folded(reader, record):
    """Return what a reader makes of a record, or the name of the error that it raises."""
    try:
        found = reader.fold(DECODE(json.dumps(record)))
    except Exception as error:  # noqa: BLE001 - the engine counts it by its name
        return type(error).__name__
    return found if isinstance(found, str) else (found.event_id, found.time, list(found.keys), found.place)


def alone(record):
    return folded(AzureLogs(), record)


@settings(max_examples=100, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_a_record_is_told_the_same_whatever_was_met_before(random):
    first, other = random.choice(RECORDS), random.choice(RECORDS)
    alike = [varied(first, other, random) for _ in range(12)]
    records = random.choices([first, other, *alike], k=30)
    reader = AzureLogs()
    assert list(map(alone, records)) == [folded(reader, record) for record in records]


def test_every_kind_is_told_the_same_whatever_was_met_before():
    reader = AzureLogs()
    for _ in range(2):
        assert list(map(alone, RECORDS)) == [folded(reader, record) for record in RECORDS]


def test_many_records_at_once_are_told_as_one_by_one():
    records = [DECODE(json.dumps(record)) for record in RECORDS]
    together, one_by_one = AzureLogs().fold_all(records), [AzureLogs().fold(record) for record in records]
    events = [one for one in one_by_one if not isinstance(one, str)]
    assert [one for one in one_by_one if isinstance(one, str)] == together.rejected
    assert [(one.event_id, one.time) for one in events] == list(
        zip(together.ids, together.times, strict=True)
    )
    assert [(list(one.keys), one.place) for one in events] == [
        (list(kind.keys), kind.place) for kind in together.kinds
    ]


BY_EVENT = {
    "time": "2026-09-11T11:11:11.1Z",
    "TimeGenerated": "2026-09-11T11:11:11.1Z",
    "eventTimestamp": "2026-09-11T11:11:11.1Z",
    "createdDateTime": "2026-09-11T11:11:11Z",
    "correlationId": "12121212-0000-4000-8000-000000000001",
    "eventDataId": "13131313-0000-4000-8000-000000000001",
    "event_timestamp": "2026-09-11T11:11:11.1Z",
    "correlation_id": "12121212-0000-4000-8000-000000000001",
}
INSIDE = {
    "activityId": "14141414-0000-4000-8000-000000000001",
    "requestId": "15151515-0000-4000-8000-000000000001",
    "uti": "other",
    "iat": 7,
}


def of_another_event(held, depth=0):
    """Return a record with all changed that differs between events of one kind."""
    if isinstance(held, str) and held.startswith("{"):
        return json.dumps(of_another_event(json.loads(held), depth))
    if not isinstance(held, dict):
        return held
    changed = {key: of_another_event(value, depth + 1) for key, value in held.items()}
    changed |= {key: value for key, value in (INSIDE if depth else BY_EVENT).items() if key in held}
    for key in ("objectKey", "ObjectKey", "objectKey_s"):
        changed |= {key: f"{held[key]}/another"} if held.get(key) else {}
    for key in ("requestUri", "RequestUri", "requestUri_s"):
        changed |= {key: held[key].replace(PERSON, AGENT).replace("=7", "=8")} if held.get(key) else {}
    return changed


@pytest.mark.parametrize("number", range(len(kinds())))
def test_the_rules_are_asked_once_about_events_of_one_kind(monkeypatch, number):
    asked = Counter()
    tell = events._tell
    monkeypatch.setattr(events, "_tell", lambda record: asked.update([1]) or tell(record))
    record = kinds()[number]
    reader = AzureLogs()
    assert of_another_event(record) != record
    for one in (record, of_another_event(record), record, of_another_event(record)):
        assert isinstance(folded(reader, one), tuple)
    assert {1: 1} == asked


def test_a_reader_is_sent_to_another_process_without_what_it_learnt():
    reader = AzureLogs()
    expected = [folded(reader, record) for record in RECORDS]
    assert expected == [folded(pickle.loads(pickle.dumps(reader)), record) for record in RECORDS]  # noqa: S301
