"""Which formats to write where, and writing them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.forked import elsewhere
from reports import formats
from reports.document import SEVERITIES, Report
from reports.errors import ReportError
from scanner.errors import ConfigError
from scanner.talk import Talk
from scanner.write import make_folder, write_parts, write_standard_output

STANDARD_OUTPUT = "-"

_MANY = 5_000
"""Findings from which on the page and tickets are written by a process of their own, beside report.json."""


@dataclass(frozen=True, slots=True)
class Target:
    """One format to write, and where: empty for its usual name in the output folder."""

    format: formats.Format
    place: str


def targets(chosen: Sequence[str]) -> list[Target]:
    """Read NAME[=FILE] flags; only one format can go to standard output.

    Raises ReportError for a format that does not exist, ConfigError for two on standard output.
    """
    found = []
    for text in chosen:
        name, _, place = text.partition("=")
        found.append(Target(formats.find(name), place))
    if sum(target.place == STANDARD_OUTPUT for target in found) > 1:
        raise ConfigError("only one format can go to standard output")
    return found


def write(
    report: Report, targets: Sequence[Target], folder: Path, talk: Talk
) -> tuple[list[Path], list[str]]:
    """Write every format; one that fails is named and the others are still written."""
    here = [target for target in targets if target.format.name == "json" or target.place == STANDARD_OUTPUT]
    apart = [target for target in targets if target not in here]
    if here and apart and len(report.findings) > _MANY:
        with elsewhere(lambda: _try(report, apart, folder)) as copy:
            tried = _try(report, here, folder) | copy.result()
    else:
        tried = _try(report, targets, folder)
    written: list[Path] = []
    failed: list[str] = []
    for target in targets:
        path, fault = tried[target]
        if fault:
            talk.error(f"{target.format.name}: {fault}")
            failed.append(target.format.name)
        else:
            written += [path] if path else []
    return written, failed


def _try(report: Report, targets: Iterable[Target], folder: Path) -> dict[Target, tuple[Path | None, str]]:
    """Write some formats; return for each its file, and what went wrong if something did."""
    tried: dict[Target, tuple[Path | None, str]] = {}
    for target in targets:
        try:
            tried[target] = _write_one(report, target, folder), ""
        except (OSError, ReportError) as error:
            tried[target] = None, _said(error)
    return tried


def _said(error: OSError | ReportError) -> str:
    """Say a fault of the disk in its own words, without the number that Python puts before them."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _write_one(report: Report, target: Target, folder: Path) -> Path | None:
    """Write one format; return its file, or None when it went to standard output."""
    if target.place == STANDARD_OUTPUT:
        write_standard_output(target.format.render(report))
        return None
    path = Path(target.place) if target.place else folder / target.format.file_name
    make_folder(path.parent)
    write_parts(path, target.format.parts(report))
    return path


def reaches(report: Report, fail_on: str) -> bool:
    """Tell whether an open finding is at or above a severity; waived and fixed ones do not count."""
    if fail_on == "none":
        return False
    names: list[str] = [*SEVERITIES]
    counted = names[: names.index(fail_on) + 1]
    return any(row.severity in counted and row.status in {"open", "regressed"} for row in report.findings)
