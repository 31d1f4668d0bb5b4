"""Write the changes that would make something visible, as commands a person can run."""

import json
from collections.abc import Mapping, Sequence

from connectors.aws.coverage.selectors import Selection
from connectors.aws.coverage.trails import Trail

SHOW_TRAILS = "name the output of `aws cloudtrail describe-trails` and `get-event-selectors` under trails"


def selector_fix(resource_type: str, trails: Sequence[Trail], *, lacking: str = "") -> str:
    """Return the advanced event selector that records data events of a type, and where it goes.

    `lacking` is the value of `readOnly` that is not recorded, where the other one is recorded in full.
    """
    fields: list[Mapping[str, object]] = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": [resource_type]},
    ]
    if lacking:
        fields.append({"Field": "readOnly", "Equals": [lacking]})
    kind = {"true": "reads of ", "false": "writes to "}.get(lacking, "")
    return _put({"Name": f"all {kind}{resource_type}", "FieldSelectors": fields}, trails)


def management_fix(trails: Sequence[Trail]) -> str:
    """Return the advanced event selector that records all management events, and where it goes."""
    fields = [{"Field": "eventCategory", "Equals": ["Management"]}]
    return _put({"Name": "all management events", "FieldSelectors": fields}, trails)


def halves_lacking(selection: Selection | None, resource_type: str) -> str:
    """Return the value of `readOnly` that is not recorded of a type, where the other is recorded in full."""
    if selection is None:
        return ""
    reads, writes = resource_type in selection.data_reads, resource_type in selection.data_writes
    return "false" if reads and not writes else "true" if writes and not reads else ""


def _put(selector: Mapping[str, object], trails: Sequence[Trail]) -> str:
    trail = trails[0] if trails else None
    # Only its owner may change an organization's trail; its ARN says whose it is.
    name = "<trail>" if trail is None else trail.arn if trail.organization else trail.name
    basic = trail is not None and trail.selection is not None and trail.selection.basic
    others = (
        "the trail's basic selectors, written as advanced ones (a trail has one kind only)"
        if basic
        else "those of get-event-selectors"
    )
    return (
        f"aws cloudtrail put-event-selectors --trail-name {name} --advanced-event-selectors with this entry "
        f"added to {others} (the call replaces the whole list): {json.dumps(selector)}"
    )
