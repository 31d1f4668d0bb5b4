"""Write the tables of a report as Parquet files, the frames of the Python API with their types.

Names stay as the cloud has them: these are tables for programs, not text for a screen or a spreadsheet.
"""

import io
import json
from typing import TYPE_CHECKING

from reports.document import Report
from reports.errors import ReportError

if TYPE_CHECKING:
    import pandas as pd


def findings(report: Report) -> bytes:
    """Give `findings.parquet`: one row per finding."""
    return _parquet(report, "findings")


def identities(report: Report) -> bytes:
    """Give `identities.parquet`: one row per identity with its counts."""
    return _parquet(report, "identities")


def permissions(report: Report) -> bytes:
    """Give `permissions.parquet`: one row per identity and permission with its verdict."""
    return _parquet(report, "permissions")


def usage(report: Report) -> bytes:
    """Give `usage.parquet`: one row per identity, permission, resource and credential."""
    return _parquet(report, "usage")


def credentials(report: Report) -> bytes:
    """Give `credentials.parquet`: one row per key, secret or certificate."""
    return _parquet(report, "credentials")


def grants(report: Report) -> bytes:
    """Give `grants.parquet`: one row per written grant."""
    return _parquet(report, "grants")


def coverage(report: Report) -> bytes:
    """Give `coverage.parquet`: one row per place and class of log."""
    return _parquet(report, "coverage")


def _parquet(report: Report, table: str) -> bytes:
    """Write one frame; the file's metadata says under `entdrift` which report it was made of.

    Equal reports give equal bytes with the same version of pyarrow, whose name Parquet writes into the file.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 an extra, and slow to import
        from pyarrow import parquet  # noqa: PLC0415 as above
    except ImportError as error:
        raise ReportError(
            "Parquet needs pyarrow, which is missing: pip install 'entdrift[parquet]'"
        ) from error
    from reports.frames import Frames  # noqa: PLC0415 loads pandas

    frame: pd.DataFrame = getattr(Frames(report), table)
    written = pa.Table.from_pandas(frame, preserve_index=False)
    about = {
        "schema_version": report.schema_version,
        "tool": f"{report.tool.name} {report.tool.version}",
        "generated_at": report.generated_at,
        "window": [report.window.start, report.window.end],
    }
    metadata = {**(written.schema.metadata or {}), b"entdrift": json.dumps(about).encode()}
    out = io.BytesIO()
    parquet.write_table(written.replace_schema_metadata(metadata), out, compression="zstd")
    return out.getvalue()
