"""Write down, per account and place, which classes of CloudTrail events were recorded."""

from collections.abc import Iterator

from connectors.aws.coverage.data_coverage import part_of
from connectors.aws.coverage.fixes import SHOW_TRAILS, halves_lacking, management_fix, selector_fix
from connectors.aws.coverage.recorded import Recorded
from connectors.aws.coverage.trails import Trail
from connectors.facts import Coverage, CoverageState, Window
from connectors.logs.rows import Presence

_SLACK_DAYS = 1


def coverage_rows(recorded: Recorded, window: Window) -> Iterator[Coverage]:
    """Yield what is known of one account's logs.

    What trails say comes first; without them, the events themselves show what was recorded where, and
    nothing shows what was not.
    """
    code, reason, fix = recorded.problem(window)
    if code and code not in ("recording-began-late", "recording-paused"):
        state = CoverageState.UNKNOWN if code == "no-logs-for-account" else CoverageState.OFF
        yield _row(recorded, "all regions", "management", state, reason=reason, fix=fix)
    elif recorded.active and recorded.selection is not None:
        for trail in recorded.active:
            yield _trail_row(recorded, trail, window)
        for seen in recorded.management:
            place = seen.region or "unknown region"
            state = CoverageState.ON  # the trail says what is missing; this says what is at hand
            yield _row(recorded, place, "management", state, since=seen.first, reason=_events(seen))
    else:
        yield from _seen_rows(recorded, window)
    yield from _data_rows(recorded, unseen=bool(code))
    on = recorded.selection.data if recorded.selection and recorded.trail_files and not code else frozenset()
    for seen in recorded.presence:
        if seen.log_class == "data" and seen.region:
            yield _row(
                recorded,
                seen.region,
                f"data: {seen.resource_type or 'of an unnamed type'}",
                CoverageState.ON if seen.resource_type in on else CoverageState.PARTIAL,
                since=seen.first,
                reason=_events(seen),
            )


def _row(
    recorded: Recorded,
    place: str,
    log_class: str,
    state: CoverageState,
    *,
    since: str = "",
    reason: str = "",
    fix: str = "",
) -> Coverage:
    return Coverage("aws", recorded.account, place, log_class, state, since, reason, fix)


def _trail_row(recorded: Recorded, trail: Trail, window: Window) -> Coverage:
    place = "all regions" if trail.multi_region else trail.home_region or "one region"
    selection = trail.selection
    if selection is None:
        return _row(
            recorded,
            place,
            "management",
            CoverageState.UNKNOWN,
            since=trail.since,
            reason=f"the selectors of trail {trail.name} are not in the evidence",
            fix=SHOW_TRAILS,
        )
    lacks = []
    if not selection.reads:
        lacks.append("reads are left out")
    if not selection.writes:
        lacks.append("writes are left out")
    if selection.excluded:
        lacks.append(f"{', '.join(sorted(selection.excluded))} left out")
    if not trail.multi_region:
        lacks.append("other regions are not recorded")
    if trail.since > window.start.strftime("%Y-%m-%dT%H:%M:%SZ"):
        lacks.append(f"recording since {trail.since}, after the window began")
    if not selection.reads and not selection.writes:
        state = CoverageState.OFF
    else:
        state = CoverageState.PARTIAL if lacks else CoverageState.ON
    reason = f"trail {trail.name}" + (f": {'; '.join(lacks)}" if lacks else "")
    fixes = []
    if not (selection.reads and selection.writes) or selection.excluded:
        fixes.append(management_fix([trail]))
    if not trail.multi_region:
        fixes.append(f"aws cloudtrail update-trail --name {trail.name} --is-multi-region-trail")
    fix = "; ".join(fixes)
    return _row(recorded, place, "management", state, since=trail.since, reason=reason, fix=fix)


def _events(seen: Presence) -> str:
    if seen.events == 1:
        return f"1 event, at {seen.first}"
    return f"{seen.events:,} events from {seen.first} to {seen.last}"


def _seen_rows(recorded: Recorded, window: Window) -> Iterator[Coverage]:
    start = window.start.strftime("%Y-%m-%d")
    end = window.end.strftime("%Y-%m-%d")
    for seen in recorded.management:
        whole = seen.first[:10] <= start and seen.last[:10] >= end
        yield _row(
            recorded,
            seen.region or "unknown region",
            "management",
            CoverageState.ON if whole else CoverageState.PARTIAL,
            since=seen.first,
            reason=_events(seen),
            fix="" if whole else "name logs of the whole window, if there are more",
        )
    if not recorded.management:
        yield _row(
            recorded,
            "all regions",
            "management",
            CoverageState.ON,
            reason="trail files of the window were read and hold no event",
        )
    yield _row(
        recorded,
        "other regions",
        "management",
        CoverageState.UNKNOWN,
        reason="no event: nothing was called there, or nothing was recorded",
        fix=SHOW_TRAILS,
    )


def _data_rows(recorded: Recorded, *, unseen: bool) -> Iterator[Coverage]:
    selection = recorded.selection
    on = selection.data if selection else frozenset()
    some = (selection.some_data if selection else frozenset()) | recorded.data_types
    place = "all regions"
    for kind in sorted(on):
        files = recorded.trail_files and not unseen
        yield _row(
            recorded,
            place,
            f"data: {kind}",
            CoverageState.ON if files else CoverageState.UNKNOWN,
            reason="selected in full"
            if files
            else "selected in full, but the logs given are not the trail's files",
            fix="" if files else "name the trail's own files under cloudtrail",
        )
    for kind in sorted(some - on):
        selected = bool(selection) and kind in selection.some_data if selection else False
        yield _row(
            recorded,
            place,
            f"data: {kind or 'of an unnamed type'}",
            CoverageState.PARTIAL,
            reason=f"selected in full by {recorded.not_given[kind]}, whose files seem not to be given"
            if kind in recorded.not_given
            else f"selected in full only since {recorded.late[kind]}, after the window began"
            if kind in recorded.late
            else f"selected {part_of(selection, kind)}"
            if selection and selected
            else "events of this type are in the logs; whether all are recorded is not known",
            fix=_fix_of_part(recorded, kind),
        )
    if selection and selection.network:
        yield _row(
            recorded,
            place,
            "network activity",
            CoverageState.PARTIAL,
            reason=f"calls through VPC endpoints to {', '.join(sorted(selection.network))}",
        )
    yield _row(
        recorded,
        place,
        "data: other types",
        CoverageState.OFF if selection else CoverageState.UNKNOWN,
        reason="no selector asks for them" if selection else "the evidence does not say what trails select",
        fix="add a selector for each type that matters" if selection else SHOW_TRAILS,
    )


def _fix_of_part(recorded: Recorded, kind: str) -> str:
    if trail := recorded.not_given.get(kind):
        return f"name the files of trail {trail} under cloudtrail"
    lacking = halves_lacking(recorded.selection, kind)
    return selector_fix(kind, recorded.active, lacking=lacking) if kind else SHOW_TRAILS
