"""Read what trails record: `describe-trails`, `get-event-selectors` and `get-trail-status` outputs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.times import stamp
from connectors.interface import Evidence

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
    excluded: frozenset[str] = frozenset()
    """Event sources left out of management events (`kms.amazonaws.com`)."""
    data: frozenset[str] = frozenset()
    """Resource types of which every data event is recorded."""
    some_data: frozenset[str] = frozenset()
    """Resource types of which some data events are recorded: by ARN, name, or only reads or writes."""


@dataclass(frozen=True, slots=True)
class Trail:
    """One trail; `selection` is None when its selectors are not in the evidence."""

    arn: str
    name: str
    home_region: str = ""
    multi_region: bool = False
    organization: bool = False
    global_services: bool = True
    logging: bool | None = None
    since: str = ""
    selection: Selection | None = None

    @property
    def account(self) -> str:
        """The account that owns the trail."""
        return account_of(self.arn)


@dataclass
class _Found:
    trails: dict[str, Trail] = field(default_factory=dict)
    selectors: list[Mapping[str, Any]] = field(default_factory=list)
    statuses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


def read_trails(evidence: Iterable[Evidence]) -> list[Trail]:
    """Return the trails of all sources, each once, sorted by ARN.

    A multi-region trail is listed in every region; the copies are one. Selectors and status name their
    trail by `TrailARN` or `Name`; where they do not, they belong to the file's or the evidence's only trail.
    """
    found = _Found()
    for one in evidence:
        for wrapped in one.records("trails"):
            record = wrapped.get("record")
            if isinstance(record, Mapping):
                _read(record, str(wrapped.get("file", "")), found)
    for selectors in found.selectors:
        for arn in _whose(selectors, "", found.trails):
            found.trails[arn] = replace(found.trails[arn], selection=read_selectors(selectors))
    for file, status in found.statuses:
        for arn in _whose(status, file, found.trails):
            found.trails[arn] = _with_status(found.trails[arn], status)
    return [trail for _, trail in sorted(found.trails.items())]


def _read(record: Mapping[str, Any], file: str, found: _Found) -> None:
    for name in ("trailList", "Trails", "trails", "Trail"):
        held = record.get(name)
        for item in held if isinstance(held, list) else [held]:
            if isinstance(item, Mapping):
                _read(item, file, found)
    if "S3BucketName" in record or "IsMultiRegionTrail" in record:
        trail = _trail(record)
        if trail is not None:
            found.trails.setdefault(trail.arn, trail)
    nested = [record.get(name) for name in ("EventSelectors", "eventSelectors", "Selectors")]
    whose = {name: record[name] for name in ("TrailARN", "Name") if name in record}
    if any(isinstance(record.get(name), list) for name in ("EventSelectors", "AdvancedEventSelectors")):
        found.selectors.append(record)
    found.selectors += [{**whose, **item} for item in nested if isinstance(item, Mapping)]
    for status in (record, record.get("Status"), record.get("status")):
        if isinstance(status, Mapping) and "IsLogging" in status:
            found.statuses.append((file, {**whose, **status}))


def _trail(record: Mapping[str, Any]) -> Trail | None:
    arn = record.get("TrailARN")
    if not isinstance(arn, str) or not account_of(arn):
        return None
    custom = record.get("HasCustomEventSelectors")
    return Trail(
        arn=arn,
        name=str(record.get("Name") or arn.rpartition("/")[2]),
        home_region=str(record.get("HomeRegion") or ""),
        multi_region=record.get("IsMultiRegionTrail") is True,
        organization=record.get("IsOrganizationTrail") is True,
        global_services=record.get("IncludeGlobalServiceEvents") is not False,
        selection=Selection() if custom is False else None,
    )


def _whose(record: Mapping[str, Any], file: str, trails: Mapping[str, Trail]) -> Iterator[str]:
    arn, name = record.get("TrailARN"), record.get("Name")
    if isinstance(arn, str) and arn in trails:
        yield arn
        return
    named = [trail.arn for trail in trails.values() if name and name in (trail.name, trail.arn)]
    named = named or [trail.arn for trail in trails.values() if file and trail.name in file]
    if not named and not arn and not name and len(trails) == 1:
        named = list(trails)
    yield from named


def _with_status(trail: Trail, status: Mapping[str, Any]) -> Trail:
    since = stamp(status.get("StartLoggingTime") or status.get("TimeLoggingStarted"))
    return replace(trail, logging=status.get("IsLogging") is True, since=since)


def read_selectors(record: Mapping[str, Any]) -> Selection:
    """Return what `get-event-selectors` says a trail records (CloudTrail API reference)."""
    advanced = [item for item in record.get("AdvancedEventSelectors") or () if isinstance(item, Mapping)]
    basic = [item for item in record.get("EventSelectors") or () if isinstance(item, Mapping)]
    parts = [_advanced(item) for item in advanced] or [_basic(item) for item in basic]
    excluded = [part.excluded for part in parts if part.reads or part.writes]
    return Selection(
        reads=any(part.reads for part in parts),
        writes=any(part.writes for part in parts),
        excluded=frozenset.intersection(*excluded) if excluded else frozenset(),
        data=frozenset().union(*(part.data for part in parts)),
        some_data=frozenset().union(*(part.some_data for part in parts)),
    )


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
    return Selection(
        reads=management and kind != "WriteOnly",
        writes=management and kind != "ReadOnly",
        excluded=frozenset(map(str, item.get("ExcludeManagementEventSources") or ())),
        data=frozenset(whole),
        some_data=frozenset(some),
    )


def _advanced(item: Mapping[str, Any]) -> Selection:
    fields = [f for f in item.get("FieldSelectors") or () if isinstance(f, Mapping)]
    by_name = {str(f.get("Field")): f for f in fields}
    categories = by_name.get("eventCategory", {}).get("Equals") or []
    kinds = frozenset(map(str, by_name.get("resources.type", {}).get("Equals") or ()))
    narrowed = set(by_name) - {"eventCategory", "resources.type"}
    if "Data" in categories:
        nothing = Selection(reads=False, writes=False)
        return replace(nothing, some_data=kinds) if narrowed else replace(nothing, data=kinds)
    if "Management" not in categories:
        return Selection(reads=False, writes=False)
    read_only = by_name.get("readOnly", {}).get("Equals")
    if narrowed - {"readOnly", "eventSource"} or "Equals" in by_name.get("eventSource", {}):
        return Selection(reads=False, writes=False)
    return Selection(
        reads=read_only in (None, ["true"]),
        writes=read_only in (None, ["false"]),
        excluded=frozenset(map(str, by_name.get("eventSource", {}).get("NotEquals") or ())),
    )
