"""The exit codes of the contract."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a verb tells; an execution error outranks findings."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    NO_SOURCE = 4
    INTERNAL = 5
    EXPORT = 6
    INTERRUPTED = 130
