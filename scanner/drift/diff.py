"""What `entdrift diff` does: compare two reports or bundles, without a history."""

import sys
from pathlib import Path

from connectors.bundle import MANIFEST, open_bundle
from connectors.permissions import Permissions
from reports import drift_text
from reports import json as report_json
from reports.document import FindingEntry, Report
from reports.drift_text import Difference, FindingChange
from scanner import pipeline
from scanner.config import Config, load
from scanner.drift.compare import Catalogue, between
from scanner.drift.snapshot import Key, Snapshot, of_report
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.lookup import REPORT
from scanner.publish import without_history
from scanner.talk import Talk
from scanner.write import write_standard_output


def diff(old: Path, new: Path, form: str, config: Path | None, talk: Talk) -> Exit:
    """Print what changed from one to the other."""
    found = compare(_opened(old, config, talk), _opened(new, config, talk))
    if form == "json":
        write_standard_output(report_json.write(found))
    else:
        render = drift_text.markdown if form == "markdown" else drift_text.text
        write_standard_output(render(found).encode())
    sys.stdout.flush()
    return Exit.OK


def compare(old: Report, new: Report) -> Difference:
    """Return the difference between two reports.

    An identity is gone only where the newer report read its account whole.
    """
    names = Permissions(source="", date="", service=_service)
    before = {snapshot.key: snapshot for snapshot in of_report(old, names)}
    after = {snapshot.key: snapshot for snapshot in of_report(new, names)}
    before = _renamed(before, after)
    whole = {(s.provider, s.account) for s in new.sources if s.status == "ok"}
    missing = frozenset(key for key in before if key not in after and key[:2] in whole)
    notes = [
        f"{s.name} ({f'{s.provider} {s.account}'.strip()}) is {s.status} in the newer report: {s.reason}"
        for s in new.sources
        if s.status != "ok"
    ]
    unread = sorted({key[1] for key in before if key not in after and key[:2] not in whole})
    notes += [f"account {name} was not read whole; nothing of it is called gone" for name in unread]
    old_findings = {f.fingerprint: f for f in old.findings if f.status != "fixed"}
    new_findings = {f.fingerprint: f for f in new.findings if f.status != "fixed"}
    return Difference(
        old=old.generated_at,
        new=new.generated_at,
        changes=between(before, after, Catalogue(names), since=old.generated_at, missing=missing),
        findings_new=[_finding(f) for name, f in new_findings.items() if name not in old_findings],
        findings_gone=[_finding(f) for name, f in old_findings.items() if name not in new_findings],
        notes=notes,
    )


def _service(name: str) -> str:
    """Return the part of a permission name before the cloud's own separator; it only groups what is shown."""
    for mark in (":", "/"):
        if mark in name:
            return name.partition(mark)[0]
    return name.partition(".")[0]


def _renamed(before: dict[Key, Snapshot], after: dict[Key, Snapshot]) -> dict[Key, Snapshot]:
    """Return the older identities under the keys of the newer ones, where one side knows no immutable id."""
    own = {(s.provider, s.account, s.id): (key, s) for key, s in after.items()}
    found = {}
    for key, snapshot in before.items():
        other = own.get((snapshot.provider, snapshot.account, snapshot.id))
        same = other is not None and not (snapshot.immutable_id and other[1].immutable_id)
        found[other[0] if same and other is not None else key] = snapshot
    return found


def _finding(entry: FindingEntry) -> FindingChange:
    return FindingChange(**{name: getattr(entry, name) for name in FindingChange.__struct_fields__})


def _opened(path: Path, config: Path | None, talk: Talk) -> Report:
    """Return a report: read, or made from a bundle."""
    if (path / MANIFEST).is_file():
        settings = load(config) if config else Config(sources=())
        bundle = open_bundle(path)
        result = pipeline.analyse(
            bundle,
            patterns=settings.patterns,
            everyone=settings.everyone,
            now=bundle.window.end,
            observe=talk.observe,
            limits=settings.limits,
        )
        return without_history(result, settings)
    if path.is_dir() and not (path / REPORT).is_file():
        raise ConfigError(
            f"{path}: holds neither a report.json nor an evidence bundle",
            hint="name what scan or collect wrote",
        )
    return report_json.decode(path)
