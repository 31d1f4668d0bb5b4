"""What all tests of the formats share: a sample report and the hostile texts."""

import json
from pathlib import Path

import pytest
from report_sample import sample_report

CORPUS = json.loads((Path(__file__).parents[1] / "hostile" / "corpus.json").read_text("utf-8"))
TEXTS = {entry["name"]: entry["text"] * entry.get("repeat", 1) for entry in CORPUS}


@pytest.fixture
def report():
    """Give the sample report."""
    return sample_report()


@pytest.fixture(params=TEXTS.values(), ids=TEXTS.keys())
def hostile_text(request):
    """Give each text of the hostile corpus in turn."""
    return request.param
