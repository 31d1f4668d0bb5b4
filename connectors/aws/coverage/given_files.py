"""Tell of which trails the files given are: those of one hold nothing of what another records.

Rules: CloudTrail user guide, "Finding your CloudTrail log files": an organization's trail writes below
`AWSLogs/<organization id>/<account>`, any other below `AWSLogs/<account>`.
"""

import re
from collections.abc import Collection, Sequence

from connectors.aws.coverage.selectors import DataSelector
from connectors.aws.coverage.trails import Trail

_PLACE = re.compile(r"(?:^|/)AWSLogs/(?P<organization>o-[a-z0-9]+/)?\d{12}/CloudTrail/")


def of_organization(path: str) -> bool | None:
    """Tell whether a trail's file lies where an organization's trail puts it; None where it was moved."""
    found = _PLACE.search(path)
    return bool(found["organization"]) if found else None


def given_trails(
    trails: Sequence[Trail], layouts: Collection[bool], data_types: Collection[str]
) -> list[Trail]:
    """Return the trails whose files are among those given, as far as anything shows.

    `layouts` are the places of the files (True: an organization's). A trail's files are given where it is
    the only one of its layout, or where data events were seen of a type that no other trail selects.
    """
    if len(trails) < 2:
        return list(trails)
    return [trail for trail in trails if _alone(trail, trails, layouts) or _own(trail, trails, data_types)]


def _alone(trail: Trail, trails: Sequence[Trail], layouts: Collection[bool]) -> bool:
    alike = [one for one in trails if one.organization is trail.organization]
    return len(alike) == 1 and trail.organization in layouts


def _own(trail: Trail, trails: Sequence[Trail], data_types: Collection[str]) -> bool:
    others = frozenset().union(*(_kinds(one) for one in trails if one is not trail))
    return not (_kinds(trail) - others).isdisjoint(data_types)


def _kinds(trail: Trail) -> frozenset[str]:
    return trail.selection.data | trail.selection.some_data if trail.selection else frozenset()


def selectors_given(trails: Sequence[Trail], given: Collection[Trail]) -> tuple[DataSelector, ...]:
    """Return the selectors of data events whose files are given: of those, and what all select."""
    every = [trail.selection.data_selectors for trail in trails if trail.selection is not None]
    common = [one for one in every[0] if all(one in held for held in every)] if every else []
    own = [one for trail in given if trail.selection for one in trail.selection.data_selectors]
    return tuple(dict.fromkeys([*own, *common]))
