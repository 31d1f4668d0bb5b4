"""Tell which permissions the data selectors of an account's trails show, by the events they may leave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.coverage.field_filters import FieldFilter
from connectors.aws.coverage.places import Need, Places, ResourceFilter
from connectors.aws.coverage.read_only import Marks, events_of, marks_of
from connectors.aws.coverage.selectors import DataSelector, Selection
from connectors.aws.inventory import Holder
from connectors.aws.usage.actions import needed_by_tables, sources_of
from connectors.facts import PermissionSet

_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Event:
    """An event that a use of a permission may leave."""

    name: str
    need: Need
    marks: Marks


@dataclass(frozen=True, slots=True)
class _Selected:
    """A selector, what one identity holds only where it looks (None: it looks everywhere), other filters."""

    selector: DataSelector
    inside: PermissionSet | None
    filters: tuple[FieldFilter, ...]

    def takes(self, event: _Event, held: PermissionSet) -> bool:
        """Tell whether it takes in an event wherever it happens, its half apart."""
        if self.inside is not None and not event.need.stays_in(self.inside, held):
            return False
        return all(_passes(one, event.name) for one in self.filters)


class DataCoverage:
    """Answers for sets of permissions; what trails select is asked about again for each identity."""

    def __init__(self, catalogue: Catalogue, permissions: PermissionSet) -> None:
        self._permissions = catalogue.permissions
        others = (one for name in self._permissions.names(permissions) for one in _needed_beside(name))
        self._matter = permissions | self._permissions.mask(others)
        self._known: dict[tuple[tuple[DataSelector, ...], Places, str, int], int] = {}
        self._events: dict[str, tuple[_Event, ...]] = {}
        self._filters: dict[int, tuple[FieldFilter, ResourceFilter]] = {}
        """By the object of the first, which stays here: comparing hundreds of values each time is slow."""

    def places(self, selection: Selection | None, patterns: Mapping[str, PermissionSet]) -> Places:
        """Return where an identity holds what data events show, if what is selected hangs on it."""
        partly = selection is not None and any(
            one.filters or not (one.reads and one.writes) for one in selection.data_selectors
        )
        return Places.of(patterns, self._matter) if partly else Places()

    def shown(self, selection: Selection, kind: str, permissions: int, places: Places) -> int:
        """Return those permissions of a resource type of which every use is recorded."""
        selectors = tuple(one for one in selection.data_selectors if kind in one.kinds)
        if kind in selection.data or not selectors:
            return permissions if kind in selection.data else 0
        key = (selectors, places, kind, permissions)
        if key not in self._known:
            missed = {name for name, _ in self._missed(selectors, permissions, places)}
            self._known[key] = permissions & ~self._permissions.mask(sorted(missed))
        return self._known[key]

    def left_out(self, selection: Selection, kind: str, hidden: int, places: Places) -> str:
        """Name some events of a type that its selectors may leave out; empty where none is selected."""
        selectors = tuple(one for one in selection.data_selectors if kind in one.kinds)
        if not selectors:
            return ""
        names = sorted({event for _, event in self._missed(selectors, hidden, places)})
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"; left out, at least in part: {', '.join(names[:_NAMED])}{more}" if names else ""

    def _missed(
        self, selectors: tuple[DataSelector, ...], permissions: int, places: Places
    ) -> Iterator[tuple[str, str]]:
        """Yield permissions with the events that a use may leave and the selectors may leave out."""
        selected, held = [self._selected(one, places) for one in selectors], places.permissions
        for permission in self._permissions.names(permissions):
            for event in self._events_of(permission):
                if not _taken(selected, event, held):
                    yield permission, event.name

    def _selected(self, selector: DataSelector, places: Places) -> _Selected:
        filters, inside = [], None
        for one in selector.filters:
            if one.field == "resources.ARN":
                admitted = self._filter(one).admitted(places)
                inside = admitted if inside is None else inside & admitted
            else:
                filters.append(one)
        return _Selected(selector, inside, tuple(filters))

    def _filter(self, one: FieldFilter) -> ResourceFilter:
        if id(one) not in self._filters:
            self._filters[id(one)] = one, ResourceFilter(one)
        return self._filters[id(one)][1]

    def _events_of(self, permission: str) -> tuple[_Event, ...]:
        if permission not in self._events:
            mask = self._permissions.mask
            self._events[permission] = tuple(
                _Event(event, Need.of(event, mask), marks_of(event)) for event in events_of(permission)
            )
        return self._events[permission]


def _taken(selected: Sequence[_Selected], event: _Event, held: PermissionSet) -> bool:
    """Tell whether the selectors take in every event of a name; `held` is empty where that is not known."""
    if held and event.need.lacks(held):
        return True
    fitting = [one.selector for one in selected if one.takes(event, held)]
    reads = any(one.reads for one in fitting) or not event.marks.read
    return reads and (any(one.writes for one in fitting) or not event.marks.write)


def _needed_beside(permission: str) -> Iterator[str]:
    """Yield what the events that show a permission need."""
    for event in events_of(permission):
        yield from needed_by_tables(event).permissions


def _passes(one: FieldFilter, event: str) -> bool:
    """Tell whether every event of a name passes a filter; what depends on the session may not."""
    prefix, _, name = event.partition(":")
    if one.field == "eventName":
        return one.admits(name)
    return one.field == "eventSource" and all(map(one.admits, sources_of(prefix)))


def callers_of(holder: Holder) -> tuple[str, ...]:
    """Return what `userIdentity.arn` holds in calls of an identity; texts that end on a slash go on."""
    head, _, _ = holder.arn.partition(f":{holder.kind}/")
    sts = head.replace(":iam:", ":sts:", 1)
    if holder.kind == "user":
        return (holder.arn, f"{sts}:federated-user/")
    return (f"{sts}:assumed-role/{holder.name}/",)


def part_of(selection: Selection, kind: str) -> str:
    """Say which part of the data events of a type is selected."""
    every = [one for one in selection.data_selectors if kind in one.kinds]
    if not every:
        elsewhere = kind in selection.some_data
        return "only for other regions, callers or times" if elsewhere else "by no trail"
    more = f" and by {len(every) - _NAMED} more selectors" if len(every) > _NAMED else ""
    return f"only in part ({'; '.join(str(one) for one in every[:_NAMED])}{more})"
