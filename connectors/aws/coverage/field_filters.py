"""Weigh one field of an advanced event selector: which values of an event's field it lets through.

Rules: CloudTrail user guide, "Filtering data events by using advanced event selectors" (2026-11): of the
operators of a field that select, one must hold; of those that exclude, none may.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_EXCLUDE = {"NotEquals": "Equals", "NotStartsWith": "StartsWith", "NotEndsWith": "EndsWith"}
_LONGEST = 3
_CALL = "AwsApiCall"
"""The only `eventType` that is a use."""


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """The conditions on one field, as (positive operator, value)."""

    field: str
    select: tuple[tuple[str, str], ...] = ()
    exclude: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Say what it asks for; of many values, the first ones."""
        every = [f"{how} {value}" for how, value in self.select]
        every += [f"not {how} {value}" for how, value in self.exclude]
        more = f" and {len(every) - _LONGEST} more" if len(every) > _LONGEST else ""
        return f"{self.field:.40} {', '.join(f'{one:.120}' for one in every[:_LONGEST])}{more}"

    def admits(self, value: str) -> bool:
        """Tell whether an event with this value passes."""
        selected = not self.select or any(_holds(how, wanted, value) for how, wanted in self.select)
        return selected and not any(_holds(how, wanted, value) for how, wanted in self.exclude)

    def admits_all(self, value: str) -> bool:
        """Tell whether every value passes that begins with this one, where it ends on a slash."""
        if not value.endswith("/"):
            return self.admits(value)
        selected = not self.select or any(
            how == "StartsWith" and value.startswith(wanted) for how, wanted in self.select
        )
        return selected and not any(
            how == "EndsWith" or wanted.startswith(value) or _holds(how, wanted, value)
            for how, wanted in self.exclude
        )

    def leaves_nothing_out(self, kinds: frozenset[str]) -> bool:
        """Tell whether every call on resources of these types passes."""
        if self.field == "eventType":
            return self.admits(_CALL)
        if self.field != "resources.ARN" or self.exclude or len(kinds) != 1:
            return False
        service = next(iter(kinds)).split("::")[1:2]
        return any(
            how == "StartsWith" and _is_every(wanted, "".join(service).lower()) for how, wanted in self.select
        )


def field_filters(fields: Iterable[Mapping[str, Any]]) -> tuple[FieldFilter, ...]:
    """Return the filters of a selector's fields; an operator nobody knows lets nothing through."""
    found = []
    for one in fields:
        select: list[tuple[str, str]] = []
        exclude: list[tuple[str, str]] = []
        for how, values in one.items():
            texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
            if how in _EXCLUDE:
                exclude += [(_EXCLUDE[how], text) for text in texts]
            elif how != "Field":
                select += [(str(how), text) for text in texts if values]
        found.append(FieldFilter(str(one.get("Field")), tuple(select), tuple(exclude)))
    return tuple(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holds(how: str, wanted: str, value: str) -> bool:
    match how:
        case "Equals":
            return value == wanted
        case "StartsWith":
            return value.startswith(wanted)
        case "EndsWith":
            return value.endswith(wanted)
        case _:
            return False


def _is_every(prefix: str, service: str) -> bool:
    """Tell whether all ARNs of a service begin so: `arn:aws:s3:::`, `arn:aws:lambda`, `arn:aws:`."""
    parts = prefix.split(":")
    return parts[0] == "arn" and parts[2:3] in ([], [""], [service]) and not any(parts[3:])
