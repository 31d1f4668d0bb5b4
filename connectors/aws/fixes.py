"""Write the changes that would make something visible, as commands a person can run."""

import json
from collections.abc import Sequence

from connectors.aws.trails import Trail

SHOW_TRAILS = "name the output of `aws cloudtrail describe-trails` and `get-event-selectors` under trails"


def selector_fix(resource_type: str, trails: Sequence[Trail]) -> str:
    """Return the advanced event selector that records all data events of a type, and where it goes."""
    selector = {
        "Name": f"all {resource_type}",
        "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": [resource_type]},
        ],
    }
    name = trails[0].name if trails else "<trail>"
    return (
        f"aws cloudtrail put-event-selectors --trail-name {name} --advanced-event-selectors with this entry "
        f"added to those of get-event-selectors (the call replaces the whole list): {json.dumps(selector)}"
    )
