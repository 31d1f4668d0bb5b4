"""Write blocks as plain text, for trackers that show a description as it is."""

from collections.abc import Sequence

from reports.tickets.blocks import Block, Code, Heading, Items, Paragraph, Table, plain


def write(blocks: Sequence[Block]) -> str:
    """Write blocks, with an empty line between them."""
    return "\n\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return plain(block.line).upper()
        case Paragraph():
            return plain(block.line)
        case Items():
            return "\n".join(("[ ] " if block.tasks else "- ") + plain(line) for line in block.lines)
        case Table():
            return "\n".join(" | ".join(plain(cell) for cell in row) for row in block.rows)
        case Code():
            return block.text
