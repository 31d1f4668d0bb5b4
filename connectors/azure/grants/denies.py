"""Apply deny assignments: they win over every role assignment below their scope."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.azure.grants.grants import Given, Holding, Roles
from connectors.azure.ids import EVERYONE, ROOT
from connectors.azure.inventory import Deny, Inventory
from connectors.azure.policy.patterns import Universe
from connectors.facts import Caveat, Effect, Grant, PermissionSet


@dataclass(frozen=True, slots=True)
class Refused:
    """What a deny takes from one holding: for certain, and perhaps."""

    certain: PermissionSet
    perhaps: PermissionSet
    deny: Deny


class Denies:
    """All enforced deny assignments, expanded once. An `audit` deny blocks nothing and is only named."""

    def __init__(
        self,
        denies: Sequence[Deny],
        universe: Universe,
        roles: Roles,
        members: Mapping[str, Iterable[str]],
        inventory: Inventory,
    ) -> None:
        self._members = {group: set(names) for group, names in members.items()}
        self._whole = {*inventory.members} - inventory.members_short
        self._inventory = inventory
        self.audited = [deny for deny in denies if not deny.enforced]
        self._masks: list[tuple[Deny, PermissionSet, PermissionSet]] = []
        for deny in denies:
            mask = 0
            undecided = 0
            for block in deny.blocks:
                taken = universe.denied(block)
                under = roles.under(deny.condition or block.condition, taken)
                mask |= under.granted
                undecided |= under.conditional
            if deny.enforced:
                self._masks.append((deny, mask, undecided & ~mask))

    def on(self, holding: Holding) -> list[Refused]:
        """Return what each deny takes from a holding.

        A deny that stands below the assignment's scope, or that does not reach child scopes, leaves the
        permission usable elsewhere: it takes nothing.
        """
        found = []
        held = holding.given.granted | holding.given.conditional
        for deny, mask, undecided in self._masks:
            applies = self._applies(deny, holding.identity)
            covers = self._inventory.holds(deny.scope, holding.assignment.scope) if deny.children else False
            if applies is False or covers is False or not held & (mask | undecided):
                continue
            sure = applies is True and covers is True
            certain = mask & held if sure else 0
            found.append(Refused(certain, (mask | undecided) & held & ~certain, deny))
        return found

    def _applies(self, deny: Deny, identity: str) -> bool | None:
        return applies(deny, identity, self._members, self._whole)

    def grants(self, held: Sequence[Holding]) -> list[Grant]:
        """Return a deny grant for each identity that a deny reaches with at least one of its assignments."""
        found: dict[tuple[str, str], Grant] = {}
        for holding in held:
            for deny, mask, undecided in self._masks:
                applies = self._applies(deny, holding.identity)
                inner = self._inventory.holds(holding.assignment.scope, deny.scope)
                outer = self._inventory.holds(deny.scope, holding.assignment.scope)
                if applies is False or (outer is False and not inner):
                    continue
                found[holding.identity, deny.id] = Grant(
                    id=deny.id,
                    identity=holding.identity,
                    source=f"deny assignment {deny.name}",
                    name=deny.name,
                    effect=Effect.DENY,
                    scope=deny.scope,
                    permissions=mask | undecided,
                    conditions=deny.condition,
                    undecided=applies is None or bool(undecided),
                    shared=len(deny.principals) > 1 or deny.principals[:1] == ((EVERYONE, "systemdefined"),),
                )
        return [found[key] for key in sorted(found)]


def applies(
    deny: Deny, identity: str, members: Mapping[str, Container[str]], whole: Container[str]
) -> bool | None:
    """Return whether a deny names an identity, None when that hangs on a group of unknown members.

    `whole` are the groups all of whose members are known.
    """

    def named(principals: Sequence[tuple[str, str]]) -> bool | None:
        verdict: bool | None = False
        for who, kind in principals:
            if who in (identity, EVERYONE) or kind == "systemdefined" or identity in members.get(who, ()):
                return True
            if "group" in kind and who not in whole:
                verdict = None
        return verdict

    excluded = named(deny.excluded)
    if excluded is True:
        return False
    found = named(deny.principals)
    return None if found is True and excluded is None else found


def after_denies(holding: Holding, refused: Sequence[Refused]) -> Given:
    """Return what a holding gives once denies are applied: undecided denies leave it conditional."""
    granted, conditional = holding.given.granted, holding.given.conditional
    for one in refused:
        granted &= ~one.certain
        conditional &= ~one.certain
        conditional |= granted & one.perhaps
        granted &= ~one.perhaps
    return Given(granted, conditional)


def deny_caveats(denies: Denies, applied: Mapping[str, Sequence[Refused]]) -> list[Caveat]:
    """Say which denies could not be decided and which only audit."""
    found = {
        Caveat(
            f"deny assignment {one.deny.name} could not be decided",
            one.deny.scope or ROOT,
            "the permissions it may take away are shown as conditional (its condition, a group whose members "
            "are not in the evidence, or a management group leaves open whom it hits)",
        )
        for refused in applied.values()
        for one in refused
        if one.perhaps
    }
    found |= {
        Caveat(
            f"deny assignment {deny.name} only audits", deny.scope, "it refuses nothing and is not applied"
        )
        for deny in denies.audited
    }
    return sorted(found)
