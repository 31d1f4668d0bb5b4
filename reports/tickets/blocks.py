"""Read the Markdown that we write for tickets into blocks, for trackers whose markup is another one."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

Mark = Literal["", "code", "strong"]
Run = tuple[str, Mark]
Line = list[Run]


class Heading(NamedTuple):
    """A heading; level 1 is the largest."""

    level: int
    line: Line


class Paragraph(NamedTuple):
    """A paragraph."""

    line: Line


class Items(NamedTuple):
    """A list; `tasks` are to be ticked off."""

    lines: list[Line]
    tasks: bool


class Table(NamedTuple):
    """A table whose first row is its heading."""

    rows: list[list[Line]]


class Code(NamedTuple):
    """Preformatted text."""

    text: str


Block = Heading | Paragraph | Items | Table | Code
_BOX = "[ ] "


def read(markdown: str) -> list[Block]:
    """Parse Markdown as its authors meant it (CommonMark with tables); unknown parts are left out.

    The text was escaped for Markdown; parsing gives it back as it was before, so that each tracker's own
    escaping starts from the plain text.
    """
    parser = importlib.import_module("markdown_it").MarkdownIt("commonmark").enable("table")
    return list(_blocks(parser.parse(markdown)))


def fit(blocks: Sequence[Block], write: Callable[[Sequence[Block]], str], limit: int) -> list[Block]:
    """Keep as many blocks as fit in `limit` characters once written, and say how much was left out."""
    kept: list[Block] = []
    room = limit - 100
    for number, block in enumerate(blocks):
        room -= len(write([block])) + 2
        if room < 0:
            left = len(blocks) - number
            kept.append(Paragraph([(f"({left:,} parts left out here; the report holds them.)", "")]))
            break
        kept.append(block)
    return kept


def plain(line: Line) -> str:
    """Give the text of a line without its marks."""
    return "".join(text for text, _ in line)


def _blocks(tokens: Sequence[Any]) -> Iterator[Block]:
    items: list[Line] = []
    rows: list[list[Line]] = []
    opened = ""
    level = 0
    for token in tokens:
        match token.type:
            case "heading_open":
                opened, level = "heading", int(token.tag[1:])
            case "bullet_list_open":
                items = []
                opened = "list"
            case "table_open":
                rows = []
                opened = "table"
            case "tr_open":
                rows.append([])
            case "inline" if opened == "heading":
                yield Heading(level, _line(token))
                opened = ""
            case "inline" if opened == "list":
                items.append(_line(token))
            case "inline" if opened == "table":
                rows[-1].append(_line(token))
            case "inline":
                yield Paragraph(_line(token))
            case "bullet_list_close":
                yield from _lists(items)
                opened = ""
            case "table_close":
                yield Table(rows)
                opened = ""
            case "fence" | "code_block":
                yield Code(token.content.rstrip("\n"))


def _lists(items: list[Line]) -> Iterator[Items]:
    for tasks in (True, False):
        lines = [item for item in items if plain(item).startswith(_BOX) is tasks]
        if lines:
            yield Items([_unboxed(line) for line in lines] if tasks else lines, tasks)


def _unboxed(line: Line) -> Line:
    (text, mark), *rest = line
    return [(text.removeprefix(_BOX), mark), *rest]


def _line(token: Any) -> Line:
    runs: Line = []
    mark: Mark = ""
    for child in token.children or []:
        match child.type:
            case "text" | "text_special":
                runs.append((child.content.replace("\u200b", ""), mark))
            case "code_inline":
                runs.append((child.content, "code"))
            case "strong_open":
                mark = "strong"
            case "html_inline" if child.content == "<code>":
                mark = "code"
            case "strong_close" | "html_inline":
                mark = ""
            case "softbreak" | "hardbreak":
                runs.append((" ", ""))
    return [run for run in runs if run[0]]
