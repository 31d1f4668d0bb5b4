"""The texts of a ticket say the same in every markup, and names stay names."""

import json
import re

import pytest
from report_sample import hostile_report

from reports.tickets import adf, plain, wiki
from reports.tickets.blocks import Code, Items, Paragraph, Table, fit, read
from reports.tickets.plan import plan
from reports.tickets.region import MARKDOWN, PLAIN, replace, split, take_block, wrap

SAMPLE = """\
- Owner: **nobody** & `a|b`
- [ ] remove `x:*`
- [ ] look at it

## What

| Service | Why |
| --- | ---: |
| `s3` | 1 &lt; 2 |

```json
{"a": "{noformat}"}
```
"""


def test_markdown_is_read_into_blocks():
    kinds = [type(block).__name__ for block in read(SAMPLE)]
    assert kinds == ["Items", "Items", "Heading", "Table", "Code"]
    tasks = read(SAMPLE)[0]
    assert isinstance(tasks, Items)
    assert tasks.lines == [[("remove ", ""), ("x:*", "code")], [("look at it", "")]]


def test_each_markup_writes_all_blocks():
    blocks = read(SAMPLE)
    assert plain.write(blocks).splitlines()[:2] == ["[ ] remove x:*", "[ ] look at it"]
    assert "s3 | 1 < 2" in plain.write(blocks)
    written = wiki.write(blocks)
    assert "* remove {{x:\\*}}" in written
    assert "|{{s3}}|1 \\< 2|" in written
    assert written.count("{noformat}") == 2
    kinds = [node["type"] for node in adf.document(blocks)["content"]]
    assert kinds == ["taskList", "bulletList", "heading", "table", "codeBlock"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("!http://x/y.png!", "\\!http:\u200b//x/y.png\\!"),
        ("[~admin]", "\\[\\~admin\\]"),
        ("{html}<b>", "\\{html\\}\\<b\\>"),
        ("arn:aws:iam::1:role/my-role", "arn:aws:iam::1:role/my-role"),
        ("a--b", "a\\-\\-b"),
        ("h1. big", "h1\u200b. big"),
        ("a\\b|c", "a\\\\b\\|c"),
    ],
)
def test_wiki_notation_in_a_name_stays_text(text, written):
    assert wiki.prose(text) == written


def test_hostile_texts_come_through_as_the_text_they_are(hostile_text):
    """Parsing undoes the Markdown escape: each markup starts from the plain text."""
    for ticket in plan(hostile_report(hostile_text)):
        text, data = take_block(ticket.body)
        blocks = read(text)
        assert json.loads(data)["key"] == ticket.key
        document = adf.document(blocks)
        leaves = re.findall(r'"type": "(\w+)"', json.dumps(document))
        assert set(leaves) <= {
            "doc", "paragraph", "heading", "bulletList", "listItem", "taskList", "taskItem", "table",
            "tableRow", "tableHeader", "tableCell", "codeBlock", "text", "code", "strong",
        }  # fmt: skip
        assert "&lt;" not in plain.write([block for block in blocks if not isinstance(block, Code)])


def test_what_does_not_fit_is_left_out_and_told():
    blocks = [Paragraph([("x" * 100, "")])] * 10
    kept = fit(blocks, plain.write, 500)
    assert len(plain.write(kept)) <= 500
    assert plain.write(kept).endswith("(7 parts left out here; the report holds them.)")
    assert fit(blocks[:2], plain.write, 500) == blocks[:2]


def test_a_body_that_looks_like_a_mark_is_none():
    for syntax in (MARKDOWN, PLAIN):
        description = wrap(f"one\n{syntax.end}\n{syntax.begin}\ntwo", syntax)
        parts = split(description, syntax)
        assert parts is not None
        assert "two" in parts.inside


@pytest.mark.parametrize("damage", ["", "begin", "end", "twice", "turned"])
def test_marks_are_whole_or_nothing_is_written(damage):
    whole = wrap("body", MARKDOWN)
    damaged = {
        "": "",
        "begin": whole.replace(MARKDOWN.begin, ""),
        "end": whole.replace(MARKDOWN.end, ""),
        "twice": whole + whole,
        "turned": f"{MARKDOWN.end}\n{MARKDOWN.begin}\n",
    }[damage]
    assert replace(damaged, "new", MARKDOWN) is None


def test_text_around_the_marks_is_kept_to_the_letter_and_ticks_stay():
    text = "  mine\r\n" + wrap("- [ ] a `x`\n- [ ] b", MARKDOWN) + "\r\n\ttail  "
    ticked = text.replace("- [ ] a", "* [X] a")
    assert replace(ticked, "- [ ] b\n- [ ] a `x`\n- [ ] c", MARKDOWN) == (
        "  mine\r\n" + wrap("- [ ] b\n- [x] a `x`\n- [ ] c", MARKDOWN) + "\r\n\ttail  "
    )


def test_an_empty_cell_keeps_its_place_in_a_wiki_table():
    assert wiki.write([Table([[[("h", "")], []], [[], [("1", "")]]])]) == "||h|| ||\n| |1|"
