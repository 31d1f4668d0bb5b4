"""The Azure wing: wires its rooms into the questions every cloud answers."""

from collections.abc import Sequence

from connectors.azure.baselines import AzureBaselines
from connectors.azure.exports.files import LOGS, SETTINGS, collect_exports
from connectors.azure.grants.derivation import rule
from connectors.azure.interpret import interpret
from connectors.azure.live.access import policy_text
from connectors.azure.live.settings import LIVE_SETTINGS, LiveSettings
from connectors.azure.logs.address import log_stores, reader_role
from connectors.azure.logs.settings import LOG_SETTINGS
from connectors.azure.reduction.reduction import reduce_all
from connectors.azure.remediation.forms import render
from connectors.baselines import BaselineWing
from connectors.facts import Facts, Window
from connectors.interface import Check, Evidence, Observer, Outcome, Patterns, Setting, Sink, Source, Status
from connectors.logs.lake_lines import examine_lake
from connectors.logs.lake_settings import lake_settings
from connectors.logs.seen import SeenEvents
from connectors.logs.try_store import examine_store
from connectors.reduction import Change, Document, Question, Reductions, Ruling


class AzureConnector:
    """Azure's wing."""

    baselines: BaselineWing = AzureBaselines()
    name = "azure"
    settings: tuple[Setting, ...] = (*SETTINGS, *LIVE_SETTINGS, *LOG_SETTINGS)

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Gather the evidence of all Azure sources; an event that two of them hold counts once."""
        seen = SeenEvents()
        for source in sources:
            named = any(
                source.files.get(part) or source.lists.get(part) for part in ("role_assignments", *LOGS)
            )
            if source.mode == "export" and not named and lake_settings(source) is None:
                sink.outcome(
                    Outcome(
                        source.name,
                        "role_assignments",
                        Status.FAILED,
                        reason="the source names neither role_assignments nor logs, there is nothing to "
                        "compare; run: az role assignment list --all > role-assignments.json",
                    )
                )
            collect_exports(source, sink, window, observe, seen)
        live = [source for source in sources if source.mode == "live"]
        if live:
            from connectors.azure.live.collect import Way, collect_live  # noqa: PLC0415 the SDKs are slow to import

            for source in live:
                collect_live(source, sink, Way(window, observe, seen))

    def interpret(self, evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
        """Turn gathered evidence into facts."""
        return interpret(evidence, window, patterns)

    def reduce(
        self, evidence: Sequence[Evidence], facts: Facts, questions: Sequence[Question], window: Window
    ) -> Reductions:
        """Return a checked replacement for each identity of which something can go."""
        return reduce_all(evidence, facts, questions, window)

    def render(self, changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
        """Write changes in one form."""
        return render(changes, form, until)

    def rule(
        self, evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
    ) -> Ruling | None:
        """Decide one request by assignments, conditions, scopes and deny assignments."""
        return rule(evidence, identity, permission, resource, window)

    def examine(self, source: Source, window: Window) -> Sequence[Check]:
        """Try the requests of a live source, the containers that a source names, and a lake."""
        checks: list[Check] = []
        if source.mode == "live":
            from connectors.azure.live.examine import examine  # noqa: PLC0415 the SDKs are slow to import

            checks += examine(source, window)
        if lake := lake_settings(source):
            return [examine_lake(lake, window, f"the calls in {lake.place}")]
        for part in LOGS:
            with log_stores(source, part, window) as stores:
                checks += [examine_store(store, f"the calls in {part}") for store in stores]
        return checks

    def policy(self, source: Source) -> str:
        """Return the custom role and the Graph permissions of a source as JSON."""
        return policy_text(LiveSettings.of(source)) if source.mode == "live" else reader_role()


CONNECTOR = AzureConnector()
