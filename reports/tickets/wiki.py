"""Write blocks in Jira's wiki markup, the rich text of Jira Data Center.

https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all names the notation. A backslash
makes any of its characters plain.
"""

import re
from collections.abc import Sequence

from reports.tickets.blocks import Block, Code, Heading, Items, Line, Paragraph, Table

_NOTATION = re.compile(
    r"[\\{}\[\]*_?+^~|!#@&<>]"
    r"|(?<!\w)-|-(?!\w)"  # strike-through and rulers, but not a hyphen inside a name
    r"|:(?=//)|(?<=mailto):"  # addresses that become links
    r"|\b(?:bq|h[1-6])\.",  # quotes and headings
    re.IGNORECASE,
)
_SPACE = "\u200b"
"""Zero-width space: breaks what no backslash can (macro ends inside preformatted text)."""


def write(blocks: Sequence[Block]) -> str:
    """Write blocks, with an empty line between them."""
    return "\n\n".join(_block(block) for block in blocks)


def prose(text: str) -> str:
    """Write text that stands for itself: no macro, link, mention, image or emphasis comes of it."""
    return _NOTATION.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    found = match[0]
    if found == ":":
        return f":{_SPACE}"  # keeps addresses from becoming links
    if len(found) > 1:
        return f"{found[:-1]}{_SPACE}."
    return "&amp;" if found == "&" else f"\\{found}"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"h{min(6, block.level + 1)}. {_line(block.line)}"
        case Paragraph():
            return _line(block.line)
        case Items():
            return "\n".join(f"* {_line(line)}" for line in block.lines)
        case Table():
            head, *rows = block.rows
            lines = ["||" + "||".join(_cell(cell) for cell in head) + "||"]
            return "\n".join([*lines, *("|" + "|".join(_cell(cell) for cell in row) + "|" for row in rows)])
        case Code():
            text = block.text.replace("{noformat}", f"{{{_SPACE}noformat}}")
            return f"{{noformat}}\n{text}\n{{noformat}}"


def _line(line: Line) -> str:
    return "".join(_run(text, mark) for text, mark in line)


def _run(text: str, mark: str) -> str:
    match mark:
        case "code":
            return f"{{{{{prose(text)}}}}}"
        case "strong":
            return f"*{prose(text)}*"
        case _:
            return prose(text)


def _cell(line: Line) -> str:
    return _line(line) or " "
