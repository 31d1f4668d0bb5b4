"""Finding types have one name everywhere."""

from reports import finding_types
from scanner.rules.registry import RULES


def test_the_names_are_those_of_the_rules():
    rules = {rule.ID: rule.NAME for rule in RULES}
    assert {rule: finding_types.name(rule) for rule in rules} == rules


def test_each_type_is_said_in_one_sentence():
    said = [finding_types.sentence(rule.ID) for rule in RULES]
    assert all(text.endswith(".") and len(text) <= 120 for text in said)
    assert len(set(said)) == len(RULES)


def test_a_type_newer_than_this_program_is_named_by_its_id():
    assert finding_types.name("ED999") == finding_types.sentence("ED999") == "ED999"
