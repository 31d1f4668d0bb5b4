"""Name the IAM actions that a CloudTrail event shows were needed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol

from connectors.aws.catalog.tables import table

_VERSION = re.compile(r"\d{4}_?\d{2}_?\d{2}(v\d+)?$")
_FIRST_WORD = re.compile(r"[A-Z][a-z]+")
_REMEMBERED = 50_000
_HOST = (".amazonaws.com.cn", ".amazonaws.com", ".aws.internal")


class Sureness(Enum):
    """How an event relates to the permissions it is mapped to."""

    EACH = "each"
    """The call needed every one of them."""
    ONE_OF = "one-of"
    """The call needed one of them, and the record does not say which."""
    NONE = "none"
    """The call needs no permission."""
    UNKNOWN = "unknown"
    """No rule fits; `prefixes` says which services the call belongs to."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What one operation needed."""

    sureness: Sureness
    permissions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


class KnowsActions(Protocol):
    """Whatever knows the names of actions."""

    def spelled(self, name: str) -> str | None:
        """Return a known action in its own spelling; None for any other name."""
        ...


class EventActions:
    """Maps `<eventSource>:<eventName>` to permissions by the tables of `catalog/event_actions.toml`."""

    def __init__(self, catalogue: KnowsActions) -> None:
        self._spelled = catalogue.spelled
        self._cache: dict[str, Needed] = {}

    def needed(self, operation: str) -> Needed:
        """Return what an operation needed."""
        found = self._cache.get(operation)
        if found is None:
            found = self._needed(operation)
            if len(self._cache) < _REMEMBERED:  # logs may hold any number of made-up names
                self._cache[operation] = found
        return found

    def _needed(self, operation: str) -> Needed:
        source, _, name = operation.partition(":")
        source = service_name(source)
        if source in table("event_actions")["no_permission"]["sources"]:
            return Needed(Sureness.NONE)
        prefixes = prefixes_of(source)
        names = tuple(dict.fromkeys((name, _VERSION.sub("", name))))
        for prefix in prefixes:
            for one in names:
                if found := _in_tables(prefix, one):
                    return found
        spelled = tuple(filter(None, (self._spelled_in(prefix, names) for prefix in prefixes)))
        if spelled:
            return Needed(Sureness.EACH if len(spelled) == 1 else Sureness.ONE_OF, spelled, prefixes)
        for prefix in prefixes:
            if found := _by_verb(prefix, name):
                return found
        return Needed(Sureness.UNKNOWN, (), prefixes)

    def _spelled_in(self, prefix: str, names: Iterable[str]) -> str | None:
        """Return the action of a prefix that has one of the names; several services may share a source."""
        return next(filter(None, (self._spelled(f"{prefix}:{name}") for name in names)), None)


def needed_by_tables(event: str) -> Needed:
    """Return what an event (`prefix:Name`) needs: by the tables, or the permission of its own name."""
    prefix, _, name = event.partition(":")
    return _in_tables(prefix, name) or Needed(Sureness.EACH, (event,), (prefix,))


def _in_tables(prefix: str, name: str) -> Needed | None:
    tables = _folded_tables()
    key = f"{prefix}:{name}".lower()
    if key in tables.none:
        return Needed(Sureness.NONE)
    if key in tables.each:
        return Needed(Sureness.EACH, tables.each[key], (prefix,))
    if key in tables.one_of:
        return Needed(Sureness.ONE_OF, tables.one_of[key], (prefix,))
    return None


def events_needing(permission: str) -> tuple[str, ...]:
    """Return the operations (`prefix:Name`) that the tables map to a permission, for certain or perhaps."""
    return _reversed_tables().get(permission.lower(), ())


@lru_cache(maxsize=1)
def _reversed_tables() -> Mapping[str, tuple[str, ...]]:
    data = table("event_actions")
    found: dict[str, list[str]] = {}
    for kind in ("operations", "one_of"):
        for prefix, operations in data[kind].items():
            for name, permissions in operations.items():
                for permission in permissions:
                    found.setdefault(permission.lower(), []).append(f"{prefix}:{name}")
    return {permission: tuple(events) for permission, events in found.items()}


def sources_of(prefix: str) -> tuple[str, ...]:
    """Return the event sources whose calls may need permissions of a prefix."""
    others = (source for source, prefixes in table("event_actions")["sources"].items() if prefix in prefixes)
    return tuple(f"{source}.amazonaws.com" for source in dict.fromkeys((prefix, *others)))


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables keyed by `prefix:operation` in lower case."""

    each: Mapping[str, tuple[str, ...]]
    one_of: Mapping[str, tuple[str, ...]]
    none: frozenset[str]


@lru_cache(maxsize=1)
def _folded_tables() -> _Tables:
    data = table("event_actions")
    return _Tables(
        each=_fold(data["operations"]),
        one_of=_fold(data["one_of"]),
        none=frozenset(
            name.lower() for kind in ("operations", "service_events") for name in data["no_permission"][kind]
        ),
    )


def _fold(services: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {
        f"{prefix}:{name}".lower(): tuple(permissions)
        for prefix, operations in services.items()
        for name, permissions in operations.items()
    }


def service_name(source: str) -> str:
    """Return an eventSource without its host, in small letters."""
    source = source.lower()
    for host in _HOST:
        source = source.removesuffix(host)
    return source


def prefixes_of(source: str) -> tuple[str, ...]:
    """Return the IAM prefixes of a service under the name that records and reports give it."""
    return tuple(table("event_actions")["sources"].get(source, (source,)))


def _by_verb(prefix: str, name: str) -> Needed | None:
    word = _FIRST_WORD.match(name)
    verb = table("event_actions")["verbs"].get(prefix, {}).get(word.group(0)) if word else None
    return Needed(Sureness.EACH, (f"{prefix}:{verb}",), (prefix,)) if verb else None
