"""The HTML report: one self-contained page that opens offline and runs under a strict content policy."""

from collections.abc import Iterator

from reports.document import Report

__all__ = ["parts", "render"]


def render(report: Report) -> bytes:
    """Return the page as UTF-8 bytes; equal reports give equal bytes."""
    return b"".join(parts(report))


def parts(report: Report) -> Iterator[bytes]:
    """Yield what `render` returns, part by part."""
    from reports.html.page import page  # noqa: PLC0415 - jinja2 costs start-up time that other verbs need not pay

    return map(str.encode, page(report))
