"""Say what went wrong and choose the exit code of the contract."""

import errno
import sys
import traceback

from connectors.errors import BundleError, BusyError, EntdriftError, SettingError, StateError
from reports.errors import ReportError
from reports.escape import terminal
from scanner.errors import ConfigError
from scanner.exits import Exit

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def exit_code(error: BaseException) -> Exit:
    """Return the exit code for an error that ended a verb."""
    match error:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case ConfigError() | SettingError() | ReportError() | BusyError():
            return Exit.USAGE
        case BundleError():
            return Exit.NO_SOURCE
        case OSError() | StateError():
            return Exit.EXPORT
        case _:
            return Exit.INTERNAL


def explain(error: BaseException, *, verbose: bool) -> None:
    """Print one message to stderr: what happened and what to do; a traceback only when asked for."""
    match error:
        case KeyboardInterrupt():
            text, hint = "interrupted; nothing half-written was left behind", ""
        case EntdriftError() | ReportError():
            text, hint = str(error), error.hint
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            text = f"{where}{error.strerror or error}"
            hint = "free some space and run again" if error.errno in _FULL else ""
        case _:
            text = f"internal error: {type(error).__name__}: {error}"
            hint = "this is a bug in entdrift, please report it" + (
                "" if verbose else "; --verbose shows more"
            )
            if verbose:
                traceback.print_exception(error)
    sys.stderr.write(f"entdrift: error: {terminal(text)}\n")
    if hint:
        sys.stderr.write(f"  hint: {terminal(hint)}\n")
