"""What could not be seen, grouped so that one change that would show it stands on one line."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from reports.document import CoverageEntry, LimitEntry, LogFileEntry, Report, SourceEntry
from reports.html.visible import LONGEST, names, prose, sentence, visible
from reports.html.words import PROVIDERS, count
from reports.overview import ReasonGroup, reason_groups

_STATE_WORDS = {"off": "off", "partial": "on in part", "unknown": "not known to be on"}
_STATE_EFFECTS = {
    "off": "Use that only this log would show is not observable; it never counts as unused.",
    "partial": "Some use may not have been recorded.",
    "unknown": "The evidence does not say whether it was on; what it alone would show is not observable.",
}
_READ_WORDS = {"failed": "could not be read", "partial": "was read in part", "skipped": "was skipped"}
_SOURCE_FIXES = {
    "failed": "Mend what the reason names, then scan again.",
    "partial": "Mend what the reason names, then scan again.",
    "skipped": "Configure it, if it holds identities or logs of this window.",
}
_FILE_FIXES = {
    "failed": "Fetch it again from where the log is kept, then scan again.",
    "partial": "Fetch it again from where the log is kept, then scan again.",
    "skipped": "—",
}
_LONGEST_ENTRY = 2_000
_STATES = ("off", "partial", "unknown")
_STATUSES = ("failed", "partial", "skipped")


class Gap(NamedTuple):
    """One thing the report is blind to: what, where, what that does to the result, what would help."""

    what: Markup
    where: Markup
    effect: Markup
    fix: Markup = Markup("—")


class Gaps(NamedTuple):
    """The gaps worth the first screen, some of each kind, and how many there are in all."""

    shown: list[Gap]
    total: int


def gaps(report: Report, *, most_of_a_kind: int = 4) -> Gaps:
    """Return the gaps by kind, of each kind the widest first.

    Sources and files that were not read whole come first, then why permissions cannot be seen, which logs
    were not on, what was not interpreted, events that say nothing, and files that are no logs.
    """
    lost = [file for file in report.log_files if file.status != "skipped"]
    foreign = [file for file in report.log_files if file.status == "skipped"]
    kinds = (
        _sources(report.sources),
        _files(lost),
        [_unseen(group) for group in reason_groups(report.identities, "unobservable")],
        _logs(report.coverage),
        _limits(report.limits_of_analysis),
        _events(report),
        _files(foreign),
    )
    return Gaps([gap for kind in kinds for gap in kind[:most_of_a_kind]], sum(map(len, kinds)))


def _sources(sources: Iterable[SourceEntry]) -> list[Gap]:
    return [
        Gap(
            sentence("Source {} " + _READ_WORDS[status], source.name),
            sentence("{} {}", PROVIDERS.get(source.provider, source.provider), source.account),
            _source_reason(source),
            Markup(_SOURCE_FIXES[status]),  # noqa: S704 - fixed words
        )
        for status in _STATUSES
        for source in sources
        if source.status == status
    ]


def _source_reason(source: SourceEntry) -> Markup:
    parts = [
        sentence("{}: {}", part.part, prose(part.reason))
        for part in source.parts
        if part.status in {"failed", "partial"} and part.reason
    ]
    reasons = [prose(source.reason)] if source.reason else []
    return Markup(" ").join(reasons or parts) or Markup("No reason was recorded.")


def _unseen(group: ReasonGroup) -> Gap:
    total = group.permissions + group.like_permissions
    more = f" And {group.rest}." if group.rest else ""
    return Gap(
        sentence(
            "{} of {} in {} cannot be observed",
            Markup(count(total, "permission")),  # noqa: S704 - a number and a fixed word
            Markup(count(group.identities, "identity", "identities")),  # noqa: S704 - as above
            PROVIDERS.get(group.provider, group.provider),
        ),
        names(group.places, most=3),
        prose(group.reason) + more,
        _fix(group.fix),
    )


def _fix(text: str) -> Markup:
    """Return a change to make; what follows its words as JSON is folded."""
    if not text:
        return Markup("—")
    at = text.find('{"')
    if at < 1 or not text.endswith("}"):
        return _spoken(text)
    entry = Markup(
        '<details class="fix"><summary>The entry</summary>'
        '<p class="entry"><bdi class="mono">{}</bdi></p></details>'
    ).format(visible(text[at:], _LONGEST_ENTRY))
    return _spoken(text[:at].rstrip()) + entry


def _spoken(text: str) -> Markup:
    """Return our own words, in which `backticks` set code apart; the same rule as in `script/dom.js`."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or len(text) > LONGEST:
        return Markup("<bdi>{}</bdi>").format(visible(text))
    pieces = [
        Markup("<code>{}</code>").format(visible(piece)) if index % 2 else visible(piece)
        for index, piece in enumerate(parts)
    ]
    return Markup("<bdi>{}</bdi>").format(Markup().join(pieces))


def _files(files: Iterable[LogFileEntry]) -> list[Gap]:
    grouped: dict[tuple[str, str, str], list[LogFileEntry]] = defaultdict(list)
    for file in files:
        grouped[file.status, file.source, file.reason].append(file)
    ordered = sorted(
        grouped.items(), key=lambda group: (_STATUSES.index(group[0][0]), -len(group[1]), group[0])
    )
    return [
        Gap(
            Markup(_file_title(len(group), status)),  # noqa: S704 - a number and fixed words
            sentence("{}: {}", source, names([file.path for file in group], most=2)),
            prose(reason) + f" {count(sum(file.records for file in group), 'record')} counted.",
            Markup(_FILE_FIXES[status]),  # noqa: S704 - fixed words
        )
        for (status, source, reason), group in ordered
    ]


def _file_title(number: int, status: str) -> str:
    words = _READ_WORDS[status]
    return f"{count(number, 'log file')} {words if number == 1 else words.replace('was', 'were')}"


def _logs(coverage: Iterable[CoverageEntry]) -> list[Gap]:
    grouped: dict[tuple[str, str, str, str, str], list[CoverageEntry]] = defaultdict(list)
    for entry in coverage:
        if entry.state in _STATES:
            grouped[entry.state, entry.provider, entry.log_class, entry.reason, entry.fix].append(entry)
    ordered = sorted(
        grouped.items(), key=lambda group: (_STATES.index(group[0][0]), -len(group[1]), group[0])
    )
    return [
        Gap(
            sentence("{} log “{}” is " + _STATE_WORDS[state], PROVIDERS.get(provider, provider), log_class),
            _places(group),
            Markup(" ").join([prose(reason), Markup(_STATE_EFFECTS[state])]),  # noqa: S704 - fixed words
            _fix(fix),
        )
        for (state, provider, log_class, reason, fix), group in ordered
    ]


def _places(group: Sequence[CoverageEntry]) -> Markup:
    accounts = names(sorted({entry.account for entry in group}), most=3)
    places = sorted({entry.place for entry in group if entry.place and entry.place != entry.account})
    return sentence("{} ({})", names(places, most=2), accounts) if places else accounts


def _limits(limits: Iterable[LimitEntry]) -> list[Gap]:
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for limit in limits:
        grouped[limit.what, limit.effect].append(limit.where)
    ordered = sorted(grouped.items(), key=lambda group: (-len(group[1]), group[0]))
    return [
        Gap(prose(what, stop=""), names(sorted(set(places)), most=2), prose(effect))
        for (what, effect), places in ordered
    ]


def _events(report: Report) -> list[Gap]:
    events = report.summary.log_events
    kinds = [
        f"{number:,} {kind}"
        for kind, number in sorted(events.unattributed_by_kind.items(), key=lambda one: (-one[1], one[0]))
    ]
    found = [
        (
            events.unmapped,
            "{} of an operation without a known permission",
            "log event",
            names([entry.operation for entry in report.unmapped_events], most=3),
            "These calls are no evidence for or against any permission.",
        ),
        (
            events.unattributed,
            "{} without a caller that can be named",
            "log event",
            names(kinds, most=3),
            "They are nobody's use: an identity behind them may be used more than shown.",
        ),
        (
            events.rejected,
            "{} could not be read as an event",
            "log record",
            Markup("all sources"),
            "Counted, not interpreted.",
        ),
    ]
    return [
        Gap(sentence(pattern, count(number, unit)), where, Markup(effect))  # noqa: S704 - fixed words
        for number, pattern, unit, where, effect in found
        if number
    ]
