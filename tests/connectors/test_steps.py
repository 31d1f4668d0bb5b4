"""Steps in groups say the same as steps one by one."""

from connectors.facts import Step
from connectors.steps import StepGroup, Steps, grouped

GROUPS = [
    StepGroup(("a", "b", "c"), ("b", "c"), sure=True),
    StepGroup(("c",), ("a",), sure=False),
    StepGroup(("d",), ("d",), sure=True),
]


def test_each_caller_becomes_every_target_but_itself():
    assert Steps(GROUPS) == {
        "a": (Step("b", sure=True), Step("c", sure=True)),
        "b": (Step("c", sure=True),),
        "c": (Step("a", sure=False), Step("b", sure=True)),
    }


def test_who_could_only_become_itself_has_no_steps():
    assert "d" not in Steps(GROUPS)
    assert list(Steps(GROUPS)) == ["a", "b", "c"]
    assert len(Steps([])) == 0


def test_steps_without_groups_are_one_group_each():
    assert grouped(Steps(GROUPS)) == tuple(GROUPS[:2])
    assert grouped({"a": (Step("b", sure=False),)}) == [StepGroup(("a",), ("b",), sure=False)]
