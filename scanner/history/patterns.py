"""Waivers by pattern: whole kinds of findings accepted until a date, over many identities and accounts.

A pattern names a rule and whom it is about, by globs. It never covers more findings than the number that was
stated with it: of those it matches, the longest known are waived and the others stay open. Critical findings
are covered only where that was asked for, and a finding about an ended waiver (ED302) never.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from connectors.state import State
from reports.document import Report
from scanner.history.approvals import entries
from scanner.history.waivers import REVOKED, Accepted
from scanner.moments import inclusive

PATTERN = "waiver-pattern"
ENDED_WAIVER = "ED302"
_CRITICAL = "critical"
Names = Mapping[tuple[str, str, str], str]
"""By provider, account and id: what an identity is called."""


class Judged(Protocol):
    """What a pattern looks at of a finding, of this scan or of an older one."""

    @property
    def fingerprint(self) -> str: ...  # noqa: D102 - as in the report document
    @property
    def rule(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    @property
    def provider(self) -> str: ...  # noqa: D102
    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def identity(self) -> str: ...  # noqa: D102
    @property
    def first_seen(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which findings are accepted: globs over rule, identity (id or name) and account."""

    rule: str
    identity: str = "*"
    account: str = "*"
    critical: bool = False
    at_most: int = 0

    @property
    def id(self) -> str:
        """Return what it is called in lists and reports: the same while it means the same findings."""
        text = json.dumps(["waiver-pattern/1", self.rule, self.identity, self.account, self.critical])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        """Return it in words."""
        also = ", critical ones too" if self.critical else ""
        return f"rule {self.rule}, identity {self.identity}, account {self.account}{also}"

    def subject(self) -> str:
        """Return it as the chain of approvals holds it."""
        held = {
            "rule": self.rule,
            "identity": self.identity,
            "account": self.account,
            "critical": self.critical,
            "at_most": self.at_most,
        }
        return json.dumps(held, sort_keys=True, ensure_ascii=True)

    def matches(self, finding: Judged, names: Names) -> bool:
        """Tell whether it covers a finding, as far as its number allows."""
        if finding.rule == ENDED_WAIVER or (finding.severity == _CRITICAL and not self.critical):
            return False
        return self.reaches(finding, names)

    def reaches(self, finding: Judged, names: Names) -> bool:
        """Tell whether it names a finding, critical or not."""
        called = names.get((finding.provider, finding.account, finding.identity), "")
        return (
            fnmatchcase(finding.rule, self.rule)
            and fnmatchcase(finding.account, self.account)
            and any(fnmatchcase(one, self.identity) for one in (finding.identity, called))
        )


@dataclass(frozen=True, slots=True)
class AcceptedPattern:
    """The waiver of a pattern that was made last and not revoked."""

    pattern: Pattern
    reason: str
    owner: str
    until: str
    """Its last second."""

    def active(self, now: str) -> bool:
        """Tell whether it still holds; its last second counts."""
        return now <= self.until

    def waiver(self, fingerprint: str) -> Accepted:
        """Return it as the waiver of one finding."""
        return Accepted(fingerprint, self.reason, self.owner, self.until, self.pattern.words)


@dataclass(frozen=True, slots=True)
class Covered:
    """What patterns do in one scan: the waivers they give, and how many findings each covers and exceeds."""

    accepted: Mapping[str, Accepted]
    covers: Mapping[str, int]
    over: Mapping[str, int]


def names_of(report: Report) -> Names:
    """Return what the identities of a report are called."""
    return {(entry.provider, entry.account, entry.id): entry.name for entry in report.identities}


def patterns(state: State) -> list[AcceptedPattern]:
    """Return the waivers by pattern that were not revoked, in the order they were made; ended ones too."""
    found: dict[str, AcceptedPattern] = {}
    for entry in entries(state, (PATTERN, REVOKED)):
        made = entry.approval
        if made.kind == REVOKED:
            found.pop(made.subject, None)
        else:
            pattern = _read(made.subject)
            if pattern is None:
                continue
            found.pop(pattern.id, None)
            found[pattern.id] = AcceptedPattern(pattern, made.why, made.who, inclusive(made.until))
    return list(found.values())


def _read(subject: str) -> Pattern | None:
    """Read a pattern; one that this version does not understand covers nothing."""
    try:
        held = json.loads(subject)
        # A key of a newer version may narrow it: leaving that out would cover more than was accepted.
        if not isinstance(held, dict) or held.keys() - {one.name for one in fields(Pattern)}:
            return None
        return msgspec.convert(held, type=Pattern)
    except (ValueError, msgspec.ValidationError):
        return None


def cover(
    held: Sequence[AcceptedPattern],
    accepted: Mapping[str, Accepted],
    findings: Iterable[Judged],
    names: Names,
    now: str,
) -> Covered:
    """Join waivers of single findings with those of patterns; a single one that holds comes first.

    The findings are counted against a pattern's number in the order in which they were first seen.
    """
    found = dict(accepted)
    covers: dict[str, int] = {}
    over: dict[str, int] = {}
    active = [one for one in held if one.active(now)]
    if not active:
        return Covered(found, covers, over)
    for finding in sorted(findings, key=lambda one: (one.first_seen, one.fingerprint)):
        own = accepted.get(finding.fingerprint)
        if own is not None and own.active(now):
            continue
        for one in active:
            name = one.pattern.id
            if not one.pattern.matches(finding, names):
                continue
            if covers.get(name, 0) < one.pattern.at_most:
                covers[name] = covers.get(name, 0) + 1
                found[finding.fingerprint] = one.waiver(finding.fingerprint)
                break
            over[name] = over.get(name, 0) + 1
    return Covered(found, covers, over)
