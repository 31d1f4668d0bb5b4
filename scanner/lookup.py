"""Find in a report the one identity that a person means."""

from pathlib import Path

from reports import json as report_json
from reports.document import IdentityEntry, Report
from scanner.errors import ConfigError

REPORT = report_json.FILE_NAME
_MOST_SHOWN = 10


def open_report(source: Path) -> tuple[Report, Path]:
    """Return the report named by its file or its folder, and the folder."""
    return report_json.decode(source), source if source.is_dir() else source.parent


def find_identity(report: Report, wanted: str) -> IdentityEntry:
    """Return the identity with this id, or with this name where only one has it.

    Raises ConfigError that lists whom it could mean.
    """
    named = [entry for entry in report.identities if entry.id == wanted]
    named = named or [entry for entry in report.identities if entry.name == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        listed = "; ".join(entry.id for entry in named[:_MOST_SHOWN])
        left = len(named) - _MOST_SHOWN
        listed += f"; and {left:,} more" if left > 0 else ""
        raise ConfigError(
            f"{wanted}: {len(named)} identities have this name: {listed}", hint="name one by id"
        )
    folded = wanted.lower()
    close = [
        entry.id for entry in report.identities if folded in entry.id.lower() or folded in entry.name.lower()
    ]
    hint = f"did you mean {'; '.join(close[:_MOST_SHOWN])}" if close else "ids stand in report.json"
    raise ConfigError(f"{wanted}: no identity of the report has this id or name", hint=hint)
