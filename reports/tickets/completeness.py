"""Tell whether the evidence of a report is good enough to call the work of a ticket done."""

from dataclasses import dataclass

import msgspec

from reports.document import FindingEntry, IdentityEntry, Report, SourceEntry
from reports.groups.grouping import role_id
from reports.overview import counted, first_of
from reports.tickets.block import Block, mark, shown, unpacked, unseen
from reports.tickets.plan import calls_for_work, owner_key, role_key, ticket_key

_SHOWN_REASON = 200
_NAMED = 3
_GONE = "deleted or no longer recognised; `entdrift scan --identities all` tells which"
_NOT_LISTED = (
    "the identity is not in the report, which lists AI identities only: it was deleted or is no longer "
    "recognised; `entdrift scan --identities all` tells which"
)
_UNRECOGNISED = (
    "the identity still exists but is no longer recognised as an AI workload, so the report does not list "
    "what it holds; `entdrift scan --identities all` does"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report can show about the tickets of earlier reports."""

    report: Report

    @property
    def moment(self) -> str:
        """The time up to which the report speaks: nothing later can be in it."""
        return min(self.report.generated_at, self.report.window.end)

    @property
    def span(self) -> str:
        """The window in words."""
        window = self.report.window
        return f"{window.days:g} days to {window.end}"

    def identity(self, key: str) -> IdentityEntry | None:
        """Give the identity that a ticket key names, if the report lists it."""
        for entry in self.report.identities:
            if ticket_key(entry.provider, entry.account, entry.id) == key:
                return entry
        return None

    def gaps(self, block: Block) -> list[str]:
        """Say why the absence of work cannot be trusted; an empty list means that it can.

        The evidence is complete when every source of the account was read whole with all its log files,
        some log is known to have been on, the window is not shorter than the ticket's, and no permission of
        the identity became invisible since.
        """
        return self._bundle_gaps(block) if block.by else self._own_gaps(block)

    def missing(self, block: Block) -> list[str]:
        """Say how many accounts of a ticket for many identities this report says nothing about."""
        members = unpacked(block.members)
        absent = len(members) - len(members & {mark(account) for account in self._accounts(block)})
        if not members:
            return ["the ticket does not say which accounts it was written for"]
        whole = counted(len(members), "account")
        return [f"{absent:,} of the {whole} of the ticket are not in this report"] if absent else []

    def _own_gaps(self, block: Block) -> list[str]:
        sources = self._sources(block)
        if not sources:
            return [f"no source of this report covers {block.provider} account {block.account}"]
        found = [
            f"source {shown(source.name)} is {source.status}"
            + (f": {shown(source.reason[:_SHOWN_REASON])}" if source.reason else "")
            for source in sources
            if source.status != "ok"
        ]
        found += self._unread_logs({source.name for source in sources})
        found += self._no_coverage(block)
        return found + self._shorter(block) + self._standing(block)

    def _shorter(self, block: Block) -> list[str]:
        if round(self.report.window.days) >= block.days:
            return []
        return [f"the window is {self.report.window.days:g} days, the ticket's was {block.days}"]

    def _accounts(self, block: Block) -> list[str]:
        """Return the accounts of this report that a ticket for many identities was written for."""
        members = unpacked(block.members)
        return sorted({one.account for one in self.report.sources if mark(one.account) in members})

    def _bundle_gaps(self, block: Block) -> list[str]:
        """Ask of every account of the ticket what is asked of the one account of another."""
        found = self.missing(block)
        worse = []
        for account in self._accounts(block):
            own = msgspec.structs.replace(block, account=shown(account))
            sources = self._sources(own)
            broken = any(source.status != "ok" for source in sources)
            names = {source.name for source in sources}
            if broken or self._unread_logs(names) or self._no_coverage(own):
                worse.append(account)
        if worse:
            named, more = first_of([shown(account) for account in worse], _NAMED)
            found.append(f"the evidence of {', '.join(named)}{more} is not complete")
        return found + self._shorter(block) + self._bundle_standing(block)

    def _bundle_standing(self, block: Block) -> list[str]:
        """Look at the identities themselves: with work, less visible, or no longer listed."""
        entries = [entry for entry in self.report.identities if self._is_of(entry, block)]
        findings: dict[tuple[str, str, str], list[FindingEntry]] = {}
        for row in self.report.findings:
            findings.setdefault((row.provider, row.account, row.identity), []).append(row)
        if any(calls_for_work(e, findings.get((e.provider, e.account, e.id), [])) for e in entries):
            return ["some of its identities still have work to do"]
        more = max((unseen(entry) for entry in entries), default=0) - block.blind
        if more > 0:
            return [
                f"{counted(more, 'more permission')} of an identity cannot be seen or decided than before"
            ]
        there = {mark(entry.account) for entry in entries}
        gone = len(unpacked(block.members) - there)
        if gone and self.report.unlisted != []:
            return [f"those of {counted(gone, 'account')} are not listed: {_GONE}"]
        return []

    def _is_of(self, entry: IdentityEntry, block: Block) -> bool:
        if block.by == "owner":
            return bool(entry.owner) and owner_key(entry.owner) == block.key
        return role_key(role_id(entry)) == block.key

    def _sources(self, block: Block) -> list[SourceEntry]:
        found: dict[str, SourceEntry] = {}
        for source in self.report.sources:
            here = (source.provider, shown(source.account)) == (block.provider, block.account)
            if here or (source.provider, shown(source.name)) == (block.provider, block.source):
                found.setdefault(source.name, source)
        return list(found.values())

    def _unread_logs(self, names: set[str]) -> list[str]:
        broken = sum(
            file.source in names and file.status in {"partial", "failed"} for file in self.report.log_files
        )
        return [f"{counted(broken, 'log file')} could not be read whole"] if broken else []

    def _no_coverage(self, block: Block) -> list[str]:
        states = {
            entry.state
            for entry in self.report.coverage
            if (entry.provider, shown(entry.account)) == (block.provider, block.account)
        }
        if states & {"on", "partial"}:
            return []
        said = "no log is known to have been on" if states else "it is not stated which logs were on"
        return [f"{said} in {block.provider} account {block.account}"]

    def _absence(self, key: str) -> list[str]:
        """Tell an identity that is gone from one that exists and is not listed."""
        others = self.report.unlisted
        if others is None:
            listed = len(self.report.identities)
            return [] if listed >= self.report.summary.identities else [_NOT_LISTED]
        return [_UNRECOGNISED] if key.removeprefix("entdrift-") in others else []

    def _standing(self, block: Block) -> list[str]:
        """Look at the identity itself: gone for certain, still there with work, or less visible."""
        entry = self.identity(block.key)
        if entry is None:
            return self._absence(block.key)
        own = [
            finding
            for finding in self.report.findings
            if (finding.provider, finding.account, finding.identity)
            == (entry.provider, entry.account, entry.id)
        ]
        if calls_for_work(entry, own):
            return ["the identity still has work to do but is no longer recognised as an AI workload"]
        more = unseen(entry) - block.blind
        if more > 0:
            return [f"{counted(more, 'more permission')} cannot be seen or decided than before"]
        return []
