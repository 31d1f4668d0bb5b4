"""Whom identities may become, without a row for each pair: groups of callers with their targets in common.

Two thousand roles that all trust their account are four million pairs and one group.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from connectors.facts import Step


class StepGroup(NamedTuple):
    """Every one of `callers` may become every one of `targets` directly, except itself; both are sorted."""

    callers: tuple[str, ...]
    targets: tuple[str, ...]
    sure: bool
    """False where something on the way is undecided."""
    to_everybody: bool = False
    """True where each target lets everybody in and nothing that the callers hold names it."""
    how: str = ""
    """By which permissions, where the targets are not taken but run code of the callers."""


class Steps(Mapping[str, tuple[Step, ...]]):
    """By identity whom it may become, worked out of groups when somebody asks."""

    def __init__(self, groups: Iterable[StepGroup]) -> None:
        self.groups = tuple(sorted(found for group in groups if (found := _without_itself(group)).targets))

    def __getitem__(self, identity: str) -> tuple[Step, ...]:
        found = [
            Step(target, group.sure, group.to_everybody, group.how)
            for group in self._by_caller[identity]
            for target in group.targets
            if target != identity
        ]
        return tuple(sorted(found))

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_caller)

    def __len__(self) -> int:
        return len(self._by_caller)

    @cached_property
    def _by_caller(self) -> dict[str, list[StepGroup]]:
        found: dict[str, list[StepGroup]] = {}
        for group in self.groups:
            for caller in group.callers:
                if group.targets != (caller,):
                    found.setdefault(caller, []).append(group)
        return dict(sorted(found.items()))


def _without_itself(group: StepGroup) -> StepGroup:
    """Return a group in which somebody else may become each target."""
    if len(group.callers) > 1:
        return group
    return group._replace(targets=tuple(target for target in group.targets if target not in group.callers))


def grouped(steps: Mapping[str, tuple[Step, ...]]) -> Sequence[StepGroup]:
    """Return steps as groups: those they were made of, else one for each step."""
    if isinstance(steps, Steps):
        return steps.groups
    return [
        StepGroup((identity,), (step.target,), step.sure, step.to_everybody, step.how)
        for identity, found in steps.items()
        for step in found
    ]
