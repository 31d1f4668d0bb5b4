"""The history and drift sections of the sample report. All synthetic."""

from reports.document import (
    BaselineDrift,
    ComparedWith,
    Drift,
    DriftChange,
    DriftKind,
    FindingDrift,
    History,
    IdentityEntry,
    StageDrift,
    StagePair,
)

HEAD = "9f2c" * 16


def history() -> History:
    """Return the section of a scan with two older ones and three waivers."""
    note = "the state file was damaged and was moved to state.sqlite.damaged-1; went on from the last copy"
    return History(scan="38919ff2cb90", scans=2, approvals_head=HEAD, approvals=3, notes=[note])


def drift(held: list[IdentityEntry]) -> Drift:
    """Return changes of every kind over the identities of the sample."""
    kinds = DriftKind.__args__
    changes = [_change(held[at % len(held)], kind) for at, kind in enumerate(kinds)]
    first, last = held[0], held[-1]
    pair = StagePair(
        workload="claims",
        rule="the same name without words for stages",
        provider=first.provider,
        earlier_stage="pilot",
        earlier=first.id,
        later_stage="production",
        later=last.id,
        both=12,
        only_earlier=["s3:DeleteObject", "s3:PutObject"],
        only_earlier_total=2,
        only_later=[],
        only_later_total=0,
        used_only_earlier=[],
        used_only_earlier_total=0,
        unused_later=148,
    )
    accounts = sorted({(entry.provider, entry.account) for entry in held})
    return Drift(
        compared_with=[
            ComparedWith(
                provider=provider,
                account=account,
                scan="0a1b2c3d4e5f" if at else "",
                at="2026-11-21T06:00:00Z" if at else "",
                complete=at % 2 == 1,
                reason="" if at % 2 == 1 else "source pilot: iam could not be read whole",
            )
            for at, (provider, account) in enumerate(accounts)
        ],
        changes=changes,
        changes_total=len(changes),
        findings=FindingDrift(new=4, fixed=2, regressed=1, carried=3, waived=1),
        baseline=BaselineDrift(reference="the baseline of 2 identities", identities=9, expanded=2),
        stages=StageDrift(
            rules=["the same name without words for stages"],
            pairs=[pair],
            unmatched=["pilot: rag-playground"],
            unmatched_total=1,
        ),
    )


def _change(entry: IdentityEntry, kind: DriftKind) -> DriftChange:
    names = [f"s3:Action{number:03}" for number in range(12)] if "granted" in kind or "us" in kind else []
    return DriftChange(
        kind=kind,
        provider=entry.provider,
        account=entry.account,
        identity=entry.id,
        name=entry.name,
        subject="",
        message=f"{entry.name}: {kind.replace('_', ' ')} since the scan of the night before",
        attention=kind in {"granted_more", "regained", "grant_added", "identity_new"},
        permissions=names,
        permissions_total=len(names) * 30,
        services=["s3"] if names else [],
    )
