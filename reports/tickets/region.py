"""Our part of a ticket's description: between a begin and an end mark; all around it belongs to people."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from reports.tickets.block import Block, read

_BEGIN_SAYS = "entdrift rewrites what stands between this line and entdrift:end; write above or below them"
_TICKED = re.compile(r"^\s*[-*] \[[xX]\] (.*?)\s*$", re.MULTILINE)
_BOX = re.compile(r"^- \[ \] (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Syntax:
    """How marks and machine block are written in one kind of text; each is one line of its own."""

    begin: str
    end: str
    data: tuple[str, str]

    def begins(self, line: str) -> bool:
        """Tell whether a line is a begin mark; only its first word counts."""
        return line.strip().startswith(self.begin.partition(": ")[0])

    def ends(self, line: str) -> bool:
        """Tell whether a line is an end mark."""
        return line.strip() == self.end


MARKDOWN = Syntax(
    f"<!-- entdrift:begin: {_BEGIN_SAYS} -->", "<!-- entdrift:end -->", ("<!-- entdrift ", " -->")
)
PLAIN = Syntax(f"entdrift:begin: {_BEGIN_SAYS}", "entdrift:end", ("entdrift:data ", ""))


class Parts(NamedTuple):
    """A description taken apart; `before` and `after` are kept to the letter."""

    before: str
    inside: str
    after: str


def wrap(body: str, syntax: Syntax) -> str:
    """Put the marks around a body; a line of the body that looks like a mark stops looking like one."""
    lines = [
        line.replace("entdrift:", "entdrift :") if syntax.begins(line) or syntax.ends(line) else line
        for line in body.splitlines()
    ]
    return "\n".join((syntax.begin, *lines, syntax.end)) + "\n"


def split(description: str, syntax: Syntax) -> Parts | None:
    """Take a description apart; None unless it has exactly one begin mark and one end mark after it."""
    lines = description.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if syntax.begins(line)]
    ends = [number for number, line in enumerate(lines) if syntax.ends(line)]
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        return None
    first, last = begins[0], ends[0]
    return Parts("".join(lines[:first]), "".join(lines[first + 1 : last]), "".join(lines[last + 1 :]))


def replace(description: str, body: str, syntax: Syntax) -> str | None:
    """Put a new body between the marks, with the boxes that people ticked; None when marks are broken."""
    parts = split(description, syntax)
    if parts is None:
        return None
    ticked = set(_TICKED.findall(parts.inside))
    kept = _BOX.sub(lambda box: f"- [x] {box[1]}" if box[1].rstrip() in ticked else box[0], body)
    return parts.before + wrap(kept, syntax) + parts.after


def find_block(description: str, syntax: Syntax) -> Block | None:
    """Read the machine block of a description: the last line of its form between the marks."""
    parts = split(description, syntax)
    if parts is None:
        return None
    prefix, suffix = syntax.data
    lines = [line.strip() for line in parts.inside.splitlines()]
    found = [line for line in lines if line.startswith(prefix + "{") and line.endswith("}" + suffix)]
    return read(found[-1].removeprefix(prefix).removesuffix(suffix)) if found else None


def take_block(body: str) -> tuple[str, str]:
    """Split the body of a planned ticket into its text and the JSON of its machine block."""
    text, _, block = body.rstrip().rpartition("\n<!-- entdrift ")
    return text, block.removesuffix(" -->")
