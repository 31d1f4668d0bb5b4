"""Errors that a user can act on.

EntdriftError
├── EvidenceError      a file or call could not be read; the scan goes on without it
│   └── BundleError    an evidence bundle is missing, broken or was changed
├── SettingError       a source's settings make no sense
└── StateError         the state file cannot be used
    ├── BusyError      another run holds it
    └── ConflictError  another run wrote it meanwhile
"""


class EntdriftError(Exception):
    """An expected failure: one sentence of what went wrong, one of what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EvidenceError(EntdriftError):
    """Evidence that could not be read or understood."""


class BundleError(EvidenceError):
    """An evidence bundle that is missing, incomplete, from a newer version, or was changed."""


class SettingError(EntdriftError):
    """A source setting that is missing or contradicts another."""


class StateError(EntdriftError):
    """A state file that cannot be read or written, or that another program or a newer version wrote."""


class BusyError(StateError):
    """Another run holds the state, and did not end in the time we waited."""


class ConflictError(StateError):
    """Somebody else wrote the state object since it was read."""
