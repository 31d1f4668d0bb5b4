"""Count calls made through a service account as use of the right to act as it, by whoever acted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from connectors.facts import Caveat, Usage
from connectors.gcp.catalog import services
from connectors.gcp.coverage.fixes import names
from connectors.gcp.grants.members import Aliases
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN
from connectors.logs.rows import UsageRow

PERMISSION = "iam.serviceAccounts.getAccessToken"
OPERATION = "serviceAccountDelegationInfo"
"""The field of a log record that tells it: the token itself was made before, perhaps without a record."""


@dataclass
class _Seen:
    """Calls of one account through another, by permission: one call may check several."""

    counts: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""

    def add(self, row: UsageRow) -> None:
        self.counts[row.permission] = self.counts.get(row.permission, 0) + row.count
        self.first = min(self.first or row.first, row.first)
        self.last = max(self.last, row.last)


class Delegations:
    """Who acted as which service account, as the chains of the log records tell it.

    An identity that only acts through others makes no call of its own in the log; without this it would
    look unused. Source: google.cloud.audit.AuthenticationInfo.service_account_delegation_info.
    """

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._seen: dict[tuple[str, str], _Seen] = {}

    def read(self, row: UsageRow, identity: str) -> None:
        """Note every step of a row's chain; a person's consent to an agent is no such step."""
        if not row.via or not identity.endswith(SERVICE_ACCOUNT_DOMAIN):
            return
        chain = [*(self._aliases.of(one) for one in row.via.split(" > ")), identity]
        for actor, account in pairwise(chain):
            if actor != account and not services().is_agent_domain(actor.partition("@")[2]):
                self._seen.setdefault((actor, account), _Seen()).add(row)

    def usage(self, recorded: Collection[str]) -> Iterator[Usage]:
        """Yield one row for each pair; as many calls as carried the most frequent permission, at least.

        `recorded` are those whose tokens the log itself records: these calls are counted as they stand.
        """
        for actor, account in self._pairs(recorded):
            seen = self._seen[actor, account]
            yield Usage(
                identity=actor,
                permission=PERMISSION,
                resource=f"projects/-/serviceAccounts/{account}",
                credential="",
                count=max(seen.counts.values()),
                denied=0,
                first_seen=seen.first,
                last_seen=seen.last,
                operation=OPERATION,
                last_allowed=seen.last,
            )

    def _pairs(self, recorded: Collection[str]) -> list[tuple[str, str]]:
        return sorted(pair for pair in self._seen if pair[0] not in recorded)

    def caveats(self, recorded: Collection[str]) -> Iterator[Caveat]:
        """Say where use was read from chains."""
        pairs = self._pairs(recorded)
        if pairs:
            yield Caveat(
                "acting as a service account is read from the calls made through it",
                names([f"{actor} as {account}" for actor, account in pairs]),
                f"they count as use of {PERMISSION}: the record of the token itself may be missing",
            )
