"""Find values in nested records by paths like `InstanceGroups[].ExecutionRole`."""

from collections.abc import Iterator, Mapping
from typing import Any


def values_at(record: Any, path: str) -> Iterator[Any]:
    """Yield what stands at a path: keys parted by dots, `[]` for every item of a list."""
    if not path:
        yield record
        return
    head, _, rest = path.partition(".")
    name = head.removesuffix("[]")
    if not isinstance(record, Mapping) or name not in record:
        return
    held = record[name]
    for item in held if head.endswith("[]") and isinstance(held, list) else [held]:
        yield from values_at(item, rest)


def kept(record: Mapping[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy that holds only what stands at these paths, in the places where it stood."""
    result: dict[str, Any] = {}
    for path in paths:
        _copy(record, path, result)
    return result


def _copy(record: Mapping[str, Any], path: str, into: dict[str, Any]) -> None:
    head, _, rest = path.partition(".")
    name = head.removesuffix("[]")
    if name not in record:
        return
    held = record[name]
    if not rest:
        into[name] = held
    elif isinstance(held, Mapping):
        _copy(held, rest, into.setdefault(name, {}))
    elif isinstance(held, list):
        below = into.setdefault(name, [{} for _ in held])
        for item, copy in zip(held, below, strict=True):
            if isinstance(item, Mapping):
                _copy(item, rest, copy)
