"""Name and open the buckets of log sinks, and what reading them needs; loads the SDK only to open."""

from contextlib import AbstractContextManager, closing

from connectors.facts import Window
from connectors.interface import Source
from connectors.logs.objects import ObjectStore, opened_stores

GCS_ADDRESS = r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(?P<prefix>[^\x00-\x1f]*))?"
"""`gs://bucket/prefix`: everything below the prefix."""

_NEEDS = "needs google-cloud-storage: pip install 'entdrift[gcs]'"


def reader_role() -> str:
    """Return the custom role that a source of files needs on its buckets, as YAML."""
    return (
        "title: entdrift log reader\nstage: GA\nincludedPermissions:\n"
        "- storage.objects.get\n- storage.objects.list\n"
    )


def log_stores(source: Source, part: str, window: Window) -> AbstractContextManager[list[ObjectStore]]:
    """Give a store for each address in one part of a source."""

    def open_one(address: str) -> AbstractContextManager[ObjectStore]:
        from connectors.gcp.logs.objects import GcsLogs  # noqa: PLC0415 an extra, and slow to import

        return closing(GcsLogs(address, source, window))

    return opened_stores(source.lists.get(part, ()), open_one, _NEEDS)
