"""Turn role assignments and definitions into grants: what each assignment gives, at which scope."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import Level, holds, level, text
from connectors.azure.inventory import Assignment, Definition, Inventory
from connectors.azure.policy.conditions import action_patterns, assignable, decide, decide_within
from connectors.azure.policy.patterns import Plane, Universe, matches
from connectors.azure.stock import Form
from connectors.facts import Caveat, Effect, Grant, PermissionSet, Window

_NO_OPERATION = "\0"
"""A name that only a bare `*` covers: it stands for the operations that a condition does not mention."""
_ASSIGN = "Microsoft.Authorization/roleAssignments/write"
_WRITE_ROLE = "Microsoft.Authorization/roleDefinitions/write"
_CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
BY_ROLE = frozenset({Form.ROLE, Form.PIM_ACTIVE, Form.PIM_ELIGIBLE})
WIDE = frozenset({Level.ROOT, Level.MANAGEMENT_GROUP, Level.SUBSCRIPTION})


@dataclass(frozen=True, slots=True)
class Given:
    """What a role or an assignment gives: for certain, and only under a condition nobody can decide."""

    granted: PermissionSet
    conditional: PermissionSet


@dataclass(frozen=True, slots=True)
class Holding:
    """One assignment as held by one principal: the group itself, or a member the evidence names."""

    identity: str
    assignment: Assignment
    role: str
    given: Given
    conditions: str
    missing: bool = False
    """True when the role definition is not in the evidence, so that what it gives is unknown."""
    admin: str = ""
    """Why it makes an administrator; empty when it does not."""


class Roles:
    """Expands role definitions over the universe, each once."""

    def __init__(self, definitions: Mapping[str, Definition], universe: Universe, window: Window) -> None:
        self._definitions = definitions
        self._universe = universe
        self._window = window
        self._given: dict[tuple[str, str, str], Given] = {}
        self._decided: dict[tuple[str, PermissionSet, str, bool], Given] = {}
        self._gives: dict[tuple[str, str, str], bool] = {}

    def definition(self, assignment: Assignment) -> Definition | None:
        """Return the definition of an assignment by GUID, or None when the evidence lacks it."""
        return self._definitions.get(assignment.definition)

    def given(self, assignment: Assignment) -> Given:
        """Return what an assignment gives: block by block, each under its own and the assignment's condition.

        A condition limits only operations its text reaches. What one block holds only conditionally and
        another for certain is held for certain.
        """
        key = (assignment.definition, assignment.condition, self._place(assignment))
        found = self._given.get(key)
        if found is None:
            found = self._given[key] = self._expand(assignment)
        return found

    def _place(self, assignment: Assignment) -> str:
        """Return the resource by whose names a condition is decided: an assignment's own, where it is one."""
        return assignment.scope if level(assignment.scope) is Level.RESOURCE else ""

    def _expand(self, assignment: Assignment) -> Given:
        definition = self.definition(assignment)
        granted = conditional = 0
        for block in definition.blocks if definition else ():
            held = self._universe.block(Plane.CONTROL, block) | self._universe.block(Plane.DATA, block)
            written = [f"({one})" for one in (block.condition, assignment.condition) if one]
            given = self.under(" AND ".join(written), held, self._place(assignment), somewhere=True)
            granted |= given.granted
            conditional |= given.conditional
        return Given(granted, conditional & ~granted)

    def gives(self, assignment: Assignment, operation: str) -> bool:
        """Return whether an assignment gives a control-plane operation for certain, by its text alone.

        Answers for operations too that no role of the evidence spells out.
        """
        key = (assignment.definition, assignment.condition, operation)
        found = self._gives.get(key)
        if found is None:
            found = self._gives[key] = self._text_gives(*key)
        return found

    def _text_gives(self, role: str, condition: str, operation: str) -> bool:
        definition = self._definitions.get(role)
        if definition is None or decide(condition, operation, self._window) is not True:
            return False
        return any(
            any(matches(pattern, operation) for pattern in block.actions)
            and not any(matches(pattern, operation) for pattern in block.not_actions)
            and decide(block.condition, operation, self._window) is True
            for block in definition.blocks
        )

    def without_vault_data(self, given: Given) -> Given:
        """Return what is left of a grant where role assignments give nothing of a vault's data."""
        data = self._universe.reaching(Plane.DATA, ["Microsoft.KeyVault/vaults/*"])
        return Given(given.granted & ~data, given.conditional & ~data)

    def under(
        self, condition: str, permissions: PermissionSet, resource: str = "", *, somewhere: bool = False
    ) -> Given:
        """Split permissions by whether a condition certainly holds for them; never-holding ones drop out.

        A condition is decided once for all operations that it does not mention, which are most of `*`.
        With `somewhere` it is enough that it holds where things have the names that it speaks of.
        """
        if not condition:
            return Given(permissions, 0)
        key = (condition, permissions, resource, somewhere)
        decided = decide_within if somewhere else decide
        found = self._decided.get(key)
        if found is None:
            patterns = action_patterns(condition)
            named = self._universe.reaching(Plane.CONTROL, patterns)
            named |= self._universe.reaching(Plane.DATA, patterns)
            rest = decided(condition, _NO_OPERATION, self._window, resource)
            verdicts = {rest: permissions & ~named}
            for name in self._universe.permissions.names(permissions & named):
                verdict = decided(condition, name, self._window, resource)
                verdicts[verdict] = verdicts.get(verdict, 0) | self._universe.permissions.mask([name])
            found = self._decided[key] = Given(verdicts.get(True, 0), verdicts.get(None, 0))
        return found


def holdings(inventory: Inventory, roles: Roles, members: Mapping[str, Iterable[str]]) -> list[Holding]:
    """Return every assignment as held by its principal, and by the members the evidence names."""
    found = []
    off = role_blind_vaults(inventory)
    for assignment in sorted(inventory.rights, key=lambda one: one.id):
        definition = roles.definition(assignment)
        given = roles.given(assignment)
        if assignment.form in BY_ROLE and any(holds(vault, assignment.scope) for vault in off):
            given = roles.without_vault_data(given)
        conditions = [assignment.written] if assignment.written else []
        conditions += [f"ends {assignment.until}"] if assignment.until else []
        conditions += sorted(
            {block.condition for block in definition.blocks if block.condition} if definition else ()
        )
        holders = {
            assignment.principal,
            *(members.get(assignment.principal, ()) if assignment.is_group else ()),
        }
        found += [
            Holding(
                identity=holder,
                assignment=assignment,
                role=definition.name if definition else assignment.role or assignment.definition,
                given=given,
                conditions=" AND ".join(conditions),
                missing=definition is None,
                admin=_admin(assignment, definition.name if definition else "", roles),
            )
            for holder in sorted(holders)
        ]
    return found


def grants(held: Sequence[Holding], universe: Universe) -> list[Grant]:
    """Return the written grants, one for each assignment and holder."""
    narrowest = _subscription_level(universe)
    return [_grant(holding, narrowest) for holding in held]


def _grant(holding: Holding, narrowest: PermissionSet) -> Grant:
    assignment, given = holding.assignment, holding.given
    permissions = given.granted | given.conditional
    high = level(assignment.scope) in WIDE
    return Grant(
        id=assignment.id,
        identity=holding.identity,
        source=f"{assignment.form} {assignment.guid}",
        name=holding.role,
        effect=Effect.ALLOW,
        scope=assignment.scope,
        permissions=permissions,
        conditions=holding.conditions,
        undecided=holding.missing or (not given.granted and bool(given.conditional)),
        wide=permissions & ~narrowest if high and assignment.form is not Form.ACCESS_POLICY else 0,
        admin=holding.admin,
        created=assignment.created,
        shared=assignment.is_group,
    )


def _admin(assignment: Assignment, role: str, roles: Roles) -> str:
    """Return why an assignment makes an administrator: its role's GUID, every action, or the right to grant.

    Rights that are only held under a condition (a role that may only assign certain roles) do not count.
    """
    table = catalogue("admin_roles")
    named = table["roles"].get(assignment.definition, "")
    where = f"on {level(assignment.scope)}"
    if roles.gives(assignment, "*"):
        return f"{named or role}: every action (*) {where}"
    for operation in table["escalation"]["operations"]:
        if roles.gives(assignment, operation):
            return f"{named or role}: {operation} without a condition {where}"
    delegated = _delegated_admin(assignment, roles)
    if delegated:
        return f"{named or role}: {delegated} {where}"
    limited = assignment.condition or (role and not named)
    return f"{named} {where}" if named and not limited else ""


def _delegated_admin(assignment: Assignment, roles: Roles) -> str:
    """Return why a limited right to assign roles makes an administrator all the same; "" when it does not.

    A list of allowed roles that holds an administrator's role does. A list of forbidden roles does where it
    leaves one out, or where its holder may write roles of its own.
    """
    definition = roles.definition(assignment)
    admins = set(catalogue("admin_roles")["roles"]) - {_CONTRIBUTOR}
    for block in definition.blocks if definition else ():
        if not any(matches(pattern, _ASSIGN) for pattern in block.actions):
            continue
        if any(matches(pattern, _ASSIGN) for pattern in block.not_actions):
            continue
        told = assignable(assignment.condition) or assignable(block.condition)
        if told is None:
            continue
        only, named = told
        open_to = admins & named if only else admins - named
        if open_to:
            known = catalogue("admin_roles")["roles"]
            return f"may assign {', '.join(sorted(known[one] for one in open_to))}"
        if not only and roles.gives(assignment, _WRITE_ROLE):
            return "may write a role of its own and assign that, which its condition does not forbid"
    return ""


def role_blind_vaults(inventory: Inventory) -> list[str]:
    """Return the vaults that use access policies: role assignments give nothing of their data there.

    Source: learn, key-vault/general/rbac-access-policy.
    """
    return sorted(
        identifier
        for identifier, held in inventory.resources.items()
        if text(held.data.get("type")).lower() == "microsoft.keyvault/vaults"
        and held.data.get("enablerbacauthorization") is False
    )


def _subscription_level(universe: Universe) -> PermissionSet:
    return universe.listed_by(Plane.CONTROL, catalogue("subscription_level")["operations"])


def grant_caveats(held: Sequence[Holding], inventory: Inventory) -> list[Caveat]:
    """Return what could not be read of the grants."""
    found = []
    missing: dict[str, list[Holding]] = {}
    for holding in held:
        if holding.missing:
            missing.setdefault(holding.assignment.definition, []).append(holding)
    for definition, lacking in sorted(missing.items()):
        role = next((h.assignment.role for h in lacking if h.assignment.role), definition)
        found.append(
            Caveat(
                f"role definition {definition} ({role}) is not in the evidence",
                f"{len({h.assignment.id for h in lacking})} role assignments",
                "what it gives is unknown: nothing it gives is counted as granted or unused; "
                "export it with: az role definition list --scope SCOPE",
            )
        )
    guarded = sorted(
        {h.role for h in held if (one := inventory.definitions.get(h.assignment.definition)) and one.guarded}
    )
    if guarded:
        found.append(
            Caveat(
                f"the conditions of {len(guarded)} built-in roles were not exported: {', '.join(guarded)}",
                "role definitions",
                "their right to assign roles is shown as conditional; export with az role definition list "
                "or API version 2022-05-01-preview",
            )
        )
    vaults = role_blind_vaults(inventory)
    if vaults:
        found.append(
            Caveat(
                f"{len(vaults)} key vaults use access policies, not role assignments",
                ", ".join(one.rsplit("/", 1)[-1] for one in vaults[:5]) + (", …" if len(vaults) > 5 else ""),
                "role assignments give nothing of their keys, secrets and certificates; what is assigned "
                "above a vault is listed because it counts in others",
            )
        )
    found += [
        Caveat(
            f"role {name} is given twice with different permissions",
            "role definitions",
            "the definition updated last is used; export all role definitions at the same time",
        )
        for name in sorted(inventory.contradictory)
    ]
    for part, problem in inventory.unreadable:
        found.append(Caveat(f"a record could not be read: {problem}", part, "it is left out of the analysis"))
    return found
