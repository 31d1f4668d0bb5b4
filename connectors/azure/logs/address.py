"""Name and open containers of exported logs, and what reading them needs; loads the SDK only to open."""

import json
import re
from contextlib import AbstractContextManager, closing
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors.facts import Window
from connectors.interface import Source
from connectors.logs.objects import ObjectStore, opened_stores

_ACCOUNT = r"[a-z0-9]{3,24}"
_CONTAINER = r"\$?[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])"
_PREFIX = r"(?:/(?P<prefix{n}>[^\x00-\x1f?#]*))?"
BLOB_ADDRESS = "|".join(
    (
        rf"https://(?P<host>{_ACCOUNT}\.(?:z\d+\.)?blob\.[a-z0-9.-]+)/(?P<container1>{_CONTAINER})"
        + _PREFIX.format(n=1),
        rf"azblob://(?P<account>{_ACCOUNT})/(?P<container2>{_CONTAINER})" + _PREFIX.format(n=2),
        rf"(?P<local>http://(?:127\.0\.0\.1|localhost)(?::\d+)?/{_ACCOUNT})/(?P<container3>{_CONTAINER})"
        + _PREFIX.format(n=3),
    )
)
"""A container's address, `azblob://account/container`, or an emulator's; all with a prefix or without."""


class BlobAddress(NamedTuple):
    """The parts of an address."""

    account: str
    """Address of the storage account."""
    container: str
    prefix: str


def parsed(address: str) -> BlobAddress | None:
    """Return the parts of an address; None when it is none."""
    named = re.fullmatch(BLOB_ADDRESS, address)
    if named is None:
        return None
    if named["host"]:
        return BlobAddress(f"https://{named['host']}", named["container1"], named["prefix1"] or "")
    if named["account"]:
        account = f"https://{named['account']}.blob.core.windows.net"
        return BlobAddress(account, named["container2"], named["prefix2"] or "")
    return BlobAddress(named["local"], named["container3"], named["prefix3"] or "")


_BLOB_HOSTS = {
    "management.usgovcloudapi.net": "blob.core.usgovcloudapi.net",
    "management.chinacloudapi.cn": "blob.core.chinacloudapi.cn",
}
"""Where the storage accounts of other clouds are, by Resource Manager's host.

Source: learn, azure-government/compare-azure-government-global-azure; azure-china endpoints; read 2026-11.
"""
_BLOB_HOST = "blob.core.windows.net"


def served(address: str, account: str, endpoint: str) -> str:
    """Return where a storage account is asked, given the source's `endpoint_url` (empty: none).

    A fake on this machine stands for all hosts. Another cloud gives the host of short addresses; a whole
    address says it itself.
    """
    if endpoint.startswith("http:") and not account.startswith("http:"):
        name = account.removeprefix("https://").partition(".")[0]
        return f"{endpoint.rstrip('/')}/{name}"
    host = _BLOB_HOSTS.get(urlsplit(endpoint).hostname or "", "")
    return account.replace(_BLOB_HOST, host) if host and address.startswith("azblob:") else account


_NEEDS = "needs azure-storage-blob: pip install 'entdrift[azure-blob]'"


def reader_role() -> str:
    """Return the custom role that a source of files needs to read its containers, as JSON."""
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers"
    role = {
        "Name": "entdrift log reader",
        "IsCustom": True,
        "Description": "Reads exported logs; assign it on the container.",
        "Actions": [],
        "DataActions": [f"{blobs}/blobs/read"],
        "AssignableScopes": ["/subscriptions/SUBSCRIPTION"],
    }
    return json.dumps(role, indent=2)


def log_stores(source: Source, part: str, window: Window) -> AbstractContextManager[list[ObjectStore]]:
    """Give a store for each address in one part of a source."""

    def open_one(address: str) -> AbstractContextManager[ObjectStore]:
        from connectors.azure.logs.objects import BlobLogs  # noqa: PLC0415 an extra, and slow to import

        return closing(BlobLogs(address, source, window))

    return opened_stores(source.lists.get(part, ()), open_one, _NEEDS)
