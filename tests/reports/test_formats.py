"""Every registered format renders, alike each time, whatever names the cloud holds."""

import subprocess
import sys

import pytest
from report_sample import hostile_report, sample_report

from reports import formats
from reports.errors import ReportError

NAMES = [name for name in formats.FORMATS if name != "html"]


@pytest.mark.parametrize("name", NAMES)
def test_two_renders_give_the_same_bytes(name):
    first, second = (formats.find(name).render(sample_report()) for _ in range(2))
    assert first == second
    assert first


@pytest.mark.parametrize("name", NAMES)
def test_hostile_texts_break_no_format(name, hostile_text):
    data = formats.find(name).render(hostile_report(hostile_text))
    assert data.startswith(b"PAR1") if name.startswith("parquet") else data.decode("utf-8")


def test_file_names_are_distinct():
    assert len({entry.file_name for entry in formats.FORMATS.values()}) == len(formats.FORMATS)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ReportError, match="no report format named 'jsn'") as caught:
        formats.find("jsn")
    assert caught.value.hint.startswith("Did you mean json? Formats: terminal, json, html")


def test_listing_formats_loads_no_renderer():
    code = "import sys, reports.formats; sys.exit(any(m in sys.modules for m in ('rich', 'jinja2', 'reports.json')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
