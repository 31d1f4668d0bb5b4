"""Say what could be taken away from an identity and what has to stay, with the state of its proof."""

from connectors.facts import Window
from connectors.permissions import Permissions
from reports import document as doc
from scanner.results import GrantVerdict, IdentityResult

_NO_DOCUMENT = "this version writes no replacement document, so there is nothing to check yet"


def reduce(entry: IdentityResult, permissions: Permissions, window: Window) -> doc.Reduction:
    """Return the reduction of one identity.

    Only permissions with the verdict `unused` are removed; used, refused, unobservable and conditional
    ones stay. Without a replacement document none of the five claims can be proved, so the disposition
    is never better than `review`.
    """
    verdicts = entry.verdicts
    removes = verdicts.unused if not entry.identity.managed_by_provider else 0
    keeps = verdicts.granted & ~removes
    kept_services = permissions.by_service(keeps)
    credentials = [
        row.credential.id
        for row in entry.credentials
        if row.credential.long_lived
        and row.credential.status == "active"
        and not row.uses
        and row.credential.last_used_known
        and row.last_used < window.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    ]
    return doc.Reduction(
        disposition="review" if removes or credentials else "none",
        reason=_reason(entry, removes),
        keeps=keeps.bit_count(),
        removes=removes.bit_count(),
        removes_services=[name for name in permissions.by_service(removes) if name not in kept_services],
        removes_grants=[row.grant.id for row in entry.grants if row.verdict is GrantVerdict.UNUSED],
        removes_credentials=sorted(credentials),
        proof=doc.Proof(
            replay=doc.ReplayProof(status="undecided", reason=_NO_DOCUMENT),
            containment=doc.ContainmentProof(status="undecided", reason=_NO_DOCUMENT),
            limits=doc.LimitsProof(status="undecided", reason=_NO_DOCUMENT),
            backtest=doc.BacktestProof(status="undecided", reason=_NO_DOCUMENT),
            restore=doc.RestoreProof(status="undecided", reason=_NO_DOCUMENT),
        ),
    )


def _reason(entry: IdentityResult, removes: int) -> str:
    if entry.identity.managed_by_provider:
        return "the provider manages this identity's grants"
    if not entry.readable:
        return "its grants are not in the evidence"
    if removes:
        return "these permissions would have been logged and no call was; see what stays before cutting"
    return "nothing that today's logs could show is unused"
