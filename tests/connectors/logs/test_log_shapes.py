"""How records are spread over files, containers and processes never changes what they add up to."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.logs.harness import event, read, zipped

CONTAINERS = {
    "document": lambda events: json.dumps({"Records": events}),
    "spaced": lambda events: json.dumps({"next": None, "value": events}, indent=2),
    "array": json.dumps,
    "lines": lambda events: "\n".join(map(json.dumps, events)) + "\n",
    "lines of documents": lambda events: "\n".join(json.dumps({"Records": [one]}) for one in events),
    "documents in an array": lambda events: json.dumps([{"value": events[:1]}, {"value": events[1:]}]),
    "arrays in an array": lambda events: json.dumps([events[:2], events[2:]]),
    "spaced objects": lambda events: "\n".join(json.dumps(one, indent=1) for one in events),
    "objects without a break": lambda events: "".join(json.dumps(one) for one in events),
    "pages": lambda events: json.dumps({"Records": events[:2]}) + json.dumps({"Records": events[2:]}),
    "wrapped": lambda events: json.dumps([{"Wrapped": json.dumps(one)} for one in events]),
    "wrapped lines": lambda events: "\n".join(json.dumps({"Wrapped": json.dumps(one)}) for one in events),
}
EVENTS = st.builds(
    event,
    st.integers(0, 40),
    what=st.sampled_from(["Get", "Put", "{", '"}],[{', "ü\u2028"]),
    who=st.sampled_from(["anna", "ben"]),
)
FILES = st.lists(
    st.tuples(st.lists(EVENTS, max_size=6), st.sampled_from(sorted(CONTAINERS)), st.booleans()), max_size=5
)


def first_by_id(files: list[tuple[list[dict[str, Any]], str, bool]]) -> list[dict[str, Any]]:
    """Return the events in order, each id once."""
    found: dict[str, dict[str, Any]] = {}
    for events, _, _ in files:
        for one in events:
            found.setdefault(one["id"], one)
    return list(found.values())


@settings(max_examples=150, deadline=None)
@given(FILES)
def test_rows_are_those_of_all_events_in_one_file(files):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for at, (events, container, pack) in enumerate(files):
            data = CONTAINERS[container](events).encode()
            (folder / f"{at}").write_bytes(zipped(data) if pack else data)
        spread = read(folder)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "log"
        path.write_text(json.dumps({"Records": first_by_id(files)}))
        together = read(path)
    assert list(together.rows) == list(spread.rows)
    assert {"ok", "skipped"} >= {file.status for file in spread.files}
    read_here = sum(file.records - file.duplicates for file in spread.files)
    assert together.files[0].records == read_here


@settings(max_examples=100, deadline=None)
@given(FILES, st.data())
def test_bytes_that_fall_out_never_add_events_or_stop_the_reading(files, data):
    text = "\n".join(CONTAINERS[container](events) for events, container, _ in files).encode()
    start = data.draw(st.integers(0, len(text)))
    cut = text[:start] + text[start + data.draw(st.integers(1, 30)) :]
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "log").write_bytes(cut)
        logs = read(Path(name))
    assert sum(row.count for row in logs.rows) <= len(first_by_id(files)) + 1
