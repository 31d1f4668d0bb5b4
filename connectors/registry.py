"""Which clouds there are; each wing is imported only when it is asked for."""

from importlib import import_module

from connectors.interface import Connector

PROVIDERS = ("aws", "gcp", "azure")


def connector(provider: str) -> Connector:
    """Return the wing of a cloud; KeyError for a name that is not in PROVIDERS."""
    if provider not in PROVIDERS:
        raise KeyError(provider)
    found: Connector = import_module(f"connectors.{provider}.connector").CONNECTOR
    return found
