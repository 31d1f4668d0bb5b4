"""Turn what was decided and checked about a reduction into the report, with its disposition.

`safe`: all five claims are proved. `review`: something is undecided. `none`: nothing goes, or a claim was
refuted, and then the document is not offered.
"""

from collections.abc import Iterable
from typing import Literal

from connectors.facts import Window
from connectors.permissions import Permissions
from connectors.reduction import Change, Claim, Document, Replacement
from reports import document as doc
from scanner.results import GrantVerdict, IdentityResult, ReductionResult

_NOT_WRITTEN = "this version writes no replacement document for this cloud, so there is nothing to check"
_NOTHING = "nothing is taken away, so there is nothing to check"
_NO_CALL = (
    "no recorded call is one that its own policies allow for certain, so replay and backtest had none to test"
)
_Status = Literal["proved", "refuted", "undecided"]
_STATUS: dict[str, _Status] = {"proved": "proved", "refuted": "refuted", "undecided": "undecided"}
Disposition = Literal["safe", "review", "none"]


def reduction(entry: IdentityResult, found: ReductionResult, permissions: Permissions) -> doc.Reduction:
    """Return the reduction of one identity for the report."""
    replacement = found.replacement
    if replacement is None or not (replacement.changes or replacement.removed):
        return _without_document(entry, found, permissions)
    proof = _proof(replacement, found)
    refuted, undecided = _claims(proof, "refuted"), _claims(proof, "undecided")
    disposition: Disposition = "none" if refuted else "review" if undecided else "safe"
    offered = not refuted
    removed = replacement.removed if offered else 0
    left_out = replacement.left_out & entry.verdicts.granted & ~removed if offered else 0
    kept = entry.verdicts.granted & ~removed & ~left_out
    kept_services = permissions.services(kept)
    return doc.Reduction(
        disposition=disposition,
        reason=_reason(replacement, proof, refuted, undecided, entry.observed),
        keeps=kept.bit_count(),
        removes=removed.bit_count(),
        removes_services=[name for name in permissions.services(removed) if name not in kept_services],
        removes_grants=_grants(entry, removed) if offered else [],
        removes_credentials=list(found.credentials) if offered else [],
        leaves_out=permissions.names(left_out),
        artifacts=documents(replacement.artifacts) if offered else [],
        rollback=documents(replacement.rollback) if offered else [],
        proof=proof,
        stays=_stays(entry, found, permissions),
        notes=list(replacement.notes),
        changes=_changes(replacement) if offered else [],
    )


def _without_document(
    entry: IdentityResult, found: ReductionResult, permissions: Permissions
) -> doc.Reduction:
    """Return a reduction without a document: nothing goes, or the cloud's wing writes none yet."""
    unwritten = not found.able and bool(found.removable or found.credentials)
    removed = found.removable if unwritten else 0
    kept = entry.verdicts.granted & ~removed
    kept_services = permissions.services(kept)
    why = _NOT_WRITTEN if unwritten else _NOTHING
    return doc.Reduction(
        disposition="review" if unwritten else "none",
        reason=_reason_without(entry, found, unwritten=unwritten),
        keeps=kept.bit_count(),
        removes=removed.bit_count(),
        removes_services=[name for name in permissions.services(removed) if name not in kept_services],
        removes_grants=_grants(entry, removed) if unwritten else [],
        removes_credentials=list(found.credentials) if unwritten else [],
        proof=doc.Proof(
            replay=doc.ReplayProof(status="undecided", reason=why),
            containment=doc.ContainmentProof(status="undecided", reason=why),
            limits=doc.LimitsProof(status="undecided", reason=why),
            backtest=_backtest(found),
            restore=doc.RestoreProof(status="undecided", reason=why),
        ),
        stays=_stays(entry, found, permissions),
    )


def _reason_without(entry: IdentityResult, found: ReductionResult, *, unwritten: bool) -> str:
    if entry.identity.managed_by_provider:
        return "the provider manages this identity's grants"
    if not entry.readable:
        return "its grants are not in the evidence"
    if unwritten:
        return "these permissions would have been logged and no call was; see what stays before cutting"
    if found.stays:
        return "; ".join(dict.fromkeys(stay.reason for stay in found.stays))
    return "nothing that today's logs could show is unused"


def _reason(
    replacement: Replacement,
    proof: doc.Proof,
    refuted: list[str],
    undecided: list[str],
    observed: Window | None,
) -> str:
    if refuted:
        witness = {
            "replay": next(iter(proof.replay.refused), ""),
            "containment": proof.containment.witness,
            "limits": proof.limits.reason,
            "backtest": proof.backtest.reason,
            "restore": proof.restore.reason,
        }[refuted[0]]
        return f"not offered, because {refuted[0]} is refuted: {witness}"
    if undecided:
        said = {
            "replay": proof.replay.reason,
            "containment": proof.containment.reason,
            "limits": proof.limits.reason,
            "backtest": proof.backtest.reason,
            "restore": proof.restore.reason,
        }
        return "undecided: " + "; ".join(f"{name} ({said[name]})" for name in undecided)
    count = replacement.removed.bit_count()
    gone = f"{count:,} {'permission goes' if count == 1 else 'permissions go'}: {_watched(observed)}"
    tested = "" if proof.replay.requests else f"; {_NO_CALL}"
    return f"all five claims are proved; {gone}{tested}"


def _watched(observed: Window | None) -> str:
    """Say in which part of the window a call would have been seen."""
    if observed is None:
        return "a call would have been logged and none was"
    days = f"{observed.start:%Y-%m-%d} to {observed.end:%Y-%m-%d}"
    return f"the logs of {days} would show a call and show none"


def _claims(proof: doc.Proof, status: str) -> list[str]:
    names = ("replay", "containment", "limits", "backtest", "restore")
    return [name for name in names if getattr(proof, name).status == status]


def _proof(replacement: Replacement, found: ReductionResult) -> doc.Proof:
    replay, containment = replacement.replay, replacement.containment
    return doc.Proof(
        replay=doc.ReplayProof(
            status=_status(replay),
            requests=replay.requests,
            refused=list(replay.refused),
            reason=replay.reason,
        ),
        containment=doc.ContainmentProof(
            status=_status(containment), witness=containment.witness, reason=containment.reason
        ),
        limits=doc.LimitsProof(status=_status(replacement.limits), reason=replacement.limits.reason),
        backtest=_backtest(found),
        restore=doc.RestoreProof(
            status=_status(replacement.restore),
            reason="; ".join(filter(None, (replacement.restore.reason, replacement.restore.witness))),
        ),
    )


def _status(claim: Claim) -> _Status:
    return _STATUS[claim.standing.value]


def _backtest(found: ReductionResult) -> doc.BacktestProof:
    past = found.backtest
    return doc.BacktestProof(
        status=_STATUS[past.standing.value],
        days=past.days,
        requests=past.requests,
        refused=past.refused,
        identities_broken=past.broken,
        reason=past.reason,
    )


def _grants(entry: IdentityResult, removed: int) -> list[str]:
    """Return the unused grants of which nothing is left."""
    held = entry.verdicts.granted
    return [
        row.grant.id
        for row in entry.grants
        if row.verdict is GrantVerdict.UNUSED and not row.grant.permissions & held & ~removed
    ]


def documents(found: Iterable[Document]) -> list[doc.Artifact]:
    """Return documents of a wing as a report holds them."""
    return [
        doc.Artifact(form=one.form, name=one.name, content=one.content, applies_to=one.applies_to)
        for one in found
    ]


def _changes(replacement: Replacement) -> list[doc.ReductionChange]:
    new = {one.content: place for place, one in reversed(list(enumerate(replacement.artifacts)))}
    old = {one.content: place for place, one in reversed(list(enumerate(replacement.rollback)))}
    return [
        doc.ReductionChange(
            kind=one.kind,
            holder=one.holder,
            target=one.target,
            document=new.get(one.after + "\n"),
            previous=old.get(one.before + "\n"),
            before="" if one.before + "\n" in old else one.before,
            after="" if one.after + "\n" in new else one.after,
            note=one.note,
        )
        for one in replacement.changes
    ]


def changes_of(reduction: doc.Reduction) -> tuple[Change, ...]:
    """Return the changes that a report's reduction carries, documents included."""
    return tuple(
        Change(
            kind=one.kind,
            holder=one.holder,
            target=one.target,
            before=one.before if one.previous is None else reduction.rollback[one.previous].content[:-1],
            after=one.after if one.document is None else reduction.artifacts[one.document].content[:-1],
            note=one.note,
        )
        for one in reduction.changes
    )


def _stays(
    entry: IdentityResult, found: ReductionResult, permissions: Permissions
) -> list[doc.KeptPermissions]:
    rows = []
    for stay in sorted(found.stays, key=lambda stay: (stay.code, stay.reason)):
        services, single = permissions.whole(stay.permissions, entry.verdicts.unused)
        rows.append(
            doc.KeptPermissions(
                code=stay.code,
                reason=stay.reason,
                count=stay.permissions.bit_count(),
                services=services,
                permissions=single,
            )
        )
    return rows
