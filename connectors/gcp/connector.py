"""The gcp wing: exports to evidence, evidence to facts."""

from collections.abc import Sequence

from connectors.facts import Facts, Window
from connectors.gcp import exports
from connectors.gcp.identities import PROVIDER
from connectors.gcp.interpret import interpret
from connectors.interface import Evidence, Observer, Patterns, Setting, Sink, Source


class GcpConnector:
    """Google Cloud: IAM allow and deny policies, roles, service accounts, audit logs."""

    name: str = PROVIDER
    settings: tuple[Setting, ...] = exports.SETTINGS

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Gather the evidence of all sources from their export files."""
        exports.collect(sources, sink, window, observe)

    def interpret(self, evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
        """Turn gathered evidence into facts."""
        return interpret(evidence, window, patterns)


CONNECTOR = GcpConnector()
