"""Tell which events CloudTrail may mark `readOnly`, and which permissions they show (`read_only.toml`)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from connectors.aws.catalog.action_data import load_catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.usage.actions import events_needing


@dataclass(frozen=True, slots=True)
class Marks:
    """What `readOnly` of an event may be; both where nobody knows."""

    read: bool
    write: bool


READ = Marks(read=True, write=False)
WRITE = Marks(read=False, write=True)
EITHER = Marks(read=True, write=True)


@lru_cache(maxsize=1)
def permissions_by_mark() -> tuple[int, int]:
    """Return the known permissions that an event marked as a read may show, and those that a write may."""
    reads = writes = 0
    for index, name in enumerate(load_catalogue().names):
        for event in events_of(name):
            marks = marks_of(event)
            reads |= marks.read << index
            writes |= marks.write << index
    return reads, writes


def events_of(permission: str) -> tuple[str, ...]:
    """Return the events (`prefix:Name`) that may show a permission: its own name, and those of the table."""
    return (permission, *(event for event in events_needing(permission) if event != permission))


def marks_of(event: str) -> Marks:
    """Return how CloudTrail may mark an event (`prefix:Name`)."""
    listed = _listed().get(event.lower())
    if listed is not None:
        return listed
    name = event.partition(":")[2]
    by_name = EITHER
    if _verbs("read_verbs").match(name):
        by_name = READ
    elif _verbs("write_verbs").match(name):
        by_name = WRITE
    level = _levels().get(event.lower())
    return by_name if level in (None, by_name) else EITHER


@lru_cache(maxsize=1)
def _listed() -> dict[str, Marks]:
    data = table("read_only")
    kinds = (("reads", READ), ("writes", WRITE), ("unsure", EITHER))
    return {str(event).lower(): marks for kind, marks in kinds for event in data[kind]}


@lru_cache(maxsize=2)
def _verbs(kind: str) -> re.Pattern[str]:
    words: Iterable[str] = table("read_only")[kind]
    return re.compile(f"(?:{'|'.join(sorted(words, reverse=True))})(?![a-z])")


@lru_cache(maxsize=1)
def _levels() -> dict[str, Marks]:
    """Return what IAM's access level makes of each action; an action of several levels may be either."""
    data = load_catalogue()
    reads = data.levels.get("Read", 0) | data.levels.get("List", 0)
    others = 0
    for level, permissions in data.levels.items():
        others |= permissions if level not in ("Read", "List") else 0
    return {
        folded: EITHER if (reads & others) >> index & 1 else READ if reads >> index & 1 else WRITE
        for index, folded in enumerate(data.folded)
    }
