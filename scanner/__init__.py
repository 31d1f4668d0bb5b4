"""What the facts mean; knows no cloud by name.

For Python and notebooks: `scan`, `analyse`, `load` and `demo` give a `Result` (docs/python-api.md). They are
imported when they are first used, so that the command line starts without them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.errors import BundleError, EntdriftError
    from reports.errors import ReportError
    from scanner.api import Result, analyse, demo, load, scan
    from scanner.errors import ConfigError

__all__ = [
    "BundleError",
    "ConfigError",
    "EntdriftError",
    "ReportError",
    "Result",
    "analyse",
    "demo",
    "load",
    "scan",
]
_ERRORS = {
    "BundleError": "connectors.errors",
    "ConfigError": "scanner.errors",
    "EntdriftError": "connectors.errors",
    "ReportError": "reports.errors",
}


def __getattr__(name: str) -> object:
    """Import what is asked for on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ERRORS.get(name, "scanner.api")), name)


def __dir__() -> list[str]:
    """Name what can be imported."""
    return sorted({*globals(), *__all__})
