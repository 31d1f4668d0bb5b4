"""Read what event selectors ask a trail to record: `get-event-selectors`, basic and advanced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_WHOLE_SERVICE = {
    "AWS::S3::Object": (":s3", ":s3:::"),
    "AWS::Lambda::Function": (":lambda",),
    "AWS::DynamoDB::Table": (":dynamodb",),
}
"""Ends of the values that mean "all resources" in basic selectors (CloudTrail API, DataResource)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What one trail's selectors ask for."""

    reads: bool = True
    writes: bool = True
    unread: frozenset[str] = frozenset()
    """Event sources whose reading management events are left out (`kms.amazonaws.com`)."""
    unwritten: frozenset[str] = frozenset()
    """Event sources whose writing management events are left out."""
    data: frozenset[str] = frozenset()
    """Resource types of which every data event is recorded."""
    some_data: frozenset[str] = frozenset()
    """Resource types of which some data events are recorded: by ARN, name, or only reads or writes."""
    network: frozenset[str] = frozenset()
    """Event sources of which calls through VPC endpoints are recorded once more, refused ones included."""

    @property
    def excluded(self) -> frozenset[str]:
        """Event sources of which some management events are left out."""
        return self.unread | self.unwritten


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
        data=frozenset().union(*(part.data for part in every)),
        some_data=frozenset().union(*(part.some_data for part in every)),
        network=frozenset().union(*(part.network for part in every)),
    )


def read_selectors(record: Mapping[str, Any]) -> Selection:
    """Return what `get-event-selectors` says a trail records (CloudTrail API reference)."""
    advanced = [item for item in record.get("AdvancedEventSelectors") or () if isinstance(item, Mapping)]
    basic = [item for item in record.get("EventSelectors") or () if isinstance(item, Mapping)]
    return together([_advanced(item) for item in advanced] or [_basic(item) for item in basic])


def _basic(item: Mapping[str, Any]) -> Selection:
    kind = item.get("ReadWriteType", "All")
    management = item.get("IncludeManagementEvents", True) is not False
    whole: set[str] = set()
    some: set[str] = set()
    for resource in item.get("DataResources") or ():
        if isinstance(resource, Mapping) and isinstance(resource.get("Type"), str):
            ends = _WHOLE_SERVICE.get(resource["Type"], ())
            values = [str(value) for value in resource.get("Values") or ()]
            everything = any(value.endswith(end) for value in values for end in ends)
            (whole if everything and kind == "All" else some).add(resource["Type"])
    excluded = frozenset(map(str, item.get("ExcludeManagementEventSources") or ()))
    return Selection(
        reads=management and kind != "WriteOnly",
        writes=management and kind != "ReadOnly",
        unread=excluded,
        unwritten=excluded,
        data=frozenset(whole),
        some_data=frozenset(some),
    )


def _advanced(item: Mapping[str, Any]) -> Selection:
    fields = [f for f in item.get("FieldSelectors") or () if isinstance(f, Mapping)]
    by_name = {str(f.get("Field")): f for f in fields}
    categories = by_name.get("eventCategory", {}).get("Equals") or []
    kinds = frozenset(map(str, by_name.get("resources.type", {}).get("Equals") or ()))
    narrowed = set(by_name) - {"eventCategory", "resources.type"} or len(fields) > len(by_name)
    nothing = Selection(reads=False, writes=False)
    if "Data" in categories:
        return replace(nothing, some_data=kinds) if narrowed else replace(nothing, data=kinds)
    if "NetworkActivity" in categories:
        sources = by_name.get("eventSource", {}).get("Equals") or ()
        return replace(nothing, network=frozenset(map(str, sources)))
    plain = {(str(f.get("Field")), how) for f in fields for how in f if how != "Field"}
    if "Management" not in categories or not plain <= _PLAIN or len(fields) > len(by_name):
        return nothing
    read_only = by_name.get("readOnly", {}).get("Equals")
    excluded = frozenset(map(str, by_name.get("eventSource", {}).get("NotEquals") or ()))
    return Selection(
        reads=read_only is None or "true" in map(_word, read_only),
        writes=read_only is None or "false" in map(_word, read_only),
        unread=excluded,
        unwritten=excluded,
    )


_PLAIN = {
    ("eventCategory", "Equals"),
    ("readOnly", "Equals"),
    ("eventSource", "NotEquals"),
}
"""Fields of a management selector whose meaning is whole; any other narrows it to some events."""


def _word(value: Any) -> str:
    return str(value).lower()
