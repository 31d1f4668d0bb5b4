"""What `entdrift waive --rule …` does: show what a pattern covers now, and accept it until a date."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.state import open_state
from reports import json as report_json
from reports.document import SEVERITIES, FindingEntry, Report
from reports.escape import terminal
from reports.overview import counted
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.history.approvals import APPROVALS, Approval, append
from scanner.history.patterns import ENDED_WAIVER, PATTERN, Names, Pattern, names_of
from scanner.history.scans import time_text
from scanner.history.schema import HISTORY
from scanner.history.session import local, place
from scanner.history.waive import (
    digest,
    folder_of,
    last_day,
    present,
    refuse_broken,
    settings_of,
)
from scanner.lookup import REPORT
from scanner.moments import spoken
from scanner.talk import Talk

_SHOWN = 40
_ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Request:
    """The flags of `waive` with a pattern."""

    pattern: Pattern
    reason: str
    owner: str
    until: str
    source: Path
    dry_run: bool = False
    config: Path | None = None
    state: str | None = None
    now: str | None = None


def waive(request: Request, talk: Talk) -> Exit:
    """List what the pattern covers now and, unless it is a dry run, accept it."""
    pattern = request.pattern
    if pattern.identity == _ANYBODY and pattern.account == _ANYBODY:
        raise ConfigError(
            "a pattern needs --identity or --account beside --rule",
            hint="a rule that is wanted nowhere is not a waiver; name whom it is about",
        )
    source = request.source / REPORT if request.source.is_dir() else request.source
    report = report_json.decode(source)
    names = names_of(report)
    found = [row for row in report.findings if row.status != "fixed" and pattern.matches(row, names)]
    left = _critical(report, pattern, names)
    for line in _listing(found):
        sys.stdout.write(terminal(line) + "\n")
    sys.stdout.write(terminal(_summary(pattern, found, left)) + "\n")
    if request.dry_run:
        return Exit.OK
    _refuse(pattern, found)
    settings, now = settings_of(request.config), present(request.now)
    until = last_day(request.until, now, settings.waiver_max_days)
    approval = Approval(
        kind=PATTERN,
        subject=pattern.subject(),
        who=request.owner.strip(),
        why=request.reason.strip(),
        at=time_text(now),
        until=time_text(until),
        digest=_digest(found),
    )
    where = place(folder_of(request.source), settings, request.state)
    with local(where, write=True) as path, open_state(path, HISTORY, APPROVALS) as state:
        refuse_broken(state)
        entry = append(state, approval)
    talk.say(
        f"waived by pattern {pattern.id} until {spoken(time_text(until))}, at most {pattern.at_most:,};"
        f" entry {entry.number} of the chain of approvals. It counts from the next scan on."
    )
    return Exit.OK


def _refuse(pattern: Pattern, found: Sequence[FindingEntry]) -> None:
    """Refuse a pattern that is a typing error, or that nobody bounded."""
    if not found:
        raise ConfigError(
            "the pattern covers nothing of this report", hint="--dry-run shows what it covers; see its globs"
        )
    if pattern.at_most < len(found):
        said = f"--at-most {pattern.at_most}" if pattern.at_most else "waive by pattern needs --at-most"
        raise ConfigError(
            f"{said}: it covers {counted(len(found), 'finding')} now",
            hint="say how many it may cover; what matches beyond that stays open",
        )


def _critical(report: Report, pattern: Pattern, names: Names) -> int:
    """Count what it names and does not cover, because it is critical and nobody asked for that."""
    return sum(
        row.severity == "critical" and row.rule != ENDED_WAIVER and pattern.reaches(row, names)
        for row in report.findings
        if row.status != "fixed" and not pattern.critical
    )


def _listing(found: Sequence[FindingEntry]) -> Iterator[str]:
    """Yield what is covered, findings that say the same once, the most severe first."""
    alike: dict[str, list[FindingEntry]] = {}
    for row in sorted(found, key=lambda row: SEVERITIES.index(row.severity)):
        alike.setdefault(row.group or row.fingerprint, []).append(row)
    for same in list(alike.values())[:_SHOWN]:
        first = same[0]
        accounts = {row.account for row in same}
        where = counted(len(accounts), "account") if len(accounts) > 1 else f"account {first.account}"
        yield f"{first.severity:<8}  {first.rule}  {first.title}  ({where})"
    if len(alike) > _SHOWN:
        yield f"and {len(alike) - _SHOWN:,} more"


def _summary(pattern: Pattern, found: Sequence[FindingEntry], left: int) -> str:
    kinds: Mapping[str, int] = Counter(row.severity for row in found)
    severities = ", ".join(f"{kinds[name]:,} {name}" for name in SEVERITIES if kinds.get(name))
    identities = {(row.provider, row.account, row.identity) for row in found}
    accounts = {(row.provider, row.account) for row in found}
    line = (
        f"{pattern.words}: covers {counted(len(found), 'finding')} now"
        + (f" ({severities})" if severities else "")
        + f" of {counted(len(identities), 'identity', 'identities')} in {counted(len(accounts), 'account')}"
    )
    return f"{line}; {left:,} critical ones are not covered (--critical)" if left else line


def _digest(found: Sequence[FindingEntry]) -> str:
    """Return the SHA-256 of exactly what was covered when it was accepted."""
    lines = "\n".join(sorted(digest(row) for row in found))
    return hashlib.sha256(lines.encode("ascii")).hexdigest()
