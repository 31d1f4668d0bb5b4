"""Write conditions that name the resources something was used on; know by which name it is checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from connectors.gcp.catalog import Test, matcher, table
from connectors.gcp.reduction.standing import condition_text

_TITLE_LENGTH = 100
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Named:
    """A resource as a condition names it."""

    place: str
    """What carries the binding, by its full name."""
    name: str
    within: bool
    """Whether the name is the beginning of those of everything in it."""

    @property
    def condition(self) -> str:
        """The condition as JSON text that holds for this resource, or for what is in it, alone."""
        written = json.dumps(self.name)
        test = f"resource.name.startsWith({written})" if self.within else f"resource.name == {written}"
        short = self.name.partition("/buckets/")[2].partition("/")[2] or self.name.partition("/")[2]
        title = f"only {short.partition('/')[2] or short}"
        return condition_text({"title": title[:_TITLE_LENGTH], "expression": test})


@dataclass(frozen=True, slots=True)
class _Row:
    entry: Mapping[str, Any]
    permissions: Test
    checked: re.Pattern[str]


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(
        _Row(entry, matcher(entry["permissions"]), re.compile(entry["checked"], re.ASCII))
        for entry in table("conditions")["names"]
    )


def named(permission: str, logged: str) -> Named | None:
    """Return what a condition can name for a recorded call; None where it can name nothing narrower.

    Of objects their folders, up to the first with a digit: dates and numbers come anew each time.
    """
    for row in _rows():
        match = row.checked.fullmatch(logged) if row.permissions(permission) else None
        if match is None:
            continue
        found = match.groupdict()
        if "folder" in found:
            found["folder"] = _steady(found["folder"])
            if not found["folder"]:
                return None
        entry = row.entry
        return Named(entry["place"].format(**found), entry["name"].format(**found), entry["within"])
    return None


def checked_name(permission: str, logged: str) -> str:
    """Return what `resource.name` was when a recorded call was checked; as logged, where no row tells.

    A folder that stands for what is in it ends with a slash.
    """
    for row in _rows():
        match = row.checked.fullmatch(logged) if row.permissions(permission) else None
        if match is not None and not row.entry["within"]:
            name: str = row.entry["name"].format(**match.groupdict())
            return name
    return logged.removesuffix("*") if logged.endswith("/*") else logged


def gives(name: str) -> Test | None:
    """Return which permissions are checked by names like this one; None where that is not known."""
    for row in _rows():
        if row.checked.fullmatch(name) or row.checked.fullmatch(f"{name}*"):
            return row.permissions
    return None


def _steady(folder: str) -> str:
    kept: list[str] = []
    for part in folder.split("/")[:-1]:
        if _DIGIT.search(part):
            break
        kept.append(part)
    return "/".join((*kept, "")) if kept else ""
