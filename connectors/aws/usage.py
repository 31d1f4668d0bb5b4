"""Turn folded log rows into usage: which identity used which permission, on what, how often."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.aws.arns import without_path
from connectors.aws.event_actions import EventActions, Sureness
from connectors.aws.row_marks import Marks, read
from connectors.aws.session_policies import Sessions, issued_for
from connectors.facts import Entitlement, Unmapped, Usage
from connectors.interface import Evidence
from connectors.logs.rows import UsageRow
from connectors.logs.sums import UsageKey, UsageSum
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

_CREATES = re.compile("Create|Run|Put|Register|Import|Copy|Allocate|Request|Start|Restore|Purchase|Publish")
"""First words of actions that can set tags on what they make."""


@dataclass
class Heard:
    """How varied the records of one account are: an export made with a filter is not."""

    count: int = 0
    callers: set[str] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)


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
    newest: dict[tuple[str, str], str] = field(default_factory=dict)
    """(identity, permission or `service:`, in lower case) → newest call, refused ones too."""


def read_usage(
    evidence: Iterable[Evidence],
    actions: EventActions,
    permissions: Permissions,
    entitlements: Mapping[str, Entitlement],
) -> Called:
    """Return what the log rows of all sources show.

    A row that names its permission (iam:PassRole, CallWithBearerToken) repeats a call and is use of that
    permission alone. A call that failed after authorisation is use; a refused one is counted as denied.
    """
    result = Called()
    calls: dict[UsageKey, UsageSum] = {}
    unmapped: Counter[tuple[str, str]] = Counter()
    unattributed: Counter[str] = Counter()
    paths = {without_path(arn): arn for arn in entitlements}
    for one in evidence:
        for row in one.usage():
            if row.identity in paths and row.identity not in entitlements:
                # Records without a session issuer name a role by its session, which has lost the path.
                row = msgspec.structs.replace(row, identity=paths[row.identity])  # noqa: PLW2901
            marks = read(row.detail)
            _note_account(row, marks, result)
            if not row.identity.startswith("arn:"):
                if not row.permission:
                    unattributed[row.identity_type or "missing"] += row.count
                continue
            _note_identity(row, marks, result)
            event_type = marks.kind.rpartition(":")[2].lower()
            if event_type in _NO_CALL and not (event_type == _THROUGH_ENDPOINT and row.outcome == "denied"):
                continue
            named, mapped = _permissions(row, actions, permissions, entitlements.get(row.identity), result)
            if not mapped:
                unmapped[_source_and_name(row.operation)] += row.count
            for permission in named:
                if row.outcome != "denied" and _CREATES.match(permission.partition(":")[2]):
                    result.created.setdefault(row.identity, set()).add(permission.partition(":")[0].lower())
                key = (row.identity, permission, row.resource, row.credential, row.via, row.operation)
                calls.setdefault(key, UsageSum()).add(row)
                if marks.by_session:
                    refused = result.refused_by_session.setdefault(row.identity, Counter())
                    refused[permission] += row.count
    result.usage = [seen.usage(key) for key, seen in sorted(calls.items())]
    result.newest = _newest(result.usage)
    result.unmapped = [Unmapped("aws", *key, count) for key, count in sorted(unmapped.items())]
    result.unattributed = dict(sorted(unattributed.items()))
    return result


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
