"""Hear second witnesses of use: where IAM saw something later than the logs, the logs missed it.

Last-accessed reports and unused-access findings say when a principal last tried a service or an action.
They count refused attempts too, and data events, so they never prove a use; but what is newer there than in
the logs is never called unused (IAM user guide, "Refine permissions using last accessed information").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from connectors.aws.arns import without_path
from connectors.aws.catalog.actions import Catalogue
from connectors.aws.exports.witnesses import LAST_ACCESSED, UNUSED_ACCESS
from connectors.aws.identities.key_uses import KeyUse
from connectors.aws.times import stamp
from connectors.aws.usage.principals import canonical
from connectors.aws.usage.usage import Called
from connectors.facts import Blind, Window
from connectors.interface import Evidence

_MILLISECONDS = 10**11
"""Larger numbers are milliseconds since 1970, as tools around the API store them."""


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """The last time that IAM saw a principal try a service, or one action of it."""

    service: str
    action: str
    """Empty: some action of the service."""
    time: str
    region: str
    witness: str


@dataclass
class Sightings:
    """Everything that second witnesses say of one principal."""

    found: set[Sighting] = field(default_factory=set)
    tracked: dict[str, set[str]] = field(default_factory=dict)
    """Service → actions that IAM tracks one by one: it knows of each when it was tried, if ever."""


class Witnesses:
    """Sightings by principal, compared with the logs."""

    def __init__(
        self, evidence: Iterable[Evidence], keys: Mapping[str, Sequence[KeyUse]] = MappingProxyType({})
    ) -> None:
        self.keys = keys
        self._of: dict[str, Sightings] = {}
        for one in evidence:
            for wrapped in one.records("last_accessed"):
                if isinstance(record := wrapped.get("record"), Mapping) and wrapped["list"] == LAST_ACCESSED:
                    self._report(record)
            for wrapped in one.records("unused_access"):
                if isinstance(record := wrapped.get("record"), Mapping) and wrapped["list"] == UNUSED_ACCESS:
                    self._finding(record)

    def _sightings(self, principal: Any) -> Sightings:
        return self._of.setdefault(canonical(str(principal or "")), Sightings())

    def _report(self, report: Mapping[str, Any]) -> None:
        subject = str(report.get("Arn") or report.get("EntityArn") or "")
        for service in _dicts(report.get("ServicesLastAccessed")):
            name = str(_get(service, "ServiceNamespace") or "").lower()
            time = _time(_get(service, "LastAuthenticated"))
            who = str(_get(service, "LastAuthenticatedEntity") or subject)
            region = str(_get(service, "LastAuthenticatedRegion") or "")
            if name and time and who:
                sighting = Sighting(name, "", time, region, "the last-accessed report of IAM")
                self._sightings(who).found.add(sighting)
            for action in _dicts(_get(service, "TrackedActionsLastAccessed")):
                self._action(name, action, subject or who)

    def _action(self, service: str, action: Mapping[str, Any], subject: str) -> None:
        name = str(_get(action, "ActionName") or "")
        time = _time(_get(action, "LastAccessedTime"))
        who = str(_get(action, "LastAccessedEntity") or subject)
        if not service or not name or not who:
            return
        sightings = self._sightings(who)
        sightings.tracked.setdefault(service, set()).add(name)
        if time:
            region = str(_get(action, "LastAccessedRegion") or "")
            sightings.found.add(Sighting(service, name, time, region, "the last-accessed report of IAM"))

    def _finding(self, finding: Mapping[str, Any]) -> None:
        sightings = self._sightings(finding.get("resource"))
        for detail in _dicts(finding.get("findingDetails")):
            unused = detail.get("unusedPermissionDetails")
            if not isinstance(unused, Mapping):
                continue
            service = str(unused.get("serviceNamespace") or "").lower()
            times = [("", unused.get("lastAccessed"))]
            times += [
                (str(one.get("action") or "").rpartition(":")[2], one.get("lastAccessed"))
                for one in _dicts(unused.get("actions"))
            ]
            for action, moment in times:
                if service and (time := _time(moment)):
                    witness = "an unused-access finding of Access Analyzer"
                    sightings.found.add(Sighting(service, action, time, "", witness))

    def _about(self, identity: str) -> Sightings:
        """Return what is said of a principal under its ARN, and under one that has lost a role's path."""
        both = [self._of[name] for name in {identity, without_path(identity)} if name in self._of]
        tracked: dict[str, set[str]] = {}
        for one in both:
            for service, actions in one.tracked.items():
                tracked.setdefault(service, set()).update(actions)
        return Sightings({sighting for one in both for sighting in one.found}, tracked)

    def blind(
        self, identity: str, held: int, called: Called, catalogue: Catalogue, window: Window
    ) -> Iterator[Blind]:
        """Yield what an identity holds and a witness saw tried later than the logs show.

        Actions that IAM tracks one by one are judged by their own time, all others by their service's.
        """
        start = window.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        sightings = self._about(identity)
        for sighting in sorted(sightings.found):
            service, action = sighting.service, sighting.action
            newest = called.newest.get((identity, f"{service}:{action}".lower()), "")
            if sighting.time < start or sighting.time <= newest:
                continue
            named = catalogue.expand_all(f"{service}:{action or '*'}")
            if not action:
                tracked = sorted(sightings.tracked.get(service, ()))
                named &= ~catalogue.permissions.mask(f"{service}:{name}" for name in tracked)
            if held & named:
                yield _newer(held & named, sighting, newest)


def _newer(permissions: int, sighting: Sighting, newest: str) -> Blind:
    what = f"{sighting.service}:{sighting.action}" if sighting.action else f"the service {sighting.service}"
    where = f" in {sighting.region}" if sighting.region else ""
    logs = f"the newest record of it in the logs is of {newest}" if newest else "the logs hold none of it"
    return Blind(
        permissions,
        "last-accessed-newer",
        f"{sighting.witness} says that {what} was tried at {sighting.time}{where}, and {logs}",
        "name the logs that hold this call: of that region and time, or data events that no trail records",
    )


def _get(record: Mapping[str, Any], name: str) -> Any:
    """Return a field as the API spells it, or with a small first letter as tools around it do."""
    return record.get(name, record.get(name[0].lower() + name[1:]))


def _time(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not value:
            return ""  # tools write 0 for never
        value = value / 1000 if value > _MILLISECONDS else value
    return stamp(value)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
