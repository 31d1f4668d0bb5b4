"""The gcp wing: exports to evidence, evidence to facts."""

from collections.abc import Sequence

from connectors.baselines import BaselineWing
from connectors.facts import Facts, Window
from connectors.gcp import exports
from connectors.gcp.baselines import GcpBaselines
from connectors.gcp.identities import PROVIDER
from connectors.gcp.interpret import interpret
from connectors.gcp.reduction import reduce_all
from connectors.gcp.remediation import render
from connectors.interface import Evidence, Observer, Patterns, Setting, Sink, Source
from connectors.reduction import Change, Document, Question, Reductions, Ruling


class GcpConnector:
    """Google Cloud: IAM allow and deny policies, roles, service accounts, audit logs."""

    baselines: BaselineWing = GcpBaselines()
    name: str = PROVIDER
    settings: tuple[Setting, ...] = exports.SETTINGS

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Gather the evidence of all sources from their export files."""
        exports.collect(sources, sink, window, observe)

    def interpret(self, evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
        """Turn gathered evidence into facts."""
        return interpret(evidence, window, patterns)

    def reduce(
        self, evidence: Sequence[Evidence], facts: Facts, questions: Sequence[Question], window: Window
    ) -> Reductions:
        """Return a checked replacement for each identity of which something can go."""
        del window
        return reduce_all(evidence, facts, questions)

    def render(self, changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
        """Write changes in one form."""
        return render(changes, form, until)

    def rule(
        self, evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
    ) -> Ruling | None:
        """Say that this wing decides no single requests."""
        del evidence, identity, permission, resource, window
        return None


CONNECTOR = GcpConnector()
