"""What is read once from the evidence and used to plan the reduction of every identity."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.binder import Binder
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.compress import Compressor
from connectors.aws.reduction.quotas import VERSIONS
from connectors.aws.reduction.standing import Originals
from connectors.aws.reduction.trim import Trimmed
from connectors.facts import Window

_LONGEST_NAME = 128
_NOT_IN_NAMES = re.compile(r"[^\w+=,.@-]", re.ASCII)


@dataclass
class Desk:
    """What is read once and used for every identity of an analysis."""

    catalogue: Catalogue
    inventory: Inventory
    originals: Originals
    window: Window
    kinds: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Kind of credential by identity and id."""
    taken: Mapping[str, set[str]] = field(default_factory=dict)
    """By role: who was seen to assume it."""
    trimmed: dict[object, Trimmed] = field(default_factory=dict)
    """Documents trimmed before: many identities hold the same ones and need the same of them."""
    binder: Binder = field(init=False)
    compressor: Compressor = field(init=False)
    groups: dict[tuple[str, str], Holder] = field(init=False)
    _attachments: Counter[str] = field(init=False)
    _taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.binder = Binder(self.catalogue)
        self.compressor = Compressor(self.catalogue)
        self.groups = {(group.account, group.name): group for group in self.inventory.groups.values()}
        self._attachments = Counter(
            arn
            for holder in (*self.inventory.holders, *self.inventory.groups.values())
            for arn in {policy.arn for policy in holder.attached} | {holder.boundary} - {""}
        )
        self._taken = set(self.inventory.policies)

    def made(self) -> frozenset[str]:
        """Return the policies that were given a name here."""
        return frozenset(self._taken - self.inventory.policies.keys())

    def is_own(self, arn: str) -> bool:
        """Tell whether a managed policy may be edited: a customer's, held by one identity alone."""
        original = self.originals.managed.get(arn)
        if ":iam::aws:policy/" in arn or original is None or not original.versions[0]:
            return False
        return max(self._attachments[arn], original.holders) == 1 and len(original.versions) < VERSIONS

    def new_policy(self, holder: Holder, name: str) -> str:
        """Return the ARN for a new policy of one identity, not taken by another."""
        arn = parse_arn(holder.arn)
        wanted = _NOT_IN_NAMES.sub("-", f"{name}-for-{holder.kind}-{holder.name}")
        if len(wanted) > _LONGEST_NAME:
            digest = hashlib.sha256(wanted.encode()).hexdigest()[:10]
            wanted = f"{wanted[: _LONGEST_NAME - 11]}-{digest}"
        for number in range(1, 10_000):
            ending = "" if number == 1 else f"-{number}"
            name = wanted[: _LONGEST_NAME - len(ending)] + ending
            found = f"arn:{arn.partition if arn else 'aws'}:iam::{holder.account}:policy/{name}"
            if found not in self._taken:
                self._taken.add(found)
                return found
        raise ValueError(f"no free policy name for {holder.arn}")
