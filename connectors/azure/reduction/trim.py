"""Write what stays of one permission block: lists where they are exact, subtraction where they are not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from connectors.azure.catalog.tables import catalogue
from connectors.azure.policy.globs import covers, meet
from connectors.azure.policy.patterns import Block, Plane, Universe
from connectors.facts import PermissionSet

_WORTH = 3
"""A wildcard is written where it saves at least this many names."""
MOST_ENTRIES = 300
"""Action strings that we write into one list. Azure documents no limit; no built-in role has as many."""
_RISKS = ("admin", "identity", "credential", "destructive", "network", "data", "model")
"""Reach classes whose members are subtracted first where not all fit."""


@dataclass
class Trimmer:
    """Trims blocks over one universe; equal questions are answered once."""

    universe: Universe
    seen: dict[object, Block | None] = field(default_factory=dict)

    def trim(self, block: Block, keep: PermissionSet) -> Block | None:
        """Return a block that gives just what the given one does within `keep`; None when it gives nothing.

        Where that cannot be written within the limits it gives more, never less, and never anything that the
        given block does not give. An entry of which all stays is written as it was.
        """
        key = (block, keep & self.whole(block))
        if key not in self.seen:
            self.seen[key] = self._trim(*key)
        return self.seen[key]

    def whole(self, block: Block) -> PermissionSet:
        """Return what a block gives in both planes."""
        return self.universe.block(Plane.CONTROL, block) | self.universe.block(Plane.DATA, block)

    def _trim(self, block: Block, keep: PermissionSet) -> Block | None:
        if not keep:
            return None
        allowed, subtracted = self._lists(Plane.CONTROL, block, keep)
        data, not_data = self._lists(Plane.DATA, block, keep)
        found = replace(
            block,
            actions=tuple(allowed),
            not_actions=tuple(subtracted),
            data_actions=tuple(data),
            not_data_actions=tuple(not_data),
        )
        return found if found.actions or found.data_actions else None

    def _lists(self, plane: Plane, block: Block, keep: PermissionSet) -> tuple[list[str], list[str]]:
        whole = self.universe.block(plane, block)
        gone = whole & ~keep
        if not whole & keep:
            return [], []
        if not gone:
            return list(block.allowed(plane)), list(block.subtracted(plane))
        entries: list[str] = []
        minus: PermissionSet = 0
        for entry in block.allowed(plane):
            given = self.universe.expand(plane, entry) & whole
            if "*" not in entry:
                entries += [entry] if given & keep else []
            elif not given & gone:
                entries += [entry]
            elif given & keep:
                listed = self._listed(plane, entry, given & keep, whole)
                lost = given & gone
                if listed is None or len(listed) > MOST_ENTRIES:
                    entries.append(entry)
                    minus |= lost
                else:
                    entries += listed
        return self._bounded(plane, block, entries, minus)

    def _bounded(
        self, plane: Plane, block: Block, entries: Sequence[str], minus: PermissionSet
    ) -> tuple[list[str], list[str]]:
        """Return the lists; what is too long stays as it stood, so that more is kept and nothing is lost.

        Where not all can be subtracted, what is riskiest goes: the right to grant first, reading last.
        """
        entries = list(dict.fromkeys(entries))
        if len(entries) > MOST_ENTRIES:
            return list(block.allowed(plane)), list(block.subtracted(plane))
        old = [one for one in block.subtracted(plane) if any(meet(one, entry) for entry in entries)]
        names = self._riskiest(plane, minus)
        return entries, [*old, *sorted(names[: max(MOST_ENTRIES - len(old), 0)])]

    def _riskiest(self, plane: Plane, minus: PermissionSet) -> list[str]:
        """Return names, riskiest to keep first."""
        if minus.bit_count() <= MOST_ENTRIES:
            return self.universe.permissions.names(minus)
        found: list[str] = []
        reads = self.universe.listed(plane, "*/read")
        for patterns in (*(catalogue("reach")[name][plane.value] for name in _RISKS), ["*"]):
            here = self.universe.listed_by(plane, patterns) & minus & ~reads
            found += self.universe.permissions.names(here)
            minus &= ~here
        return [*found, *self.universe.permissions.names(minus)]

    def _listed(
        self, plane: Plane, entry: str, keep: PermissionSet, whole: PermissionSet
    ) -> list[str] | None:
        """Return the shortest list found that gives `keep`; None where the entry means more than is known."""
        universe = self.universe
        if keep & universe.patterns or not keep & universe.plane(plane):
            return None
        found: list[str] = []
        left = keep
        for pattern in _candidates(universe.permissions.names(keep)):
            if not covers(entry, pattern):
                continue
            given = universe.listed(plane, pattern) & whole
            if not given & ~keep and (given & left).bit_count() >= _WORTH:
                found.append(pattern)
                left &= ~given
        return [*found, *universe.permissions.names(left)]


def _candidates(names: Iterable[str]) -> Iterator[str]:
    """Yield wildcards over whole words that several names share, those that cover most first."""
    shared: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for name in names:
        segments = name.split("/")
        forms = [f"*/{segments[-1]}"]
        for at in range(1, len(segments)):
            head = "/".join(segments[:at])
            forms += [f"{head}/*", f"{head}/*/{segments[-1]}"]
        for form in forms:
            key = form.lower()
            shared[key] += 1
            spelled.setdefault(key, form)
    for key, count in sorted(shared.items(), key=lambda item: (-item[1], len(item[0]), item[0])):
        if count >= _WORTH:
            yield spelled[key]
