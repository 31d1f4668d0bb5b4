"""Read log objects out of an object store: listed, fetched side by side into a temporary folder, given on."""

import contextlib
import errno
import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from connectors.errors import EvidenceError
from connectors.logs.walk import Found

THREADS = 16
AHEAD_BYTES = 64 << 20
"""So much is fetched before somebody wants it; with what is being read, this bounds the disk."""
AHEAD_OBJECTS = 512


class ObjectError(EvidenceError):
    """An object, or a list of them, that the store did not give."""


class ObjectStore(Protocol):
    """A prefix of one bucket or container; every object below it is a log."""

    address: str
    """As the source names it."""

    def objects(self) -> Iterator[Found]:
        """Yield what there is to read; what could not be listed is among it, with the reason."""
        ...

    def covers(self, path: str) -> bool:
        """Return whether `objects` would yield the object of this path if it were there."""
        ...

    def names(self, path: str) -> bool:
        """Return whether an object of this path may be asked for again, in another window.

        What an earlier scan read of it is kept then, and does not count in this one.
        """
        ...

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Write the object as it was listed into a file; ObjectError when that cannot be done.

        Called from several threads.
        """
        ...


class Unreadable:
    """Stands for an address that cannot be read at all, and says why."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self._reason = reason

    def objects(self) -> Iterator[Found]:
        """Yield the address with the reason."""
        yield Found(self.address, 0, self._reason)

    def covers(self, path: str) -> bool:
        """Return whether a path is below the address."""
        return path == self.address or path.startswith(f"{self.address.rstrip('/')}/")

    names = covers

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Fail: nothing was listed."""
        del target
        raise ObjectError(f"{found.path}: {self._reason}")


def below(prefix: str, key: str) -> bool:
    """Return whether a key is below a prefix, which names a folder or one whole key."""
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    return key == prefix or key.startswith(folder)


@contextlib.contextmanager
def opened_stores(
    addresses: Iterable[str], open_one: Callable[[str], AbstractContextManager[ObjectStore]], needs: str
) -> Iterator[list[ObjectStore]]:
    """Give a store for each address; where what opens it is not installed, one that says what it `needs`."""
    with contextlib.ExitStack() as stack:
        stores: list[ObjectStore] = []
        for address in addresses:
            try:
                stores.append(stack.enter_context(open_one(address)))
            except ImportError:
                stores.append(Unreadable(address, needs))
        yield stores


class Fetching:
    """Objects on their way into a temporary folder, in order, at most so many ahead of the reader."""

    def __init__(self, stores: dict[str, ObjectStore]) -> None:
        self._stores = stores
        self._numbers = itertools.count()
        self._locals: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="entdrift-objects-", ignore_cleanup_errors=True)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and remove what was fetched."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    def fetched(self, groups: Iterable[Sequence[Found]]) -> Iterator[list[Found]]:
        """Yield the groups in order, with the place of each object, or the reason why it has none."""
        waiting = iter(groups)
        started: deque[tuple[int, list[Future[Found]]]] = deque()
        size = count = 0
        while True:
            while size < AHEAD_BYTES and count < AHEAD_OBJECTS:
                group = next(waiting, None)
                if group is None:
                    break
                weight = sum(one.size_bytes for one in group)
                started.append((weight, [self._pool.submit(self._fetch, one) for one in group]))
                size += weight
                count += len(group)
            if not started:
                return
            weight, futures = started.popleft()
            fetched = [future.result() for future in futures]
            self._locals.update((one.path, one.local) for one in fetched if one.local)
            yield fetched
            size -= weight
            count -= len(futures)

    def drop(self, path: str) -> None:
        """Remove the copy of an object that was read."""
        local = self._locals.pop(path, "")
        if local:
            with contextlib.suppress(OSError):
                Path(local).unlink()

    def _fetch(self, one: Found) -> Found:
        store = self._stores.get(one.path)
        if one.refused or store is None:
            return one
        local = Path(self._folder.name) / str(next(self._numbers))
        try:
            with local.open("xb") as target:
                store.fetch(one, target)
        except ObjectError as error:
            return one._replace(refused=str(error))
        except OSError as error:
            full = " (free some space in TMPDIR)" if error.errno == errno.ENOSPC else ""
            return one._replace(refused=f"cannot be stored for reading ({error.strerror}){full}")
        return one._replace(local=str(local))
