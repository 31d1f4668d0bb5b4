"""Tell whether the evidence of a report is good enough to call the work of a ticket done."""

from dataclasses import dataclass

from reports.document import IdentityEntry, Report, SourceEntry
from reports.overview import counted
from reports.tickets.block import Block, shown, unseen
from reports.tickets.plan import calls_for_work, ticket_key

_SHOWN_REASON = 200
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
        if round(self.report.window.days) < block.days:
            found.append(f"the window is {self.report.window.days:g} days, the ticket's was {block.days}")
        return found + self._standing(block)

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
