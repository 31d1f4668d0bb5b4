"""The state file: one SQLite database that outlives a scan, shared by the log ledger and the history.

A component hands over its name and its ordered migrations; the tables are its own:

    LEDGER = Component("ledger", ("CREATE TABLE ledger_object (…) STRICT",))
    with open_state(path, LEDGER) as state:
        with state.transaction() as connection:     # BEGIN IMMEDIATE … COMMIT; an error rolls back
            connection.execute("INSERT …")
        rows = state.read("SELECT …", (…))

A migration never changes once released: a new one is appended. It may hold several statements. Migrations of
one component run in one transaction, so a kill in between leaves the old schema whole.
"""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.errors import StateError
from connectors.leftovers import beside, clear

BUSY_SECONDS = 60.0
"""How long a writer waits for another one; transactions are short, so longer means that one hangs."""
_APPLICATION = 0x656E7464
"""`entd`, stored in the database header: no other program's database is ever changed or moved."""
_HEADER = b"SQLite format 3\0"
_SUFFIXES = {".sqlite", ".sqlite3", ".db"}
_VERSIONS = """CREATE TABLE IF NOT EXISTS schema_versions (
    component TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT"""


@dataclass(frozen=True, slots=True)
class Component:
    """The owner of some tables; migration n takes its schema from version n to n + 1."""

    name: str
    migrations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A damaged state file that was put aside, and the copy that was taken instead, if there was one."""

    reason: str
    moved_to: Path
    restored_from: Path | None

    def __str__(self) -> str:
        taken = (
            f"went on from the copy {self.restored_from}, made when a scan was last recorded"
            if self.restored_from
            else "there was no whole copy of it, so the history begins anew"
        )
        return f"the state file was damaged ({self.reason}) and was moved to {self.moved_to}; {taken}"


class State:
    """An opened state file. One per thread; close it, or use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection, quarantine: Quarantine | None) -> None:
        self.path = path
        self.quarantine = quarantine
        """Set when opening found a damaged file: say it to the user."""
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction: all of it is stored, or nothing.

        Raises StateError that says why the file cannot be written; nothing was changed then.
        """
        with _told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query as tuples."""
        with _told(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def view(self) -> Iterator[None]:
        """Have all reads inside see the file as it is now, whatever others write. Write nothing inside."""
        with _told(self.path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def copy_to(self, path: Path) -> None:
        """Write a whole copy, also while others write; the copy appears at once or not at all.

        Raises StateError when the copy cannot be written.
        """
        partial = beside(path, "partial")
        clear(path)
        try:
            _make_private(partial)
            with _told(path), contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as target:
                self._connection.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            raise StateError(f"{path}: cannot be written ({error.strerror})", hint=_WRITE_HINT) from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def keep_copy(self) -> None:
        """Renew the copy that a damaged state file is restored from."""
        self.copy_to(last_copy(self.path))


def last_copy(path: Path) -> Path:
    """Return where the copy of a state file is kept."""
    return path.with_name(f"{path.name}.last-good")


def open_state(path: Path, *components: Component, read_only: bool = False) -> State:
    """Open a state file, make it when there is none (not for reading), and bring the schema up to date.

    A damaged file is moved aside (`State.quarantine`) and its last copy taken. Raises StateError for a
    file that cannot be used: another program's, a newer version's, without the rights, on a full disk.
    """
    quarantine = None
    if path.exists() and (damage := _damage(path)):
        if read_only or not _writable(path):
            raise StateError(f"{path}: is damaged ({damage})", hint="give it write rights and run a scan")
        quarantine = _put_aside(path, damage)
    if read_only and not path.exists():
        raise StateError(f"{path}: there is no state file", hint="a scan with history writes it")
    with _told(path):
        connection = _connect(path, read_only=read_only or not _writable(path))
        try:
            for component in components:
                _migrate(connection, path, component)
        except BaseException:
            connection.close()
            raise
    return State(path, connection, quarantine)


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if read_only:
        return _read_only(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = _make_private(path)
    except OSError as error:
        raise StateError(f"{path}: cannot be made ({error.strerror})", hint=_WRITE_HINT) from error
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    with contextlib.suppress(sqlite3.OperationalError):
        # Some network file systems have no shared memory: the slower rollback journal then stays.
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    if new:
        connection.execute(f"PRAGMA application_id={_APPLICATION}")
    return connection


def _read_only(path: Path) -> sqlite3.Connection:
    """Open for reading; in a folder that cannot be written, SQLite needs to be told that nobody writes."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        connection = sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
    return connection


def _look(path: Path) -> sqlite3.Connection:
    """Open an existing file as it is; where it can be written, so that a log left by a kill is taken in."""
    if not _writable(path):
        return _read_only(path)
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )


def _writable(path: Path) -> bool:
    """Tell whether SQLite could write there: the file, and its folder for the write-ahead log."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) if path.exists() else True


def _make_private(path: Path) -> bool:
    """Make an empty file for its owner only, unless there is one; side files get the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return path.stat().st_size == 0
    return True


def _migrate(connection: sqlite3.Connection, path: Path, component: Component) -> None:
    latest = len(component.migrations)
    version = _version(connection, component)
    if version < latest:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_VERSIONS)
            version = _version(connection, component)  # another process may have been quicker
            for script in component.migrations[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            if version < latest:
                connection.execute(
                    "INSERT INTO schema_versions VALUES (?, ?)"
                    " ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                    (component.name, latest),
                )
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
    if version > latest:
        raise StateError(
            f"{path}: was written by a newer entdrift ({component.name} schema {version}, this version"
            f" knows {latest})",
            hint="use that version, or another --state",
        )


def _version(connection: sqlite3.Connection, component: Component) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_versions'").fetchone():
        return 0
    row = connection.execute(
        "SELECT version FROM schema_versions WHERE component = ?", (component.name,)
    ).fetchone()
    return int(row[0]) if row else 0


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one (`executescript` would commit between them)."""
    held = ""
    for piece in script.split(";"):
        held += piece + ";"
        if sqlite3.complete_statement(held):
            yield held
            held = ""
    if held.strip("; \n\t"):
        yield held


def _damage(path: Path) -> str:
    """Return what is wrong with an existing file, or nothing.

    Raises StateError for a file that is not ours to move: no database by name, or another program's.
    """
    try:
        if not path.is_file():
            raise StateError(f"{path}: is no file", hint="--state names the state file")
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        raise StateError(f"{path}: cannot be read ({error.strerror})", hint="check its rights") from error
    if not header:
        return ""
    if header != _HEADER:
        if path.suffix not in _SUFFIXES:
            raise StateError(f"{path}: is no entdrift state file", hint="--state names the state file")
        return "it does not begin like a database"
    try:
        with contextlib.closing(_look(path)) as connection:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.OperationalError as error:
        return str(error) if "malformed" in str(error) else ""  # what else is wrong is told on opening
    except sqlite3.DatabaseError as error:
        return str(error)
    if owner != _APPLICATION and tables:
        raise StateError(f"{path}: is the database of another program", hint="choose another --state")
    return "" if found == "ok" else str(found).strip().splitlines()[-1]


def _put_aside(path: Path, reason: str) -> Quarantine:
    """Move a damaged file and its side files away, and put its last copy in its place if that is whole."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StateError(
            f"{path}: is damaged ({reason}) and cannot be moved ({error.strerror})", hint=_WRITE_HINT
        ) from error
    return Quarantine(reason, aside, _restore(path))


def _restore(path: Path) -> Path | None:
    """Put the last copy in the place of a file that was put aside; return it, or None without a whole one."""
    copy = last_copy(path)
    partial = beside(path, "partial")
    clear(path)
    try:
        if not copy.is_file() or _damage(copy):
            return None
        _make_private(partial)
        shutil.copyfile(copy, partial)
        partial.replace(path)
    except (OSError, StateError):
        return None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return copy


_WRITE_HINT = "check the rights of the folder, or choose another --state"
_HINTS = (
    ("full", "free some space and run again; nothing was changed"),
    ("locked", "another entdrift is writing and does not end; see whether it hangs"),
    ("readonly", "check the rights of the file and its folder, or choose another --state"),
    ("unable to open", _WRITE_HINT),
    ("malformed", "run the command again: the damaged file is put aside and its last copy taken"),
)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk refuse into an error that names the file and what to do."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake of ours, not of the file
    except sqlite3.DatabaseError as error:
        text = str(error)
        hint = next((advice for word, advice in _HINTS if word in text), "check the disk")
        raise StateError(f"{path}: {text}", hint=hint) from error
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}:
            raise
        raise StateError(f"{path}: {error.strerror}", hint="free some space and run again") from error
