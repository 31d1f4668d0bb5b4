"""Write comparisons with baselines and the results of their tests as plain lines."""

from reports import escape
from reports.baseline.document import CheckReport, TestReport
from reports.baseline.words import headline, sentence, title


def check(report: CheckReport) -> str:
    """Give what expands for each identity; identities within their baseline take one line."""
    lines = [headline(report), f"Compared: {report.against}"]
    lines += [f"note: {note}" for note in report.notes]
    for one in report.compared:
        open_ones = [e for e in one.expansions if not e.waived]
        mark = "EXPANDS" if open_ones else "within"
        file = one.baseline or "no baseline"
        lines += [*([""] if one.expansions or one.notes else []), f"{mark:8}{title(one)}: {file}"]
        if one.approval:
            lines.append(f"        {one.approval}")
        lines += [f"        {e.kind}: {sentence(e)}" for e in open_ones]
        lines += [f"        waived {e.kind}: {sentence(e)} ({e.waiver})" for e in one.expansions if e.waived]
        lines += [f"        note: {note}" for note in one.notes]
    return _joined(lines)


def requests(report: TestReport) -> str:
    """Give each request with its answer; failed ones are marked."""
    failed = sum(not row.passed for row in report.results)
    passed = f"{len(report.results) - failed:,} of {len(report.results):,} requests"
    lines = [
        f"{passed} are answered as the baselines ask",
        f"Asked: {report.against}",
    ]
    lines += [f"note: {note}" for note in report.notes]
    for row in report.results:
        mark = "ok" if row.passed else "FAILED"
        by = f" by {row.decided_by}" if row.decided_by else ""
        wanted = f"must {row.wanted} {row.permission} on {row.resource}"
        lines.append(f"{mark:8}{row.name or row.identity}: {wanted}: {row.answer}{by}")
    return _joined(lines)


def _joined(lines: list[str]) -> str:
    return "\n".join(escape.terminal(escape.clip(line, 1_500)) for line in lines) + "\n"
