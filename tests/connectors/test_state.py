"""The state file: whole or untouched after every accident, never somebody else's database."""

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from connectors.errors import StateError
from connectors.state import Component, last_copy, open_state

NOTES = Component("notes", ("CREATE TABLE note (text TEXT NOT NULL) STRICT",))
MORE_NOTES = Component(
    "notes",
    (
        *NOTES.migrations,
        "ALTER TABLE note ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'; CREATE INDEX by_author ON note (author);",
    ),
)
OTHERS = Component("others", ("CREATE TABLE other (number INTEGER) STRICT",))


def put(path, *texts):
    with open_state(path, NOTES) as state, state.transaction() as connection:
        connection.executemany("INSERT INTO note VALUES (?)", [(text,) for text in texts])


def texts(path):
    with open_state(path, NOTES) as state:
        return [row[0] for row in state.read("SELECT text FROM note ORDER BY rowid")]


def damage(path):
    """Overwrite pages in the middle, as a bad disk does."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 8192)


def test_what_is_committed_is_there_next_time(tmp_path):
    path = tmp_path / "deep" / "state.sqlite"
    put(path, "one")
    put(path, "two")
    assert ["one", "two"] == texts(path)


def test_only_the_owner_can_read_the_file_and_what_stands_beside_it(tmp_path):
    path = tmp_path / "state.sqlite"
    with open_state(path, NOTES) as state, state.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('x')")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert dict.fromkeys(("state.sqlite", "state.sqlite-shm", "state.sqlite-wal"), 0o600) == modes


def test_an_error_inside_a_transaction_leaves_nothing_of_it(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "kept")

    def interrupted(connection):
        connection.execute("INSERT INTO note VALUES ('lost')")
        raise KeyboardInterrupt

    with (
        open_state(path, NOTES) as state,
        pytest.raises(KeyboardInterrupt),
        state.transaction() as connection,
    ):
        interrupted(connection)
    assert ["kept"] == texts(path)


def test_a_migration_keeps_what_was_stored_and_components_do_not_mix(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "old")
    with open_state(path, OTHERS, MORE_NOTES) as state:
        assert [("old", "nobody")] == state.read("SELECT text, author FROM note")
        assert [("notes", 2), ("others", 1)] == state.read("SELECT * FROM schema_versions ORDER BY 1")


def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "old")
    broken = Component(
        "notes", (*NOTES.migrations, "CREATE TABLE extra (a INTEGER); INSERT INTO absent VALUES (1)")
    )
    with pytest.raises(StateError, match="absent"):
        open_state(path, broken)
    with open_state(path, NOTES) as state:
        assert [("note",), ("schema_versions",)] == state.read(
            "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY 1"
        )
    assert ["old"] == texts(path)


def test_the_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "state.sqlite"
    with open_state(path, MORE_NOTES):
        pass
    before = path.read_bytes()
    with pytest.raises(StateError, match="written by a newer entdrift"):
        open_state(path, NOTES)
    assert before == path.read_bytes()


def test_a_damaged_file_is_put_aside_and_the_last_copy_taken(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, *("some text " * 200 for _ in range(20)))
    with open_state(path, NOTES) as state:
        state.keep_copy()
    put(path, "after the copy")
    damage(path)
    bad = path.read_bytes()
    with open_state(path, NOTES) as state:
        assert [(20,)] == state.read("SELECT count(*) FROM note")
        assert state.quarantine is not None
        assert str(last_copy(path)) in str(state.quarantine)
        assert bad == state.quarantine.moved_to.read_bytes()
    with open_state(path, NOTES) as state:
        assert state.quarantine is None


@pytest.mark.parametrize(
    "content", [b"garbage", b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "header only"]
)
def test_without_a_copy_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path, content):
    path = tmp_path / "state.sqlite"
    path.write_bytes(content)
    with open_state(path, NOTES) as state:
        assert [] == state.read("SELECT * FROM note")
        assert state.quarantine is not None
        assert "begins anew" in str(state.quarantine)
    assert content == (tmp_path / "state.sqlite.damaged-1").read_bytes()


def test_two_damaged_files_are_both_kept(tmp_path):
    path = tmp_path / "state.sqlite"
    for text in ("one", "two"):
        path.write_text(text)
        open_state(path, NOTES).close()
    assert ["one", "two"] == [(tmp_path / f"state.sqlite.damaged-{n}").read_text() for n in (1, 2)]


def test_a_damaged_copy_is_not_taken(tmp_path):
    path = tmp_path / "state.sqlite"
    path.write_text("bad")
    last_copy(path).write_text("bad too")
    with open_state(path, NOTES) as state:
        assert [] == state.read("SELECT * FROM note")


def test_a_file_that_is_no_database_by_name_is_never_moved(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("{}")
    with pytest.raises(StateError, match="no entdrift state file"):
        open_state(path, NOTES)
    assert "{}" == path.read_text()


def test_the_database_of_another_program_is_never_touched(tmp_path):
    path = tmp_path / "cookies.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cookie (a)")
    before = path.read_bytes()
    with pytest.raises(StateError, match="another program"):
        open_state(path, NOTES)
    assert before == path.read_bytes()


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(StateError, match="there is no state file"):
        open_state(tmp_path / "state.sqlite", NOTES, read_only=True)
    assert [] == list(tmp_path.iterdir())


def test_a_folder_is_no_state_file(tmp_path):
    with pytest.raises(StateError, match="is no file"):
        open_state(tmp_path, NOTES)


@contextlib.contextmanager
def without_root():
    """Root may write everywhere, so a test of rights goes on as somebody else for a while."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def run(tmp_path, code):
    program = f"import sys; sys.path[:0] = {sys.path!r}\nfrom pathlib import Path\nfrom connectors.state import *\npath = Path({str(tmp_path)!r}) / 'state.sqlite'\nNOTES = Component('notes', {NOTES.migrations!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_a_file_without_write_rights_can_be_read_and_says_that_it_cannot_be_written():
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "state.sqlite"
        put(path, "one")
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with without_root(), open_state(path, NOTES) as state:
            assert [("one",)] == state.read("SELECT text FROM note")
            with pytest.raises(StateError, match="readonly") as caught, state.transaction() as connection:
                connection.execute("INSERT INTO note VALUES ('x')")
        assert "rights" in caught.value.hint


def test_a_folder_without_write_rights_is_named():
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "state.sqlite"
        path.parent.chmod(0o555)
        with without_root(), pytest.raises(StateError, match="cannot be made") as caught:
            open_state(path, NOTES)
        assert str(path) in str(caught.value)


def test_a_full_disk_loses_nothing_and_is_told(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "kept")
    with open_state(path, NOTES) as state:
        pages = state.read("PRAGMA page_count")[0][0]
        state.read(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StateError, match="full") as caught, state.transaction() as connection:
            connection.execute("INSERT INTO note VALUES (?)", ("x" * 100_000,))
        assert "free some space" in caught.value.hint
    assert ["kept"] == texts(path)


def test_a_kill_in_the_middle_of_a_transaction_loses_only_that_transaction(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "kept")
    code = (
        "with open_state(path, NOTES) as state, state.transaction() as c:\n"
        "    c.executemany('INSERT INTO note VALUES (?)', [('x' * 1000,)] * 5000)\n"
        "    print('in', flush=True)\n"
        "    import time; time.sleep(60)\n"
    )
    process = run(tmp_path, code)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    process.stdout.close()
    assert ["kept"] == texts(path)


def test_writers_wait_for_each_other(tmp_path):
    code = (
        "for n in range(20):\n"
        "    with open_state(path, NOTES) as state, state.transaction() as c:\n"
        "        c.execute('INSERT INTO note VALUES (?)', (str(n),))\n"
    )
    processes = [run(tmp_path, code) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)
    assert [0, 0, 0] == [process.returncode for process in processes]
    assert 60 == len(texts(tmp_path / "state.sqlite"))


def test_a_copy_is_whole_while_somebody_writes(tmp_path):
    path = tmp_path / "state.sqlite"
    put(path, "one")
    with (
        open_state(path, NOTES) as state,
        open_state(path, NOTES) as other,
        other.transaction() as connection,
    ):
        connection.execute("INSERT INTO note VALUES ('not yet')")
        state.copy_to(tmp_path / "copy.sqlite")
    assert ["one"] == texts(tmp_path / "copy.sqlite")
    assert 0o600 == stat.S_IMODE((tmp_path / "copy.sqlite").stat().st_mode)


def test_opening_a_large_file_is_quick(tmp_path):
    """A night of 10,000 identities is some 20 MB; the check on opening may not be felt."""
    path = tmp_path / "state.sqlite"
    put(path, *("y" * 1000 for _ in range(20_000)))
    began = time.process_time()
    open_state(path, NOTES).close()
    assert time.process_time() - began < 1
