"""What `entdrift waive` does: accept a finding until a date, take a waiver back, list them."""

import difflib
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from connectors.state import State, open_state
from reports import json as report_json
from reports.document import FindingEntry
from reports.escape import terminal
from scanner.config import load_history
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.history.approvals import APPROVALS, Approval, append, verify
from scanner.history.config import HistorySettings
from scanner.history.patterns import AcceptedPattern, patterns
from scanner.history.scans import time_text
from scanner.history.schema import HISTORY
from scanner.history.session import local, place
from scanner.history.waivers import REVOKED, WAIVER, Accepted, waivers
from scanner.lookup import REPORT
from scanner.moments import last_moment, moment, spoken
from scanner.talk import Talk

_SHORTEST = 8
_CLOSE = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """Who accepts until when and why, in the state of which report."""

    reason: str
    owner: str
    until: str
    source: Path
    config: Path | None = None
    state: str | None = None
    now: str | None = None


def settings_of(config: Path | None) -> HistorySettings:
    """Return the settings of the config file named, of `config.toml` where there is one, or the defaults."""
    if config is None and not Path("config.toml").is_file():
        return HistorySettings()
    return load_history(config or Path("config.toml"))


def folder_of(source: Path) -> Path:
    """Return the folder of a report that is named by its file or its folder."""
    return source if source.is_dir() or not source.suffix else source.parent


def state_of(source: Path, config: Path | None, state: str | None) -> str:
    """Return where the state is that belongs to a report."""
    return place(folder_of(source), settings_of(config), state)


def waive(fingerprint: str, terms: Terms, talk: Talk) -> Exit:
    """Accept one finding; refuses what a reviewer could not follow later."""
    found = find(_findings(terms.source), fingerprint)
    if found.rule == "ED302":
        waived = str(found.evidence.get("waived_finding", ""))[:12]
        raise ConfigError("a finding about an ended waiver cannot be waived", hint=f"waive {waived} anew")
    what = f"{found.fingerprint[:12]} ({found.rule}: {found.title})"
    accept(WAIVER, found.fingerprint, digest(found), terms, what, talk)
    return Exit.OK


def accept(kind: str, subject: str, covered: str, terms: Terms, what: str, talk: Talk) -> None:
    """Add an entry to the chain of approvals and say so; `covered` is the digest of what was looked at."""
    settings, now = settings_of(terms.config), present(terms.now)
    until = time_text(last_day(terms.until, now, settings.waiver_max_days))
    for flag, text in (("--reason", terms.reason), ("--owner", terms.owner)):
        if not text.strip():
            raise ConfigError(f"waive needs {flag}", hint="say why it is accepted, and who answers for it")
    approval = Approval(
        kind=kind,
        subject=subject,
        who=terms.owner.strip(),
        why=terms.reason.strip(),
        at=time_text(now),
        until=until,
        digest=covered,
    )
    where = place(folder_of(terms.source), settings, terms.state)
    with local(where, write=True) as path, open_state(path, HISTORY, APPROVALS) as state:
        refuse_broken(state)
        entry = append(state, approval)
    talk.say(
        f"waived {what} until {spoken(until)}; entry {entry.number} of the chain of approvals."
        " It counts from the next scan on."
    )


def revoke(fingerprint: str, reason: str, owner: str, path: Path, now: str | None, talk: Talk) -> Exit:
    """Take a waiver back; the entry stays in the chain, and so does this one."""
    if not path.is_file():
        raise ConfigError(f"{path}: there is no state file, so nothing is waived")
    with open_state(path, HISTORY, APPROVALS) as state:
        refuse_broken(state)
        owners = {name: one.owner for name, one in waivers(state).items()}
        owners |= {one.pattern.id: one.owner for one in patterns(state)}
        known = [name for name in owners if name.startswith(fingerprint.lower())]
        if len(known) != 1 or len(fingerprint) < _SHORTEST:
            raise ConfigError(
                f"{fingerprint}: {'no waiver' if not known else 'more than one waiver'} begins like this",
                hint="entdrift waive --list shows them",
            )
        approval = Approval(
            REVOKED, known[0], owner.strip() or owners[known[0]], reason.strip(), time_text(present(now))
        )
        append(state, approval)
    talk.say(f"revoked the waiver of {known[0][:12]}; it counts from the next scan on")
    return Exit.OK


def show(path: Path, now: str | None) -> Exit:
    """Print the waivers that were not revoked, the first to end first."""
    if not path.is_file():
        raise ConfigError(f"{path}: there is no state file", hint="a scan with history writes it")
    with open_state(path, HISTORY, APPROVALS, read_only=True) as state:
        held = sorted(waivers(state).values(), key=lambda one: (one.until, one.fingerprint))
        wide = sorted(patterns(state), key=lambda one: (one.until, one.pattern.id))
    at = time_text(present(now))
    for line in [*(_line(one, at) for one in held), *(_pattern_line(one, at) for one in wide)]:
        sys.stdout.write(terminal(line) + "\n")
    if not held and not wide:
        sys.stdout.write("no waivers\n")
    return Exit.OK


def _line(one: Accepted, at: str) -> str:
    word = "active " if one.active(at) else "expired"
    return f"{one.fingerprint[:12]}  {word}  until {spoken(one.until)}  {one.owner}: {one.reason}"


def _pattern_line(one: AcceptedPattern, at: str) -> str:
    word = "active " if one.active(at) else "expired"
    return (
        f"{one.pattern.id}  {word}  until {spoken(one.until)}  {one.owner}: {one.reason}"
        f"  [{one.pattern.words}; at most {one.pattern.at_most:,}]"
    )


def find(findings: Mapping[str, FindingEntry], wanted: str) -> FindingEntry:
    """Return the finding whose fingerprint begins so; raises ConfigError that names the nearest ones."""
    text = wanted.strip().lower()
    matches = [entry for name, entry in findings.items() if name.startswith(text)]
    if len(matches) == 1 and len(text) >= _SHORTEST:
        return matches[0]
    if matches and len(text) >= _SHORTEST:
        raise ConfigError(f"{wanted}: {len(matches)} findings begin like this", hint="give more digits")
    if matches:
        raise ConfigError(f"{wanted}: too short", hint=f"give at least {_SHORTEST} digits of the fingerprint")
    short = {name[: max(len(text), 12)]: entry for name, entry in findings.items()}
    near = difflib.get_close_matches(text, short, _CLOSE, cutoff=0.5)
    hint = "; ".join(f"did you mean {name} ({short[name].rule}: {short[name].title})" for name in near)
    raise ConfigError(
        f"{wanted}: no finding of the report has this fingerprint",
        hint=hint or "fingerprints stand in report.json and in the report's list of findings",
    )


def _findings(source: Path) -> Mapping[str, FindingEntry]:
    report = report_json.decode(source / REPORT if source.is_dir() else source)
    return {entry.fingerprint: entry for entry in report.findings if entry.status != "fixed"}


def digest(entry: FindingEntry) -> str:
    """Return the SHA-256 of exactly what was accepted: the finding without its state."""
    bare = msgspec.structs.replace(entry, status="open", first_seen="", waiver=None)
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def last_day(text: str, now: datetime, most_days: int) -> datetime:
    """Return the end of a waiver; ConfigError for one that is past or too far away."""
    try:
        until = last_moment(text)
    except ValueError as error:
        raise ConfigError(f"--until: {error}") from error
    if until <= now:
        raise ConfigError(f"--until {text}: this date has passed", hint="name a day to come")
    if until > now + timedelta(days=most_days + 1):
        raise ConfigError(
            f"--until {text}: further away than {most_days} days",
            hint="waive for a shorter time and look again; [history] waiver_max_days sets the limit",
        )
    return until


def present(now: str | None) -> datetime:
    """Return the time that counts as now."""
    try:
        return (moment(now) if now else datetime.now(UTC)).replace(microsecond=0)
    except ValueError as error:
        raise ConfigError(f"--now: {error}") from error


def refuse_broken(state: State) -> None:
    """Stop where the chain of approvals was changed."""
    broken = verify(state).broken
    if broken:
        raise ConfigError(
            f"{state.path}: the chain of approvals is broken: {broken}",
            hint="restore a whole copy: entdrift history restore FILE",
        )
