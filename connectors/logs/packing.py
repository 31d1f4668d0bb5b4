"""Pack columns of whole numbers, and bytes, into few bytes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from connectors.logs.inflate import deflate

Narrow = tuple[int, bytes]
"""Bytes a number, and the numbers as little-endian bytes."""
_FAST = 1


def squeezed(data: bytes) -> bytes:
    """Return bytes compressed."""
    found: bytes = deflate.compress(data, _FAST)
    return found


def released(data: bytes) -> bytes:
    """Return what was compressed; ValueError for anything else."""
    try:
        found: bytes = deflate.decompress(data)
    except deflate.error as error:
        raise ValueError("not compressed") from error
    return found


def narrow(columns: Iterable[npt.NDArray[Any]]) -> list[Narrow]:
    """Return columns of numbers from 0 in as few bytes a number as the largest takes."""
    found = []
    for column in columns:
        width = np.min_scalar_type(int(column.max(initial=0))).itemsize
        found.append((width, column.astype(f"<u{width}").tobytes()))
    return found


def wide(columns: Sequence[Narrow]) -> list[npt.NDArray[np.unsignedinteger[Any]]]:
    """Return the columns."""
    return [np.frombuffer(data, f"<u{width}") for width, data in columns]
