"""Look at every source before a scan: what can be read, what would be lost, what could not be seen."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from connectors.facts import Coverage, CoverageState, Facts, Window
from connectors.interface import Check, LiveConnector, Observer, Outcome, Patterns, Source, Status
from connectors.registry import PROVIDERS, connector
from reports.overview import counted
from scanner import pipeline
from scanner.errors import ConfigError

_MOST_BLIND = 8
"""So many causes of blindness are listed, those with the most permissions first."""

_MOST_NAMED = 12

_NOTHING = Check(
    "logs", "unknown", "nothing was read, so nothing can be said", fix="mend what is marked failed above"
)


def chosen(sources: Sequence[Source], name: str | None) -> list[Source]:
    """Return the source of this name, or all; ConfigError when there is none."""
    found = [source for source in sources if name in (None, source.name)]
    if not found:
        known = ", ".join(source.name for source in sources)
        raise ConfigError(f"--source: no source is named {name!r}", hint=f"sources: {known}")
    return found


def policy(sources: Sequence[Source]) -> str:
    """Return the policy of the one source among these that asks the cloud."""
    live = [source for source in sources if source.asks_the_cloud]
    if len(live) != 1:
        names = ", ".join(source.name for source in live)
        raise ConfigError(
            f"--print-policy needs one source that asks the cloud, there are {len(live)}",
            hint=f"choose one with --source: {names}" if live else "files on disk need no permissions",
        )
    wing = connector(live[0].provider)
    if not isinstance(wing, LiveConnector):
        raise ConfigError(f"--print-policy: {live[0].provider} has no live collection in this version")
    return wing.policy(live[0])


def examine(source: Source, window: Window) -> Iterator[Check]:
    """Yield what is known of one source without analysing it."""
    for name, paths in sorted(source.files.items()):
        yield _files(name, paths)
    wing = connector(source.provider)
    if source.asks_the_cloud and isinstance(wing, LiveConnector):
        yield from wing.examine(source, window)


def _files(name: str, paths: Sequence[Path]) -> Check:
    found = [file for path in paths for file in ([path] if path.is_file() else _below(path))]
    missing = [str(path) for path in paths if not path.exists()]
    locked = [str(file) for file in found if not _readable(file)]
    size = sum(file.stat().st_size for file in found)
    detail = f"{counted(len(found), 'file')}, {counted(size, 'byte')}"
    problems = [
        *(f"{path}: no such file" for path in missing),
        *(f"{file}: cannot be read" for file in locked),
    ]
    if not problems and not found:
        problems = [f"{', '.join(map(str, paths))}: holds no file"]
    if not problems:
        return Check(name, "ok", detail)
    usable = len(found) - len(locked)
    return Check(
        name, "partial" if usable else "failed", f"{detail}; {'; '.join(problems)}", fix="check the path"
    )


def _below(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []


def _readable(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError:
        return False
    return True


def rehearse(
    sources: Sequence[Source], window: Window, now: datetime, observe: Observer
) -> Iterator[tuple[str, list[Check]]]:
    """Read the files of sources; yield what was read of each, and what is not visible in each cloud."""
    exports = [source.on_disk() for source in sources if source.mode == "export" and source.files]
    if not exports:
        return
    with tempfile.TemporaryDirectory(prefix="entdrift-doctor-") as folder:
        bundle = pipeline.collect(
            exports, Path(folder) / "evidence", window=window, now=now, tool="doctor", observe=observe
        )
        for one in bundle.sources:
            yield one.source, [_read(outcome) for outcome in one.outcomes()]
        for provider in PROVIDERS:
            evidence = [one for one in bundle.sources if one.provider == provider]
            if evidence:
                facts = connector(provider).interpret(evidence, window, Patterns())
                told = [*_covered(facts), *_blind(facts)]
                yield f"what {provider} logs can show", told or [_NOTHING]


def _read(outcome: Outcome) -> Check:
    """Return how a part was read; a skipped one was not read either."""
    count = counted(outcome.records, "record")
    match outcome.status:
        case Status.OK:
            return Check(f"{outcome.part} read", "ok", count)
        case Status.PARTIAL:
            return Check(f"{outcome.part} read", "partial", f"{count}; {outcome.reason}")
        case _:
            return Check(f"{outcome.part} read", "failed", outcome.reason)


def _covered(facts: Facts) -> Iterator[Check]:
    on = [row for row in facts.coverage if row.state is CoverageState.ON]
    if on:
        yield Check(
            "logs on", "ok", f"{len(on):,} classes of log in {len({row.account for row in on}):,} accounts"
        )
    for row in facts.coverage:
        if row.state is not CoverageState.ON:
            yield Check(
                _where(row),
                "partial" if row.state is CoverageState.PARTIAL else "unknown",
                row.reason,
                fix=row.fix,
            )


def _where(row: Coverage) -> str:
    return f"{row.account} {row.place} {row.log_class} {row.state.value}"


def _blind(facts: Facts) -> Iterator[Check]:
    """Yield why granted permissions could not be seen in use, the widest cause first."""
    causes: dict[tuple[str, str, str], tuple[int, set[str]]] = {}
    for identity, held in facts.entitlements.items():
        for spot in held.blind:
            if hidden := spot.permissions & held.granted:
                key = (spot.code, spot.reason, spot.fix)
                before, identities = causes.get(key, (0, set()))
                causes[key] = (before | hidden, identities | {identity})
    ranked = sorted(causes.items(), key=lambda item: (-item[1][0].bit_count(), item[0]))
    for (code, reason, fix), (permissions, identities) in ranked[:_MOST_BLIND]:
        count = (
            f"{permissions.bit_count():,} permissions of {len(identities):,} identities would be unobservable"
        )
        yield Check(code, "unknown", f"{count}: {reason}", fix=fix)


def lines(title: str, checks: Sequence[Check]) -> Iterator[str]:
    """Yield the text of some checks."""
    yield title
    for check in checks:
        yield (
            f"  {check.status:8}{check.subject}: {check.detail}"
            if check.detail
            else f"  {check.status:8}{check.subject}"
        )
        if check.lost:
            yield f"          lost: {check.lost}"
        if check.fix and check.fix not in check.detail:
            yield f"          fix: {check.fix}"


def summary(found: Mapping[str, set[str]]) -> str:
    """Return one line about many sources, by the statuses of their checks: whose to look at first."""
    failed = [name for name, statuses in found.items() if "failed" in statuses]
    partly = [name for name, statuses in found.items() if "partial" in statuses and name not in failed]
    parts = [f"{counted(len(found), 'source')}: {len(found) - len(failed) - len(partly):,} without a problem"]
    for what, names in (("with a failure", failed), ("read in part", partly)):
        if names:
            left = len(names) - _MOST_NAMED
            more = f" and {left:,} more" if left > 0 else ""
            parts.append(f"{len(names):,} {what} ({', '.join(names[:_MOST_NAMED])}{more})")
    return ", ".join(parts)
