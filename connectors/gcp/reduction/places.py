"""Know the resources that carry an allow policy: how commands and Terraform change it, what fits there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from connectors.gcp.catalog import Test, matcher, table

_EMAIL = re.compile(r"(?:serviceAccount|user):[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """One resource as commands and Terraform name it."""

    name: str
    command: tuple[str, ...]
    """gcloud's group: `storage buckets`."""
    arguments: tuple[str, ...]
    conditions: bool
    """Whether gcloud takes a condition for a binding there."""
    terraform: str
    attributes: Mapping[str, str]
    way: str = "gcloud"
    """What changes the policy: `gcloud`, `bq` or `sql`."""
    wider: str = ""
    """The full name of what holds it and carries a policy too; empty for none."""

    def takes(self, member: str) -> bool:
        """Return whether its command takes a member: some know e-mail addresses only."""
        return self.way == "gcloud" or _EMAIL.fullmatch(member) is not None


@dataclass(frozen=True, slots=True)
class _Kind:
    entry: Mapping[str, Any]
    resource: re.Pattern[str]
    permissions: Test | None
    logged: re.Pattern[str] | None


@cache
def _kinds() -> tuple[_Kind, ...]:
    return tuple(
        _Kind(
            entry,
            re.compile(entry["resource"], re.ASCII),
            matcher(entry["permissions"]) if "permissions" in entry else None,
            re.compile(entry["logged"], re.ASCII) if "logged" in entry else None,
        )
        for entry in table("places")["places"]
    )


def place_of(resource: str) -> Place | None:
    """Return how a resource is named in commands; None where it is not written into them."""
    for kind in _kinds():
        match = kind.resource.fullmatch(resource)
        if match is not None:
            entry, found = kind.entry, match.groupdict()
            return Place(
                entry["name"],
                tuple(entry["command"]),
                _filled(entry["arguments"], found),
                entry["conditions"],
                entry["terraform"],
                {key: value.format(**found) for key, value in entry["attributes"].items()},
                entry.get("way", "gcloud"),
                entry.get("wider", "").format(**found),
            )
    return None


def narrowest(permission: str, logged: str, project: str) -> str:
    """Return the resource of a recorded call that could carry the binding, by its full name; empty: none.

    `project` is put in where the log does not name the resource's own (service accounts).
    """
    for kind in _kinds():
        if kind.permissions is None or kind.logged is None or not kind.permissions(permission):
            continue
        match = kind.logged.fullmatch(logged)
        if match is not None:
            full: str = kind.entry["full"].format(**{"project": project, **match.groupdict()})
            return full
    return ""


def _filled(texts: Sequence[str], found: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(text.format(**found) for text in texts)
