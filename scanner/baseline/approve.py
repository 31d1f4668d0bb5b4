"""Record approvals of baseline files in the chain, and say which files are approved as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.state import State, open_state
from scanner.baseline.check import ApprovalState
from scanner.baseline.model import Baseline
from scanner.baseline.signature import Signature, words_of
from scanner.errors import ConfigError
from scanner.history.approvals import APPROVALS, Approval, Entry, append, entries, verify
from scanner.moments import inclusive, last_moment, spoken

KIND = "baseline"


@dataclass(frozen=True, slots=True)
class Given:
    """An approval as a person gives it."""

    who: str
    why: str
    until: str
    signature: Signature | None = None


def approve(state: State, baseline: Baseline, given: Given, now: datetime) -> Entry:
    """Add an approval of exactly this file to the chain.

    Raises ConfigError without a name, a reason, or an end in the future; or when the chain is broken.
    """
    for flag, value in (("--who", given.who), ("--why", given.why)):
        if not value.strip():
            raise ConfigError(f"{flag}: must not be empty")
    try:
        until = last_moment(given.until)
    except ValueError as error:
        raise ConfigError(f"--until: {error}") from error
    if until <= now:
        raise ConfigError(f"--until: {given.until} is not in the future")
    broken = verify(state).broken
    if broken:
        raise ConfigError(
            f"{state.path}: the chain of approvals is broken: {broken}", hint="restore a whole copy"
        )
    return append(
        state,
        Approval(
            kind=KIND,
            subject=f"{baseline.subject.provider}:{baseline.subject.id}",
            who=given.who,
            why=given.why,
            at=_time(now),
            until=_time(until),
            digest=baseline.digest,
            signature=given.signature.record() if given.signature else "",
        ),
    )


def approvals_of(path: Path, baselines: Sequence[Baseline], now: datetime) -> dict[str, ApprovalState]:
    """Return by digest whether each file is approved; nothing when there is no state file.

    A broken chain approves nothing.
    """
    if not path.is_file():
        return {}
    with open_state(path, APPROVALS) as state:
        broken = verify(state).broken
        made = entries(state, (KIND,))
    if broken:
        return {
            one.digest: ApprovalState(
                approved=False, words=f"not approved: the chain of approvals is broken: {broken}"
            )
            for one in baselines
        }
    return {one.digest: _state(one, made, now) for one in baselines}


def _state(baseline: Baseline, made: Sequence[Entry], now: datetime) -> ApprovalState:
    subject = f"{baseline.subject.provider}:{baseline.subject.id}"
    own = [entry.approval for entry in made if entry.approval.subject == subject]
    exact = [one for one in own if one.digest == baseline.digest]
    holding = [one for one in exact if _time(now) <= inclusive(one.until)]
    if holding:
        last = holding[-1]
        signed = words_of(last.signature)
        words = f"approved by {last.who} until {spoken(inclusive(last.until))}: {last.why}"
        words += f" ({signed})" if signed else ""
        return ApprovalState(approved=True, words=words)
    if exact:
        return ApprovalState(
            approved=False,
            words=f"the approval of {exact[-1].who} ended with {spoken(inclusive(exact[-1].until))}",
        )
    if own:
        return ApprovalState(approved=False, words=f"changed since {own[-1].who} approved it at {own[-1].at}")
    return ApprovalState(approved=False, words="not approved")


def approved(baselines: Sequence[Baseline], states: Mapping[str, ApprovalState]) -> list[Baseline]:
    """Return the baselines that are approved exactly as they are."""
    return [one for one in baselines if (state := states.get(one.digest)) is not None and state.approved]


def _time(moment_: datetime) -> str:
    return moment_.strftime("%Y-%m-%dT%H:%M:%SZ")
