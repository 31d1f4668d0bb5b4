"""What `entdrift waive --rule …` does: show what a pattern covers now, and accept it until a date."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reports import json as report_json
from reports.document import SEVERITIES, FindingEntry, Report
from reports.escape import terminal
from reports.overview import counted
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.history.patterns import ENDED_WAIVER, PATTERN, Names, Pattern, names_of
from scanner.history.waive import Terms, accept, digest
from scanner.lookup import REPORT
from scanner.talk import Talk

_SHOWN = 40
_ANYBODY = "*"


def waive(pattern: Pattern, terms: Terms, talk: Talk, *, dry_run: bool = False) -> Exit:
    """List what the pattern covers now and, unless it is a dry run, accept it."""
    if pattern.identity == _ANYBODY and pattern.account == _ANYBODY:
        raise ConfigError(
            "a pattern needs --identity or --account beside --rule",
            hint="a rule that is wanted nowhere is not a waiver; name whom it is about",
        )
    source = terms.source / REPORT if terms.source.is_dir() else terms.source
    report = report_json.decode(source)
    names = names_of(report)
    found = [row for row in report.findings if row.status != "fixed" and pattern.matches(row, names)]
    left = _critical(report, pattern, names)
    for line in _listing(found):
        sys.stdout.write(terminal(line) + "\n")
    sys.stdout.write(terminal(_summary(pattern, found, left)) + "\n")
    if dry_run:
        return Exit.OK
    _refuse(pattern, found)
    what = f"at most {counted(pattern.at_most, 'finding')} by pattern {pattern.id}"
    accept(PATTERN, pattern.subject(), _digest(found), terms, what, talk)
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
