"""Errors of the scanner itself, each with its exit code.

EntdriftError (connectors.errors)
└── ConfigError        exit 2: the config file or a flag makes no sense

Reports have a tree of their own (reports.errors), since they do not know the connectors.
"""

from connectors.errors import EntdriftError


class ConfigError(EntdriftError):
    """A config file or flag that makes no sense; names file, line and key."""
