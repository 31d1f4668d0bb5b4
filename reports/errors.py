"""Errors of reading and rendering reports that a user can act on.

ReportError          a report cannot be read, or a format is not known
"""


class ReportError(Exception):
    """An expected failure: one sentence of what went wrong, one of what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
