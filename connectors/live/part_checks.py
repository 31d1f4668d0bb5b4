"""Say for doctor how the calls of one part went."""

from collections.abc import Iterator, Mapping, Sequence

from connectors.interface import Check, Outcome, Status
from connectors.live.failures import CallError

Tried = tuple[int, CallError | None]
"""How often a call worked, and its first failure."""


def part_checks(
    name: str, tried: Mapping[str, Tried], outcomes: Sequence[Outcome], lost: str, noun: str
) -> Iterator[Check]:
    """Yield one line for a part, and one for each of its calls that does not work.

    `tried` holds every call of the part, also those that there was nothing to ask about; `lost` is what
    cannot be known without the part, `noun` what the cloud calls a call.
    """
    failed = {call: error for call, (worked, error) in tried.items() if error is not None and not worked}
    worked = [call for call, (count, _) in tried.items() if count]
    outcome = next((one for one in outcomes if one.part == name), None)
    short = outcome is not None and outcome.status in (Status.PARTIAL, Status.FAILED)
    if not failed and not worked:
        if outcome is not None and outcome.status is Status.FAILED:
            yield Check(name, "failed", outcome.reason, lost)
        return
    left = len(tried) - len(worked) - len(failed)
    detail = f"{len(worked)} of {len(tried)} {noun} work"
    detail += f", {left} had nothing to ask about" if left else ""
    if not failed and short and outcome is not None:
        # Every call works, and a scan would not read the part whole all the same: a list was cut off, say.
        yield Check(name, "partial", f"{detail}; {outcome.reason}", lost)
    elif failed:
        yield Check(name, "partial" if worked else "failed", detail, lost)
    else:
        yield Check(name, "ok", detail)
    for call, error in sorted(failed.items()):
        yield Check(call, "failed", str(error), "", error.hint)
