"""Tell which permissions the data selectors of an account's trails show, by the events they may leave."""

from collections.abc import Iterator, Mapping

from connectors.aws.catalogue import Catalogue
from connectors.aws.event_actions import needed_by_tables, sources_of
from connectors.aws.field_filters import FieldFilter
from connectors.aws.inventory import Holder
from connectors.aws.places import Places, all_admitted, cannot_be
from connectors.aws.read_only import events_of, marks_of
from connectors.aws.selectors import DataSelector, Selection
from connectors.facts import PermissionSet

_NAMED = 3


class DataCoverage:
    """Answers for sets of permissions; what trails select is asked about again for each identity."""

    def __init__(self, catalogue: Catalogue, permissions: PermissionSet) -> None:
        self._permissions = catalogue.permissions
        others = (one for name in self._permissions.names(permissions) for one in _needed_beside(name))
        self._matter = permissions | self._permissions.mask(others)
        self._known: dict[tuple[tuple[DataSelector, ...], Places, str, int], int] = {}

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
            names = self._permissions.names(permissions)
            self._known[key] = self._permissions.mask(
                name for name in names if not any(self._missed(selectors, name, places))
            )
        return self._known[key]

    def left_out(self, selection: Selection, kind: str, hidden: int, places: Places) -> str:
        """Name some events of a type that its selectors may leave out; empty where none is selected."""
        selectors = tuple(one for one in selection.data_selectors if kind in one.kinds)
        if not selectors:
            return ""
        every = self._permissions.names(hidden)
        names = sorted({one for name in every for one in self._missed(selectors, name, places)})
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"; left out, at least in part: {', '.join(names[:_NAMED])}{more}" if names else ""

    def _missed(self, selectors: tuple[DataSelector, ...], permission: str, places: Places) -> Iterator[str]:
        """Yield the events that a use of a permission may leave and the selectors may leave out."""
        return (event for event in events_of(permission) if not self._taken(selectors, event, places))

    def _taken(self, selectors: tuple[DataSelector, ...], event: str, places: Places) -> bool:
        mask = self._permissions.mask
        if places.held and cannot_be(event, places, mask):
            return True
        marks = marks_of(event)
        fitting = [
            one
            for one in selectors
            if all(
                all_admitted(each, event, places, mask)
                if each.field == "resources.ARN"
                else _passes(each, event)
                for each in one.filters
            )
        ]
        reads = any(one.reads for one in fitting) or not marks.read
        return reads and (any(one.writes for one in fitting) or not marks.write)


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
