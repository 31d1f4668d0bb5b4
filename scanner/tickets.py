"""What `tickets plan` and `tickets apply` do, from their flags to their exit code."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from reports import escape
from reports import json as report_json
from reports.document import Report
from reports.overview import counted
from reports.tickets import csv, markdown
from reports.tickets.apply import Result, apply
from reports.tickets.bundle import plan_by
from reports.tickets.completeness import Evidence
from reports.tickets.patience import Patience
from reports.tickets.settings import GitHub, GitLab, Jira, ServiceNow, Settings, Webhook
from reports.tickets.sync import Action, Create, Leave, Update, changes_something, sync
from reports.tickets.tracker import Found, Tracker, TrackerError
from reports.tickets.units import WAYS, By
from scanner.config import load_grouping, load_trackers
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.offer import whole
from scanner.talk import Talk
from scanner.tickets_config import settings, token
from scanner.write import write_standard_output, write_whole

FILE_TARGETS = ("csv", "json", "markdown")


@dataclass(frozen=True, slots=True)
class Request:
    """The flags of both verbs."""

    source: Path
    target: str
    config: Path | None = None
    url: str | None = None
    project: str | None = None
    existing: Path | None = None
    keep: Path | None = None
    as_json: bool = False
    output: Path | None = None
    group_by: By | None = None


def plan_tickets(request: Request, talk: Talk) -> Exit:
    """Print what `apply` would do; the tracker is only read, and not even that with `existing`."""
    report = whole(report_json.decode(request.source))
    try:
        found = _existing(request, talk)
    except TrackerError as error:
        return _failed(request.target, error, talk)
    if request.keep:
        write_whole(request.keep, report_json.write(found))
        talk.say(f"wrote {request.keep}")
    by = _way(request)
    actions = sync(plan_by(report, by), found, Evidence(report))
    if by == "identity" and report.groups:
        talk.say(_advice(report))
    text = report_json.write(actions) if request.as_json else _listing(actions).encode()
    write_standard_output(text)
    return Exit.OK


def apply_tickets(request: Request, talk: Talk) -> Exit:
    """Do what the plan says, and print what was done."""
    report = whole(report_json.decode(request.source))
    if request.target in FILE_TARGETS:
        return _write_file(report, request, talk)
    wanted = plan_by(report, _way(request))
    tracker = _tracker(request)
    patience = _patience(talk)
    try:
        found = patience.ask(tracker.find)
    except TrackerError as error:
        return _failed(request.target, error, talk)
    results = []
    for result in apply(sync(wanted, found, Evidence(report)), tracker, patience):
        results.append(result)
        _tell(result, talk)
    broken = sum(result.status in {"failed", "skipped"} for result in results)
    done = sum(result.status == "done" for result in results)
    left = sum(result.status == "left" for result in results)
    _print(f"{done} done, {left} left as they are, {broken} not done")
    return Exit.EXPORT if broken else Exit.OK


def _way(request: Request) -> By:
    """Return what one ticket is about: the flag, the config file, or one identity."""
    if request.group_by is not None:
        return request.group_by
    return load_grouping(request.config) if request.config else WAYS[0]


def _advice(report: Report) -> str:
    alike = sum(group.identities for group in report.groups)
    return (
        f"{counted(alike, 'identity', 'identities')} in {counted(len(report.groups), 'group')} are written "
        "alike in several accounts: --group-by role makes one ticket of each"
    )


def _existing(request: Request, talk: Talk) -> list[Found]:
    if request.existing:
        return _read_existing(request.existing)
    if request.target in FILE_TARGETS:
        return []
    if not _names_a_tracker(request):
        talk.warn(
            f"no {request.target} is named (--config, --url), so none was asked: all tickets count as new"
        )
        return []
    tracker = _tracker(request)
    return _patience(talk).ask(tracker.find)


def _names_a_tracker(request: Request) -> bool:
    """Whether anything says which tracker to ask; half of what it needs is still an error."""
    return bool(request.url or request.project or _tables(request).get(request.target))


def _read_existing(path: Path) -> list[Found]:
    hint = "write it with: entdrift tickets plan --save-existing FILE"
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Found])
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", hint=hint) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no list of existing tickets: {error}", hint=hint) from error


def _tables(request: Request) -> Mapping[str, Mapping[str, Any]]:
    return load_trackers(request.config) if request.config else {}


def _tracker(request: Request) -> Tracker:
    table = _tables(request).get(request.target, {})
    return _open(settings(request.target, table, url=request.url, project=request.project))


def _open(chosen: Settings) -> Tracker:
    """Import the adapter of a tracker: each needs a library that only its users install."""
    match chosen:
        case Jira():
            from reports.tickets import jira  # noqa: PLC0415 as above

            return jira.Issues(chosen, token(chosen.token_env))
        case GitHub():
            from reports.tickets import github  # noqa: PLC0415 as above

            return github.Issues(chosen, token(chosen.token_env))
        case GitLab():
            from reports.tickets import gitlab  # noqa: PLC0415 as above

            return gitlab.Issues(chosen, token(chosen.token_env))
        case ServiceNow():
            from reports.tickets import servicenow  # noqa: PLC0415 as above

            return servicenow.Records(chosen, token(chosen.token_env))
        case Webhook():
            from reports.tickets import webhook  # noqa: PLC0415 as above

            bearer = token(chosen.token_env) if chosen.token_env else ""
            secret = token(chosen.secret_env) if chosen.secret_env else ""
            return webhook.Receiver(chosen, bearer, secret)


def _patience(talk: Talk) -> Patience:
    return Patience(waited=lambda seconds, why: talk.say(f"waiting {seconds:,.0f} s: {why}"))


def _write_file(report: Report, request: Request, talk: Talk) -> Exit:
    tickets = plan_by(report, _way(request))
    match request.target:
        case "csv":
            text = csv.write(tickets).encode()
        case "markdown":
            text = markdown.write(tickets, report).encode()
        case _:
            text = report_json.write(tickets)
    if request.output is None:
        write_standard_output(text)
    else:
        write_whole(request.output, text)
        talk.say(f"wrote {request.output}")
    return Exit.OK


def _listing(actions: Sequence[Action]) -> str:
    """Write the plan for people: what changes first in the report's order, then what is left and why."""
    lines = []
    for action in sorted(actions, key=lambda action: not changes_something(action)):
        title = action.ticket.title if isinstance(action, Create) else action.title
        where = "" if isinstance(action, Create) else f"  {action.url or action.id}"
        lines.append(f"{_verb(action):<7} {action.key}{where}  {title}")
        lines.append(f"        {action.reason}")
        if isinstance(action, Leave) and action.waive:
            lines.append(f"        waiver proposed for: {' '.join(action.waive)}")
    counts = [f"{sum(_verb(a) == verb for a in actions)} {verb}" for verb in _VERBS]
    lines.append(f"plan: {', '.join(counts)}")
    return "".join(escape.terminal(line) + "\n" for line in lines)


_VERBS = ("create", "update", "reopen", "close", "leave")


def _verb(action: Action) -> str:
    return type(action).__name__.lower()


def _tell(result: Result, talk: Talk) -> None:
    action = result.action
    match result.status:
        case "done":
            _print(f"{_verb(action):<7} {action.key}  {result.url or result.id}")
            if isinstance(action, Update):
                _print(f"        {action.reason}")
        case "left":
            reason = result.message or action.reason
            _print(f"leave   {action.key}  {result.url or result.id}: {reason}")
        case "failed":
            talk.error(f"{_verb(action)} {action.key}: {result.message}")
            if result.hint:
                talk.say(f"  hint: {result.hint}")
        case "skipped":
            talk.error(f"{_verb(action)} {action.key}: {result.message}")


def _failed(target: str, error: TrackerError, talk: Talk) -> Exit:
    talk.error(f"{target}: {error}")
    if error.hint:
        talk.say(f"  hint: {error.hint}")
    return Exit.EXPORT


def _print(text: str) -> None:
    sys.stdout.write(escape.terminal(text) + "\n")
