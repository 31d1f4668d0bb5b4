"""One baseline: what a file says about one identity."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from connectors.baselines import Allowance

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose baseline it is; written by the program."""

    id: str
    provider: str
    account: str
    kind: str
    name: str
    stage: str = ""
    workloads: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    """Who may act as it."""
    credentials: tuple[str, ...] = ()
    """Ids of its long-lived credentials."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted exception: of a finding type (`rule`), or of permissions that go beyond the baseline."""

    reason: str
    owner: str
    until: datetime
    """The first moment at which it no longer holds."""
    until_text: str
    rule: str = ""
    subject: str = ""
    permissions: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say who accepted it, why and until when."""
        return f"waived by {self.owner} until {self.until_text}: {self.reason}"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One request that must, or must not, be allowed."""

    permission: str
    resource: str
    allow: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline file as read. `allow` holds hand-written and generated entries alike."""

    path: Path
    digest: str
    subject: Subject
    basis: str
    allow: tuple[Allowance, ...]
    purpose: str = ""
    owner: str = ""
    may_reach: tuple[str, ...] | None = None
    """None: not asked."""
    data_classes: tuple[str, ...] = ()
    admin: tuple[str, ...] | None = None
    waivers: tuple[Waiver, ...] = ()
    requests: tuple[AccessRequest, ...] = field(default=())
