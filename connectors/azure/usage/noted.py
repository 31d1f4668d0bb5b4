"""See records through what rules look at, so that what was said of one holds for all that look the same.

Rules read a record through `Fields`, which note each key that is looked at. Records that agree in the values
of these and in the keys of the objects around them are the same to the rules, which need not be asked again.
"""

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from types import NoneType
from typing import Any

import msgspec

from connectors.azure.ids import fold

Key = str | int
"""A key of an object, or a place in a list."""
Shape = tuple[str, ...] | int
"""The keys of an object in order, or the length of a list."""
Brief = Callable[[Any], Any]
"""What rules need of a value that differs from record to record: a function of it alone, and hashable."""

_MOST_PLANS = 2_000


class Noted:
    """What rules looked at in one object, or list, of records: it grows as they are read."""

    __slots__ = ("_briefs", "_parts", "_plans", "_root", "_values", "looks")

    def __init__(self, root: "Noted | None" = None) -> None:
        self._root = root or self
        self.looks = 0
        """How many different looks are noted, in the whole record."""
        self._values: set[Key] = set()
        self._briefs: dict[tuple[Key, Brief], None] = {}
        self._parts: dict[Key, Noted] = {}
        """What was looked at in the objects and lists inside."""
        self._plans: dict[Shape, _Plan] = {}

    def value(self, held: Any, key: Key) -> Any:
        """Return a value and note that it was looked at."""
        value = held[key]
        if isinstance(value, dict | list):
            return self._part(key).seen(value)
        if key not in self._values:
            self._values.add(key)
            self._grow()
        return value

    def opened(self, held: Any, key: Key) -> Any:
        """Return a value, parsed where it is JSON text: of that only what is looked at inside is noted."""
        return self._part(key).seen(opened(held[key]))

    def brief(self, held: Any, key: Key, brief: Brief) -> Any:
        """Return what a function makes of a value, and note that nothing else of it was looked at."""
        if (key, brief) not in self._briefs:
            self._briefs[key, brief] = None
            self._grow()
        return brief(held[key])

    def seen(self, value: Any) -> Any:
        """Return a value as rules see it."""
        if isinstance(value, dict):
            return Fields(self, value, self.plan(tuple(value)).names)
        return [self.value(value, at) for at in range(len(value))] if isinstance(value, list) else value

    def collect(self, held: Any, shape: Shape, marks: list[Any]) -> None:
        """Add what is noted of an object or a list to the marks that tell records apart."""
        plan = self._plans.get(shape) or self.plan(shape)
        marks.append(plan)
        marks += plan.values(held)
        for key, brief in plan.briefs:
            value = held[key]
            marks.append(None if _empty(value) else brief(value))
        for key, part in plan.parts:
            inner = held[key]
            if type(inner) is str and inner[:1] in _OPENING:
                inner = opened(inner)
                marks.append(_OPENED)
            if type(inner) is dict:
                part.collect(inner, tuple(inner), marks)
            elif type(inner) is list:
                part.collect(inner, len(inner), marks)
            else:
                marks.append(inner)

    def plan(self, shape: Shape) -> "_Plan":
        """Return how to collect what is noted of objects with these keys, or of lists of this length."""
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[shape] = _Plan(shape, self._values, self._briefs, self._parts)
        return plan

    def _part(self, key: Key) -> "Noted":
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = Noted(self._root)
            self._grow()
        return part

    def _grow(self) -> None:
        self._plans.clear()
        self._root.looks += 1


class _Plan:
    """How to collect what is noted of objects with certain keys; as a mark it stands for these keys."""

    __slots__ = ("briefs", "names", "parts", "values")

    def __init__(
        self,
        shape: Shape,
        values: set[Key],
        briefs: Mapping[tuple[Key, Brief], None],
        parts: Mapping[Key, Noted],
    ) -> None:
        keys: Any = range(shape) if isinstance(shape, int) else shape
        self.names: dict[str, tuple[Key, ...]] = {fold(str(key)): (key,) for key in keys}
        wanted = [key for key in keys if key in values]
        # The last key twice: of a single one itemgetter would make no tuple.
        self.values: Any = itemgetter(*wanted, wanted[-1]) if wanted else _nothing
        self.briefs = [(key, brief) for key, brief in briefs if key in keys]
        self.parts = [(key, parts[key]) for key in keys if key in parts]


def _nothing(_: Any) -> tuple[()]:
    return ()


class Fields(Mapping[str, Any]):
    """An object of a record as rules see it: by names without case and underscores, looks being noted."""

    __slots__ = ("_held", "_names", "_noted")

    def __init__(self, noted: Noted, held: Any, names: Mapping[str, tuple[Key, ...]]) -> None:
        self._noted = noted
        self._held = held
        self._names = names
        """By each name the keys that stand for it, most telling first."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field under the first of its keys that holds something; an object as `Fields`."""
        for key in self._names.get(name, ()):
            value = self._noted.value(self._held, key)
            if value is not None and value != "":
                return value
        return default

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def word(self, name: str) -> str:
        """Return a field as `word` reads it."""
        return word(self.get(name))

    def exact(self, key: str) -> Any:
        """Return what stands under a key of just this spelling."""
        return self._noted.value(self._held, key) if key in self._held else None

    def brief(self, name: str, brief: Brief) -> Any:
        """Return what a function makes of a field, of None where there is none."""
        raw, made = self._first(name, lambda held, key: self._noted.brief(held, key, brief))
        return brief(None) if raw is None else made

    def holds(self, key: str) -> bool:
        """Return whether anything stands under a key of just this spelling."""
        return key in self._held and bool(self._noted.brief(self._held, key, bool))

    def opened(self, name: str) -> Any:
        """Return a field, parsed where it is JSON text; None where such text is broken."""
        return self._first(name, self._noted.opened)[1]

    def inside(self, *names: str) -> "Fields":
        """Return the object that the first field with anything in it holds; no fields for anything else."""
        for name in names:
            raw, value = self._first(name, self._noted.opened)
            if raw:
                return value if isinstance(value, Fields) else NO_FIELDS
        return NO_FIELDS

    def _first(self, name: str, look: Callable[[Any, Key], Any]) -> tuple[Any, Any]:
        """Return the first value under a name that is not empty, as it is and as it is looked at."""
        for key in self._names.get(name, ()):
            value = look(self._held, key)
            if not _empty(self._held[key]):
                return self._held[key], value
        return None, None


NO_FIELDS = Fields(Noted(), {}, {})


def word(value: Any) -> str:
    """Return a string field; REST wraps some as {"value": …, "localizedValue": …}, exports as numbers."""
    if type(value) is Fields:
        value = value.exact("value")
    elif isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, str):
        return value.strip()
    return str(int(value)) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def opened(value: Any) -> Any:
    """Return a value that Log Analytics or the OpenAI service wrote as JSON text in its parsed form."""
    if isinstance(value, str) and value[:1] in _OPENING:
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value


def marks(noted: Noted, record: dict[str, Any], fields: tuple[str, ...]) -> tuple[Any, ...]:
    """Return what is noted of a record with these fields: equal where records are the same to the rules."""
    found: list[Any] = []
    noted.collect(record, fields, found)
    if not _TOLD_APART.issuperset(map(type, found)):
        found = [mark if type(mark) in _TOLD_APART else _typed(mark) for mark in found]
    return tuple(found)


def _typed(mark: Any) -> Any:
    """Return a mark that differs for values that Python calls equal (True and 1), and can be hashed."""
    return type(mark) if isinstance(mark, dict | list) else (type(mark), repr(mark))


def _empty(value: Any) -> bool:
    return value is None or value == ""


class _Opened:
    """Stands before what is noted inside of JSON text, which is true even where the object is empty."""


_OPENED = _Opened()
_OPENING = ("{", "[")
_TOLD_APART = frozenset((str, NoneType, int, tuple, _Plan, _Opened))


def folded(value: Any) -> dict[str, Any]:
    """Return an object with its keys lower-case without underscores, or {} for anything else."""
    value = opened(value)
    return {fold(str(key)): item for key, item in value.items()} if isinstance(value, dict) else {}
