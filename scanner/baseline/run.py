"""What the verbs of `entdrift baseline` do, from their flags to their exit code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.baselines import Holding
from connectors.registry import PROVIDERS
from connectors.state import open_state
from reports import json as report_json
from reports.baseline import markdown, text
from reports.baseline.document import SCHEMA_VERSION, CheckReport, TestReport
from reports.document import IdentityEntry, Report
from scanner.baseline.approve import Given, approvals_of, approve
from scanner.baseline.check import Check, check_proposal, check_scan
from scanner.baseline.evidence import Clouds
from scanner.baseline.model import Baseline
from scanner.baseline.read import read, read_all
from scanner.baseline.requests import ask, by_baseline, by_evidence, by_proposal
from scanner.baseline.signature import Trust, examine
from scanner.baseline.write import write_baselines
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.history.approvals import APPROVALS
from scanner.history.config import HistorySettings
from scanner.history.session import local, place
from scanner.lookup import REPORT, find_identity, open_report
from scanner.moments import moment
from scanner.talk import Talk
from scanner.write import make_folder, write_standard_output

_LARGEST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """The flags that `check` and `test` share."""

    baselines: Path
    source: Path
    policy: Path | None = None
    plan: Path | None = None
    identity: str = ""
    stage: str = ""
    scope: str = ""
    form: str = "text"
    now: str | None = None
    itself: bool = False
    state: str | None = None
    require_approval: bool = False


def write(source: Path, output: Path, identity: str, stage: str, talk: Talk, *, granted: bool) -> Exit:
    """Write the baseline files of a scan's AI identities, or of one identity."""
    report, folder = open_report(source)
    entries = _entries(report, identity, stage)
    clouds = Clouds.beside(folder, required=True)
    changed = unchanged = 0
    problems = []
    for one in write_baselines(entries, clouds, output, "granted" if granted else "used"):
        if one.problem:
            problems.append(one.problem)
            talk.error(one.problem)
            continue
        changed += one.changed
        unchanged += not one.changed
        talk.say(f"{'wrote' if one.changed else 'unchanged'} {one.path}")
        for note in one.notes:
            talk.warn(f"{one.path.name}: {note}")
    talk.say(f"{changed:,} written, {unchanged:,} unchanged, {len(problems):,} left alone in {output}")
    return Exit.EXPORT if problems else Exit.OK


def check(request: Request, talk: Talk) -> Exit:
    """Print what goes beyond the baselines; exit 1 when something does."""
    baselines = _baselines(request)
    found = _check(request, baselines)
    write_standard_output(_rendered(found, request.form))
    del talk
    return Exit.FINDINGS if found.decision == "expands" else Exit.OK


def _check(request: Request, baselines: Sequence[Baseline]) -> CheckReport:
    now = _present(request.now)
    if request.policy is None and request.plan is None:
        report, folder = open_report(request.source)
        entries = _entries(report, request.identity, request.stage)
        clouds = Clouds.beside(folder, required=True)
        against = f"{folder / REPORT}, written {report.generated_at}"
        return check_scan(_asked(request, clouds, baselines, now), entries, against)
    clouds = _clouds(request)
    asked = _asked(request, clouds, baselines, now)
    path = _proposal_file(request)
    return check_proposal(asked, _holdings(request, clouds), str(path), _chosen(request, baselines))


def _asked(request: Request, clouds: Clouds, baselines: Sequence[Baseline], now: datetime) -> Check:
    where = state_place(request.source, request.state)
    with local(where) as path:
        if request.require_approval and not path.is_file():
            raise ConfigError(
                f"{where}: there is no state file, so nothing is approved", hint="name it with --state"
            )
        states = approvals_of(path, baselines, now)
    return Check(clouds, baselines, now, states, require_approval=request.require_approval)


def state_place(source: Path, flag: str | None) -> str:
    """Return where the state is: the flag, the environment, or beside the report."""
    folder = source if source.is_dir() or source.suffix != ".json" else source.parent
    return place(folder, HistorySettings(), flag)


@dataclass(frozen=True, slots=True)
class ApproveRequest:
    """The flags of `approve`."""

    file: Path
    who: str
    why: str
    until: str
    source: Path
    state: str | None = None
    signature: Path | None = None
    signers: Path | None = None
    issuer: str = ""
    now: str | None = None


def approve_file(request: ApproveRequest, talk: Talk) -> Exit:
    """Record that somebody approved a baseline file exactly as it is."""
    baseline = read(request.file)
    trust = Trust(request.signers, request.issuer)
    signed = examine(request.file, request.signature, request.who, trust) if request.signature else None
    given = Given(request.who, request.why, request.until, signed)
    where = state_place(request.source, request.state)
    with local(where, write=True) as path:
        make_folder(path.parent)
        with open_state(path, APPROVALS) as state:
            if state.quarantine is not None:
                talk.warn(str(state.quarantine))
            entry = approve(state, baseline, given, _present(request.now))
    talk.say(
        f"entry {entry.number} of {where}: {request.who} approved {request.file} until {entry.approval.until}"
    )
    talk.say(f"  digest of the file {baseline.digest}")
    talk.say(f"  head of the chain {entry.hash}")
    if signed is not None:
        (talk.say if signed.verified else talk.warn)(signed.words)
    return Exit.OK


def export(file: Path, form: str) -> Exit:
    """Print a baseline as a policy of another language."""
    from scanner.baseline.export import render  # noqa: PLC0415 only this verb needs it

    baseline = read(file)
    write_standard_output(render(baseline, Clouds().wing(baseline.subject.provider), form).encode())
    return Exit.OK


def test(request: Request, talk: Talk) -> Exit:
    """Print how the requests of the baselines are answered; exit 1 when one is not answered as asked."""
    baselines = _baselines(request)
    notes = []
    if request.itself:
        clouds, against = Clouds(), "the baseline files themselves"
        decide = by_baseline(clouds)
    elif request.policy is not None or request.plan is not None:
        clouds, against = _clouds(request), str(_proposal_file(request))
        own = [
            (baseline, holding)
            for provider, holding in _holdings(request, clouds)
            for baseline in _meant(baselines, provider, holding, _chosen(request, baselines))
        ]
        baselines = [one for one in baselines if any(one.path == other.path for other, _ in own)]
        decide = by_proposal(clouds, own)
    else:
        _, folder = open_report(request.source)
        clouds, against = Clouds.beside(folder, required=True), str(folder)
        decide = by_evidence(clouds)
    results = list(ask(baselines, decide))
    if not results:
        notes.append("no baseline has a [[must_allow]] or [[must_not_allow]] request: nothing was tested")
    found = TestReport(
        schema_version=SCHEMA_VERSION,
        against=against,
        passed=bool(results) and all(row.passed for row in results),
        results=results,
        notes=notes,
    )
    form = report_json.write(found) if request.form == "json" else text.requests(found).encode()
    write_standard_output(form)
    del talk
    return Exit.OK if found.passed else Exit.FINDINGS


def _rendered(found: CheckReport, form: str) -> bytes:
    match form:
        case "json":
            return report_json.write(found)
        case "markdown":
            return markdown.check(found).encode()
        case _:
            return text.check(found).encode()


def _entries(report: Report, identity: str, stage: str) -> list[IdentityEntry]:
    """Return the identities a verb is about: one by name, or the AI identities that people can change."""
    if identity:
        return [find_identity(report, identity)]
    known = sorted({entry.stage for entry in report.identities if entry.stage})
    if stage and stage not in known:
        raise ConfigError(f"--stage: no identity has the stage {stage!r}", hint=f"stages: {', '.join(known)}")
    return [
        entry
        for entry in report.identities
        if entry.ai_workload.is_ai and not entry.managed_by_provider and stage in ("", entry.stage)
    ]


def _baselines(request: Request) -> list[Baseline]:
    """Return the baselines that the flags choose; an error when none is left."""
    found = read_all(request.baselines)
    if request.stage:
        found = [one for one in found if one.subject.stage == request.stage]
    if request.identity and request.policy is None:
        found = [one for one in found if request.identity in (one.subject.id, one.subject.name)]
    if not found and (request.policy is not None or request.plan is not None):
        raise ConfigError(
            f"{request.baselines}: holds no baseline that the flags choose",
            hint="entdrift baseline write makes baseline files",
        )
    return found


def _chosen(request: Request, baselines: Sequence[Baseline]) -> Baseline | None:
    """Return whose a policy is that does not say so: --identity, or the only baseline there is."""
    if request.identity:
        named = [one for one in baselines if request.identity in (one.subject.id, one.subject.name)]
        if len(named) != 1:
            raise ConfigError(
                f"--identity: {len(named)} baselines are of {request.identity!r}",
                hint="give the id that stands in the [identity] table",
            )
        return named[0]
    return baselines[0] if len(baselines) == 1 else None


def _meant(
    baselines: Sequence[Baseline], provider: str, holding: Holding, chosen: Baseline | None
) -> list[Baseline]:
    own = [one for one in baselines if one.subject.provider == provider]
    if not holding.identity and not holding.name:
        return [chosen] if chosen else []
    return [one for one in own if one.subject.id == holding.identity or one.subject.name == holding.name]


def _clouds(request: Request) -> Clouds:
    """Return the evidence that explains a proposal, where there is some."""
    folder = request.source if request.source.is_dir() else request.source.parent
    return Clouds.beside(folder, required=False)


def _proposal_file(request: Request) -> Path:
    path = request.plan or request.policy
    if path is None or (request.plan and request.policy):
        raise ConfigError("give --policy or --plan, not both")
    return path


def _holdings(request: Request, clouds: Clouds) -> list[tuple[str, Holding]]:
    """Return what a file proposes, by cloud.

    Raises ConfigError for a file that is no JSON, or that no cloud knows, or that does not say whose it is.
    """
    path = _proposal_file(request)
    document = _document(path)
    if request.plan is not None and "resource_changes" not in document:
        raise ConfigError(
            f"{path}: is no plan in JSON form", hint="terraform show -json PLAN > plan.json writes one"
        )
    found: list[tuple[str, Holding]] = []
    known = False
    for provider in PROVIDERS:
        proposed = clouds.wing(provider).proposed(document, clouds.evidence(provider), request.scope)
        known = known or proposed is not None
        found += [(provider, one) for one in proposed or ()]
    if not known:
        raise ConfigError(
            f"{path}: is no policy, role or plan that this version knows",
            hint="an IAM policy document, a Google Cloud allow policy or role, an Azure role definition",
        )
    nameless = any(not one.identity and not one.name for _, one in found)
    if nameless and _chosen(request, _baselines(request)) is None:
        raise ConfigError(f"{path}: does not say whose it is", hint="choose a baseline with --identity")
    return found


def _document(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(f"{path}: is larger than {_LARGEST_BYTES:,} bytes")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON: {error}", hint="give the JSON form") from error
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: is no JSON object", hint="give one policy, role or plan")
    return document


def _present(now: str | None) -> datetime:
    try:
        return moment(now) if now is not None else datetime.now(UTC).replace(microsecond=0)
    except ValueError as error:
        raise ConfigError(f"--now: {error}") from error
