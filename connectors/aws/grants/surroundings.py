"""Say what opens or narrows access beside IAM: data access policies of OpenSearch Serverless, VPC endpoints.

Rules: OpenSearch Service developer guide, "Data access control for Amazon OpenSearch Serverless" (a caller
needs aoss:APIAccessAll and a data access policy that names it); VPC guide, "Endpoint policies" (2026-11).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.inventory import Holder
from connectors.aws.policy.document import parse_document
from connectors.facts import Caveat, Effect, Grant

DATA_ACCESS = "DataAccessPolicy"
VPC_ENDPOINT = "VpcEndpoint"
OPENS_COLLECTIONS = ("aoss:APIAccessAll", "aoss:DashboardsAccessAll")
_NAMED = 3


@dataclass
class Surroundings:
    """What the evidence holds of both, by account."""

    rules: dict[str, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    """Account → (policy and place, rule) of data access."""
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    """Account → VPC endpoints whose policy is narrower than everything."""
    endpoints_read: bool = False

    def add(self, kind: str, record: Mapping[str, Any], account: str) -> None:
        """Take one record of the part `resource_policies`."""
        if kind == DATA_ACCESS:
            name = f"{record.get('name')}" + (f" in {record['Region']}" if record.get("Region") else "")
            held = self.rules.setdefault(account, [])
            held += [(name, rule) for rule in _rules(record.get("policy"))]
        elif kind == VPC_ENDPOINT:
            self.endpoints_read = True
            if _narrow(record.get("PolicyDocument")):
                text = f"{record.get('VpcEndpointId')} ({record.get('ServiceName')})"
                self.endpoints.setdefault(account, []).append(text)

    def grants(self, holder: Holder, opens: int) -> Iterator[Grant]:
        """Yield the data access policies that name an identity; `opens` is what they need beside them."""
        for number, (name, rule) in enumerate(self.rules.get(holder.account, ())):
            if holder.arn not in _texts(rule.get("Principal")):
                continue
            rules = [one for one in rule.get("Rules") or () if isinstance(one, Mapping)]
            scope = ", ".join(text for one in rules for text in _texts(one.get("Resource")))
            allowed = sorted({text for one in rules for text in _texts(one.get("Permission"))})
            yield Grant(
                id=f"data-access/{name}#{number}",
                identity=holder.arn,
                source=f"data access policy {name} of OpenSearch Serverless: {', '.join(allowed)[:200]}",
                name=f"data access policy {name}",
                effect=Effect.ALLOW,
                scope=scope[:200] or "none",
                permissions=opens,
                shared=len(_texts(rule.get("Principal"))) > 1,
            )

    def caveats(self, opening: Mapping[str, list[str]]) -> Iterator[Caveat]:
        """Say who holds aoss:APIAccessAll for nothing (of `opening`, by account), and what may refuse."""
        for account, identities in sorted(opening.items()):
            named = {
                text for _, rule in self.rules.get(account, ()) for text in _texts(rule.get("Principal"))
            }
            nobody = [identity for identity in identities if identity not in named]
            if account in self.rules and nobody:
                yield Caveat(
                    f"no data access policy of OpenSearch Serverless names {_some(nobody)}",
                    account,
                    "aoss:APIAccessAll opens no collection to it, unless one is read by another way",
                )
        for account, endpoints in sorted(self.endpoints.items()):
            yield Caveat(
                f"VPC endpoints with policies of their own: {_some(sorted(set(endpoints)))}",
                account,
                "they are not applied: a call that goes through one may be refused although it is granted",
            )


def _rules(policy: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError:
            return
    yield from (rule for rule in policy if isinstance(rule, Mapping)) if isinstance(policy, list) else ()


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value or ())


def _narrow(policy: Any) -> bool:
    """Tell whether an endpoint's policy is any other than the one that allows everything to everybody."""
    if not policy:
        return False
    statements = parse_document(policy).statements
    everything = [
        one
        for one in statements
        if one.effect is Effect.ALLOW
        and one.actions == ("*",)
        and one.resources == ("*",)
        and not (one.conditions or one.not_actions or one.not_resources or one.not_principals)
        and any(principal.value == "*" for principal in one.principals)
    ]
    return not everything or any(one.effect is Effect.DENY for one in statements)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
