"""Read what event selectors ask a trail to record: `get-event-selectors`, basic and advanced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.aws.coverage.field_filters import FieldFilter, field_filters

_WHOLE_SERVICE = {
    "AWS::S3::Object": (":s3", ":s3:::"),
    "AWS::Lambda::Function": (":lambda",),
    "AWS::DynamoDB::Table": (":dynamodb",),
}
"""Ends of the values that mean "all resources" in basic selectors (CloudTrail API, DataResource)."""
_BY_PREFIX = ("AWS::S3::Object",)
"""Types of which basic selectors name beginnings of ARNs; of others they name whole ones (as above)."""


@dataclass(frozen=True, slots=True)
class DataSelector:
    """One selector of data events: of which types, reads or writes, and what narrows it further."""

    kinds: frozenset[str]
    reads: bool = True
    writes: bool = True
    filters: tuple[FieldFilter, ...] = ()

    def __str__(self) -> str:
        """Say what it selects of its types, as a person would."""
        halves = "reads and writes" if self.reads and self.writes else "reads" if self.reads else "writes"
        return f"{halves} where {' and '.join(map(str, self.filters))}" if self.filters else halves


@dataclass(frozen=True, slots=True)
class Selection:
    """What one trail's selectors ask for."""

    reads: bool = True
    writes: bool = True
    unread: frozenset[str] = frozenset()
    """Event sources whose reading management events are left out (`kms.amazonaws.com`)."""
    unwritten: frozenset[str] = frozenset()
    """Event sources whose writing management events are left out."""
    data_selectors: tuple[DataSelector, ...] = ()
    other_data: frozenset[str] = frozenset()
    """Resource types of data events that are selected elsewhere or for a part of the window only."""
    network: frozenset[str] = frozenset()
    """Event sources of which calls through VPC endpoints are recorded once more, refused ones included."""
    basic: bool = True
    """True for basic selectors, and for a trail that has none of its own."""

    @property
    def excluded(self) -> frozenset[str]:
        """Event sources of which some management events are left out."""
        return self.unread | self.unwritten

    @property
    def data(self) -> frozenset[str]:
        """Resource types of which every data event is recorded."""
        return self.data_reads & self.data_writes

    @property
    def data_reads(self) -> frozenset[str]:
        """Resource types of which every data event that reads is recorded."""
        return _kinds(one for one in self.data_selectors if one.reads and not one.filters)

    @property
    def data_writes(self) -> frozenset[str]:
        """Resource types of which every data event that writes is recorded."""
        return _kinds(one for one in self.data_selectors if one.writes and not one.filters)

    @property
    def some_data(self) -> frozenset[str]:
        """Resource types of which some data events are recorded, and not all for certain."""
        return (self.other_data | _kinds(self.data_selectors)) - self.data

    def of_caller(self, callers: tuple[str, ...]) -> "Selection":
        """Return the selection as it holds for callers: selectors that may leave them out are dropped.

        `callers` are what `userIdentity.arn` may be, or begin with where it ends on a slash.
        """
        if not any(one.field == "userIdentity.arn" for held in self.data_selectors for one in held.filters):
            return self
        kept = [one for held in self.data_selectors for one in _of_caller(held, callers)]
        return replace(self, data_selectors=tuple(kept), other_data=self.data | self.some_data)


def _kinds(selectors: Iterable[DataSelector]) -> frozenset[str]:
    return frozenset().union(*(one.kinds for one in selectors))


def _of_caller(selector: DataSelector, callers: tuple[str, ...]) -> Iterable[DataSelector]:
    about = [one for one in selector.filters if one.field == "userIdentity.arn"]
    if all(one.admits_all(caller) for one in about for caller in callers):
        yield replace(selector, filters=tuple(one for one in selector.filters if one not in about))


def together(parts: Iterable[Selection]) -> Selection:
    """Return what several selectors or trails record between them."""
    every = tuple(parts)
    unread = [part.unread for part in every if part.reads]
    unwritten = [part.unwritten for part in every if part.writes]
    return Selection(
        reads=bool(unread),
        writes=bool(unwritten),
        unread=frozenset.intersection(*unread) if unread else frozenset(),
        unwritten=frozenset.intersection(*unwritten) if unwritten else frozenset(),
        data_selectors=tuple(dict.fromkeys(one for part in every for one in part.data_selectors)),
        other_data=frozenset().union(*(part.other_data for part in every)),
        network=frozenset().union(*(part.network for part in every)),
        basic=all(part.basic for part in every),
    )


def read_selectors(record: Mapping[str, Any]) -> Selection:
    """Return what `get-event-selectors` says a trail records (CloudTrail API reference)."""
    advanced = [item for item in _list(record.get("AdvancedEventSelectors")) if isinstance(item, Mapping)]
    basic = [item for item in _list(record.get("EventSelectors")) if isinstance(item, Mapping)]
    return together([_advanced(item) for item in advanced] or [_basic(item) for item in basic])


def _basic(item: Mapping[str, Any]) -> Selection:
    kind = item.get("ReadWriteType", "All")
    management = item.get("IncludeManagementEvents", True) is not False
    reads, writes = kind != "WriteOnly", kind != "ReadOnly"
    data: list[DataSelector] = []
    for resource in _list(item.get("DataResources")):
        if isinstance(resource, Mapping) and isinstance(resource.get("Type"), str):
            ends = _WHOLE_SERVICE.get(resource["Type"], ())
            values = tuple(str(value) for value in _list(resource.get("Values")))
            everything = any(value.endswith(end) for value in values for end in ends)
            how = "StartsWith" if resource["Type"] in _BY_PREFIX else "Equals"
            some = FieldFilter("resources.ARN", select=tuple((how, value) for value in values))
            filters = () if everything else (some,)
            data.append(DataSelector(frozenset({resource["Type"]}), reads, writes, filters))
    excluded = frozenset(map(str, _list(item.get("ExcludeManagementEventSources"))))
    return Selection(
        reads=management and reads,
        writes=management and writes,
        unread=excluded,
        unwritten=excluded,
        data_selectors=tuple(data),
    )


def _advanced(item: Mapping[str, Any]) -> Selection:
    fields = [f for f in _list(item.get("FieldSelectors")) if isinstance(f, Mapping)]
    by_name = {str(f.get("Field")): f for f in fields}
    categories = _list(by_name.get("eventCategory", {}).get("Equals"))
    nothing = Selection(reads=False, writes=False, basic=False)
    if "Data" in categories:
        return replace(nothing, data_selectors=(_data_selector(fields),))
    if "NetworkActivity" in categories:
        sources = _list(by_name.get("eventSource", {}).get("Equals"))
        return replace(nothing, network=frozenset(map(str, sources)))
    plain = {(str(f.get("Field")), how) for f in fields for how in f if how != "Field"}
    if "Management" not in categories or not plain <= _PLAIN or len(fields) > len(by_name):
        return nothing
    given = by_name.get("readOnly", {}).get("Equals")
    read_only = None if given is None else _list(given)
    excluded = frozenset(map(str, _list(by_name.get("eventSource", {}).get("NotEquals"))))
    return Selection(
        reads=read_only is None or "true" in map(_word, read_only),
        writes=read_only is None or "false" in map(_word, read_only),
        unread=excluded,
        unwritten=excluded,
        basic=False,
    )


_PLAIN = {
    ("eventCategory", "Equals"),
    ("readOnly", "Equals"),
    ("eventSource", "NotEquals"),
}
"""Fields of a management selector whose meaning is whole; any other narrows it to some events."""


_APART = ("eventCategory", "resources.type", "readOnly")
"""Fields of a data selector that are not filters of it."""


def _data_selector(fields: list[Mapping[str, Any]]) -> DataSelector:
    """Return an advanced selector of data events; what leaves out no call is left out of its filters."""
    every = field_filters(fields)
    types = [pair for one in every if one.field == "resources.type" for pair in one.select]
    kinds = frozenset(value for how, value in types if how == "Equals")
    marks = [one for one in every if one.field == "readOnly"]
    narrow = tuple(one for one in every if one.field not in _APART and not one.leaves_nothing_out(kinds))
    return DataSelector(
        kinds,
        reads=all(one.admits("true") for one in marks),
        writes=all(one.admits("false") for one in marks),
        filters=narrow,
    )


def _list(value: Any) -> list[Any]:
    """Return a list of a file that may hold anything; no list is an empty one."""
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return str(value).lower()
