"""What identities hold beyond what was approved: their baseline, else the first scan that is remembered."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from connectors.bundle import Bundle
from connectors.facts import PermissionSet
from reports.baseline.document import Compared
from reports.document import BaselineDrift, Report
from scanner.history.memory import Memory, catalogue, reference
from scanner.results import CloudResult, IdentityResult
from scanner.rules.finding import Expanded
from scanner.rules.power import GRAVE, reach_of

Ids = tuple[str, str]
"""Provider and identity id."""


def against_baselines(
    report: Report, bundle: Bundle, folder: Path | None, state: Path
) -> dict[Ids, Compared]:
    """Return the comparison with its baseline of each identity that has one."""
    if folder is None or not folder.is_dir():
        return {}
    from scanner.baseline.approve import approvals_of  # noqa: PLC0415 only with baselines
    from scanner.baseline.check import Check, check_scan  # noqa: PLC0415 as above
    from scanner.baseline.evidence import Clouds  # noqa: PLC0415 as above
    from scanner.baseline.read import read_all  # noqa: PLC0415 as above
    from scanner.moments import moment  # noqa: PLC0415 as above

    now = moment(report.generated_at)
    baselines = read_all(folder)
    subjects = {(one.subject.provider, one.subject.id) for one in baselines}
    entries = [entry for entry in report.identities if (entry.provider, entry.id) in subjects]
    if not entries:
        return {}
    check = Check(Clouds(bundle), baselines, now, approvals_of(state, baselines, now))
    found = check_scan(check, entries, "this scan")
    return {(one.provider, one.identity): one for one in found.compared if one.baseline}


def expanded(
    memory: Memory, cloud: CloudResult, compared: Mapping[Ids, Compared]
) -> tuple[dict[str, Expanded], int]:
    """Return by identity id what goes beyond its reference, and how many identities had one."""
    found: dict[str, Expanded] = {}
    looked_at = 0
    grown = catalogue(memory, cloud).grown
    for entry in cloud.identities:
        identity = entry.identity
        own = compared.get((cloud.provider, identity.id))
        if own is not None:
            looked_at += 1
            beyond = _of_baseline(own, entry, cloud)
        else:
            key = (cloud.provider, identity.account, identity.immutable_id or identity.id)
            held = reference(memory, cloud.provider, key)
            looked_at += held is not None
            beyond = None if held is None else _since_first(entry, held, grown)
        if beyond is not None:
            found[identity.id] = beyond
    return found, looked_at


def _of_baseline(own: Compared, entry: IdentityResult, cloud: CloudResult) -> Expanded | None:
    """Return the expansions that the baseline does not waive."""
    left = [one for one in own.expansions if not one.waived]
    if not left:
        return None
    names = cloud.permissions.mask(name for one in left for name in one.permissions)
    notes = tuple(
        f"{one.kind}: {one.message}" for one in left if one.kind != "permission" or not one.permissions
    )
    # The file's name alone: the same scan says the same on every machine.
    words = f"its baseline {PurePath(own.baseline).name}"
    if not own.approved:
        words += f" ({own.approval or 'not approved'})"
    return Expanded(names & entry.verdicts.granted, words, approved=bool(own.approved), notes=notes)


def _since_first(entry: IdentityResult, held: PermissionSet, grown: PermissionSet) -> Expanded | None:
    """Return what was added since the first scan.

    A permission that is only new in the catalogue was added by the cloud, not by somebody here; it counts all
    the same where it is grave.
    """
    if not entry.readable:
        return None
    beyond = entry.verdicts.granted & ~held
    beyond &= ~grown | reach_of(entry, GRAVE)
    if not beyond:
        return None
    return Expanded(beyond, "what it held when it was first scanned; it has no baseline", approved=False)


def summary(found: int, looked_at: int, compared: Mapping[Ids, Compared]) -> BaselineDrift:
    """Return the numbers for the report."""
    words = "the first scan of each that is remembered"
    if compared:
        words = f"the baseline of {len(compared):,} identities; for others {words}"
    return BaselineDrift(reference=words, identities=looked_at, expanded=found)
