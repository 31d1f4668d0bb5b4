"""Try whether log objects can be listed and read, for `entdrift doctor`."""

import tempfile

from connectors.interface import Check
from connectors.logs.objects import ObjectError, ObjectStore


def examine_store(store: ObjectStore, lost: str) -> Check:
    """Return how listing a store, and fetching the first object that it lists, went."""
    address = store.address
    first = next(store.objects(), None)
    if first is None:
        return Check(
            address,
            "failed",
            "nothing of the window's days is there",
            lost,
            "check bucket, prefix and window",
        )
    if first.refused:
        return Check(address, "failed", first.refused, lost)
    try:
        with tempfile.TemporaryFile(prefix="entdrift-doctor-") as target:
            store.fetch(first, target)
    except ObjectError as error:
        return Check(address, "failed", f"can be listed, but {first.path} {error}", lost)
    return Check(address, "ok", "can be listed and read")
