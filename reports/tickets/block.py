"""The machine block of a ticket: what a later run needs to find, compare and close it."""

import base64
import hashlib
from collections.abc import Iterable

import msgspec

from reports import escape
from reports.document import FindingEntry, IdentityEntry, Report, Severity
from reports.overview import is_open
from reports.tickets.removals import Removal

FINDINGS_LIMIT = 60
"""Fingerprints in the block; with the clipped names it fits the 4,000 characters of a ServiceNow field."""

_TITLE_DIGESTED = 150
"""Characters of a title that every tracker keeps: ServiceNow's short description holds 160."""
_NAME_LIMIT, _FINGERPRINT_LIMIT = 120, 12
_MARK = 4


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the work at the time a ticket was written; none of them is a time of the run.

    `work` is a digest of everything that makes the ticket worth rewriting, `title` one of the title we
    gave. `blind` counts the permissions that could not be seen or decided then: a ticket is not closed
    because more of them became invisible. Names are cut and cleaned; `key` alone identifies.
    """

    schema: int = 1
    key: str
    provider: str
    account: str
    identity: str
    source: str = ""
    days: int = 0
    priority: str = ""
    title: str = ""
    granted: int = 0
    removes: int = 0
    blind: int = 0
    findings: list[str] = []
    work: str = ""
    by: str = ""
    """What a ticket for many identities is about: `role` or `owner`."""
    members: str = ""
    """Of such a ticket: its accounts, as `packed` writes them."""


def make(
    report: Report,
    identity: IdentityEntry,
    findings: list[FindingEntry],
    removes: list[Removal],
    *,
    key: str,
    title: str,
    priority: Severity,
) -> Block:
    """Describe the work on one identity; unchanged work gives an unchanged block."""
    still_open = [finding.fingerprint for finding in findings if is_open(finding)]
    work = {
        "title": title,
        "priority": priority,
        "stage": identity.stage,
        "findings": sorted(still_open),
        "removes": removes,
        "reduction": (identity.reduction.disposition, identity.reduction.removes),
    }
    return Block(
        key=key,
        provider=identity.provider,
        account=shown(identity.account),
        identity=shown(identity.id),
        source=shown(identity.source),
        days=round(report.window.days),
        priority=priority,
        title=title_digest(title),
        granted=identity.permissions.granted,
        removes=identity.reduction.removes,
        blind=unseen(identity),
        findings=sorted(_short(fingerprint) for fingerprint in still_open)[:FINDINGS_LIMIT],
        work=_digest(repr(msgspec.to_builtins(work))),
    )


def bundle_block(block: Block, *, title: str, findings: list[str], blind: int, work: object) -> Block:
    """Fill in the block of a ticket for many identities.

    What each account's own reduction takes is no part of the work: among hundreds of accounts some call
    something new every night, and nobody wants to hear of each.
    """
    digested = {"title": title, "priority": block.priority, "findings": findings, "work": work}
    return msgspec.structs.replace(
        block,
        identity=shown(block.identity),
        title=title_digest(title),
        blind=blind,
        findings=[_short(one) for one in findings][:FINDINGS_LIMIT],
        work=_digest(repr(digested)),
    )


def packed(accounts: Iterable[str]) -> str:
    """Write accounts as four bytes each in base64: a hundred and more must fit beside the rest of a block."""
    marks = sorted({mark(account) for account in accounts})
    return base64.b64encode(b"".join(marks)).decode("ascii")


def unpacked(members: str) -> set[bytes]:
    """Read what `packed` wrote; nothing where it was changed by hand."""
    try:
        whole = base64.b64decode(members, validate=True)
    except ValueError:
        return set()
    return {whole[at : at + _MARK] for at in range(0, len(whole), _MARK)}


def without_members(data: str) -> str:
    """Leave out the accounts of a block, for a field of few characters: people close such a ticket."""
    block = read(data)
    return data if block is None else write(msgspec.structs.replace(block, members=""))


def mark(account: str) -> bytes:
    """Return what stands for an account in `packed`."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).digest()[:_MARK]


def write(block: Block) -> str:
    """Write the block as JSON of one line, safe inside an HTML comment and a `{noformat}` of Jira."""
    text = escape.json_in_html(msgspec.json.encode(block).decode())
    return text.replace("{noformat", "\\u007bnoformat")


def read(text: str) -> Block | None:
    """Read a block; None for what is none, or was written by an incompatible version."""
    try:
        block = msgspec.json.decode(text, type=Block)
    except msgspec.DecodeError:
        return None
    return block if block.schema == 1 else None


def unseen(identity: IdentityEntry) -> int:
    """Count the permissions of an identity whose use could not be seen or decided."""
    return identity.permissions.unobservable + identity.permissions.conditional


def shown(name: str) -> str:
    """Write a name as it stands in a block: cleaned and cut."""
    return escape.clip(escape.terminal(name), _NAME_LIMIT)


def title_digest(title: str) -> str:
    """Digest a title; that a tracker joins white space or cuts it short is no edit by a person."""
    return _digest(" ".join(title.split())[:_TITLE_DIGESTED])


def _short(fingerprint: str) -> str:
    return escape.terminal(fingerprint)[:_FINGERPRINT_LIMIT]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
