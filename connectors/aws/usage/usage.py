"""Turn folded log rows into usage: which identity used which permission, on what, how often."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from connectors.aws.arns import account_of, without_path
from connectors.aws.trust.session_policies import Sessions, issued_for
from connectors.aws.usage.actions import EventActions, Sureness
from connectors.aws.usage.row_marks import Marks, read
from connectors.facts import Activity, Entitlement, Unmapped, Usage
from connectors.interface import Evidence
from connectors.logs.rows import UsageRow
from connectors.logs.sums import UsageKey, UsageSum, added_up
from connectors.permissions import Permissions

_THROUGH_ENDPOINT = "awsvpceevent"
"""Repeats a call through a VPC endpoint; one that the endpoint's policy refused stands there alone."""

_NO_CALL = frozenset(
    {
        "awsserviceevent",
        "awsconsolesignin",
        "awsconsoleaction",
        "awscloudtrailinsight",
        _THROUGH_ENDPOINT,
    }
)
"""Event types that are no use of a permission (CloudTrail user guide, "record contents": eventType)."""

_OTHER_ACCOUNT = "AWSAccount"
"""Type of caller under which the account of a resource records callers of other accounts."""
_CREATES = re.compile(
    "Accept|Activate|Allocate|Associate|Authorize|BatchCreate|Claim|Connect|Convert|Copy|Create|Distribute|Enable|"
    "Export|Generate|Import|InvokeDataAutomation|Invite|ModifyDBInstance|Open|Promote|Provision|Publish|Purchase|Put|"
    "Register|Replicate|Request|Reserve|Restore|Run|Start|Submit|UpdateFleet|UpdateProject|UpdateStack|Upload"
)
"""First words of actions that can set tags on what they make: in botocore 1.44.8 their input holds tags."""


_READS = (
    "Assume", "BatchGet", "Check", "Converse", "Decrypt", "Describe", "Generate", "Get", "Head", "Invoke",
    "List", "Lookup", "Query", "Search", "View",
)  # fmt: skip
"""First words of operations that CloudTrail marks as reads, or may."""
_MANY = 20
"""So many records of one kind do not look like everything that happened in an account."""


@dataclass
class Heard:
    """How varied the records of one account are: an export made with a filter is not."""

    count: int = 0
    callers: set[str] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)

    @property
    def many(self) -> bool:
        """Tell whether there are so many records that they should be of many kinds."""
        return self.count >= _MANY

    @property
    def only_writes(self) -> bool:
        """Tell whether there are many records and no read: consoles and SDKs read all the time."""
        names = (operation.partition(":")[2] for operation in self.operations)
        return self.many and not any(name.startswith(_READS) for name in names)


@dataclass
class Called:
    """What the logs show: usage, what could not be mapped, and whose calls could not be attributed."""

    usage: list[Usage] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    unattributed: dict[str, int] = field(default_factory=dict)
    ambiguous: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Identity → operation → permissions of which one was used, nobody says which."""
    strange: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Identity → operation that no rule maps → IAM prefixes of its service."""
    created: dict[str, set[str]] = field(default_factory=dict)
    """Identity → services in which it created something, so that tags may have been set on the way."""
    activity: list[Activity] = field(default_factory=list)
    """What was seen of each identity with each credential, calls that are mapped to nothing included."""
    seen: set[str] = field(default_factory=set)
    """Identities of whom the logs hold any record, refused calls and sign-ins included."""
    workloads: dict[str, set[str]] = field(default_factory=dict)
    """Identity → ARNs that its credentials were issued to, as records name them."""
    heard: dict[str, Heard] = field(default_factory=dict)
    """Account that recorded the events → what its records speak of."""
    ids: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """Identity → unique ids under which it called, with the first and last time of each."""
    sessions: dict[str, Sessions] = field(default_factory=dict)
    """Identity → its sessions that the logs show being issued."""
    refused_by_session: dict[str, Counter[str]] = field(default_factory=dict)
    """Identity → permission → calls that a session policy refused, as the records say."""
    failed: dict[str, set[str]] = field(default_factory=dict)
    """Identity → permissions of calls that were authorised and failed for another reason."""
    through: dict[str, set[str]] = field(default_factory=dict)
    """Identity → permissions of calls of which only a VPC endpoint's record of letting them pass is there."""
    newest: dict[tuple[str, str], str] = field(default_factory=dict)
    """(identity, permission or `service:`, in lower case) → newest call, refused ones too."""


def read_usage(
    evidence: Iterable[Evidence],
    actions: EventActions,
    permissions: Permissions,
    entitlements: Mapping[str, Entitlement],
    ids: Mapping[str, str] = MappingProxyType({}),
) -> Called:
    """Return what the log rows of all sources show; `ids` are the inventory's identities by unique id.

    A row that names its permission (iam:PassRole, CallWithBearerToken) repeats a call and is use of that
    permission alone. A call that failed after authorisation is use; a refused one is counted as denied.

    The account of a resource records callers of other accounts by their unique id alone. Such a call counts
    for its identity where that identity's own account shows no call of the operation: both may record it.

    A user who was renamed, or moved to another path, keeps its unique id: what it called under the name that
    no dump has counts for it. Roles cannot be renamed.
    """
    reading = _Reading(actions, permissions, entitlements)
    paths = {without_path(arn): arn for arn in entitlements}
    away: list[tuple[UsageRow, Marks]] = []
    through: list[tuple[UsageRow, Marks]] = []
    for one in evidence:
        for row in added_up(one.usage()):
            if row.identity in paths and row.identity not in entitlements:
                # Records without a session issuer name a role by its session, which has lost the path.
                row = msgspec.structs.replace(row, identity=paths[row.identity])  # noqa: PLW2901
            marks = read(row.detail)
            if now := renamed(row.identity, marks.unique, ids, entitlements):
                row = msgspec.structs.replace(row, identity=now)  # noqa: PLW2901
            _note_account(row, marks, reading.result)
            if row.identity.startswith("arn:"):
                reading.take(row, marks)
                if _event_type(marks) == _THROUGH_ENDPOINT and row.outcome != "denied":
                    through.append((row, marks))
            elif row.identity_type == _OTHER_ACCOUNT and marks.unique in ids:
                away.append((msgspec.structs.replace(row, identity=ids[marks.unique]), marks))
            elif not row.permission:
                reading.unattributed[row.identity_type or "missing"] += row.count
    for row, marks in reading.not_recorded(away):
        reading.take(row, marks)
    for row, _ in reading.not_recorded(through):
        reading.note_passed(row)
    return reading.done()


def renamed(identity: str, unique: str, ids: Mapping[str, str], known: Container[str]) -> str:
    """Return the ARN that a user has now, if its record names it by one that it had before; else nothing."""
    if not unique.startswith("AIDA") or identity in known or ":user/" not in identity:
        return ""
    now = ids.get(unique, "")
    return now if account_of(now) == account_of(identity) else ""


@dataclass
class _Reading:
    """Adds up rows, permission by permission."""

    actions: EventActions
    permissions: Permissions
    entitlements: Mapping[str, Entitlement]
    result: Called = field(default_factory=Called)
    calls: dict[UsageKey, UsageSum] = field(default_factory=dict)
    unmapped: Counter[tuple[str, str]] = field(default_factory=Counter)
    unattributed: Counter[str] = field(default_factory=Counter)
    activity: dict[tuple[str, str], Activity] = field(default_factory=dict)

    def take(self, row: UsageRow, marks: Marks) -> None:
        """Count one row of an identity."""
        result = self.result
        _note_identity(row, marks, result)
        event_type = _event_type(marks)
        is_call = event_type not in _NO_CALL or (event_type == _THROUGH_ENDPOINT and row.outcome == "denied")
        if not row.permission:
            self._note_activity(row, row.count if is_call else 0)
        if not is_call:
            return
        entitlement = self.entitlements.get(row.identity)
        named, mapped = _permissions(row, self.actions, self.permissions, entitlement, result)
        if not mapped:
            self.unmapped[_source_and_name(row.operation)] += row.count
        for permission in named:
            if row.outcome != "denied" and _CREATES.match(permission.partition(":")[2]):
                result.created.setdefault(row.identity, set()).add(permission.partition(":")[0].lower())
            key = (row.identity, permission, row.resource, row.credential, row.via, row.operation)
            self.calls.setdefault(key, UsageSum()).add(row)
            if row.outcome == "error":
                result.failed.setdefault(row.identity, set()).add(permission)
            if marks.by_session:
                result.refused_by_session.setdefault(row.identity, Counter())[permission] += row.count

    def _note_activity(self, row: UsageRow, calls: int) -> None:
        """Count what one row shows of an identity; rows that repeat a call for a permission are left out."""
        key = (row.identity, row.credential)
        held = self.activity.get(key) or Activity(*key, 0, row.first, row.last)
        self.activity[key] = Activity(
            *key, held.calls + calls, min(held.first_seen, row.first), max(held.last_seen, row.last)
        )

    def note_passed(self, row: UsageRow) -> None:
        """Note a call that an endpoint let pass; whether it was authorised then, its record does not say."""
        entitlement = self.entitlements.get(row.identity)
        named, _ = _permissions(row, self.actions, self.permissions, entitlement, self.result)
        self.result.through.setdefault(row.identity, set()).update(named)

    def not_recorded(self, away: Iterable[tuple[UsageRow, Marks]]) -> list[tuple[UsageRow, Marks]]:
        """Return the calls that only somebody else recorded; the others are counted already."""
        known = {(identity, operation) for identity, *_, operation in self.calls}
        return [one for one in away if (one[0].identity, one[0].operation) not in known]

    def done(self) -> Called:
        """Return everything that the rows showed."""
        result = self.result
        result.usage = [seen.usage(key) for key, seen in sorted(self.calls.items())]
        result.newest = _newest(result.usage)
        result.activity = [found for _, found in sorted(self.activity.items())]
        result.unmapped = [Unmapped("aws", *key, count) for key, count in sorted(self.unmapped.items())]
        result.unattributed = dict(sorted(self.unattributed.items()))
        return result


def _event_type(marks: Marks) -> str:
    return marks.kind.rpartition(":")[2].lower()


def _note_account(row: UsageRow, marks: Marks, result: Called) -> None:
    """Note what a row says whoever called: how varied the account's records are, and sessions issued."""
    heard = result.heard.get(row.account)
    if heard is None:
        heard = result.heard[row.account] = Heard()
    heard.count += row.count
    heard.callers.add(row.identity)
    heard.operations.add(row.operation)
    if issued := issued_for(row):
        result.sessions.setdefault(issued, Sessions()).add(marks.session, row.count)


def _note_identity(row: UsageRow, marks: Marks, result: Called) -> None:
    """Note that an identity was seen, as which workload, and under which unique id."""
    result.seen.add(row.identity)
    if row.workload:
        result.workloads.setdefault(row.identity, set()).add(row.workload)
    if unique := marks.unique:
        held = result.ids.setdefault(row.identity, {}).get(unique, (row.first, row.last))
        result.ids[row.identity][unique] = (min(held[0], row.first), max(held[1], row.last))


def _permissions(
    row: UsageRow,
    actions: EventActions,
    permissions: Permissions,
    entitlement: Entitlement | None,
    result: Called,
) -> tuple[tuple[str, ...], bool]:
    """Return the permissions a row shows, and whether its operation is one we understand."""
    if row.permission:
        return (permissions.spelling(row.permission),), True
    needed = actions.needed(row.operation)
    if needed.sureness is Sureness.UNKNOWN:
        if row.outcome != "denied":
            result.strange.setdefault(row.identity, {}).setdefault(row.operation, set()).update(
                needed.prefixes
            )
        return (), False
    if needed.sureness is not Sureness.ONE_OF:
        return needed.permissions, True
    held = entitlement.granted | entitlement.conditional if entitlement else 0
    possible = tuple(name for name in needed.permissions if held >> permissions.index(name) & 1)
    if len(possible) == 1:
        return possible, True
    if row.outcome != "denied":
        result.ambiguous.setdefault(row.identity, {}).setdefault(row.operation, set()).update(
            needed.permissions
        )
    return (), False


def _newest(usage: Iterable[Usage]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for row in usage:
        name = row.permission.lower()
        for key in ((row.identity, name), (row.identity, name.partition(":")[0] + ":")):
            found[key] = max(found.get(key, ""), row.last_seen)
    return found


def _source_and_name(operation: str) -> tuple[str, str]:
    source, _, name = operation.partition(":")
    return source, name
