"""Say in a ticket what the decision rests on: logs, findings, and which claims are proved."""

import shlex

from reports import escape
from reports.document import Artifact, CoverageEntry, FindingEntry, IdentityEntry, Proof, Report, SourceEntry
from reports.once import once
from reports.overview import counted, is_open
from reports.tickets.wording import ROWS, code, left_out, text, window

_NOTHING_REPLAYED = "No call of this identity is on record, so there was nothing to replay."
_REFUSALS = {
    "aws": "`AccessDenied`",
    "gcp": "`PERMISSION_DENIED` (HTTP 403)",
    "azure": "`AuthorizationFailed` (HTTP 403)",
}
_ARTIFACT_CHARACTERS = 4_000
"""Longest document that is written into the ticket itself."""


def sources(report: Report, identity: IdentityEntry) -> list[SourceEntry]:
    """Give the sources that the verdicts about an identity rest on."""
    by_account, by_name = _sources(report)
    numbers = {*by_account.get((identity.provider, identity.account), ()), *by_name.get(identity.source, ())}
    found: dict[str, SourceEntry] = {}
    for number in sorted(numbers):
        # A source of many accounts has an entry for each, all with the source's own status.
        found.setdefault(report.sources[number].name, report.sources[number])
    return list(found.values())


@once
def _sources(report: Report) -> tuple[dict[tuple[str, str], list[int]], dict[str, list[int]]]:
    """Return the places of sources in the report by cloud and account, and by name."""
    by_account: dict[tuple[str, str], list[int]] = {}
    by_name: dict[str, list[int]] = {}
    for number, source in enumerate(report.sources):
        by_account.setdefault((source.provider, source.account), []).append(number)
        by_name.setdefault(source.name, []).append(number)
    return by_account, by_name


@once
def _coverage(report: Report) -> dict[tuple[str, str], list[CoverageEntry]]:
    """Return which logs were on by cloud and account, gaps first."""
    found: dict[tuple[str, str], list[CoverageEntry]] = {}
    for entry in sorted(report.coverage, key=lambda entry: entry.state == "on"):
        found.setdefault((entry.provider, entry.account), []).append(entry)
    return found


def evidence(report: Report, identity: IdentityEntry) -> list[str]:
    """Say which sources were read, which calls were seen and which logs were on; gaps come first."""
    lines = [f"- Window: {window(report)}"]
    for source in sources(report, identity):
        said = f": {text(source.reason)}" if source.reason else ""
        lines.append(
            f"- Source {text(source.name)}: {source.status}{said}; {source.records:,} records, "
            f"data as of {text(source.data_as_of) or 'unknown'}"
        )
    calls = sum(usage.count for usage in identity.usage)
    least = "at least " if identity.usage_total > len(identity.usage) else ""
    if calls:
        first, last = text(identity.first_seen), text(identity.last_seen)
        lines.append(f"- On record: {least}{counted(calls, 'call')}, {first} to {last}")
    else:
        lines.append("- No call of this identity is on record; where a log was off, that shows nothing")
    coverage = _coverage(report).get((identity.provider, identity.account), [])
    if not coverage:
        return [*lines, "- Which logs were on in this account is not stated by the evidence."]
    lines += ["", "| Log | Place | State | Why |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {text(c.log_class)} | {text(c.place)} | {c.state} | {text(c.reason)} |" for c in coverage[:ROWS]
    ]
    return lines + left_out(len(coverage) - ROWS, "rows", "coverage")


def open_and_waived(findings: list[FindingEntry]) -> list[str]:
    """List open findings to tick off, and below them who accepted which until when."""
    told = [finding for finding in findings if is_open(finding)]
    told += [finding for finding in findings if finding.waiver and finding.status == "waived"]
    lines = [_finding(finding) for finding in told[: 2 * ROWS]]
    return lines + left_out(len(told) - len(lines), "findings", "findings")


def _finding(finding: FindingEntry) -> str:
    waiver = finding.waiver
    if waiver and finding.status == "waived":
        return (
            f"- {text(finding.rule)} {text(finding.title)}: waived until {text(waiver.until)} by "
            f"{text(waiver.owner)}: {text(waiver.reason)}"
        )
    return (
        f"- [ ] **{finding.severity}** {text(finding.rule)} {text(finding.title)} (confidence "
        f"{finding.confidence}): {text(finding.message)}. {text(finding.remediation)}. "
        f"Fingerprint {code(finding.fingerprint)}"
    )


def proof(identity: IdentityEntry) -> list[str]:
    """Say which of the five claims are proved, and how to go back; an undecided one is no proof."""
    reduction = identity.reduction
    if reduction.disposition == "none" and not (reduction.artifacts or reduction.rollback):
        return ["No replacement is offered, so there is nothing to prove or to roll back."]
    claims = _claims(reduction.proof)
    lines = ["| Claim | Status | Detail |", "| --- | --- | --- |"]
    lines += [f"| {name} | {status} | {' '.join(filter(None, detail))} |" for name, status, *detail in claims]
    undecided = sum(status == "undecided" for _, status, *_ in claims)
    if undecided:
        lines += ["", f"{undecided} of 5 claims are undecided: that is not a proof. Review by hand."]
    if reduction.disposition != "none":
        lines += ["", _if_wrong(identity)]
    lines += _artifacts("Replacement", reduction.artifacts)
    if reduction.changes:
        lines += [
            "",
            (
                "Print it with its claims, the way back, and what was removed as a grant that ends by itself "
                "(add `--until TIME`; `out` is the folder of the scan):"
            ),
            "",
        ]
        lines += [escape.markdown_block(_commands(identity))]
    if reduction.rollback:
        return lines + _artifacts("Way back", reduction.rollback)
    return [*lines, "", "No rollback document was written: export the present grants before the change."]


def _if_wrong(identity: IdentityEntry) -> str:
    """Say what a wrong cut looks like: what fails, for how long, and where it is seen."""
    refusal = _REFUSALS.get(identity.provider, "a refusal")
    return (
        f"If something is missing after all, its calls fail with {refusal} "
        "until the way back is run, and the next scan lists them as denied. Do it when somebody watches the "
        "workload, and first where an outage hurts least."
    )


def _claims(proof: Proof) -> list[tuple[str, str, str, str]]:
    replay, contained, limits, backtest, restore = (
        proof.replay,
        proof.containment,
        proof.limits,
        proof.backtest,
        proof.restore,
    )
    replayed = f"{replay.requests:,} recorded calls replayed, {len(replay.refused):,} refused."
    earlier = (
        f"Cut {backtest.days:,} days earlier: {backtest.refused:,} of {backtest.requests:,} calls refused."
    )
    not_tested = f"Cut {backtest.days:,} days earlier: no call has been made since, so none was tested."
    witness = f"Newly allowed: {code(contained.witness)}."
    return [
        (
            "Every recorded, allowed call stays allowed",
            replay.status,
            replayed if replay.requests else _NOTHING_REPLAYED if replay.status == "proved" else "",
            text(replay.reason),
        ),
        (
            "Nothing new is allowed",
            contained.status,
            witness if contained.witness else "",
            text(contained.reason),
        ),
        ("Within the cloud's limits and grammar", limits.status, "", text(limits.reason)),
        (
            "The same cut, made earlier, would have refused nothing",
            backtest.status,
            earlier if backtest.requests else not_tested if backtest.days else "",
            text(backtest.reason),
        ),
        ("The way back restores the present access", restore.status, "", text(restore.reason)),
    ]


def _commands(identity: IdentityEntry) -> str:
    """Give the commands that print a reduction whole, quoted for a POSIX shell."""
    who = shlex.quote(identity.id)
    forms = ("cli", "rollback", "break-glass")
    return "\n".join(f"entdrift reduce {who} --form {form} --from out" for form in forms)


def _artifacts(title: str, artifacts: list[Artifact]) -> list[str]:
    lines: list[str] = []
    for artifact in artifacts[:5]:
        heading = f"{title} ({text(artifact.form)}) {code(artifact.name)} for {code(artifact.applies_to)}"
        if len(artifact.content) <= _ARTIFACT_CHARACTERS:
            lines += ["", f"{heading}:", "", escape.markdown_block(artifact.content)]
        else:
            lines += ["", f"{heading}: {len(artifact.content):,} characters, see `report.json`."]
    return lines + left_out(len(artifacts) - 5, "documents", "reduction")
