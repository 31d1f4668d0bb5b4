"""Keep the calls whose caller cannot be joined to an identity: what they used may be any identity's use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.azure.ids import subscription
from connectors.azure.policy.patterns import Universe
from connectors.facts import Blind, PermissionSet
from connectors.logs.rows import UsageRow

APPLICATION, USER, ANYONE = "app", "user", "anyone"
"""Who may have made a call: an application known by client id alone, a user known by name, or anyone."""

_PROVEN_OTHERS = {"account-key", "anonymous", "key"}
"""Callers that certainly used no role assignment, whoever they were."""

_JOIN, _NAME = "caller-not-joined", "caller-not-named"
_SHOWN = "the log shows calls of this permission by "
_REASONS = {
    APPLICATION: (
        _JOIN,
        _SHOWN + "an application, by its client id only, and the evidence does not say whose that id is",
        "add service_principals: az ad sp list --all -o json",
    ),
    USER: (
        _JOIN,
        _SHOWN + "a user name that no role assignment of the evidence names",
        "export role assignments with principal names: az role assignment list --all",
    ),
    ANYONE: (
        _NAME,
        _SHOWN + "a caller it does not name",
        "ask the owner before removing it; for a user delegation SAS look at who fetches delegation keys",
    ),
}


@dataclass(slots=True)
class Unnamed:
    """Permissions that callers used who may be identities of the inventory, by kind and subscription."""

    _used: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def add(self, row: UsageRow, identity: str, permission: str, *, keyless: bool = False) -> None:
        """Keep a call unless its caller is known, was refused, or used no role assignment.

        That a call without a caller was made with a key is only inferred where the log names none: not where
        the resource accepts none (`keyless`).
        """
        kind, _, rest = identity.partition(":")
        kind = kind if rest and kind in (APPLICATION, USER) else "" if identity else ANYONE
        inferred = keyless and row.identity_type == "key" and not row.credential
        by_key = not identity and (row.credential or row.identity_type in _PROVEN_OTHERS) and not inferred
        if kind and row.outcome != "denied" and not by_key:
            self._used.setdefault((kind, row.account), set()).add(permission)

    def blind(
        self, universe: Universe, kinds: Iterable[str], held: Mapping[str, PermissionSet]
    ) -> list[Blind]:
        """Hide what callers of these kinds used, where an identity holds it; `held` is by scope."""
        found = []
        for kind in kinds:
            hidden = 0
            for (whose, account), names in self._used.items():
                if whose != kind:
                    continue
                mask = universe.permissions.mask(names)
                for scope, permissions in held.items():
                    if not account or subscription(scope) in ("", account):
                        hidden |= permissions & mask
            if hidden:
                found.append(Blind(hidden, *_REASONS[kind]))
        return found
