"""Interned permission names, and sets of them as integers."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain

_IN_BYTE = tuple(tuple(bit for bit in range(8) if value >> bit & 1) for value in range(256))
_FEW = 64
"""Sets up to this size are listed name by name, larger ones from the lists of their services."""
_SPARSE = 100
"""Bits per name from which on taking out name by name is faster than looking at every byte."""
_SPLIT = 256
"""Sets whose parts by service are kept at a time: one identity asks for about twenty, and for each reason."""
_LISTED = 2_000_000
"""Names in the lists kept at a time: identities that hold the same policies ask for the same ones."""


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
        self._spelled: dict[str, int] = {}
        """Bits by the first spelling: what is asked for is nearly always spelled so, and needs no folding."""
        self._known = 0
        self._members: dict[str, list[int]] = {}
        self._service_of: list[str] = []
        self._parts: dict[str, int] = {}
        self._masked = 0
        self._split: dict[int, dict[str, int]] = {}
        self._listed: dict[tuple[str, int], list[str]] = {}
        self._held = 0
        self._present: dict[tuple[str, ...], int] = {}
        self._present_of = 0

    def __len__(self) -> int:
        return len(self._names)

    def copy(self) -> "Permissions":
        """Return the same names on the same bits; what is interned in one later is not in the other."""
        made = Permissions(source=self.source, date=self.date, service=self.service, fold=self._fold)
        self.services(0)  # splits the names by service, once for all copies
        made._names, made._index, made._known = list(self._names), dict(self._index), self._known
        made._spelled = dict(self._spelled)
        made._members = {service: list(members) for service, members in self._members.items()}
        made._service_of = list(self._service_of)
        made._parts, made._masked = self._parts, self._masked
        return made

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
        spelled = self._spelled.get(name)
        if spelled is not None:
            return spelled
        folded = self._fold(name)
        found = self._index.get(folded)
        if found is None:
            found = self._index[folded] = self._spelled[name] = len(self._names)
            self._names.append(name)
            service = self.service(name)
            self._service_of.append(service)
            self._members.setdefault(service, []).append(found)
        return found

    def find(self, name: str) -> int | None:
        """Return the bit number of a name, or None when it was never interned."""
        return self._index.get(self._fold(name))

    def present(self, names: tuple[str, ...]) -> int:
        """Return those of the names that were ever interned, as a set; tables ask for the same ones often."""
        if self._present_of != len(self._names):
            self._present.clear()
            self._present_of = len(self._names)
        found = self._present.get(names)
        if found is None:
            bits = (self.find(name) for name in names)
            found = self._present[names] = _mask(bit for bit in bits if bit is not None)
        return found

    def spelling(self, name: str) -> str:
        """Return the first spelling seen of a name (the catalogue's, when it is there)."""
        found = self.find(name)
        return name if found is None else self._names[found]

    def mask(self, names: Iterable[str]) -> int:
        """Return the set of these names, interning new ones."""
        return _mask(map(self.index, names))

    def names(self, permissions: int) -> list[str]:
        """Return the names of a set, sorted; not to be changed by the caller."""
        if permissions.bit_count() <= _FEW:
            return self._list("", permissions)
        found = self._listed.get(("", permissions))
        if found is None:
            # Identities hold many whole services in common, whose lists stand already; they are in order.
            found = sorted(chain.from_iterable(self.by_service(permissions).values()))
            self._keep("", permissions, found)
        return found

    def services(self, permissions: int) -> Mapping[str, int]:
        """Return a set split by service, sorted by service; not to be changed by the caller.

        The last few answers are kept: publishing and rules ask for the same sets again and again.
        """
        if self._masked != len(self._names):
            self._parts = {service: _mask(members) for service, members in self._members.items()}
            self._masked = len(self._names)
            self._split.clear()
        found = self._split.get(permissions)
        if found is None:
            if len(self._split) >= _SPLIT:
                self._split.clear()
            found = self._split[permissions] = self._services(permissions)
        return found

    def _services(self, permissions: int) -> dict[str, int]:
        """Take out the service of the highest name until nothing is left: what is not held costs nothing."""
        found: dict[str, int] = {}
        while permissions:
            service = self._service_of[permissions.bit_length() - 1]
            part = found[service] = permissions & self._parts[service]
            permissions ^= part
        return dict(sorted(found.items()))

    def by_service(self, permissions: int) -> Mapping[str, list[str]]:
        """Return the names of a set grouped by service, both sorted; not to be changed by the caller.

        Equal parts of different sets give the same list.
        """
        return {service: self._list(service, part) for service, part in self.services(permissions).items()}

    def whole(self, part: int, of: int) -> tuple[list[str], list[str]]:
        """Split `part` into the services of which it holds all of `of`, and the names of the rest, sorted."""
        held = self.services(of)
        services, rest = [], 0
        for service, mask in self.services(part).items():
            if mask == held.get(service):
                services.append(service)
            else:
                rest |= mask
        return services, self.names(rest)

    def _list(self, service: str, part: int) -> list[str]:
        found = self._listed.get((service, part))
        if found is None:
            found = sorted(map(self._names.__getitem__, _bits(part)))
            self._keep(service, part, found)
        return found

    def _keep(self, service: str, part: int, names: list[str]) -> None:
        """Remember a list for as long as there is room."""
        self._held += len(names)
        if self._held > _LISTED:
            self._listed.clear()
            self._held = len(names)
        self._listed[service, part] = names


def _mask(bits: Iterable[int]) -> int:
    """Return the set of these bit numbers."""
    numbers = list(bits)
    if not numbers:
        return 0
    packed = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        packed[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(packed, "little")


def _bits(permissions: int) -> list[int]:
    """Return the bit numbers of a set, ascending."""
    if permissions.bit_count() <= _FEW and permissions.bit_length() > _SPARSE * permissions.bit_count():
        found = []
        while permissions:
            found.append(permissions.bit_length() - 1)
            permissions ^= 1 << found[-1]
        return found[::-1]
    skipped = max((permissions & -permissions).bit_length() - 1, 0) // 8
    packed = (permissions >> 8 * skipped).to_bytes((permissions.bit_length() + 7) // 8 - skipped, "little")
    return [byte * 8 + bit for byte, value in enumerate(packed, skipped) if value for bit in _IN_BYTE[value]]
