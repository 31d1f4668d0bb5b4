"""Assemble the page: template, style, scripts, data, and the policy that allows exactly those by hash."""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from reports.document import Report
from reports.html.decisions import decisions
from reports.html.gaps import gaps
from reports.html.island import island
from reports.html.opening import event_facts, opening
from reports.html.visible import LONGEST_NAME, visible
from reports.html.words import PROVIDERS, day, minute
from reports.log_ends import ends_early, logs_end, worst_first

SCRIPTS = (
    "text.js",
    "dom.js",
    "picture.js",
    "model.js",
    "query.js",
    "route.js",
    "table.js",
    "finding.js",
    "groups.js",
    "export.js",
    "overview.js",
    "diff.js",
    "removed.js",
    "reduction.js",
    "coverage.js",
    "drift.js",
    "permissions.js",
    "reach.js",
    "access.js",
    "identity.js",
    "report.js",
)
"""The script files in the order they are joined; `report.js` starts the page and comes last."""

_ALIKE = "groups.js"

_SOURCES = 12
"""Sources on the first screen; those that were not read whole come first."""


def page(report: Report) -> Iterator[str]:
    """Yield the page part by part; of a large report its data alone is tens of megabytes."""
    style, script = _style(), _script(alike=bool(report.groups))
    return _template().generate(
        policy=Markup(content_policy(style=style, script=script)),  # noqa: S704 - built from two hashes
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        island=_marked(island(report)._asdict()),
        report=report,
        opening=opening(report),
        decisions=decisions(report),
        gaps=gaps(report),
        first_sources=[
            (source, logs_end(report, source), ends_early(report, source))
            for source in worst_first(report)[:_SOURCES]
        ],
        findings_shown=50,
        identities_shown=200,
        event_facts=event_facts(report.summary.log_events),
    )


def content_policy(*, style: str, script: str) -> str:
    """Return the Content-Security-Policy that allows one style and one script element and nothing else.

    Nothing may be loaded, framed, submitted or re-based, and no string may become markup or code.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(script)}",
            f"style-src {_source(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _source(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _marked(block: dict[str, str]) -> dict[str, Markup]:
    """Mark the data block as safe: JSON without angle brackets, or base64."""
    return {key: Markup(text) for key, text in block.items()}  # noqa: S704 - see island.py


@cache
def _folder() -> Traversable:
    return files("reports.html")


@cache
def _style() -> str:
    return _folder().joinpath("report.css").read_text(encoding="utf-8")


@cache
def _script(*, alike: bool) -> str:
    """Join the script files in one function scope, so that nothing of the page is global.

    What shows groups is only in the page of a report that has some.
    """
    folder = _folder().joinpath("script")
    parts = (folder.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS if alike or name != _ALIKE)
    return "(() => {\n'use strict';\n" + "\n".join(parts) + "})();\n"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        day=day,
        minute=minute,
        provider=lambda provider: PROVIDERS.get(provider, provider),
        short=lambda name: visible(name, LONGEST_NAME),
    )
    return environment.from_string(_folder().joinpath("template.html.j2").read_text(encoding="utf-8"))
