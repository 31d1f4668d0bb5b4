"""What the scanner asks of a cloud when access is to be taken away, and what the cloud answers.

The scanner decides what may go, the cloud's wing how: it writes the changes in the cloud's own language and
checks what can be checked there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.facts import PermissionSet, Usage


class Standing(StrEnum):
    """How a claim about a replacement stands."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Claim:
    """One checked claim: a refuted one has a concrete request as witness, an undecided one a reason."""

    standing: Standing
    reason: str = ""
    witness: str = ""
    requests: int = 0
    """Recorded request classes that were replayed."""
    refused: tuple[str, ...] = ()
    """Recorded requests that the replacement would refuse."""


@dataclass(frozen=True, slots=True)
class Question:
    """What may be taken away from one identity."""

    identity: str
    remove: PermissionSet
    """Permissions whose use would have been seen and was not."""
    usage: tuple[Usage, ...]
    """Every recorded call of the identity."""
    unseen: PermissionSet = 0
    """Permissions it may use without a trace, or under a condition nobody can decide."""
    credentials: tuple[str, ...] = ()
    """Ids of credentials to deactivate."""
    rebuild: bool = False
    """True to ask for fresh documents with narrowed resources instead of trimmed ones."""
    blind: PermissionSet = 0
    """Permissions of which some calls leave no record; only a rebuild needs to know."""
    trust: bool = False
    """True when the identity was watched for long enough to say who takes it."""
    idle: bool = False
    """True when nothing was seen of the identity although its account was watched."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step from the present access to the reduced one, in the order it is to be made.

    `holder` is the identity, `target` what is changed (policy ARN, inline policy name, group, key id).
    `before` and `after` are documents as JSON text, or names where there is no document; empty for none.
    `note` is what taking the step back needs beside them (the policy version that stood).
    """

    kind: str
    holder: str
    target: str
    before: str = ""
    after: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Text to apply or to read: a policy document, commands, infrastructure code."""

    form: str
    name: str
    content: str
    applies_to: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Permissions that were asked to go and stay, with the reason."""

    permissions: PermissionSet
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """A smaller access for one identity: the steps, the way back, and what was checked."""

    identity: str
    changes: tuple[Change, ...]
    removed: PermissionSet
    """Permissions that no statement of the replacement gives any more."""
    replay: Claim
    containment: Claim
    limits: Claim
    restore: Claim
    stays: tuple[Stay, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reviewer has to know or do by hand."""
    artifacts: tuple[Document, ...] = ()
    rollback: tuple[Document, ...] = ()
    left_out: PermissionSet = 0
    """Permissions that go too although nobody asked: they have no effect where they are given."""


Replacements = Mapping[str, Replacement]
"""By identity id; an identity without an entry is left as it is."""


@dataclass(frozen=True, slots=True)
class Reductions:
    """What a wing answered to all questions; not `able` when it writes no replacements."""

    able: bool = False
    found: Replacements = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """By identity id: what went wrong while its replacement was written; it is left as it is."""
    stays: Mapping[str, tuple[Stay, ...]] = field(default_factory=dict)
    """By identity id: why all that was to go stays, where there is no replacement for that reason."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policies say to one request, and which layer and statement decided."""

    answer: str
    layer: str
    statement: str
    reason: str
    limits: tuple[str, ...] = ()
    """Layers above the identity's own policies that were asked."""
