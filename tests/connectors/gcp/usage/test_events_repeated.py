"""An entry counts in the same rows whatever was read before it: what is remembered of calls depends on no more."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.gcp.usage.entry import LogEntry
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.rows import Folded

FOLDERS = ("csa", "dftimewolf", "panther", "stratus")
STRANGE = [
    *(None, "", "x", 5, 7, True, False, "true", "false", {}, []),
    *("projects/p/jobs/1", "projects/_/buckets/b/objects/a/b/c", "2026-13-01T00:00:00.1Z", "1.5"),
]
VARIANTS = 12


def samples(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(one for name in FOLDERS for one in (folder / name).glob("*.json*")):
        text = path.read_text(encoding="utf-8")
        try:
            held = json.loads(text)
        except ValueError:
            held = [json.loads(line) for line in text.splitlines() if line.strip()]
        yield from (one for one in (held if isinstance(held, list) else [held]) if isinstance(one, dict))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def varied(record: dict[str, Any], others: dict[Any, list[Any]], chance: random.Random) -> dict[str, Any]:
    """Return a record with one field taken away, made strange, or as another record has it."""
    made = copy.deepcopy(record)
    *above, last = chance.choice(list(places(made)))
    holder: Any = made
    for key in above:
        holder = holder[key]
    if chance.random() < 0.2:
        del holder[last]
    else:
        holder[last] = chance.choice(others[last] if chance.random() < 0.7 else STRANGE)
    return made


def typed(records: list[dict[str, Any]]) -> Iterator[LogEntry]:
    for record in records:
        try:
            yield msgspec.json.decode(json.dumps(record), type=LogEntry)
        except msgspec.ValidationError:
            continue


@pytest.mark.parametrize("seed", range(3))
def test_rows_do_not_depend_on_the_entries_before(shared: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    records = list(samples(shared))
    others: dict[Any, list[Any]] = {}
    for record in records:
        for *above, last in places(record):
            value: Any = record
            for key in (*above, last):
                value = value[key]
            others.setdefault(last, []).append(value)
    made = [varied(record, others, chance) for record in records for _ in range(VARIANTS)] + records
    chance.shuffle(made)
    entries = list(typed(made))
    assert len(entries) > 1_500

    alone = [AuditLogReader().fold(entry) for entry in entries]
    events = [one for one in alone if isinstance(one, Folded)]
    together = AuditLogReader().fold_all(entries)

    assert together.rejected == [one for one in alone if isinstance(one, str)]
    assert together.ids == [one.event_id for one in events]
    assert together.times == [one.time for one in events]
    assert [(kind.keys, kind.place) for kind in together.kinds] == [(one.keys, one.place) for one in events]
    assert len({kind.keys for kind in together.kinds}) > 200
