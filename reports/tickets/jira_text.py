"""The two rich texts of Jira: documents in Cloud, wiki markup in Data Center."""

from collections.abc import Sequence
from typing import Any, Protocol

from reports.tickets import adf, wiki
from reports.tickets.block import Block
from reports.tickets.blocks import Block as Part
from reports.tickets.blocks import Paragraph, fit
from reports.tickets.blocks import read as read_markdown
from reports.tickets.region import PLAIN, find_block, replace, take_block, wrap

LIMITS = (30_000, 12_000, 5_000)
"""Characters to try: Jira refuses more than 32,767, and how it counts a document is not documented."""


class JiraText(Protocol):
    """How one kind of Jira takes text; a description is whatever its API gave."""

    def description(self, body: str, limit: int) -> Any:
        """Write a new description from the body of a planned ticket."""

    def merge(self, description: Any, body: str, limit: int) -> Any:
        """Put a new body in the place of our old one; None when the marks are broken."""

    def block(self, description: Any) -> Block | None:
        """Read the machine block of a description."""

    def comment(self, text: str) -> Any:
        """Write plain text as a comment."""


class _Cloud:
    def description(self, body: str, limit: int) -> Any:
        return {"version": 1, "type": "doc", "content": self._section(body, limit)}

    def merge(self, description: Any, body: str, limit: int) -> Any:
        return adf.merge(description, self._section(body, limit))

    def block(self, description: Any) -> Block | None:
        return find_block(adf.lines(description), PLAIN)

    def comment(self, text: str) -> Any:
        return adf.document([Paragraph([(text, "")])])

    def _section(self, body: str, limit: int) -> list[adf.Node]:
        text, data = take_block(body)
        return adf.section(fit(read_markdown(text), _size, limit - len(data)), data)


class _DataCenter:
    def description(self, body: str, limit: int) -> Any:
        return wrap(self._section(body, limit), PLAIN)

    def merge(self, description: Any, body: str, limit: int) -> Any:
        return replace(description or "", self._section(body, limit), PLAIN)

    def block(self, description: Any) -> Block | None:
        return find_block(description or "", PLAIN)

    def comment(self, text: str) -> Any:
        return wiki.prose(text)

    def _section(self, body: str, limit: int) -> str:
        text, data = take_block(body)
        written = wiki.write(fit(read_markdown(text), wiki.write, limit - len(data)))
        return f"{written}\n\n{{noformat}}\n{PLAIN.data[0]}{data}\n{{noformat}}\n"


def _size(parts: Sequence[Part]) -> str:
    return "".join(adf.flat(node) for node in adf.document(parts)["content"])


CLOUD: JiraText = _Cloud()
DATA_CENTER: JiraText = _DataCenter()
