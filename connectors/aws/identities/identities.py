"""Turn users and roles into identities with owner, workloads, trust and the signs of AI."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.grants import Entitled
from connectors.aws.identities.credentials import read_credentials
from connectors.aws.identities.inventory_ai import Declared, read_declared
from connectors.aws.identities.signals import AiSignals
from connectors.aws.identities.workloads import trusted_by, workloads_of
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.usage.usage import Called
from connectors.facts import Caveat, Credential, Identity, Signal, Usage, Window
from connectors.interface import Evidence, Patterns

_OF_THE_PROVIDER = ("/aws-service-role/", "/aws-reserved/")
_OF_IDENTITY_CENTER = "/aws-reserved/sso.amazonaws.com/"
_PERMISSION_SET = re.compile(r"AWSReservedSSO_(?P<name>.+)_[0-9a-f]{16}")
"""Name of the role that IAM Identity Center makes in an account for a permission set (user guide)."""


@dataclass(frozen=True, slots=True)
class Named:
    """Who there is, and with what they can sign in."""

    identities: tuple[Identity, ...]
    credentials: tuple[Credential, ...]
    caveats: tuple[Caveat, ...]


def read_identities(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    entitled: Entitled,
    called: Called,
    catalogue: Catalogue,
    patterns: Patterns,
    window: Window,
) -> Named:
    """Return identities and credentials.

    Users and roles of the dumps; and those that only the logs show (no dump of their account, deleted since,
    or made after the dump), of whom nothing but their use is known.
    """
    signals = AiSignals(catalogue, patterns)
    usage = _by_identity(called.usage)
    declared = read_declared(evidence)
    identities = [
        _identity(holder, entitled, called, usage.get(holder.arn, ()), signals, patterns, declared)
        for holder in inventory.holders
    ]
    seen, caveats = _only_in_logs(evidence, inventory, called, usage, signals)
    held = read_credentials(inventory, called.usage, window)
    return Named(
        identities=tuple(sorted((*identities, *seen), key=lambda one: one.id)),
        credentials=tuple(held.credentials),
        caveats=(*caveats, *held.caveats),
    )


def _by_identity(usage: Iterable[Usage]) -> dict[str, list[Usage]]:
    grouped: dict[str, list[Usage]] = {}
    for row in usage:
        grouped.setdefault(row.identity, []).append(row)
    return grouped


def _identity(
    holder: Holder,
    entitled: Entitled,
    called: Called,
    usage: Sequence[Usage],
    signals: AiSignals,
    patterns: Patterns,
    declared: Declared,
) -> Identity:
    issued = called.workloads.get(holder.arn, set())
    loads = workloads_of(holder, issued)
    found: set[Signal] = {
        *declared.signals_of(holder),
        *signals.of_workloads(issued, "userIdentity.inScopeOf in the logs"),
        *signals.of_trust(holder),
        *signals.of_grants(entitled.clauses.get(holder.arn, ())),
        *signals.of_policies(entitled.attached.get(holder.arn, ())),
        *signals.of_usage(usage),
        *signals.of_name(holder.name),
        *signals.of_tags(holder),
    }
    return Identity(
        id=holder.arn,
        provider="aws",
        account=holder.account,
        kind=holder.kind,
        name=holder.name,
        source=holder.source,
        immutable_id=holder.immutable_id,
        owner=_owner(holder.tags, patterns.owners),
        created=holder.created,
        managed_by_provider=_is_of_the_provider(holder.path),
        managed_at=_permission_set(holder.path, holder.name),
        signals=tuple(sorted(found)),
        workloads=tuple(sorted({*loads, *declared.workloads_of(holder)})),
        trusted=trusted_by(holder),
    )


def _is_of_the_provider(path: str) -> bool:
    """Tell whether AWS alone decides what a role holds, so that nobody else can change it."""
    return path.startswith(_OF_THE_PROVIDER) and not path.startswith(_OF_IDENTITY_CENTER)


def _permission_set(path: str, name: str) -> str:
    """Return the permission set that a role of IAM Identity Center is written from; empty for others."""
    if not path.startswith(_OF_IDENTITY_CENTER):
        return ""
    found = _PERMISSION_SET.fullmatch(name)
    return f"permission set {found['name'] if found else name} of IAM Identity Center"


def _owner(tags: Mapping[str, str], keys: Sequence[str]) -> str:
    folded = {key.lower(): value for key, value in sorted(tags.items())}
    return next((folded[key.lower()] for key in keys if folded.get(key.lower())), "")


def _only_in_logs(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    called: Called,
    usage: Mapping[str, Sequence[Usage]],
    signals: AiSignals,
) -> tuple[list[Identity], list[Caveat]]:
    sources = {
        seen.account: one.source
        for one in reversed(evidence)
        for seen in one.presence()
        if seen.log_class == "management"
    }
    described = {holder.arn for holder in inventory.holders}
    found = []
    undescribed: set[str] = set()
    gone: set[str] = set()
    for identity, rows in sorted(usage.items()):
        arn = parse_arn(identity)
        if arn is None or arn.service != "iam" or identity in described:
            continue
        kind, _, name = arn.resource.partition("/")
        if kind not in ("role", "user") or arn.account not in sources:
            continue
        (gone if arn.account in inventory.accounts else undescribed).add(arn.account)
        issued = called.workloads.get(identity, set())
        short = name.rpartition("/")[2]
        signs = {
            *signals.of_workloads(issued, "userIdentity.inScopeOf in the logs"),
            *signals.of_usage(rows),
            *signals.of_name(short),
        }
        found.append(
            Identity(
                id=identity,
                provider="aws",
                account=arn.account,
                kind=kind,
                name=short,
                source=sources[arn.account],
                managed_by_provider=_is_of_the_provider(f"/{name}"),
                managed_at=_permission_set(f"/{name}", short),
                signals=tuple(sorted(signs)),
            )
        )
    return found, _log_caveats(undescribed, gone)


def _log_caveats(undescribed: Iterable[str], gone: Iterable[str]) -> list[Caveat]:
    """Return the accounts with no authorization details, and those whose details lack identities."""
    caveats = [
        Caveat(
            f"no authorization details of account {account}: identities are those that its logs show",
            account,
            "what they are granted is unknown, so nothing is called unused",
        )
        for account in sorted(undescribed)
    ]
    return caveats + [
        Caveat(
            f"identities of account {account} that its logs show and its authorization details do not",
            account,
            "deleted since, or made after the dump; what they hold is unknown, so nothing is called unused",
        )
        for account in sorted(gone)
    ]
