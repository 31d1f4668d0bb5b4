"""Build Atlassian documents (ADF version 1), the rich text of Jira Cloud's REST API version 3.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ names the nodes. All text goes
into text nodes, which Jira shows as they are: no markup, mention or link can come from a name.
"""

import copy
from collections.abc import Sequence
from typing import Any

from reports.tickets.blocks import Block, Code, Heading, Items, Line, Paragraph, Table
from reports.tickets.region import PLAIN

Node = dict[str, Any]


def document(blocks: Sequence[Block]) -> Node:
    """Build a document of blocks."""
    return {"version": 1, "type": "doc", "content": [_block(block) for block in blocks]}


def section(blocks: Sequence[Block], data: str) -> list[Node]:
    """Build our part of a description: begin mark, blocks, machine block, end mark."""
    inside = [_block(block) for block in blocks]
    return [
        _node("paragraph", _text([(PLAIN.begin, "")])),
        *(_unmarked(node) for node in inside),
        _node("codeBlock", _text([(PLAIN.data[0] + data, "")])),
        _node("paragraph", _text([(PLAIN.end, "")])),
    ]


def lines(description: Node | None) -> str:
    """Flatten a description: one line per top-level node, and as many as a code block has."""
    nodes = (description or {}).get("content") or []
    return "\n".join(flat(node) if node.get("type") == "codeBlock" else _one_line(node) for node in nodes)


def merge(description: Node | None, ours: list[Node]) -> Node | None:
    """Put our part in the place of the one that stands there; None when the marks are broken.

    The nodes around it are kept as they are, and ticked tasks stay ticked.
    """
    nodes: list[Node] = (description or {}).get("content") or []
    begins = [number for number, node in enumerate(nodes) if PLAIN.begins(_mark(node))]
    ends = [number for number, node in enumerate(nodes) if PLAIN.ends(_mark(node))]
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        return None
    before, inside, after = nodes[: begins[0]], nodes[begins[0] : ends[0]], nodes[ends[0] + 1 :]
    done = {flat(task) for node in inside for task in _tasks(node) if task["attrs"].get("state") == "DONE"}
    ours = copy.deepcopy(ours)
    for task in (task for node in ours for task in _tasks(node)):
        if flat(task) in done:
            task["attrs"]["state"] = "DONE"
    return {"version": 1, "type": "doc", "content": [*before, *ours, *after]}


def flat(node: Node) -> str:
    """Give the text of a node and of all nodes in it."""
    if node.get("type") == "text":
        return str(node.get("text", ""))
    if node.get("type") == "hardBreak":
        return "\n"
    return "".join(flat(child) for child in node.get("content") or [])


def _block(block: Block) -> Node:
    match block:
        case Heading():
            return _node("heading", _text(block.line), level=min(6, block.level + 1))
        case Paragraph():
            return _node("paragraph", _text(block.line))
        case Code():
            return _node("codeBlock", _text([(block.text, "")]))
        case Items(tasks=True):
            items = [_task(number, line) for number, line in enumerate(block.lines)]
            return _node("taskList", items, localId="entdrift-tasks")
        case Items():
            rows = [_node("listItem", [_node("paragraph", _text(line))]) for line in block.lines]
            return _node("bulletList", rows)
        case Table():
            return _node(
                "table", [_row(row, "td" if number else "th") for number, row in enumerate(block.rows)]
            )


def _task(number: int, line: Line) -> Node:
    return _node("taskItem", _text(line), localId=f"entdrift-task-{number}", state="TODO")


def _row(cells: list[Line], kind: str) -> Node:
    kind = {"th": "tableHeader", "td": "tableCell"}[kind]
    return _node("tableRow", [_node(kind, [_node("paragraph", _text(cell))]) for cell in cells])


def _node(kind: str, content: list[Node], **attributes: str | int) -> Node:
    node: Node = {"type": kind}
    if attributes:
        node["attrs"] = attributes
    return node | ({"content": content} if content else {})


def _text(line: Line) -> list[Node]:
    """Write runs as text nodes; ADF refuses an empty one."""
    return [
        {"type": "text", "text": text} | ({"marks": [{"type": mark}]} if mark else {})
        for text, mark in line
        if text
    ]


def _mark(node: Node) -> str:
    return flat(node) if node.get("type") == "paragraph" else ""


def _one_line(node: Node) -> str:
    return " ".join(flat(node).split("\n"))


def _unmarked(node: Node) -> Node:
    """Keep a paragraph of ours from looking like a mark."""
    text = _mark(node)
    if PLAIN.begins(text) or PLAIN.ends(text):
        return _node("paragraph", _text([("- " + text, "")]))
    return node


def _tasks(node: Node) -> list[Node]:
    return [task for task in node.get("content") or [] if task.get("type") == "taskItem" and "attrs" in task]
