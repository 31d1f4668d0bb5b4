"""Leave out of a very large report.json what a reduction's steps give again: commands and Terraform.

The documents and the steps stay, so nothing is lost: `entdrift reduce` writes any form from them, and whoever
reads a report may have the scripts put back in their places.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from reports.document import Artifact, IdentityEntry, Report

_SCRIPTS = ("cli", "terraform")
_WAY_BACK = "rollback"

Write = Callable[[IdentityEntry, str], Sequence[Artifact]]
"""Writes the documents of one form, as `entdrift reduce` names it, from the steps of a reduction."""


def is_script(one: Artifact) -> bool:
    """Tell whether an artifact can be written again from the steps."""
    return one.form in _SCRIPTS


def without_scripts(entry: IdentityEntry) -> IdentityEntry:
    """Return an identity whose reduction names the forms and places of its scripts instead of holding them.

    Steps name documents by their places, so scripts go only where they stand after those.
    """
    reduction = entry.reduction
    places = {one.form: place for place, one in enumerate(reduction.artifacts) if is_script(one)}
    back = [(_WAY_BACK, place) for place, one in enumerate(reduction.rollback) if is_script(one)]
    named = [one.document for one in reduction.changes], [one.previous for one in reduction.changes]
    if not all(map(_follow, (places, dict(back)), named)) or not (places or back):
        return entry
    shorter = msgspec.structs.replace(
        reduction,
        artifacts=[one for one in reduction.artifacts if not is_script(one)],
        rollback=[one for one in reduction.rollback if not is_script(one)],
        on_demand=places | dict(back),
    )
    return msgspec.structs.replace(entry, reduction=shorter)


def _follow(scripts: Mapping[str, int], documents: Iterable[int | None]) -> bool:
    """Tell whether there are steps, and scripts stand after all documents that these name."""
    named = list(documents)
    return bool(named) and all(
        place < script for place in named if place is not None for script in scripts.values()
    )


def with_scripts(report: Report, write: Write) -> Report:
    """Return a report with all scripts in their places."""
    if not any(entry.reduction.on_demand for entry in report.identities):
        return report
    return msgspec.structs.replace(report, identities=[_with(entry, write) for entry in report.identities])


def _with(entry: IdentityEntry, write: Write) -> IdentityEntry:
    reduction = entry.reduction
    if not reduction.on_demand:
        return entry
    artifacts, rollback = list(reduction.artifacts), list(reduction.rollback)
    for form, place in sorted(reduction.on_demand.items(), key=lambda one: one[1]):
        found = rollback if form == _WAY_BACK else artifacts
        found[place:place] = filter(is_script, write(entry, form))
    whole = msgspec.structs.replace(
        reduction, artifacts=artifacts, rollback=rollback, on_demand=msgspec.UNSET
    )
    return msgspec.structs.replace(entry, reduction=whole)
