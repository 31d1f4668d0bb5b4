"""Read what the services themselves declare: which workload runs as which role, and if it is AI."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.tables import table
from connectors.aws.identities.inventory_kinds import ResourceKind, resource_kinds
from connectors.aws.identities.paths import values_at
from connectors.aws.inventory import Holder
from connectors.aws.policy.globs import regex
from connectors.aws.trust.roles_anywhere import read_roles_anywhere
from connectors.facts import Signal, SignalKind, Workload
from connectors.interface import Evidence

_FAMILY = re.compile("[a-z]+")


@dataclass
class Declared:
    """What runs as each role, by role ARN, by the ARN of its instance profile, or by `account/name`."""

    workloads: dict[str, set[Workload]] = field(default_factory=dict)
    signals: dict[str, set[Signal]] = field(default_factory=dict)

    def workloads_of(self, holder: Holder) -> set[Workload]:
        """Return what the services say runs as an identity."""
        return _of(self.workloads, holder)

    def signals_of(self, holder: Holder) -> set[Signal]:
        """Return the declarations that make an identity an AI workload."""
        return _of(self.signals, holder)


def _of(held: Mapping[str, set[Any]], holder: Holder) -> set[Any]:
    names = (holder.arn, *holder.instance_profiles, f"{holder.account}/{holder.name}")
    return set().union(*(held.get(name, set()) for name in names))


def read_declared(evidence: Sequence[Evidence]) -> Declared:
    """Return the declarations in the part `ai_inventory` of all sources.

    A resource of an AI service declares its role. A host (function, task, instance) is a workload of its
    role, and a weaker sign where its variables have names of model services or it has an accelerator. Holders
    of certificates from outside run as the roles of the open profiles of IAM Roles Anywhere.
    """
    kinds = {kind.kind: kind for kind in resource_kinds()}
    declared = Declared()
    for one in evidence:
        for wrapped in one.records("ai_inventory"):
            kind, record = kinds.get(str(wrapped.get("list"))), wrapped.get("record")
            if kind is None or not isinstance(record, Mapping):
                continue
            load = _workload(kind, record)
            where = f"{wrapped.get('file')} in {wrapped.get('region')}"
            for role in _roles(kind, record, str(wrapped.get("account") or "")):
                declared.workloads.setdefault(role, set()).add(load)
                if sign := _sign(kind, record, where):
                    signal = Signal(sign[0], f"{load.kind} {load.name}", sign[1])
                    declared.signals.setdefault(role, set()).add(signal)
    for profile in read_roles_anywhere(evidence).open_profiles():
        for role in profile.roles:
            load = Workload("roles anywhere profile", profile.arn, profile.name)
            declared.workloads.setdefault(role, set()).add(load)
    return declared


def _workload(kind: ResourceKind, record: Mapping[str, Any]) -> Workload:
    found = str(next(values_at(record, kind.id), "") or "")
    name = str(next(values_at(record, kind.name), "") or "")
    return Workload(kind.kind, found or name, name or found.rpartition("/")[2])


def _roles(kind: ResourceKind, record: Mapping[str, Any], account: str) -> Iterator[str]:
    """Yield the role (or instance profile) ARNs of a resource.

    Glue and CodeBuild take a role's name as well: it stands for the role of its account, whatever its path.
    """
    for path in kind.roles:
        for value in values_at(record, path):
            if not isinstance(value, str) or not value:
                continue
            if parse_arn(value) is not None:
                yield value
            elif account and not value.startswith("arn:"):
                yield f"{account}/{value.rpartition('/')[2]}"


def _sign(kind: ResourceKind, record: Mapping[str, Any], where: str) -> tuple[SignalKind, str] | None:
    """Return how strongly a resource speaks for an AI workload, and why; None when it does not.

    Variable names and accelerators are signs by name: functions may hold an unused key, and graphics
    cards also draw.
    """
    if kind.ai:
        return SignalKind.DECLARED, where
    for name in record.get("environmentVariables") or ():
        for glob in table("ai_inventory")["variables"]:
            if regex(glob.lower()).fullmatch(str(name).lower()):
                return SignalKind.NAME, f"environment variable {name}, {where}"
    instance = str(record.get("InstanceType", ""))
    family = _FAMILY.match(instance)
    if family and family[0] in kind.families:
        return SignalKind.NAME, f"accelerated instance type {instance}, {where}"
    return None
