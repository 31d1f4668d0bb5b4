"""Every wing has the same rooms, each with a sentence that says what it is for."""

import ast
from pathlib import Path

import pytest

CONNECTORS = Path(__file__).resolve().parents[2] / "connectors"
ROOMS = {
    "live",
    "exports",
    "identities",
    "trust",
    "grants",
    "usage",
    "coverage",
    "policy",
    "reduction",
    "remediation",
    "logs",
    "catalog",
}


@pytest.mark.parametrize("wing", ["aws", "gcp", "azure"])
def test_a_newcomer_finds_the_same_rooms_in_each_wing(wing: str) -> None:
    """Who knows one cloud's folder knows all; `docs/architecture.md` names the rooms once."""
    rooms = {path.name for path in (CONNECTORS / wing).iterdir() if any(path.glob("*.py"))}

    assert rooms == ROOMS
    for room in sorted(rooms):
        assert ast.get_docstring(ast.parse((CONNECTORS / wing / room / "__init__.py").read_text("utf-8")))
