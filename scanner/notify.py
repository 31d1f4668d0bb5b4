"""Tell a webhook how a scan went, and write its numbers for Prometheus; only where the config file says so.

The address and the token may be secrets: both come from the environment, and neither is in any message.
"""

import http.client
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from reports import escape, json, prometheus
from reports.document import SEVERITIES, Report
from reports.finding_types import name as type_name
from reports.overview import finding_groups, findings_line, scope_line, verdict_line
from reports.tickets.patience import Patience
from reports.tickets.tracker import TrackerDownError, TrackerError, refused
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.notify_config import Notify
from scanner.talk import Talk
from scanner.tickets_config import address_problem
from scanner.write import make_folder, write_whole

_TIMEOUT_SECONDS = 30
_GROUPS, _NAMES, _SOURCES = 8, 3, 10
_READABLE_BY_ALL = 0o644


class _NoRedirects(HTTPRedirectHandler):
    """Follow no redirect: the token would go along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


def told(
    notify: Notify, report: Report, code: Exit, talk: Talk, sleep: Callable[[float], None] = time.sleep
) -> Exit:
    """Write the textfile and send the summary; return the exit code, which says when either failed."""
    failed = False
    if notify.textfile is not None:
        try:
            make_folder(notify.textfile.parent)
            write_whole(notify.textfile, prometheus.render(report).encode(), mode=_READABLE_BY_ALL)
        except OSError as error:
            failed = True
            talk.error(f"notify: {notify.textfile}: {error.strerror or error}")
    if (notify.webhook or notify.webhook_env) and (notify.when == "always" or code is not Exit.OK):
        try:
            _send(notify, message(report, code, notify.form), talk, sleep)
        except (TrackerError, ConfigError) as error:
            failed = True
            talk.error(f"notify: {error}" + (f" ({error.hint})" if error.hint else ""))
    return Exit.EXPORT if failed and code in (Exit.OK, Exit.FINDINGS) else code


def message(report: Report, code: Exit, form: str) -> dict[str, Any]:
    """Return the summary of a report in the form a receiver reads."""
    if form == "slack":
        return {"text": "\n".join(_slack(line) for line in _lines(report, code))}
    if form == "teams":
        return {"text": "\n\n".join(_teams(line) for line in _lines(report, code))}
    counts = report.summary.findings
    return {
        "schema": 1,
        "tool": f"{report.tool.name} {report.tool.version}",
        "generated_at": report.generated_at,
        "window": {"start": report.window.start, "end": report.window.end},
        "exit_code": int(code),
        "verdict": verdict_line(report),
        "ai_identities": report.summary.ai_identities,
        "permissions": {
            "granted": report.summary.permissions.granted,
            "used": report.summary.permissions.used,
            "unused": report.summary.permissions.unused,
            "unobservable": report.summary.permissions.unobservable,
        },
        "findings": {name: getattr(counts, name) for name in (*SEVERITIES, "waived", "fixed")},
        "types": [
            {
                "severity": group.severity,
                "rule": group.rule,
                "name": type_name(group.rule),
                "count": group.count,
                "identities": group.identities[:_NAMES],
            }
            for group in finding_groups(report)[:_GROUPS]
        ],
        "sources": [
            {
                "name": source.name,
                "provider": source.provider,
                "account": source.account,
                "stage": source.stage,
                "status": source.status,
                "reason": source.reason[:300],
            }
            for source in report.sources
            if source.status != "ok"
        ][:_SOURCES],
    }


def _lines(report: Report, code: Exit) -> list[str]:
    lines = [f"entdrift: {verdict_line(report)}", scope_line(report), findings_line(report)]
    if code is not Exit.OK:
        lines.append(f"Exit code {int(code)} ({code.name.lower().replace('_', ' ')})")
    for group in finding_groups(report)[:_GROUPS]:
        who = ", ".join(group.identities[:_NAMES])
        more = f" and {len(group.identities) - _NAMES} more" if len(group.identities) > _NAMES else ""
        lines.append(f"{group.severity} {group.rule} {type_name(group.rule)}: {group.count}: {who}{more}")
    broken = [source for source in report.sources if source.status != "ok"]
    lines += [f"source {one.name} {one.status}: {one.reason[:300]}" for one in broken[:_SOURCES]]
    return lines


def _slack(line: str) -> str:
    """Escape as Slack asks for it; without angle brackets there is no link, mention or channel call."""
    line = escape.terminal(line)
    for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(plain, written)
    return line


def _teams(line: str) -> str:
    return escape.markdown(line)


def _send(notify: Notify, body: dict[str, Any], talk: Talk, sleep: Callable[[float], None]) -> None:
    """Post a document; temporary failures are tried again a few times.

    Raises ConfigError for a variable that is not set, TrackerError for a receiver that refuses or is away.
    """
    address = notify.webhook or _secret(notify.webhook_env, "webhook_env")
    if problem := address_problem(address):
        raise ConfigError(f"the address in {notify.webhook_env or 'webhook'} {problem}")
    token = _secret(notify.token_env, "token_env") if notify.token_env else ""
    headers = {"Content-Type": "application/json", "User-Agent": "entdrift"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.write(body)
    opener = build_opener(_NoRedirects)

    def post() -> None:
        request = Request(address, data=data, headers=headers, method="POST")  # noqa: S310 checked above
        try:
            with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                answer.read(1_000)
        except HTTPError as error:
            with error:
                error.read(500)
            if error.code in (401, 403):
                hint = "check the address and token_env"
                raise TrackerDownError(f"the webhook refuses (HTTP {error.code})", hint=hint) from None
            raise refused(error.code, "", dict(error.headers), now=time.time(), secret=token) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _away(error) from None

    patience = Patience(attempts=4, longest_seconds=60.0, sleep=sleep)
    patience.waited = lambda seconds, reason: talk.say(f"notify: {reason}; trying again in {seconds:.0f} s")
    patience.ask(post)


def _away(error: Exception) -> TrackerError:
    """Return what is said when nobody answers: the kind of error alone, its text may hold the address."""
    reason = getattr(error, "reason", error)
    return TrackerError(f"the webhook does not answer ({type(reason).__name__})", temporary=True)


def _secret(variable: str, key: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"the environment variable {variable} is not set", hint=f"[notify] {key} names it")
    if not value.isascii() or not value.isprintable():
        raise ConfigError(f"the environment variable {variable} holds characters that do not belong there")
    return value
