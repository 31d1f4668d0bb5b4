"""Find the same workload in two stages: by written rules, else by names without their stage words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from scanner.drift.snapshot import Snapshot

DEFAULT_STAGES = (
    "development",
    "dev",
    "test",
    "sandbox",
    "pilot",
    "staging",
    "preproduction",
    "production",
    "prod",
)
"""From the earliest to the latest."""
_STAGE_WORDS = frozenset(
    {
        *DEFAULT_STAGES,
        *("develop", "testing", "tst", "poc", "stage", "stg", "preprod", "prd", "live", "int", "uat", "qa"),
    }
)
_KIND_WORDS = frozenset({"role", "sa", "identity", "msi", "mi"})
_BREAK = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class MatchRule:
    """A written rule: globs over the name or id of the identity in the earlier and in the later stage."""

    workload: str
    earlier: str
    later: str

    def __str__(self) -> str:
        return f"written rule for {self.workload}: {self.earlier} is later {self.later}"


BY_NAME = "the same name without words for stages and kinds of identities (pilot, prod, dev, role, sa …)"
BY_WORKLOAD = "what runs as them has the same name without words for stages"


@dataclass(frozen=True, slots=True)
class Pair:
    """One workload in an earlier and a later stage, and the rule that says so."""

    workload: str
    rule: str
    earlier: Snapshot
    later: Snapshot


def pairs(snapshots: Iterable[Snapshot], rules: Sequence[MatchRule], stages: Sequence[str]) -> list[Pair]:
    """Return the pairs of one cloud or more; an identity may have partners in several stages.

    Written rules come first and end the search for what they match. Names must be unique within a stage:
    where two identities of a stage share one, which is the partner would be a guess.
    """
    rank = {word: number for number, word in enumerate(stages)}
    staged = [s for s in snapshots if s.profile.stage in rank]
    found: list[Pair] = []
    done: set[tuple[str, str, str]] = set()
    for rule in rules:
        for one, other in _ordered(staged, staged, rank):
            if _fits(one, rule.earlier) and _fits(other, rule.later):
                found.append(Pair(rule.workload, str(rule), one, other))
                done |= {one.key, other.key}
    left = [s for s in staged if s.key not in done]
    for words, rule_text in ((_own_name, BY_NAME), (_workload_name, BY_WORKLOAD)):
        by_name: dict[tuple[str, str], dict[str, list[Snapshot]]] = {}
        for snapshot in left:
            if snapshot.key not in done and (name := words(snapshot)):
                by_name.setdefault((snapshot.provider, name), {}).setdefault(
                    snapshot.profile.stage, []
                ).append(snapshot)
        for (_, name), by_stage in sorted(by_name.items()):
            single = [held[0] for held in by_stage.values() if len(held) == 1]
            for one, other in _ordered(single, single, rank):
                found.append(Pair(name, rule_text, one, other))
                done |= {one.key, other.key}
    return sorted(found, key=lambda pair: (pair.workload, pair.earlier.key, pair.later.key))


def _ordered(
    some: Sequence[Snapshot], others: Sequence[Snapshot], rank: dict[str, int]
) -> list[tuple[Snapshot, Snapshot]]:
    return [
        (one, other)
        for one in some
        for other in others
        if one.provider == other.provider and rank[one.profile.stage] < rank[other.profile.stage]
    ]


def _fits(snapshot: Snapshot, glob: str) -> bool:
    return fnmatchcase(snapshot.profile.name, glob) or fnmatchcase(snapshot.id, glob)


def _own_name(snapshot: Snapshot) -> str:
    name = snapshot.profile.name or snapshot.id
    return normal(name.partition("@")[0])


def _workload_name(snapshot: Snapshot) -> str:
    names = {normal(name) for name in snapshot.profile.workloads} - {""}
    return names.pop() if len(names) == 1 else ""


def normal(name: str) -> str:
    """Return a name in lower case without the words that only say which stage or kind it is."""
    words = [word for word in _BREAK.split(_HUMP.sub("-", name).lower()) if word]
    return "-".join(word for word in words if word not in _STAGE_WORDS | _KIND_WORDS)
