"""What `entdrift gate` does, from its flags to its exit code."""

import hashlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.errors import EntdriftError
from reports import json as report_json
from reports.document import Report
from reports.gate import junit, markdown, text
from reports.gate.document import GateReport
from scanner.config import load_baselines, load_gates
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.gate.decide import decide
from scanner.gate.policy import GatePolicy
from scanner.gate.question import BaselineState, Question
from scanner.lookup import REPORT
from scanner.moments import moment
from scanner.talk import Talk
from scanner.write import make_folder, write_standard_output, write_whole

DEFAULT_CONFIG = Path("config.toml")
FORMATS = ("text", "json", "markdown", "junit")


@dataclass(frozen=True, slots=True)
class Request:
    """The flags of `gate`."""

    stage: str
    source: Path
    config: Path | None = None
    output: Path | None = None
    form: str = "text"
    now: str | None = None
    baselines: Path | None = None
    state: str | None = None


def gate(request: Request, talk: Talk) -> Exit:
    """Decide, print the decision, and write it in every form below `--output`."""
    policy, origin = _policy(request)
    path = request.source / REPORT if request.source.is_dir() else request.source
    report = report_json.decode(path)
    now = _present(request.now)
    found = _baselines(request)
    states: dict[str, BaselineState] = {}
    if found is not None:
        report, states = _with_baselines(request, report, found, now, approved_only=policy.require_baseline)
    decided = decide(
        Question(
            stage=request.stage,
            report=report,
            baselines=states,
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
            policy=policy,
            policy_source=origin,
            now=now,
        )
    )
    write_standard_output(render(decided, request.form))
    if request.output is not None:
        make_folder(request.output)
        for form, name in (("json", "gate.json"), ("junit", "gate.xml"), ("markdown", "review.md")):
            write_whole(request.output / name, render(decided, form))
            talk.say(f"wrote {request.output / name}")
    sys.stdout.flush()
    return Exit.OK if decided.decision == "passed" else Exit.FINDINGS


def _baselines(request: Request) -> Path | None:
    """Return the folder of baselines: the flag, the config file, or none."""
    if request.baselines is not None:
        return request.baselines
    path = request.config or DEFAULT_CONFIG
    return load_baselines(path) if request.config is not None or path.is_file() else None


def _with_baselines(
    request: Request, report: Report, folder: Path, now: datetime, *, approved_only: bool
) -> tuple[Report, dict[str, BaselineState]]:
    """Compare the stage's identities with their baselines, and apply what those waive."""
    from scanner.baseline.approve import approvals_of, approved  # noqa: PLC0415 only with baselines
    from scanner.baseline.check import Check  # noqa: PLC0415 as above
    from scanner.baseline.evidence import Clouds  # noqa: PLC0415 as above
    from scanner.baseline.read import read_all  # noqa: PLC0415 as above
    from scanner.baseline.run import state_place  # noqa: PLC0415 as above
    from scanner.baseline.standing import standings, with_waivers  # noqa: PLC0415 as above
    from scanner.history.session import local  # noqa: PLC0415 as above

    baselines = read_all(folder)
    with local(state_place(request.source, request.state)) as state:
        approvals = approvals_of(state, baselines, now)
    entries = [
        entry for entry in report.identities if entry.stage == request.stage and entry.ai_workload.is_ai
    ]
    beside = request.source if request.source.is_dir() else request.source.parent
    try:
        clouds = Clouds.beside(beside, required=True)
    except EntdriftError as error:
        refused = BaselineState("refused", f"cannot be compared: {error}")
        return report, {entry.id: refused for entry in entries}
    states = standings(Check(clouds, baselines, now, approvals), entries)
    accepted = approved(baselines, approvals) if approved_only else baselines
    return with_waivers(report, accepted, now), states


def render(decided: GateReport, form: str) -> bytes:
    """Return a decision in one form."""
    match form:
        case "json":
            return report_json.write(decided)
        case "junit":
            return junit.render(decided)
        case "markdown":
            return markdown.render(decided).encode()
        case _:
            return text.render(decided).encode()


def _policy(request: Request) -> tuple[GatePolicy, str]:
    """Return the policy of a stage and where it comes from; a config file is needed only when named."""
    path = request.config or DEFAULT_CONFIG
    if request.config is None and not path.is_file():
        return GatePolicy(), "built-in values (no config file)"
    gates = load_gates(path)
    if request.stage in gates:
        return gates[request.stage], f"gate for stage {request.stage} in {path}, built-in values for the rest"
    return GatePolicy(), f"built-in values ({path} has no gate for stage {request.stage})"


def _present(now: str | None) -> datetime:
    try:
        return moment(now) if now is not None else datetime.now(UTC).replace(microsecond=0)
    except ValueError as error:
        raise ConfigError(f"--now: {error}") from error
