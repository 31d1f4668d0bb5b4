"""Terraform text: whatever a string holds, it ends where it should, starts no template and hides nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hcl import quote

RAW = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SHARP = st.text(alphabet=st.sampled_from("\\\"$%{}\n\r\t\x1b\u202ea1 '#"), max_size=40)
"""Texts of the characters that mean something in a quoted string."""


def test_templates_are_escaped():
    assert quote('${a} %{b} "q" \\ $${c}\n') == '"$${a} %%{b} \\"q\\" \\\\ $$${c}\\n"'


@pytest.mark.parametrize("text", ["\x00", "a\u202eb", "\ud800", "line\u2028break", "\U000e0041"])
def test_what_nobody_sees_is_written_as_an_escape(text):
    assert quote(text).isascii()


@given(SHARP | st.text())
def test_no_text_ends_its_string_or_starts_a_template(text):
    written = quote(text)
    assert '"' not in re.sub(r"\\.", "", written[1:-1])
    assert RAW.search(written) is None
    assert re.search(r"(?<!\$)\$\{|(?<!%)%\{", written) is None
