"""Write the companion for rare needs: the bindings that went, again, but only until a given time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from connectors.gcp.catalog import table
from connectors.gcp.reduction.places import place_of
from connectors.gcp.reduction.standing import Bound, Kind, condition_text, expression
from connectors.gcp.remediation.cli import binding_words
from connectors.reduction import Change
from connectors.shell import line

CLOSED = "1970-01-01T00:00:00Z"
"""The time in a companion that nobody has opened: it is over, so the bindings give nothing."""
_TITLE = "entdrift break-glass"


def break_glass(changes: Sequence[Change], until: str = "") -> str:
    """Return commands that bind again what was taken away, until `until`; empty where nothing was.

    Conditions of the present bindings stay, and the time is one more. Basic roles, and places that take no
    condition, are bound without one: the command that ends it stands beside it.
    """
    gone = [Bound.read(one.target, one.before) for one in changes if one.kind == Kind.REMOVE_BINDING]
    return "".join(f"{line}\n" for bound in gone for line in _lines(bound, until or CLOSED))


def _lines(bound: Bound, until: str) -> Iterator[str]:
    place = place_of(bound.resource)
    basic = bound.role in table("custom_roles")["ready_made"]["basic"]
    if not basic and place is not None and place.conditions:
        yield line(binding_words("add", _ending(bound, until)))
    elif until != CLOSED:
        yield "# This binding takes no condition and does not end by itself."
        yield line(binding_words("add", bound))
        yield f"# Run at {json.dumps(until)[1:-1]}:"
        yield "# " + line(binding_words("remove", bound))
    else:
        yield "# This binding takes no condition: name the time with --until to have both commands written."


def _ending(bound: Bound, until: str) -> Bound:
    held = expression(bound.condition)
    ends = f'request.time < timestamp("{until}")'
    return replace(
        bound,
        condition=condition_text({"title": _TITLE, "expression": f"({held}) && {ends}" if held else ends}),
    )
