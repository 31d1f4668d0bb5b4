"""Write the body of a ticket in Markdown: what to remove and why, on which evidence, and how to go back."""

from reports.document import FindingEntry, IdentityEntry, Report
from reports.tickets.block import Block, write
from reports.tickets.changes import credentials, what_stays, what_to_remove
from reports.tickets.evidence import evidence, open_and_waived, proof, sources
from reports.tickets.removals import Removal
from reports.tickets.use import observed, use
from reports.tickets.wording import code, text, window

BODY_LIMIT = 30_000
"""Characters; Jira refuses a description of more than 32,767."""

_Section = tuple[str, list[str]]


def write_body(
    report: Report,
    identity: IdentityEntry,
    findings: list[FindingEntry],
    removes: list[Removal],
    block: Block,
) -> str:
    """Write the body; what does not fit in 30,000 characters is left out and said to be."""
    sections: list[_Section] = [
        ("", _introduction(report, identity, observed(findings))),
        ("What to remove and why", what_to_remove(identity, removes, observed(findings) or window(report))),
        ("What it does today", use(identity)),
        ("Credentials", credentials(identity)),
        ("What stays, and why", what_stays(identity)),
        ("Evidence", evidence(report, identity)),
        ("Findings", open_and_waived(findings)),
        ("Proof and way back", proof(identity)),
    ]
    machine = f"\n<!-- entdrift {write(block)} -->\n"
    return assemble(sections, BODY_LIMIT - len(machine)) + machine


def _introduction(report: Report, identity: IdentityEntry, seen: str) -> list[str]:
    workload = identity.ai_workload
    signals = "; ".join(
        f"{text(signal.kind)}: {text(signal.value)} ({text(signal.evidence)})"
        for signal in workload.signals[:5]
    )
    runs = ", ".join(f"{text(run.kind)} {text(run.name or run.id)}" for run in identity.workloads[:5])
    facts = [
        ("Identity", code(identity.id)),
        (
            "Where",
            f"{identity.provider}, account {code(identity.account)}, stage {text(identity.stage) or '-'}",
        ),
        ("Kind", f"{text(identity.kind)}{'' if identity.enabled else ', disabled'}"),
        ("Owner", text(identity.owner) or "nobody is named as owner: find one before you change anything"),
        ("AI workload", f"confidence {workload.confidence}" + (f"; {signals}" if signals else "")),
        ("Runs", runs),
        ("Window", window(report) + (f"; its logs span {seen}" if seen else "")),
    ]
    lines = [f"- {name}: {value}" for name, value in facts if value]
    broken = [source for source in sources(report, identity) if source.status != "ok"]
    if broken:
        lines += [
            "",
            "**The evidence is incomplete.** "
            + " ".join(f"{text(source.name)} {source.status}: {text(source.reason)}." for source in broken)
            + " Check what is missing before you remove anything.",
        ]
    return lines


def assemble(sections: list[_Section], budget: int) -> str:
    """Write sections one below the other; of one that does not fit, say how many lines were left out."""
    body = ""
    for title, lines in sections:
        if not lines:
            continue
        heading = f"\n## {title}\n\n" if title else ""
        kept: list[str] = []
        room = budget - len(body) - len(heading) - 200
        for line in lines:
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        left = len(lines) - len(kept)
        cut = f"\n\n({left:,} lines left out here; the report holds them.)" if left else ""
        body += heading + "\n".join(kept).rstrip() + cut + "\n"
    return body
