"""The chain of approvals: what was approved cannot be changed, taken out or cut off unseen."""

import contextlib
import sqlite3

import pytest

from connectors.state import open_state
from scanner.history.approvals import APPROVALS, GENESIS, Approval, append, entries, head, holds, verify

FIELDS = {"kind": "waiver", "who": "team-a", "why": "needed until the move", "at": "2026-11-22T00:00:00Z"}


@pytest.fixture
def state(tmp_path):
    with open_state(tmp_path / "state.sqlite", APPROVALS) as opened:
        yield opened


def tamper(state, statement):
    """Change the file behind the program's back, as one with write rights can."""
    with contextlib.closing(sqlite3.connect(state.path)) as connection:
        connection.execute("DROP TRIGGER approval_is_not_changed")
        connection.execute("DROP TRIGGER approval_is_not_removed")
        connection.execute(statement)
        connection.commit()


def three(state):
    return [
        append(state, Approval(subject=f"finding {n}", until="2026-12-31T00:00:00Z", **FIELDS))
        for n in (1, 2, 3)
    ]


def test_an_empty_chain_is_whole_and_its_head_is_the_genesis(state):
    assert (0, GENESIS, "") == (verify(state).entries, verify(state).head, verify(state).broken)
    assert GENESIS == head(state)


def test_each_entry_follows_the_one_before_it(state):
    first, second, third = three(state)
    assert (GENESIS, first.hash, second.hash) == (first.previous, second.previous, third.previous)
    assert third.hash == head(state) == verify(state).head
    assert [first, second, third] == entries(state)
    assert [] == entries(state, ["baseline"])


def test_text_moved_from_one_field_to_the_next_gives_another_hash(state):
    one = append(state, Approval(kind="waiver", subject="ab", who="c", why="w", at="t"))
    with open_state(state.path.with_name("other.sqlite"), APPROVALS) as other:
        assert one.hash != append(other, Approval(kind="waiver", subject="a", who="bc", why="w", at="t")).hash


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE approval SET until = '2099-01-01T00:00:00Z' WHERE number = 2", "entry 2 was changed"),
        ("DELETE FROM approval WHERE number = 2", "entry 2 is missing"),
        ("UPDATE approval SET number = number + 10", "entry 1 is missing"),
        ("UPDATE approval SET previous = hash WHERE number = 3", "entry 3 does not follow"),
    ],
)
def test_what_was_changed_is_named(state, statement, broken):
    three(state)
    tamper(state, statement)
    assert broken in verify(state).broken


def test_a_chain_that_was_cut_off_no_longer_holds_the_head_of_a_report(state):
    third = three(state)[2]
    assert holds(state, third.hash)
    tamper(state, "DELETE FROM approval WHERE number = 3")
    assert "" == verify(state).broken
    assert not holds(state, third.hash)


def test_the_program_itself_cannot_change_an_entry(state):
    three(state)
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"), state.transaction() as connection:
        connection.execute("UPDATE approval SET why = 'other'")


def test_an_approval_survives_the_damage_of_the_file(state):
    entry = three(state)[2]
    state.close()
    state.path.write_text("damaged")
    with open_state(state.path, APPROVALS) as again:
        assert entry.hash == head(again)
