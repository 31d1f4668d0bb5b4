"""The JSON Schema of the report document, generated from its types and committed beside this file.

`python -m reports.schema` writes it anew after a change in `reports/document.py`.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from reports.document import SCHEMA_VERSION, Report

PATH = Path(__file__).with_name("report-v1.schema.json")


def generate() -> bytes:
    """Write the schema (JSON Schema 2020-12) of the report types as bytes.

    Unknown keys are allowed on purpose: a reader of version 1 accepts what a later 1.x adds.
    """
    (body,), definitions = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    for definition in definitions.values():
        # Python 3.13 strips the indentation of docstrings, earlier versions keep it.
        definition["description"] = inspect.cleandoc(definition["description"])
    major = SCHEMA_VERSION.partition(".")[0]
    definitions["Report"]["properties"]["schema_version"]["pattern"] = rf"^{major}\.\d+$"
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:entdrift:schema:report:v1",
        "title": f"entdrift report, schema version {SCHEMA_VERSION}",
        "description": "What AI workload identities may do in the cloud, what they did, and what the "
        "logs could not show. Within version 1 fields are only ever added.",
        **body,
        "$defs": dict(sorted(definitions.items())),
    }
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
