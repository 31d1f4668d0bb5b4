"""What a comparison with baselines found: the document that `baseline check --format json` prints, version 1.

Within version 1 fields are only ever added. Lists are in a stable order.
"""

from typing import Literal

import msgspec

SCHEMA_VERSION = "1.0"

Kind = Literal[
    "permission",
    "scope",
    "condition",
    "undecided",
    "new-identity",
    "reach",
    "admin",
    "trust",
    "credential",
    "approval",
]


class Expansion(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which access goes beyond the baseline; sorted by kind, then as the wing sorts it."""

    kind: Kind
    message: str
    permissions: list[str] = []
    scopes: list[str] = []
    condition: str = ""
    plane: str = ""
    source: str = ""
    """The statement, binding, assignment or resource address that gives it."""
    example: str = ""
    """A concrete request that only the wider access allows, or why it could not be decided."""
    waived: bool = False
    waiver: str = ""
    """Who accepted it, why and until when."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One identity beside its baseline; sorted by provider, account, identity, name."""

    identity: str
    name: str
    provider: str
    account: str
    stage: str
    baseline: str
    """The file; empty when there is none for this identity."""
    digest: str
    """SHA-256 of the file."""
    approval: str
    """Whether the file is approved, in words; empty when nobody asked."""
    approved: bool | None
    expansions: list[Expansion]
    notes: list[str]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole comparison. `expands` when any expansion is not waived."""

    schema_version: str
    against: str
    """What was compared with the baselines: a report, a policy, a plan."""
    checked_at: str
    decision: Literal["contained", "expands"]
    compared: list[Compared]
    notes: list[str]


class RequestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one request that a baseline tests came out."""

    identity: str
    name: str
    baseline: str
    wanted: Literal["allow", "not allow"]
    permission: str
    resource: str
    answer: str
    decided_by: str
    passed: bool


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """All requests of all baselines, in the order of files and entries."""

    schema_version: str
    against: str
    passed: bool
    results: list[RequestResult]
    notes: list[str]
