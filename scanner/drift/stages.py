"""Compare a workload in production with the same one in its pilot: what one holds and the other does not."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from connectors.permissions import Permissions
from reports.document import StageDrift, StagePair
from scanner.drift.compare import NAMES
from scanner.drift.matching import BY_NAME, BY_WORKLOAD, MatchRule, Pair, pairs
from scanner.drift.snapshot import Snapshot

_UNMATCHED = 50


def compare_stages(
    snapshots: Mapping[str, Sequence[Snapshot]],
    names: Mapping[str, Permissions],
    rules: Sequence[MatchRule],
    stages: Sequence[str],
) -> StageDrift | None:
    """Return the comparison of all clouds, or None where no two stages are scanned.

    Only AI identities are compared, unless a written rule names others.
    """
    found: list[StagePair] = []
    matched: set[tuple[str, str, str]] = set()
    candidates = [s for own in snapshots.values() for s in own if s.profile.stage]
    if len({s.profile.stage for s in candidates} & set(stages)) < 2:
        return None
    for provider, own in sorted(snapshots.items()):
        for pair in pairs([s for s in own if s.profile.is_ai or _named(s, rules)], rules, stages):
            found.append(_pair(pair, names[provider]))
            matched |= {pair.earlier.key, pair.later.key}
    alone = sorted(
        f"{s.profile.stage}: {s.profile.name or s.id}"
        for s in candidates
        if s.profile.is_ai and s.key not in matched
    )
    return StageDrift(
        rules=[*(str(rule) for rule in rules), BY_NAME, BY_WORKLOAD],
        pairs=sorted(found, key=lambda row: (row.workload, row.earlier, row.later)),
        unmatched=alone[:_UNMATCHED],
        unmatched_total=len(alone),
    )


def _named(snapshot: Snapshot, rules: Sequence[MatchRule]) -> bool:
    return any(
        fnmatchcase(text, glob)
        for rule in rules
        for glob in (rule.earlier, rule.later)
        for text in (snapshot.profile.name, snapshot.id)
    )


def _pair(pair: Pair, names: Permissions) -> StagePair:
    one, other = pair.earlier, pair.later
    only_earlier = names.names(one.granted & ~other.granted)
    only_later = names.names(other.granted & ~one.granted)
    used = names.names(one.used & ~other.used & other.granted)
    return StagePair(
        workload=pair.workload,
        rule=pair.rule,
        provider=one.provider,
        earlier_stage=one.profile.stage,
        earlier=one.id,
        later_stage=other.profile.stage,
        later=other.id,
        both=(one.granted & other.granted).bit_count(),
        only_earlier=only_earlier[:NAMES],
        only_earlier_total=len(only_earlier),
        only_later=only_later[:NAMES],
        only_later_total=len(only_later),
        used_only_earlier=used[:NAMES],
        used_only_earlier_total=len(used),
        unused_later=other.unused.bit_count(),
    )
