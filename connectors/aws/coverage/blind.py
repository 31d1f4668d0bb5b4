"""Collect, for one identity, the permissions whose use the logs could not have shown, and why."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.beside import Beside
from connectors.aws.coverage.data_coverage import DataCoverage, callers_of, part_of
from connectors.aws.coverage.fixes import SHOW_TRAILS, halves_lacking, management_fix, selector_fix
from connectors.aws.coverage.model_calls import MODEL_DATA
from connectors.aws.coverage.observability import Observability, union
from connectors.aws.coverage.places import Places
from connectors.aws.coverage.recorded import GLOBAL_REGIONS, Recorded
from connectors.aws.coverage.selectors import Selection, together
from connectors.aws.coverage.witnesses import Witnesses
from connectors.aws.identities.unique_ids import REAL_ID
from connectors.aws.inventory import Holder
from connectors.aws.usage.actions import prefixes_of
from connectors.aws.usage.usage import Called
from connectors.facts import Blind, Entitlement, PermissionSet, Window

_LATE = timedelta(days=1)
_NEW_DUMP = "export the authorization details again, so that they describe the one that exists now"

_TABLE = table("global_services")
_GLOBAL: frozenset[str] = frozenset(_TABLE["services"])
"""Services whose management events stand in one region (`GLOBAL_REGIONS`) wherever the call comes from."""
_PERHAPS: frozenset[str] = frozenset(_TABLE["perhaps"])
"""Services of which this may be so: their silence elsewhere shows nothing, nor does that region alone."""


class BlindSpots:
    """Works out blind spots; what depends only on the account is worked out once per set of permissions."""

    def __init__(
        self,
        sets: Observability,
        catalogue: Catalogue,
        called: Called,
        window: Window,
        witnesses: Witnesses | None = None,
        unseen_callers: Collection[str] = (),
        job_callers: Collection[str] = (),
    ) -> None:
        self._unseen_callers = unseen_callers
        self._job_callers = job_callers
        self._witnesses = witnesses or Witnesses(())
        self._sets = sets
        self._catalogue = catalogue
        self._called = called
        self._window = window
        self._start = window.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._shown = DataCoverage(catalogue, union(held for _, held in sets.data))
        self._cache: dict[tuple[str, int, Selection | None, Places], tuple[Blind, ...]] = {}
        self._tagging = catalogue.level("Tagging")
        self._creators = self._creators_of()
        self._global = union(catalogue.expand(f"{name}:*") for name in sorted(_GLOBAL))
        self._perhaps = union(catalogue.expand(f"{name}:*") for name in sorted(_PERHAPS))
        self._beside = Beside(called, catalogue.permissions)

    def of(
        self,
        entitlement: Entitlement,
        holder: Holder,
        recorded: Recorded,
        patterns: Mapping[str, PermissionSet],
    ) -> tuple[Blind, ...]:
        """Return the blind spots of one identity, those that explain most first.

        `patterns` are the resource patterns on which it holds permissions, with those permissions at most.
        """
        held = entitlement.granted | entitlement.conditional
        selection = recorded.selection
        if selection is not None:
            selection = selection.of_caller(callers_of(holder))
        places = self._shown.places(selection, patterns)
        key = (recorded.account, held, selection, places)
        if key not in self._cache:
            spots = tuple(self._of_account(held, recorded, selection, places))
            self._cache[key] = (*spots, *self._beside.of_unseen(held, spots))
        stale = successor(holder, self._called)
        replaced = _blind(held, "made-again-since", stale, _NEW_DUMP) if stale else ()
        contradicted = (*replaced, *_blind(held, *self._contradiction(holder, recorded)))
        seen = self._witnesses.blind(entitlement.identity, held, self._called, self._catalogue, self._window)
        models = self._models(holder, held, recorded)
        mine = self._of_identity(entitlement.identity, held)
        keys = self._by_keys(holder, held, self._cache[key])
        return (*contradicted, *seen, *self._cache[key], *models, *mine, *keys)

    def _by_keys(self, holder: Holder, held: int, spots: Iterable[Blind]) -> Iterator[Blind]:
        """Yield what a user holds in a service for which IAM saw a key used, and the logs hold no such call.

        Where part of the service cannot be seen, the call was one of that part. IAM may write the time down a
        while after the call.
        """
        unseen = union(spot.permissions for spot in spots if spot.code != "never-logged")
        for use in self._witnesses.keys.get(holder.arn, ()):
            prefixes = prefixes_of(use.service)
            theirs = held & union(self._catalogue.expand_all(f"{prefix}:*") for prefix in prefixes)
            newest = max(self._called.newest.get((holder.arn, f"{prefix}:"), "") for prefix in prefixes)
            known = f"{datetime.fromisoformat(newest) + _LATE:%Y-%m-%dT%H:%M:%SZ}" if newest else ""
            if use.service and use.time >= self._start and use.time > known and not theirs & unseen:
                logs = (
                    f"the newest record of it in the logs is of {newest}" if newest else "the logs hold none"
                )
                yield from _blind(
                    theirs,
                    "last-accessed-newer",
                    f"IAM says that a key called {use.service} at {use.time}, and {logs}",
                    "name the logs that hold this call, of that region and time",
                )

    def _models(self, holder: Holder, held: int, recorded: Recorded) -> Iterator[Blind]:
        """Yield bedrock:InvokeModel of who is set up for calls that only data events show, or none."""
        if holder.arn in self._job_callers:
            yield from _blind(
                held & self._catalogue.expand("bedrock:InvokeModel*"),
                "other-calls-not-logged",
                "batch inference or evaluation jobs call models with this role, and no documentation says "
                "that those calls leave events",
                "",
            )
        selection = recorded.selection
        missing = sorted(MODEL_DATA - (selection.data if selection is not None else frozenset()))
        if holder.arn in self._unseen_callers and missing:
            yield from _blind(
                held & self._catalogue.expand("bedrock:InvokeModel"),
                "other-calls-not-logged",
                "its policies name asynchronous or bidirectional model calls, which need this too and are "
                f"data events of {', '.join(missing)}",
                selector_fix(missing[0], recorded.active),
            )

    def _contradiction(self, holder: Holder, recorded: Recorded) -> tuple[str, str, str]:
        """Return why logs without a single record of an identity prove nothing: IAM saw it act in their time.

        RoleLastUsed and the last use of a key count every region and every kind of call. Where the trails
        export shows that all management events of that time are recorded, the call was a data event, and the
        rest is judged as usual.
        """
        used = max([holder.last_used, *(use.time for use in self._witnesses.keys.get(holder.arn, ()))])
        if used < self._start or holder.arn in self._called.seen:
            return ("", "", "")
        newest = max((seen.last for seen in recorded.management), default="")
        if used <= newest and recorded.selection is not None:
            return ("", "", "")
        return (
            "last-use-not-in-logs",
            f"IAM reports a use at {used}, and the logs given hold no record of it: they miss calls",
            "name the logs of every region, or the trails export if it makes only data calls",
        )

    def _of_account(
        self, held: int, recorded: Recorded, selection: Selection | None, places: Places
    ) -> Iterator[Blind]:
        for code, reason, permissions in self._sets.never:
            yield from _blind(held & permissions, code, reason, "")
        yield from _blind(
            held & ~self._catalogue.known,
            "not-in-catalogue",
            f"not a known action of {self._catalogue.permissions.source}: misspelt, retired, or newer",
            "",
        )
        code, reason, fix = recorded.problem(self._window)
        if code:
            yield from _blind(held, code, reason, fix)
            return
        region = recorded.without_global_region
        if region and not self._hears_global(recorded.account):
            yield from _blind(
                held & (self._global | self._perhaps),
                "global-region-not-given",
                f"their events stand in {region} wherever the call comes from, and the logs of account "
                f"{recorded.account} hold none of that region",
                f"name the files of {region} too under cloudtrail, or its event history",
            )
        yield from self._data(held, recorded, selection, places)
        yield from self._unselected(held, recorded)
        yield from _blind(
            held & self._sets.no_api,
            "no-known-event",
            "no public API operation has this name, so nobody documents which event its use leaves",
            "",
        )

    def _data(
        self, held: int, recorded: Recorded, selection: Selection | None, places: Places
    ) -> Iterator[Blind]:
        for kind, permissions in self._sets.data:
            hidden = held & permissions
            if not hidden:
                continue
            if selection is None:
                yield Blind(
                    hidden,
                    "data-events-unknown",
                    f"recorded only as data events of {kind}; the evidence does not say that they are on",
                    f"{SHOW_TRAILS}; if they are off: {selector_fix(kind, recorded.active)}",
                )
                continue
            shown = self._shown.shown(selection, kind, hidden, places)
            if trail := recorded.not_given.get(kind):
                yield from _blind(
                    hidden & ~shown,
                    "trail-files-not-given",
                    f"trail {trail} records data events of {kind}, and nothing shows that the files given "
                    "are of that trail and not of another",
                    f"name the files of trail {trail} under cloudtrail",
                )
                hidden = shown
            since = recorded.late.get(kind)
            part = f"only since {since}" if since else part_of(selection, kind)
            part += self._shown.left_out(selection, kind, hidden & ~shown, places)
            yield from _blind(
                hidden & ~shown,
                "data-events-not-logged",
                f"recorded only as data events of {kind}, which are selected {part}",
                selector_fix(kind, recorded.active, lacking=halves_lacking(selection, kind)),
            )
            if shown and not recorded.trail_files:
                yield Blind(
                    shown,
                    "trail-files-not-given",
                    f"a trail records data events of {kind}, but the logs given are not its files",
                    "name the trail's own files under cloudtrail: event-history exports hold no data events",
                )

    def _hears_global(self, account: str) -> bool:
        """Tell whether the logs of an account hold any event of a global service, whatever its region."""
        heard = self._called.heard.get(account)
        sources = {operation.partition(".")[0] for operation in heard.operations} if heard else set()
        return not sources.isdisjoint(_GLOBAL)

    def _unselected(self, held: int, recorded: Recorded) -> Iterator[Blind]:
        """Yield management events that the trails leave out: reads, sources, regions."""
        selection = recorded.selection
        if recorded.active:
            yield from self._elsewhere(held, recorded)
        if selection is None:
            yield from self._filtered(held, recorded)
            return
        fix = management_fix(recorded.active)
        held &= ~self._sets.data_only
        reads = self._sets.reads
        for wanted, name, permissions in (
            (selection.reads, "read", reads),
            (selection.writes, "write", self._sets.writes),
        ):
            if not wanted:
                yield from _blind(
                    held & permissions,
                    f"{name}-events-not-logged",
                    f"no trail selects {name} management events",
                    fix,
                )
        for source in sorted(selection.excluded):
            service = source.removesuffix(".amazonaws.com").replace("rdsdata", "rds-data")
            yield from _blind(
                held & self._catalogue.expand(f"{service}:*"),
                "source-excluded",
                f"trails leave out {source}",
                fix,
            )

    def _filtered(self, held: int, recorded: Recorded) -> Iterator[Blind]:
        """Yield reads, where an event history holds none: the console leaves them out unless told."""
        heard = self._called.heard.get(recorded.account)
        if not recorded.trail_files and heard is not None and heard.only_writes:
            yield from _blind(
                held & self._sets.reads & ~self._sets.data_only,
                "read-events-not-logged",
                f"none of the {heard.count} records of the event history given is a read: the console leaves "
                "reads out unless its filter is taken away",
                "export the event history again without a filter, or name a trail's files",
            )

    def _elsewhere(self, held: int, recorded: Recorded) -> Iterator[Blind]:
        """Yield what could be called in regions that no trail records."""
        if any(one.multi_region for one in recorded.active):
            return
        regions = sorted({one.home_region for one in recorded.active if one.home_region})
        seen = self._worldwide(recorded)
        yield from _blind(
            held & ~seen,
            "other-regions-not-logged",
            f"trails record only {', '.join(regions) or 'one region'}: calls elsewhere leave no record",
            f"aws cloudtrail update-trail --name {recorded.active[0].name} --is-multi-region-trail",
        )

    def _worldwide(self, recorded: Recorded) -> int:
        """Return the permissions whose events a trail of one region records wherever the call comes from."""
        there = [one for one in recorded.active if one.global_services and one.home_region in GLOBAL_REGIONS]
        if not there:
            return 0
        seen = self._global
        if all(one.selection is not None for one in there):
            selection = together(one.selection for one in there if one.selection is not None)
            seen &= -1 if selection.reads else ~self._sets.reads
            seen &= -1 if selection.writes else ~self._sets.writes
            for source in selection.excluded:
                seen &= ~self._catalogue.expand(f"{source.removesuffix('.amazonaws.com')}:*")
        return seen

    def _of_identity(self, identity: str, held: int) -> Iterator[Blind]:
        permissions = self._catalogue.permissions
        for operation, candidates in sorted(self._called.ambiguous.get(identity, {}).items()):
            yield from _blind(
                held & permissions.mask(sorted(candidates)),
                "ambiguous-operation",
                f"{operation} was called and needs one of these; the record does not say which",
                "",
            )
        for operation, prefixes in sorted(self._called.strange.get(identity, {}).items()):
            yield from _blind(
                held & union(self._catalogue.expand_all(f"{prefix}:*") for prefix in sorted(prefixes)),
                "unmapped-operation",
                f"{operation} was called and no rule says which permission of its service it needs",
                "",
            )
        yield from _blind(
            held & permissions.mask(sorted(self._called.through.get(identity, ()))),
            "endpoint-record-only",
            "a VPC endpoint let a call pass, and the logs given hold no event of the call itself",
            "name the files of the trail that records the service's own events",
        )
        yield from self._beside.of_used(identity, held)
        created = self._called.created.get(identity, set())
        if created & self._creators.keys():
            yield from _blind(
                held & union(self._creators[service] for service in sorted(created & self._creators.keys())),
                "tag-on-create",
                "tags set while creating something need this and leave no event of their own",
                "",
            )

    def _creators_of(self) -> Mapping[str, int]:
        """Return the tagging permissions by service."""
        return self._catalogue.permissions.services(self._tagging)


def successor(holder: Holder, called: Called) -> str:
    """Return why a user or role of the dump is not the one that calls under its name now; empty if it is.

    Unique ids are never used again. Another id that calls after the dump's one was made means that this one
    was deleted and made again: what the dump says it holds is not what its successor holds.
    """
    if not REAL_ID.fullmatch(holder.immutable_id):
        return ""
    others = [
        (last, unique)
        for unique, (_, last) in called.ids.get(holder.arn, {}).items()
        if unique != holder.immutable_id and REAL_ID.fullmatch(unique)
    ]
    last, unique = max(others, default=("", ""))
    if not unique or not holder.created or last <= holder.created:
        return ""
    return (
        f"{unique} called under this name until {last}, and the dump describes {holder.immutable_id} "
        f"made on {holder.created}: it was deleted and made again since"
    )


def _blind(permissions: int, code: str, reason: str, fix: str) -> Iterator[Blind]:
    if permissions and code:
        yield Blind(permissions, code, reason, fix)
