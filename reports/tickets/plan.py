"""Decide which tickets a report calls for: one per AI identity with something to remove or decide.

Planning is pure: it reads the report and nothing else, so the same report gives the same tickets.
"""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from reports import escape
from reports.document import SEVERITIES, FindingEntry, IdentityEntry, Report, Severity
from reports.identity_key import identity_key
from reports.once import once
from reports.overview import counted, is_open
from reports.tickets.block import make
from reports.tickets.body import write_body
from reports.tickets.removals import Removal, offers_removal, removals

TITLE_LIMIT = 250
"""Characters; Jira refuses a summary of more than 255."""

_LEAST_SEVERITY = SEVERITIES.index("low")
_UNSAFE_IN_LABEL = re.compile(r"[^a-z0-9_.-]+")


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work for the owner of one identity.

    `key` finds the ticket again and is one of its labels: it depends on provider, account and identity
    id only, never on counts, names or dates. `findings` are the fingerprints of those still open;
    `removes_permissions` is how many permissions the reduction takes away in all.
    """

    key: str
    title: str
    body: str
    labels: list[str]
    priority: Severity
    provider: str
    account: str
    identity: str
    name: str
    owner: str
    findings: list[str]
    removes_permissions: int
    removes: list[Removal]
    accounts: list[str] = []
    """Of a ticket for many identities: where they are, then their ids, and what prints each reduction."""
    identities: list[str] = []
    commands: list[str] = []
    same_work: list[str] = []
    """Keys under which the same work stands when tickets are grouped in another way."""


@once
def plan(report: Report) -> list[Ticket]:
    """Give the tickets of a report, the most severe first, then in the report's own order.

    An identity gets one when its reduction removes permissions, a whole grant or a credential, or when
    a finding of severity low or higher is open. Waived and fixed findings call for nothing.
    """
    findings: dict[tuple[str, str, str], list[FindingEntry]] = {}
    for finding in report.findings:
        findings.setdefault((finding.provider, finding.account, finding.identity), []).append(finding)
    tickets = []
    roles = {group.id: group.role for group in report.groups}
    for identity in report.identities:
        own = findings.get((identity.provider, identity.account, identity.id), [])
        if identity.ai_workload.is_ai and calls_for_work(identity, own):
            same_work = other_keys(identity, roles)
            tickets.append(msgspec.structs.replace(_ticket(report, identity, own), same_work=same_work))
    return sorted(tickets, key=lambda ticket: SEVERITIES.index(ticket.priority))


def ticket_key(provider: str, account: str, identity: str) -> str:
    """Name the ticket of an identity: `entdrift-` and 12 hexadecimal digits of a SHA-256."""
    return "entdrift-" + identity_key(provider, account, identity)


def other_keys(entry: IdentityEntry, roles: Mapping[str, str]) -> list[str]:
    """Return the keys of tickets that hold an identity's work under another grouping; `roles` by group."""
    keys = [role_key(roles[entry.group])] if entry.group in roles else []
    return keys + ([owner_key(entry.owner)] if entry.owner else [])


def role_key(role: str) -> str:
    """Name the ticket of a role that stands in many accounts; it must never change."""
    return f"entdrift-{role}"


def owner_key(owner: str) -> str:
    """Name the ticket of an owner; it must never change."""
    return "entdrift-" + hashlib.sha256(f"owner/1\n{owner}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def calls_for_work(identity: IdentityEntry, findings: list[FindingEntry]) -> bool:
    """Tell whether something can be taken away or a finding of severity low or higher is open."""
    return offers_removal(identity.reduction) or any(
        is_open(finding) and SEVERITIES.index(finding.severity) <= _LEAST_SEVERITY for finding in findings
    )


def _ticket(report: Report, identity: IdentityEntry, findings: list[FindingEntry]) -> Ticket:
    still_open = [finding for finding in findings if is_open(finding)]
    priority = highest([finding.severity for finding in still_open])
    key = ticket_key(identity.provider, identity.account, identity.id)
    removes = removals(identity)
    labels = ["entdrift", key, identity.provider, f"severity-{priority}"]
    labels += [f"stage-{identity.stage}"] if identity.stage else []
    title = _title(identity, still_open)
    block = make(report, identity, findings, removes, key=key, title=title, priority=priority)
    return Ticket(
        key=key,
        title=title,
        body=write_body(report, identity, findings, removes, block),
        labels=[label(text) for text in labels],
        priority=priority,
        provider=identity.provider,
        account=identity.account,
        identity=identity.id,
        name=identity.name,
        owner=identity.owner,
        findings=[finding.fingerprint for finding in still_open],
        removes_permissions=identity.reduction.removes,
        removes=removes,
    )


def highest(severities: list[Severity]) -> Severity:
    """Take the highest severity, and low where only something to tidy up is left."""
    return min(("low", *severities), key=SEVERITIES.index)


def _title(identity: IdentityEntry, still_open: list[FindingEntry]) -> str:
    reduction = identity.reduction
    who = f"{short(identity.name or identity.id, 80)} ({identity.provider} {short(identity.account, 60)})"
    tasks = []
    if not offers_removal(reduction):
        return f"Review access of {who}: {counted(len(still_open), 'open finding')}"[:TITLE_LIMIT]
    if reduction.removes:
        tasks.append(f"remove {reduction.removes:,} of {identity.permissions.granted:,} permissions")
    elif reduction.removes_grants:
        tasks.append(f"remove {counted(len(reduction.removes_grants), 'grant')}")
    if reduction.removes_credentials:
        tasks.append(f"remove {counted(len(reduction.removes_credentials), 'credential')}")
    return f"Reduce access of {who}: {', '.join(tasks)}"[:TITLE_LIMIT]


def short(text: str, limit: int) -> str:
    """Write a name in a title: cleaned, and cut where it is long."""
    shown = escape.terminal(text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def label(text: str) -> str:
    """Keep what every tracker takes in a label: lower-case ASCII letters, digits and `_.-`."""
    return _UNSAFE_IN_LABEL.sub("-", text.lower()).strip("-")[:50]
