"""Which logs were on in each account, in words."""

from dataclasses import replace

from rule_builders import DATA_PARTLY, MANAGEMENT

from connectors.facts import CoverageState
from scanner.rules.recorded import NOT_KNOWN, recorded


def test_each_account_has_its_own_words():
    other = replace(MANAGEMENT, account="999", state=CoverageState.OFF)
    found = recorded([MANAGEMENT, DATA_PARTLY, other])
    both = found[MANAGEMENT.account]
    assert both.complete
    assert both.logs == f"logs: {DATA_PARTLY.log_class} partly on, {MANAGEMENT.log_class} on"
    assert found["999"] == NOT_KNOWN
    assert recorded([]) == {}


def test_a_class_that_is_off_in_one_place_is_partly_on():
    off = replace(MANAGEMENT, place="elsewhere", state=CoverageState.OFF)
    assert not recorded([MANAGEMENT, off])[MANAGEMENT.account].complete
