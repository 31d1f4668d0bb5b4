"""The registry of output formats: name, file name, one line for the help text, and the renderer.

Renderers are imported when they are first used, so that listing formats costs nothing.
"""

import difflib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.document import Report
from reports.errors import ReportError


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a report to one file."""

    name: str
    file_name: str
    description: str
    renderer: str
    """Where the renderer is: `module:function`, a function from Report to str, bytes or parts of them."""

    def render(self, report: Report) -> bytes:
        """Render a report; text becomes UTF-8."""
        return b"".join(self.parts(report))

    def parts(self, report: Report) -> Iterable[bytes]:
        """Render a report in parts where it may be large, so that it is never held whole."""
        module, _, function = self.renderer.partition(":")
        renderer: Callable[[Report], str | bytes | Iterable[bytes]]
        renderer = getattr(importlib.import_module(module), function)
        rendered = renderer(report)
        if isinstance(rendered, str):
            return (rendered.encode(),)
        return (rendered,) if isinstance(rendered, bytes) else rendered


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("terminal", "summary.txt", "the summary that a scan prints", "reports.terminal:render"),
        Format("json", "report.json", "the whole report, schema version 1", "reports.json:parts"),
        Format("html", "report.html", "one page that opens offline", "reports.html:parts"),
        Format("markdown", "summary.md", "a summary for pull requests", "reports.markdown:render"),
        Format("csv", "findings.csv", "findings, one per row", "reports.csv:findings"),
        Format("csv-identities", "identities.csv", "identities, one per row", "reports.csv:identities"),
        Format(
            "csv-permissions",
            "permissions.csv",
            "permissions with their verdict, one per row and identity",
            "reports.csv:permissions",
        ),
        Format("parquet", "findings.parquet", "findings, with types", "reports.parquet:findings"),
        Format(
            "parquet-identities",
            "identities.parquet",
            "identities with their counts, with types",
            "reports.parquet:identities",
        ),
        Format(
            "parquet-permissions",
            "permissions.parquet",
            "permissions with their verdict, with types",
            "reports.parquet:permissions",
        ),
        Format(
            "parquet-usage",
            "usage.parquet",
            "calls by permission, resource and credential",
            "reports.parquet:usage",
        ),
        Format(
            "parquet-credentials",
            "credentials.parquet",
            "keys, secrets and certificates",
            "reports.parquet:credentials",
        ),
        Format("parquet-grants", "grants.parquet", "written grants", "reports.parquet:grants"),
        Format(
            "parquet-coverage", "coverage.parquet", "which logs were recorded", "reports.parquet:coverage"
        ),
        Format("sarif", "report.sarif", "SARIF 2.1.0 for code scanning", "reports.sarif:render"),
        Format("ocsf", "report.ocsf.json", "OCSF 1.8.0 IAM Analysis Findings", "reports.ocsf:render"),
        Format("asff", "report.asff.json", "AWS Security Hub, BatchImportFindings", "reports.asff:render"),
        Format("junit", "junit.xml", "findings as failed tests of a pipeline", "reports.junit:render"),
        Format(
            "prometheus", "entdrift.prom", "gauges for the textfile collector", "reports.prometheus:render"
        ),
        Format(
            "defectdojo",
            "defectdojo.json",
            "DefectDojo's Generic Findings Import",
            "reports.defectdojo:render",
        ),
        Format(
            "tickets-markdown",
            "tickets.md",
            "one ticket per AI identity, to read or paste",
            "reports.tickets.markdown:render",
        ),
        Format(
            "tickets-json",
            "tickets.json",
            "one ticket per AI identity, for scripts",
            "reports.tickets.json:render",
        ),
        Format(
            "tickets-csv",
            "tickets.csv",
            "one ticket per AI identity, for the importers of Jira and ServiceNow",
            "reports.tickets.csv:render",
        ),
    )
}


def find(name: str) -> Format:
    """Give the format with a name; an unknown name is an error that lists those that exist."""
    try:
        return FORMATS[name]
    except KeyError:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ReportError(
            f"there is no report format named {name!r}", hint=f"{hint}Formats: {', '.join(FORMATS)}"
        ) from None
