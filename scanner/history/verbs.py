"""What `entdrift history` does: list scans, show one, verify, back up, restore."""

import json
import sys
from pathlib import Path
from typing import Any

from connectors.errors import StateError
from connectors.lock import held
from connectors.state import State, open_state
from reports import json as report_json
from reports.errors import ReportError
from reports.escape import terminal
from reports.overview import counted
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.history.approvals import APPROVALS, entries, holds, verify
from scanner.history.schema import HISTORY
from scanner.lookup import REPORT
from scanner.talk import Talk

_SCANS = """
    SELECT s.code, s.now, s.window_start, s.window_end, s.tool, s.evidence, s.summary,
        (SELECT group_concat(name || ' ' || status, ', ') FROM
            (SELECT name, status FROM scan_source WHERE scan = s.id ORDER BY name)) AS sources,
        (SELECT min(complete) FROM scan_account WHERE scan = s.id) AS complete, s.id
    FROM scan s
"""
_READ = """
    SELECT s.code, count(*), group_concat(CASE WHEN w.status != 'ok' THEN w.name || ' ' || w.status END, ', ')
    FROM scan s JOIN (SELECT scan, name, status FROM scan_source ORDER BY name) w ON w.scan = s.id
    GROUP BY s.id
"""


def listed(path: Path, form: str) -> Exit:
    """Print all scans, the newest last."""
    with _reading(path) as state:
        rows = [_scan(row) for row in state.read(f"{_SCANS} ORDER BY s.now, s.code")]
        read = {code: (many, broken) for code, many, broken in state.read(_READ)}
    if form == "json":
        sys.stdout.write(json.dumps(rows, indent=1, sort_keys=True) + "\n")
        return Exit.OK
    for row in rows:
        counts = row["summary"]["findings"]
        still = ", ".join(f"{counts[name]:,} {name}" for name in _SEVERITIES if counts[name]) or "none open"
        words = "complete" if row["complete"] else "not complete"
        many, broken = read.get(row["scan"], (0, ""))
        sources = counted(many, "source") + (f"; {broken}" if broken else "")
        _say(
            f"{row['scan']}  {row['now']}  {row['summary']['ai_identities']:,} AI identities; "
            f"findings: {still}; {words} ({sources})"
        )
    if not rows:
        _say("no scans")
    return Exit.OK


_SEVERITIES = ("critical", "high", "medium", "low", "info")


def shown(path: Path, wanted: str, form: str) -> Exit:
    """Print one scan: its sources, what it wrote about identities and findings."""
    with _reading(path) as state:
        found = state.read(f"{_SCANS} WHERE s.code LIKE ? || '%' ORDER BY s.now", (wanted,))
        if len(found) != 1:
            what = "no scan" if not found else f"{len(found)} scans"
            raise ConfigError(
                f"{wanted}: {what} of the history begin like this", hint="entdrift history lists them"
            )
        row = _scan(found[0])
        number = found[0][-1]
        row["sources"] = [
            dict(zip(("name", "provider", "stage", "status", "reason"), source, strict=True))
            for source in state.read(
                "SELECT name, provider, stage, status, reason FROM scan_source WHERE scan = ? ORDER BY name",
                (number,),
            )
        ]
        row["identities_changed"] = [
            f"{provider} {account} {id_}" + ("" if present else " (gone)")
            for provider, account, id_, present in state.read(
                "SELECT i.provider, i.account, i.cloud_id, s.present FROM snapshot s"
                " JOIN identity i ON i.id = s.identity WHERE s.scan = ? ORDER BY 1, 2, 3",
                (number,),
            )
        ]
        row["findings_changed"] = [
            dict(zip(("fingerprint", "rule", "identity", "status", "severity"), finding, strict=True))
            for finding in state.read(
                "SELECT f.fingerprint, f.rule, f.identity, s.status, s.severity FROM finding_state s"
                " JOIN finding f ON f.id = s.finding WHERE s.scan = ? ORDER BY 2, 3, 1",
                (number,),
            )
        ]
    if form == "json":
        sys.stdout.write(json.dumps(row, indent=1, sort_keys=True) + "\n")
        return Exit.OK
    _say(f"scan {row['scan']} of {row['now']} by {row['tool']}")
    _say(f"  window {row['window']['start']} to {row['window']['end']}, evidence {row['evidence']}")
    for source in row["sources"]:
        why = f": {source['reason']}" if source["reason"] else ""
        where = f"{source['provider']}, {source['stage'] or 'no stage'}"
        _say(f"  source {source['name']} ({where}) {source['status']}{why}")
    _say(f"  {len(row['identities_changed']):,} identities new or changed")
    for line in row["identities_changed"]:
        _say(f"    {line}")
    _say(f"  {len(row['findings_changed']):,} findings with a new state")
    for finding in row["findings_changed"]:
        _say(f"    {finding['status']} {finding['fingerprint'][:12]} {finding['rule']} {finding['identity']}")
    return Exit.OK


def verified(path: Path, source: Path) -> Exit:
    """Check the file, the chain of approvals, and that the chain still holds the head of the report."""
    with _reading(path) as state:
        chain = verify(state)
        scans = state.read("SELECT count(*) FROM scan")[0][0]
        held = f"{counted(scans, 'scan')}, {counted(len(entries(state)), 'approval')}"
        _say(f"{path}: whole; {held}, head {chain.head}")
        problems = [f"the chain of approvals is broken: {chain.broken}"] if chain.broken else []
        try:
            report = report_json.decode(source / REPORT if source.is_dir() else source)
        except ReportError as error:
            _say(f"no report to compare the head with: {error}")
        else:
            printed = report.history.approvals_head if report.history else ""
            if printed and not holds(state, printed):
                problems.append(f"cut off or replaced: the chain lacks the head of the report ({printed})")
            elif printed:
                _say(f"the chain holds the head that the report printed ({printed})")
    for problem in problems:
        _say(problem)
    return Exit.FINDINGS if problems else Exit.OK


def backed_up(path: Path, target: Path, talk: Talk) -> Exit:
    """Write a whole copy of the state file, also while a scan runs."""
    if target.exists() and target.resolve() == path.resolve():
        raise ConfigError(f"{target}: is the state file itself", hint="name another file")
    with _reading(path) as state:
        state.copy_to(target)
    talk.say(f"wrote {target}")
    return Exit.OK


def restored(path: Path, source: Path, talk: Talk) -> Exit:
    """Put a backup in the place of the state file; what stood there is kept beside it."""
    if not source.is_file():
        raise ConfigError(f"{source}: there is no such file", hint="name what `history backup` wrote")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with (
        held(lock, wait_seconds=0, say=talk.say),
        open_state(source, HISTORY, APPROVALS, read_only=True) as backup,
    ):
        if verify(backup).broken:
            raise ConfigError(f"{source}: its chain of approvals is broken: {verify(backup).broken}")
        kept = _set_aside(path)
        backup.copy_to(path)
    talk.say(f"restored {path} from {source}" + (f"; the former file is {kept}" if kept else ""))
    return Exit.OK


def _set_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    number = 1
    while (kept := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(kept.with_name(kept.name + suffix))
    return kept


def _reading(path: Path) -> State:
    if not path.is_file():
        raise ConfigError(
            f"{path}: there is no state file", hint="a scan with history writes it; see --from and --state"
        )
    try:
        return open_state(path, HISTORY, APPROVALS)
    except StateError as error:
        raise ConfigError(str(error), hint=error.hint) from error


def _scan(row: Any) -> dict[str, Any]:
    code, now, start, end, tool, evidence, summary, sources, complete, _ = row
    return {
        "scan": code,
        "now": now,
        "window": {"start": start, "end": end},
        "tool": tool,
        "evidence": evidence,
        "summary": json.loads(summary),
        "sources": sources or "",
        "complete": bool(complete),
    }


def _say(line: str) -> None:
    sys.stdout.write(terminal(line) + "\n")
