"""Read what trails record: `describe-trails`, `get-event-selectors` and `get-trail-status` outputs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.coverage.selectors import Selection, read_selectors
from connectors.aws.times import stamp
from connectors.facts import Caveat
from connectors.interface import Evidence


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
    stopped: str = ""
    """When recording last stopped, or files were last delivered, as far as its status says."""
    failure: str = ""
    """The error that keeps its files from being delivered."""
    selection: Selection | None = None
    sources: frozenset[str] = frozenset()
    """Sources whose evidence describes it."""

    @property
    def account(self) -> str:
        """The account that owns the trail."""
        return account_of(self.arn)


@dataclass
class _Found:
    trails: dict[str, Trail] = field(default_factory=dict)
    selectors: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    statuses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    caveats: set[Caveat] = field(default_factory=set)


def read_trails(evidence: Iterable[Evidence]) -> list[Trail]:
    """Return the trails of all sources, each once, sorted by ARN.

    A multi-region trail is listed in every region; the copies are one. Selectors and status name their
    trail by `TrailARN` or `Name`; where they do not, they belong to the file's or the evidence's only trail.
    """
    return [trail for _, trail in sorted(_gather(evidence).trails.items())]


def trail_caveats(evidence: Iterable[Evidence]) -> list[Caveat]:
    """Say which selectors and statuses describe no known trail, and which trails lack their selectors."""
    return sorted(_gather(evidence).caveats)


def _gather(evidence: Iterable[Evidence]) -> _Found:
    found = _Found()
    for one in evidence:
        before = len(found.trails)
        records = [wrapped for wrapped in one.records("trails") if isinstance(wrapped.get("record"), Mapping)]
        for wrapped in records:
            _read(wrapped["record"], str(wrapped.get("file", "")), one.source, found)
        if records and len(found.trails) == before and not any(_lists(w["record"]) for w in records):
            found.caveats.add(_undescribed(one.source))
    for file, selectors in found.selectors:
        owners = list(_whose(selectors, "", found.trails))
        for arn in owners:
            found.trails[arn] = replace(found.trails[arn], selection=read_selectors(selectors))
        if not owners:
            found.caveats.add(_ownerless("event selectors", selectors, file))
    for file, status in found.statuses:
        owners = list(_whose(status, file, found.trails))
        for arn in owners:
            found.trails[arn] = _with_status(found.trails[arn], status)
        if not owners:
            found.caveats.add(_ownerless("a trail status", status, file))
    for trail in found.trails.values():
        if trail.selection is None:
            found.caveats.add(
                Caveat(
                    "the event selectors of this trail are not in the evidence",
                    trail.arn,
                    "what it leaves out is unknown: data events count as not recorded, management events as "
                    "recorded; name the output of get-event-selectors",
                )
            )
    return found


def _lists(record: Mapping[str, Any]) -> bool:
    """Tell whether a document is the answer that lists trails, even none."""
    return isinstance(record.get("trailList"), list)


def _undescribed(source: str) -> Caveat:
    return Caveat(
        "the trails export describes no trail, so its selectors and statuses cannot be used",
        source,
        "what is recorded is judged by the logs alone; add the output of aws cloudtrail describe-trails",
    )


def _ownerless(what: str, record: Mapping[str, Any], file: str) -> Caveat:
    name = record.get("TrailARN") or record.get("Name") or "no trail's name"
    return Caveat(
        f"{what} in {file} belongs to no trail that the evidence describes ({name!s:.200})",
        file,
        "it is not used; name the output of describe-trails too, or put the trail's name into the file's",
    )


def _read(record: Mapping[str, Any], file: str, source: str, found: _Found) -> None:
    for name in ("trailList", "Trails", "trails", "Trail"):
        held = record.get(name)
        for item in held if isinstance(held, list) else [held]:
            if isinstance(item, Mapping):
                _read(item, file, source, found)
    if "S3BucketName" in record or "IsMultiRegionTrail" in record:
        trail = _trail(record)
        if trail is not None:
            known = found.trails.get(trail.arn, trail)
            found.trails[trail.arn] = replace(known, sources=known.sources | {source})
    nested = [record.get(name) for name in ("EventSelectors", "eventSelectors", "Selectors")]
    whose = {name: record[name] for name in ("TrailARN", "Name") if name in record}
    if any(isinstance(record.get(name), list) for name in ("EventSelectors", "AdvancedEventSelectors")):
        found.selectors.append((file, record))
    found.selectors += [(file, {**whose, **item}) for item in nested if isinstance(item, Mapping)]
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
    if not named and not name:
        longest = max((len(trail.name) for trail in trails.values() if trail.name in file), default=0)
        named = [arn for arn, one in trails.items() if one.name in file and len(one.name) == longest]
    if not named and not arn and not name and len(trails) == 1:
        named = list(trails)
    yield from named


def _with_status(trail: Trail, status: Mapping[str, Any]) -> Trail:
    since = stamp(status.get("StartLoggingTime") or status.get("TimeLoggingStarted"))
    stopped = stamp(status.get("StopLoggingTime") or status.get("TimeLoggingStopped"))
    logging = status.get("IsLogging") is True
    failure = str(status.get("LatestDeliveryError") or "")[:100] if logging else ""
    if failure:
        logging, stopped = False, stamp(status.get("LatestDeliveryTime"))
    return replace(trail, logging=logging, since=since, stopped=stopped, failure=failure)
