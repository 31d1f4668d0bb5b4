"""Say what today's logs could not have shown, per identity, and which logs were on, per account."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.coverage.blind import BlindSpots, successor
from connectors.aws.coverage.coverage_rows import coverage_rows
from connectors.aws.coverage.model_calls import MODEL_DATA, job_callers, unseen_callers
from connectors.aws.coverage.observability import observability
from connectors.aws.coverage.recorded import Recorded, read_recorded
from connectors.aws.coverage.trails import read_trails, trail_caveats
from connectors.aws.coverage.witnesses import Witnesses
from connectors.aws.grants.grants import Entitled
from connectors.aws.identities.key_uses import key_uses
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.usage.usage import Called, Heard
from connectors.facts import Caveat, Coverage, Entitlement, Window
from connectors.interface import Evidence, Status


@dataclass(frozen=True, slots=True)
class Covered:
    """Entitlements with their blind spots, coverage rows, and what the logs lack."""

    entitlements: Mapping[str, Entitlement]
    coverage: tuple[Coverage, ...]
    caveats: tuple[Caveat, ...]


def read_coverage(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    entitled: Entitled,
    called: Called,
    catalogue: Catalogue,
    window: Window,
) -> Covered:
    """Return the entitlements with what could not have been seen, and the state of each log class."""
    trails = read_trails(evidence)
    groups = inventory.groups.values()
    places = [(holder.account, holder.source) for holder in (*inventory.holders, *groups)]
    recorded = read_recorded(evidence, trails, places, window)
    spots = BlindSpots(
        observability(catalogue),
        catalogue,
        called,
        window,
        Witnesses(evidence, key_uses(inventory, called.usage)),
        unseen_callers(inventory),
        job_callers(inventory, called.usage),
    )
    holders = {holder.arn: holder for holder in inventory.holders}
    held = {
        identity: replace(
            one,
            blind=spots.of(
                one,
                holders[identity],
                recorded[holders[identity].account],
                entitled.places.get(identity, {}),
            ),
        )
        for identity, one in entitled.entitlements.items()
    }
    return Covered(
        entitlements=held,
        coverage=tuple(row for one in recorded.values() for row in coverage_rows(one, window)),
        caveats=(
            *_caveats(evidence, inventory, called, recorded, window),
            *trail_caveats(evidence),
            *_other_ways(entitled.entitlements, holders, called, recorded, catalogue),
        ),
    )


def _caveats(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    called: Called,
    recorded: Mapping[str, Recorded],
    window: Window,
) -> list[Caveat]:
    found = [
        Caveat(
            f"{outcome.part} could not be read whole: {outcome.reason}",
            one.source,
            _EFFECTS.get(outcome.part, "what it would have said is unknown"),
        )
        for one in evidence
        for outcome in one.outcomes()
        if outcome.status in (Status.PARTIAL, Status.FAILED)
    ]
    found += _earlier_holders(inventory, called)
    found += [
        Caveat(reason, holder.arn, "the dump is older: nothing of it is called unused; export it again")
        for holder in inventory.holders
        if (reason := successor(holder, called))
    ]
    for account, one in recorded.items():
        if one.problem(window)[0]:
            continue
        found += _gaps(one, window)
        found += _filtered(account, called.heard.get(account))
        if one.management and one.selection is None:
            found += _only_writes(account, called.heard.get(account))
            regions = ", ".join(sorted({seen.region for seen in one.management if seen.region}))
            found.append(
                Caveat(
                    f"logs of account {account} hold management events of these regions only: {regions}",
                    account,
                    "a call in another region is taken for no call; name the trails export to be sure",
                )
            )
        elif len({seen.region for seen in one.management}) == 1 and any(t.multi_region for t in one.active):
            found.append(
                Caveat(
                    f"a trail records all regions, and all records of account {account} are of "
                    f"{one.management[0].region}",
                    account,
                    "if files of other regions were not copied, calls in them are taken for no calls",
                )
            )
    return found


def _earlier_holders(inventory: Inventory, called: Called) -> Iterator[Caveat]:
    """Name users and roles that were called under their name before they were made: somebody else had it."""
    first: dict[str, str] = {}
    for row in called.usage:
        first[row.identity] = min(first.get(row.identity, row.first_seen), row.first_seen)
    for holder in inventory.holders:
        seen = first.get(holder.arn, "")
        if seen and seen < holder.created:
            yield Caveat(
                f"calls from {seen} on, but made on {holder.created}: an earlier {holder.kind} had this name",
                holder.arn,
                "calls of the earlier one are counted as its own: what is called used may be unused since",
            )


def _other_ways(
    entitlements: Mapping[str, Entitlement],
    holders: Mapping[str, Holder],
    called: Called,
    recorded: Mapping[str, Recorded],
    catalogue: Catalogue,
) -> Iterator[Caveat]:
    """Say where a model permission may be in use by calls that are data events though most are not.

    StartAsyncInvoke and InvokeModelWithBidirectionalStream need bedrock:InvokeModel (API reference).
    """
    invoke = catalogue.expand("bedrock:InvokeModel")
    used = {row.identity for row in called.usage if row.permission == "bedrock:InvokeModel"}
    unsure: dict[str, list[str]] = {}
    for identity, held in sorted(entitlements.items()):
        account = holders[identity].account
        selection = recorded[account].selection
        seen = selection is not None and selection.data >= MODEL_DATA
        if held.granted & invoke and identity not in used and not seen:
            unsure.setdefault(account, []).append(identity)
    for account, identities in unsure.items():
        more = f" and {len(identities) - 1} more" if len(identities) > 1 else ""
        yield Caveat(
            "asynchronous and bidirectional model calls need bedrock:InvokeModel too and are data events: "
            + ", ".join(sorted(MODEL_DATA)),
            account,
            "who calls models (video, speech) only that way leaves no record: InvokeModel may be in use "
            f"where it is called unused (held by {identities[0]}{more})",
        )


def _gaps(recorded: Recorded, window: Window) -> Iterator[Caveat]:
    """Say which part of the window the logs do not reach: nothing shows what was called there."""
    first, last = recorded.reach
    start, end = (moment.strftime("%Y-%m-%d") for moment in (window.start, window.end))
    slack = timedelta(days=_SLACK_DAYS)
    late = first[:10] > (window.start + slack).strftime("%Y-%m-%d")
    early = last[:10] < (window.end - slack).strftime("%Y-%m-%d")
    if late or early:
        yield Caveat(
            f"logs of {recorded.account} run from {first} to {last}, the window from {start} to {end}",
            recorded.account,
            "what is called unused is so in the logged part; a call outside it is taken for no call",
        )

    missing = recorded.missing_days(window)
    if _FEWEST_DAYS <= len(missing) < len(recorded.days):
        yield Caveat(
            f"no trail file of {recorded.account} is of {len(missing)} days between the others "
            f"({missing[0]} to {missing[-1]})",
            recorded.account,
            "if files of these days were not copied or have expired, calls in them are taken for no calls",
        )


def _filtered(account: str, heard: Heard | None) -> Iterator[Caveat]:
    """Say that the records look picked out: `lookup-events` is often asked for one name or one user."""
    if heard is None or not heard.many:
        return
    services = {operation.partition(":")[0] for operation in heard.operations}
    alike = [
        name
        for name, values in (
            ("operation", heard.operations),
            ("service", services),
            ("caller", heard.callers),
        )
        if len(values) == 1
    ]
    if alike:
        yield Caveat(
            f"all {heard.count} records of account {account} are of one {alike[0]}: were they picked out?",
            account,
            "if so, other calls are missing and are taken for no calls; export without a filter",
        )


def _only_writes(account: str, heard: Heard | None) -> Iterator[Caveat]:
    """Say that the records hold no read: a trail, or whoever exported them, may leave reads out."""
    if heard is not None and heard.only_writes:
        yield Caveat(
            f"none of the {heard.count} records of account {account} is a read (Get…, List…, Describe…)",
            account,
            "if its trail leaves reads out, they are taken for no calls; name the trails export to be sure",
        )


_SLACK_DAYS = 1
_FEWEST_DAYS = 2
"""So many days without a file, fewer than those with one, look like files that were lost."""
_EFFECTS = {
    "authorization_details": "identities and grants in what could not be read are not analysed",
    "cloudtrail": "calls in the unread part are not counted: what is called unused may be used there",
    "organization_policies": "limits in what could not be read are not applied: permissions count as granted",
    "trails": "what the trails record is unknown: data events count as not recorded",
    "credential_report": "ages and last uses of keys may be missing",
    "access_keys": "keys may be missing",
    "service_specific_credentials": "keys may be missing",
    "last_accessed": "IAM's own word on last use is missing: the logs alone say what was not called",
    "unused_access": "what Access Analyzer saw of use is missing: the logs alone say what was not called",
}
