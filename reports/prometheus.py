"""Write gauges for the textfile collector of Prometheus' node exporter.

Labels are bounded: no identity, permission or resource is ever a label, and accounts past the first two
hundred are added up as `other`. Counts are written when they are zero, so that alerts can clear.
"""

from collections import Counter

from reports import escape
from reports.document import SEVERITIES, VERDICTS, Report
from reports.moments import epoch_seconds

_ACCOUNTS = 200
_STATES = ("on", "off", "partial", "unknown")
_STATUSES = ("open", "regressed", "waived", "fixed")
_EXPIRING_SECONDS = 30 * 86_400

_Labels = tuple[tuple[str, str], ...]
_Samples = Counter[_Labels]


def render(report: Report) -> str:
    """Give `entdrift.prom`; metrics and labels are sorted, so equal reports give equal files."""
    accounts = _Accounts(report)
    lines: list[str] = []
    for name, text, samples in (
        ("identities", "Identities listed, AI workloads and others.", _identities(report, accounts)),
        ("permissions", "Permissions of AI identities by verdict.", _permissions(report, accounts)),
        ("removable_permissions", "Permissions the reductions take away.", _removable(report, accounts)),
        ("static_credentials", "Active long-lived credentials.", _credentials(report, accounts)),
        ("findings", "Findings by severity and status.", _findings(report, accounts)),
        ("findings_by_rule", "Open findings by rule.", _by_rule(report)),
        ("waivers_expiring", "Waivers that end within 30 days.", _expiring(report)),
        ("sources", "Sources by how reading them went.", _sources(report)),
        ("coverage", "Logs by whether they were recorded.", _coverage(report, accounts)),
        ("log_events", "Log events by what became of them.", _events(report)),
        (
            "unreadable_log_files",
            "Log files not read whole.",
            _one(report.summary.log_events.unreadable_files),
        ),
        ("window_start_timestamp_seconds", "Start of the window.", _time(report.window.start)),
        ("last_success_timestamp_seconds", "When the report was made.", _time(report.generated_at)),
        ("window_end_timestamp_seconds", "End of the window.", _time(report.window.end)),
        ("build_info", "Version of the program and of the report.", _build(report)),
    ):
        lines += [f"# HELP entdrift_{name} {text}", f"# TYPE entdrift_{name} gauge"]
        # Added up by what is written, because two long names may be cut to the same label.
        totals: Counter[str] = Counter()
        for labels, number in samples.items():
            totals[_labels(labels)] += number
        lines += [f"entdrift_{name}{written} {totals[written]}" for written in sorted(totals)]
    return "\n".join(lines) + "\n"


class _Accounts:
    """Which accounts get their own label; all others share one."""

    def __init__(self, report: Report) -> None:
        found = {(entry.provider, entry.account) for entry in report.sources}
        found |= {(entry.provider, entry.account) for entry in report.identities}
        self.kept = sorted(found)[:_ACCOUNTS]
        self._kept = set(self.kept)

    def label(self, provider: str, account: str) -> _Labels:
        shown = account if (provider, account) in self._kept else "other"
        return (("account", shown), ("provider", provider))


def _identities(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter()
    for provider, account in accounts.kept:
        for ai in ("false", "true"):
            samples[*accounts.label(provider, account), ("ai", ai)] = 0
    for entry in report.identities:
        ai = "true" if entry.ai_workload.is_ai else "false"
        samples[*accounts.label(entry.provider, entry.account), ("ai", ai)] += 1
    return samples


def _permissions(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter()
    for entry in report.identities:
        if entry.ai_workload.is_ai:
            for verdict in ("granted", *VERDICTS):
                labels = (*accounts.label(entry.provider, entry.account), ("verdict", verdict))
                samples[labels] += getattr(entry.permissions, verdict)
    return samples


def _removable(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter()
    for entry in report.identities:
        if entry.ai_workload.is_ai:
            samples[accounts.label(entry.provider, entry.account)] += entry.reduction.removes
    return samples


def _credentials(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter({accounts.label(*account): 0 for account in accounts.kept})
    for entry in report.identities:
        held = sum(c.long_lived and c.status == "active" for c in entry.credentials)
        samples[accounts.label(entry.provider, entry.account)] += held
    return samples


def _findings(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter()
    for account in accounts.kept:
        for severity in SEVERITIES:
            for status in _STATUSES:
                samples[*accounts.label(*account), ("severity", severity), ("status", status)] = 0
    for finding in report.findings:
        where = accounts.label(finding.provider, finding.account)
        samples[*where, ("severity", finding.severity), ("status", finding.status)] += 1
    return samples


def _by_rule(report: Report) -> _Samples:
    samples: _Samples = Counter()
    for finding in report.findings:
        samples[(("rule", finding.rule),)] += finding.status in {"open", "regressed"}
    return samples


def _expiring(report: Report) -> _Samples:
    now = epoch_seconds(report.generated_at) or 0
    ends = [epoch_seconds(finding.waiver.until) for finding in report.findings if finding.waiver]
    return _one(sum(end is not None and end - now <= _EXPIRING_SECONDS for end in ends))


def _sources(report: Report) -> _Samples:
    samples: _Samples = Counter()
    for source in report.sources:
        samples[("provider", source.provider), ("source", source.name), ("status", source.status)] += 1
    return samples


def _coverage(report: Report, accounts: _Accounts) -> _Samples:
    samples: _Samples = Counter()
    for account in accounts.kept:
        for state in _STATES:
            samples[*accounts.label(*account), ("state", state)] = 0
    for entry in report.coverage:
        samples[*accounts.label(entry.provider, entry.account), ("state", entry.state)] += 1
    return samples


def _events(report: Report) -> _Samples:
    names = ("read", "duplicates", "outside_window", "unmapped", "unattributed", "rejected")
    return Counter({(("what", name),): getattr(report.summary.log_events, name) for name in names})


def _time(time: str) -> _Samples:
    seconds = epoch_seconds(time)
    return Counter() if seconds is None else _one(seconds)


def _build(report: Report) -> _Samples:
    labels = (("schema_version", report.schema_version), ("version", report.tool.version))
    return Counter({labels: 1})


def _one(number: int) -> _Samples:
    return Counter({(): number})


def _labels(labels: _Labels) -> str:
    """Write labels in the exposition format: backslash, quote and line feed are escaped."""
    if not labels:
        return ""
    written = (f'{name}="{_value(text)}"' for name, text in sorted(labels))
    return "{" + ",".join(written) + "}"


def _value(text: str) -> str:
    shown = escape.terminal(escape.clip(text, 200))
    return shown.replace("\\", "\\\\").replace('"', '\\"')
