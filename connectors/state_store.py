"""The state in object storage for runners without a disk: read, worked on as a copy, put back.

Writing is compare-and-swap: it succeeds only where the object is still the one that was read, or where there
is still none. Of two runs at once one learns that it has to do its work again.
"""

import re
from pathlib import Path
from typing import Protocol

from connectors.azure.logs.address import parsed
from connectors.errors import StateError
from connectors.gcp.logs.address import GCS_ADDRESS

_S3 = re.compile(r"s3://([^/]+)/(.+)")
FORMS = "s3://bucket/key, gs://bucket/key, azblob://account/container/key, or the path of a local file"


class ObjectState(Protocol):
    """One state object in a store."""

    def read(self, target: Path) -> str:
        """Write the object to a file and return its version; without an object return "" and write nothing.

        Raises StateError that names the call and the permission it takes.
        """

    def write(self, source: Path, version: str) -> str:
        """Put a file in the place of exactly that version and return the new one.

        Raises ConflictError when the object is another one by now, StateError for everything else.
        """


def is_address(place: str) -> bool:
    """Tell whether a place is an address and no path."""
    return "://" in place


def is_known(address: str) -> bool:
    """Tell whether an address names one object of a store that is known."""
    google, azure = re.fullmatch(GCS_ADDRESS, address), parsed(address)
    return bool(
        _S3.fullmatch(address) or (google and google["prefix"]) or (azure is not None and azure.prefix)
    )


def object_state(address: str) -> ObjectState:
    """Return the state object of an address; loads the SDK of its cloud only then.

    Raises StateError for an address of no known form, and where the extra for its store is not installed.
    """
    if not is_known(address):
        shown = address.partition("?")[0]  # behind it a SAS token may stand
        raise StateError(f"{shown}: no address of a state", hint=FORMS)
    scheme = address.partition("://")[0]
    extra = {"s3": "", "gs": "gcs"}.get(scheme, "azure-blob")
    try:
        if scheme == "s3":
            from connectors.aws.state_object import S3State  # noqa: PLC0415 SDKs are slow to import

            return S3State(address)
        if scheme == "gs":
            from connectors.gcp.state_object import GcsState  # noqa: PLC0415 an extra, and slow to import

            return GcsState(address)
        from connectors.azure.state_object import BlobState  # noqa: PLC0415 as above

        return BlobState(address)
    except ImportError as error:
        raise StateError(
            f"{address}: its SDK is not installed ({error.name})", hint=f"pip install 'entdrift[{extra}]'"
        ) from error
