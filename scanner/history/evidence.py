"""Whether a scan saw enough of an account or identity to say that something is gone or fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.interface import Status
from scanner.history.past import Account, Past
from scanner.results import IdentityResult, ScanResult, SourceResult

ABOUT_USE = frozenset({"ED101", "ED102", "ED103", "ED108", "ED203", "ED305"})
"""Findings that say something was not used: without the logs they end, and nothing was fixed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How whole this scan's evidence is, by account; `doubts` names why, empty where it is whole."""

    doubts: Mapping[Account, str]
    parts: Mapping[tuple[str, str, str], tuple[str, ...]]
    """By provider, account and source: the parts that were read now or had been read before."""
    complete: Mapping[tuple[str, str, str], bool]

    def doubt(self, account: Account) -> str | None:
        """Return why nothing of it may be called gone; "" when it may, None when it is not scanned."""
        return self.doubts.get(account)


def weigh(result: ScanResult, past: Past) -> Evidence:
    """Compare what was read with what earlier scans read.

    An account is whole when every source that holds it, or that holds no identities and so may be about any
    account of its cloud, was read without loss, and has every part that an earlier scan of it had.
    """
    parts: dict[tuple[str, str, str], tuple[str, ...]] = {}
    complete: dict[tuple[str, str, str], bool] = {}
    reasons: dict[Account, list[str]] = {}
    accounts = _accounts(result, past)
    for source in result.sources:
        own = source.accounts or ("",)
        concerned = source.accounts or [other for provider, other in accounts if provider == source.provider]
        for name in own:
            earlier = past.accounts.get((source.provider, name))
            required = earlier.parts.get(source.name, frozenset()) if earlier else frozenset()
            read = {o.part for o in source.outcomes if o.status is Status.OK}
            lost = _lost(source, required - read)
            key = (source.provider, name, source.name)
            parts[key] = tuple(sorted(read | required))
            complete[key] = not lost
            if lost:
                for about in [name] if name else concerned:
                    reasons.setdefault((source.provider, about), []).append(lost)
    for account in accounts:
        reasons.setdefault(account, []).extend(_absent(account, result, past))
    return Evidence({account: "; ".join(reasons.get(account, ())) for account in accounts}, parts, complete)


def _accounts(result: ScanResult, past: Past) -> list[Account]:
    """Return the accounts this scan is about: those read, and those its sources held before."""
    found = {(source.provider, account) for source in result.sources for account in source.accounts}
    for source in result.sources:
        before = past.source_accounts.get((source.provider, source.name), frozenset())
        found |= {(source.provider, account) for account in before}
    return sorted(found)


def _lost(source: SourceResult, missing: set[str] | frozenset[str]) -> str:
    """Return what of a source could not be read whole, or nothing."""
    broken = sorted({o.part for o in source.outcomes if o.status in {Status.FAILED, Status.PARTIAL}})
    files = sum(file.lost for file in source.log_files)
    words = []
    if not any(o.status is Status.OK for o in source.outcomes):
        return f"source {source.name} could not be read"
    if broken:
        words.append(f"{', '.join(broken)} could not be read whole")
    if files:
        words.append(f"{files:,} log files could not be read whole")
    if missing - set(broken):
        words.append(f"{', '.join(sorted(missing - set(broken)))} had been read before and is missing")
    return f"source {source.name}: {', '.join(words)}" if words else ""


def _absent(account: Account, result: ScanResult, past: Past) -> list[str]:
    """Return why an account is seen less: it left the evidence, or one of its sources the config."""
    provider, name = account
    words = []
    if not any(source.provider == provider and name in source.accounts for source in result.sources):
        words.append("the account is no longer in the evidence of its source")
    earlier, general = past.accounts.get(account), past.accounts.get((provider, ""))
    before = set(earlier.parts) if earlier else set()
    if earlier and general and general.code == earlier.code:
        before |= set(general.parts)
    gone = before - {source.name for source in result.sources if source.provider == provider}
    return words + [f"source {source} is no longer scanned" for source in sorted(gone)]


def weaker_logs(entry: IdentityResult, unused_before: int) -> str:
    """Return why use by an identity is less visible than it was, or nothing.

    `unused_before` are the permissions the earlier scan could call unused.
    """
    if entry.observed is None:
        return "the logs hold no records of its account"
    verdicts = entry.verdicts
    hidden = unused_before & verdicts.granted & (verdicts.unobservable | verdicts.conditional)
    if hidden:
        return f"the logs no longer show the use of {hidden.bit_count():,} of its permissions"
    return ""


def listed(result: ScanResult) -> Sequence[tuple[str, str, str, str]]:
    """Return every identity of the inventory, analysed or not: provider, account, id, immutable id."""
    return [(cloud.provider, *identity) for cloud in result.clouds for identity in cloud.inventory]
