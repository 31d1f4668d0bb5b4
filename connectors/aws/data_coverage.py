"""Tell which permissions the data selectors of an account's trails show, by the events they may leave."""

from functools import lru_cache

from connectors.aws.catalogue import Catalogue
from connectors.aws.event_actions import sources_of
from connectors.aws.field_filters import FieldFilter
from connectors.aws.inventory import Holder
from connectors.aws.read_only import events_of, marks_of
from connectors.aws.selectors import DataSelector, Selection

_NAMED = 3


class DataCoverage:
    """Answers for sets of permissions; what trails select is asked about again for each identity."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._permissions = catalogue.permissions
        self._known: dict[tuple[tuple[DataSelector, ...], str, int], int] = {}

    def shown(self, selection: Selection, kind: str, permissions: int) -> int:
        """Return those permissions of a resource type of which every use is recorded."""
        selectors = tuple(one for one in selection.data_selectors if kind in one.kinds)
        if kind in selection.data or not selectors:
            return permissions if kind in selection.data else 0
        key = (selectors, kind, permissions)
        if key not in self._known:
            names = self._permissions.names(permissions)
            self._known[key] = self._permissions.mask(name for name in names if _sees(selectors, name))
        return self._known[key]

    def left_out(self, selection: Selection, kind: str, hidden: int) -> str:
        """Name some events of a type that its selectors may leave out; empty where none is selected."""
        selectors = tuple(one for one in selection.data_selectors if kind in one.kinds)
        if not selectors:
            return ""
        names = sorted({one for name in self._permissions.names(hidden) for one in missed(selectors, name)})
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"; left out, at least in part: {', '.join(names[:_NAMED])}{more}" if names else ""


@lru_cache(maxsize=4096)
def _sees(selectors: tuple[DataSelector, ...], permission: str) -> bool:
    return not missed(selectors, permission)


def missed(selectors: tuple[DataSelector, ...], permission: str) -> tuple[str, ...]:
    """Return the events that a use of a permission may leave and the selectors may leave out."""
    return tuple(event for event in events_of(permission) if not _taken(selectors, event))


def _taken(selectors: tuple[DataSelector, ...], event: str) -> bool:
    prefix, _, name = event.partition(":")
    marks = marks_of(event)
    fitting = [one for one in selectors if all(_passes(each, prefix, name) for each in one.filters)]
    reads = any(one.reads for one in fitting) or not marks.read
    return reads and (any(one.writes for one in fitting) or not marks.write)


def _passes(one: FieldFilter, prefix: str, name: str) -> bool:
    """Tell whether every event of a name passes a filter; what depends on the resource or session may not."""
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
