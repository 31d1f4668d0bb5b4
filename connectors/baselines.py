"""What a baseline approves, in the cloud's own terms, and the questions a wing answers about it.

A baseline file, the grants of a scan and a proposed policy all become lists of allowances. The scanner asks
the cloud's wing whether one list gives more than another; what a pattern covers and where a scope ends stays
there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from connectors.facts import Facts, PermissionSet
from connectors.reduction import Ruling

if TYPE_CHECKING:
    from connectors.interface import Evidence


@dataclass(frozen=True, slots=True, order=True)
class Allowance:
    """Permissions on scopes: one statement, role block or binding.

    Permissions and scopes are written as the cloud writes them, wildcards included. The `not_` lists are
    taken out of them. An empty `scopes` means that the text does not say where; then only permissions are
    compared.
    """

    permissions: tuple[str, ...]
    scopes: tuple[str, ...]
    condition: str = ""
    """As the cloud writes it (a Condition block as JSON, an expression); empty when there is none."""
    plane: str = ""
    """`data` where the cloud has two planes and this is the data plane."""
    not_permissions: tuple[str, ...] = ()
    not_scopes: tuple[str, ...] = ()
    refuse: bool = False
    """True for a refusal that stands above the allowances (a Deny statement)."""
    source: str = ""
    """Where it is written."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one identity holds, or is proposed to hold."""

    identity: str
    """Identity.id where it is known, else empty."""
    name: str
    """The name by which the text calls it; empty when the text does not say whose it is."""
    allowances: tuple[Allowance, ...]
    undecided: tuple[str, ...] = ()
    """What could not be read or is not known yet, in words; never counts as nothing."""
    new: bool = False
    """True when the proposal makes this identity."""
    credentials: tuple[str, ...] = ()
    """Long-lived credentials that the proposal makes, in words."""


class Growth(StrEnum):
    """In which way one list of allowances gives more than another."""

    PERMISSION = "permission"
    SCOPE = "scope"
    CONDITION = "condition"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, order=True)
class Excess:
    """What is asked beyond what is allowed, with the text that asks for it."""

    growth: Growth
    permissions: tuple[str, ...]
    scopes: tuple[str, ...]
    condition: str
    source: str
    reason: str = ""
    """For UNDECIDED why; else a concrete request that only the wider text allows, where there is one."""
    plane: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """What one identity is allowed, beside what is asked for it."""

    allowed: Sequence[Allowance]
    asked: Sequence[Allowance]


@dataclass(frozen=True, slots=True)
class Globs:
    """An allowance as plain `*` and `?` patterns, for exports to other policy languages."""

    permissions: tuple[str, ...]
    scopes: tuple[str, ...]
    not_permissions: tuple[str, ...] = ()
    not_scopes: tuple[str, ...] = ()


class BaselineWing(Protocol):
    """What a cloud's wing answers about baselines."""

    fold_permissions: bool
    """Whether permission names are compared without case."""
    fold_scopes: bool
    """Whether scopes are compared without case."""

    def held(
        self, evidence: Sequence["Evidence"], facts: Facts, keep: Mapping[str, PermissionSet] | None = None
    ) -> Mapping[str, Holding]:
        """Return what each identity holds by its own grants, as written.

        With `keep`, for the identities named there: only these permissions, by name, where they are given.
        """
        ...

    def proposed(
        self, document: Mapping[str, Any], evidence: Sequence["Evidence"], scope: str
    ) -> Sequence[Holding] | None:
        """Return what a proposed policy, role or Terraform plan would give; None for a text of another cloud.

        `scope` says where it is to apply when the text does not. Evidence, where there is some, explains
        roles and names that the text only mentions.
        """
        ...

    def excess(self, pairs: Sequence[Pair], evidence: Sequence["Evidence"]) -> Sequence[Sequence[Excess]]:
        """Return for each pair what is asked and not allowed; nothing only when that is certainly nothing."""
        ...

    def rule(self, allowances: Sequence[Allowance], identity: str, permission: str, resource: str) -> Ruling:
        """Decide one request by these allowances alone."""
        ...

    def globs(self, allowance: Allowance) -> Globs | None:
        """Return an allowance as plain patterns; None where it has parts that patterns cannot say."""
        ...


ALLOWED, REFUSED, NOT_ALLOWED, UNDECIDED = (
    "allowed",
    "denied by a Deny statement",
    "not allowed by any statement",
    "undecided",
)
"""The answers of a Ruling."""


def gathered(found: Iterable[tuple[str, Excess]]) -> list[Excess]:
    """Put permissions that grow in the same way by the same text into one excess; in stable order."""
    groups: dict[tuple[object, ...], tuple[Excess, list[str]]] = {}
    for name, one in found:
        key = (one.growth, one.scopes, one.condition, one.source, one.reason, one.plane)
        groups.setdefault(key, (one, []))[1].append(name)
    return sorted(
        Excess(
            one.growth,
            tuple(sorted(set(names))),
            one.scopes,
            one.condition,
            one.source,
            one.reason,
            one.plane,
        )
        for one, names in groups.values()
    )
