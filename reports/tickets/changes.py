"""Say in a ticket what to take away and why, and what stays and why."""

from reports.document import CredentialEntry, IdentityEntry, Verdict
from reports.overview import counted, first_of, reason_groups
from reports.tickets.removals import Removal
from reports.tickets.wording import ROWS, code, left_out, text

_SERVICES, _NAMES = 15, 8


def what_to_remove(identity: IdentityEntry, removes: list[Removal], seen: str) -> list[str]:
    """List unused permissions by service and grants that can go, after the numbers they come from.

    `seen` is the time in which the logs would have shown a call.
    """
    counts, reduction = identity.permissions, identity.reduction
    lines = [
        (
            f"Of {counted(counts.granted, 'permission')} granted: {counts.used:,} used, {counts.denied:,} "
            f"only refused, {counts.unused:,} unused, {counts.unobservable:,} not observable, "
            f"{counts.conditional:,} conditional."
        )
    ]
    if counts.not_granted:
        lines.append(f"({counts.not_granted:,} of the used or refused are given by no present grant.)")
    reason = f": {text(reduction.reason)}" if reduction.reason else ""
    if reduction.disposition == "none":
        lines += ["", f"No reduction is offered{reason}."]
    else:
        lines += [
            "",
            (
                f"The reduction removes **{counted(reduction.removes, 'permission')}** and keeps "
                f"{reduction.keeps:,} (disposition {reduction.disposition}{reason})."
            ),
        ]
    if reduction.removes_services and reduction.disposition != "none":
        names, more = first_of(reduction.removes_services, ROWS)
        whole = ", ".join(code(name) for name in names) + more
        lines += ["", f"Whole services without any kept permission: {whole}."]
    services = [removal for removal in removes if removal.kind == "permissions"]
    if services:
        lines += ["", *services_table(services, seen)]
        unused = sum(removal.count for removal in services)
        if reduction.removes != unused:
            lines += [
                "",
                (
                    f"The table names all {unused:,} unused permissions; the reduction takes "
                    f"{reduction.removes:,}, and its replacement document says which."
                ),
            ]
    grants = [removal for removal in removes if removal.kind == "grant"]
    if grants:
        lines += ["", "Grants that can go as a whole:", ""]
        lines += [
            f"- [ ] {code(grant.name)} ({counted(grant.count, 'permission')}"
            + (f"; {text(grant.note)})" if grant.note else ")")
            for grant in grants[:ROWS]
        ]
        lines += left_out(len(grants) - ROWS, "grants", "reduction.removes_grants")
    return lines


def services_table(services: list[Removal], seen: str) -> list[str]:
    """List unused permissions by service, the most first."""
    lines = [
        f"Granted, and not called in the time in which a call would have been recorded ({seen}):",
        "",
        "| Service | Unused | Granted | Permissions |",
        "| --- | ---: | ---: | --- |",
    ]
    for removal in sorted(services, key=lambda service: -service.count)[:_SERVICES]:
        names = ", ".join(code(name) for name in removal.permissions[:_NAMES])
        rest = removal.count - min(_NAMES, len(removal.permissions))
        more = f" and {rest:,} more" if rest > 0 else ""
        lines.append(f"| {code(removal.name)} | {removal.count:,} | {removal.of:,} | {names}{more} |")
    lines += left_out(len(services) - _SERVICES, "services", "services")
    return [
        *lines,
        "",
        (
            "The full list is in `report.json`: `identities`, this id, `services`, `unused`"
            " (a large report writes what many identities share once: docs/report-schema.md)."
        ),
    ]


def credentials(identity: IdentityEntry) -> list[str]:
    """List the credentials with age and last use, and what to do about each."""
    if not identity.credentials:
        return []
    lines = [
        "| Credential | Kind | Status | Age in days | Last used | Calls in window | To do |",
        "| --- | --- | --- | ---: | --- | ---: | --- |",
    ]
    for credential in identity.credentials[:ROWS]:
        age = "?" if credential.age_days is None else f"{credential.age_days:,}"
        cells = [code(credential.id), text(credential.kind), text(credential.status), age]
        cells += [text(credential.last_used) or "no use on record", f"{credential.uses:,}"]
        lines.append("| " + " | ".join([*cells, _advice(identity, credential)]) + " |")
    return lines + left_out(len(identity.credentials) - ROWS, "credentials", "credentials")


def _advice(identity: IdentityEntry, credential: CredentialEntry) -> str:
    if credential.id in identity.reduction.removes_credentials:
        return "remove (disable first, delete later)"
    if not credential.long_lived:
        return ""
    if credential.uses or credential.last_used:
        return "replace by short-lived credentials, then remove; rotate until then"
    return "find out whether it is used; no use is on record"


def what_stays(identity: IdentityEntry) -> list[str]:
    """Say what is kept because it cannot be seen or decided, and what would change that."""
    counts = identity.permissions
    kept: list[tuple[str, int, Verdict]] = [
        ("their use could not have been seen", counts.unobservable, "unobservable"),
        ("they hang on a condition that could not be decided", counts.conditional, "conditional"),
    ]
    lines: list[str] = []
    for because, number, verdict in kept:
        if number:
            lines += [f"Kept because {because}: {counted(number, 'permission')}.", ""]
            lines += [*_reasons(identity, verdict), ""]
    if counts.denied:
        lines += [
            (
                f"Tried and always refused: {counted(counts.denied, 'permission')}. Either the workload "
                "lacks something it needs, or it should not try."
            )
        ]
    return lines


def _reasons(identity: IdentityEntry, verdict: Verdict) -> list[str]:
    groups = reason_groups([identity], verdict)
    lines = []
    for group in groups[:ROWS]:
        names, more = first_of(group.places, 5)
        where = ", ".join(code(name) for name in names) + more
        fix = f" To change that: {text(group.fix, 1_200)}." if group.fix else ""
        rest = f" {group.rest}." if group.rest else ""
        lines.append(f"- {group.permissions:,} ({where}): {text(group.reason)}.{fix}{rest}")
    return lines + left_out(len(groups) - ROWS, "kinds of reasons", "reasons")
