"""Interned permission names, and sets of them as integers."""

from collections.abc import Callable, Iterable, Iterator, Mapping

_IN_BYTE = tuple(tuple(bit for bit in range(8) if value >> bit & 1) for value in range(256))
_GROUPED = 64
"""Answers of `by_service` kept at a time: one identity asks for about twenty."""


class Permissions:
    """One cloud's permission names, each with a fixed bit, so that sets of them are plain integers.

    Names keep the catalogue's spelling; look-ups ignore case where the cloud does (`fold`). A name that
    only a policy or a log mentions is interned too, so nothing is lost for not being in a catalogue;
    `known` tells the two apart.
    """

    def __init__(
        self, *, source: str, date: str, service: Callable[[str], str], fold: Callable[[str], str] = str
    ) -> None:
        self.source = source
        self.date = date
        self.service = service
        self._fold = fold
        self._names: list[str] = []
        self._index: dict[str, int] = {}
        self._known = 0
        self._services: list[str] = []
        self._grouped: dict[int, dict[str, list[str]]] = {}

    def __len__(self) -> int:
        return len(self._names)

    def load(self, names: Iterable[str]) -> int:
        """Intern catalogue names and return them as a set; they count as known."""
        loaded = self.mask(names)
        self._known |= loaded
        return loaded

    @property
    def known(self) -> int:
        """The set of names that come from the catalogue."""
        return self._known

    def index(self, name: str) -> int:
        """Return the bit number of a name, giving it a new one on first sight."""
        folded = self._fold(name)
        found = self._index.get(folded)
        if found is None:
            found = self._index[folded] = len(self._names)
            self._names.append(name)
            self._services.append(self.service(name))
        return found

    def find(self, name: str) -> int | None:
        """Return the bit number of a name, or None when it was never interned."""
        return self._index.get(self._fold(name))

    def spelling(self, name: str) -> str:
        """Return the first spelling seen of a name (the catalogue's, when it is there)."""
        found = self.find(name)
        return name if found is None else self._names[found]

    def mask(self, names: Iterable[str]) -> int:
        """Return the set of these names, interning new ones."""
        bits = bytearray()
        for name in names:
            byte, bit = divmod(self.index(name), 8)
            if byte >= len(bits):
                bits.extend(bytes(byte + 1 - len(bits)))
            bits[byte] |= 1 << bit
        return int.from_bytes(bits, "little")

    def names(self, permissions: int) -> list[str]:
        """Return the names of a set, sorted."""
        return sorted(map(self._names.__getitem__, _bits(permissions)))

    def by_service(self, permissions: int) -> Mapping[str, list[str]]:
        """Return the names of a set grouped by service, both sorted; not to be changed by the caller.

        The last few answers are kept: publishing and rules ask for the same sets again and again.
        """
        found = self._grouped.get(permissions)
        if found is None:
            found = self._group(permissions)
            if len(self._grouped) >= _GROUPED:
                self._grouped.clear()
            self._grouped[permissions] = found
        return found

    def _group(self, permissions: int) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = {}
        services, names = self._services, self._names
        for index in _bits(permissions):
            service = services[index]
            if service in grouped:
                grouped[service].append(names[index])
            else:
                grouped[service] = [names[index]]
        return {service: sorted(grouped[service]) for service in sorted(grouped)}


def _bits(permissions: int) -> Iterator[int]:
    """Yield the bit numbers of a set, ascending."""
    packed = permissions.to_bytes((permissions.bit_length() + 7) // 8, "little")
    for byte, value in enumerate(packed):
        if value:
            base = byte * 8
            for bit in _IN_BYTE[value]:
                yield base + bit
