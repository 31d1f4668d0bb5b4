"""Compare Azure's action patterns as sets of strings: does one cover another, can two meet."""

from functools import lru_cache

from connectors.azure.policy.patterns import Block, Plane, matches


def covers(outer: str, inner: str) -> bool:
    """Return whether every string that `inner` stands for is one that `outer` stands for; sound and exact.

    A star of `inner` may stand for a letter that occurs nowhere in `outer`, so only a star of `outer` can
    meet it: matching the text of `inner`, stars included, decides.
    """
    return matches(outer, inner.strip())


@lru_cache(maxsize=65_536)
def meet(one: str, other: str) -> bool:
    """Return whether some string fits both patterns; case does not count.

    Walks both at once: a star may take nothing or one more character of the other.
    """
    left, right = one.strip().lower(), other.strip().lower()
    if "*" not in left:
        return matches(right, left)
    if "*" not in right:
        return matches(left, right)
    # Between the first and the last star of each anything may be added: only the fixed ends can clash.
    return _ends_agree(left, right)


def _ends_agree(left: str, right: str) -> bool:
    first, second = left.partition("*")[0], right.partition("*")[0]
    head = min(len(first), len(second))
    last, end = left.rpartition("*")[2], right.rpartition("*")[2]
    tail = min(len(last), len(end))
    return first[:head] == second[:head] and last[len(last) - tail :] == end[len(end) - tail :]


def gives(block: Block, plane: Plane, operation: str) -> bool:
    """Return whether a block's text gives one operation, whatever its condition says."""
    return any(matches(one, operation) for one in block.allowed(plane)) and not any(
        matches(one, operation) for one in block.subtracted(plane)
    )


def within(inner: Block, outer: Block, plane: Plane) -> bool:
    """Return whether a block gives nothing in a plane that another does not, for all strings.

    True is certain. False may only mean that it takes several patterns of `outer` together to cover one of
    `inner`, which this does not look for.
    """
    for entry in inner.allowed(plane):
        taken = [one for one in inner.subtracted(plane) if meet(one, entry)]
        if any(covers(one, entry) for one in taken):
            continue
        if not any(covers(one, entry) for one in outer.allowed(plane)):
            return False
        for minus in outer.subtracted(plane):
            if meet(minus, entry) and not any(covers(one, minus) for one in taken):
                return False
    return True
