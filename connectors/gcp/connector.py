"""The Google Cloud wing: wires its rooms into the questions every cloud answers."""

from collections.abc import Sequence

from connectors.baselines import BaselineWing
from connectors.facts import Facts, Window
from connectors.gcp.baselines import GcpBaselines
from connectors.gcp.exports import files as exports
from connectors.gcp.grants.derivation import rule
from connectors.gcp.identities.identities import PROVIDER
from connectors.gcp.interpret import interpret
from connectors.gcp.live.access import role_text
from connectors.gcp.live.settings import LIVE_SETTINGS, LOG_SETTINGS, LiveSettings
from connectors.gcp.logs.address import log_stores, reader_role
from connectors.gcp.reduction.reduction import reduce_all
from connectors.gcp.remediation.forms import render
from connectors.interface import Check, Evidence, Observer, Patterns, Setting, Sink, Source
from connectors.logs.lake_lines import examine_lake
from connectors.logs.lake_settings import lake_settings
from connectors.logs.seen import SeenEvents
from connectors.logs.try_store import examine_store
from connectors.reduction import Change, Document, Question, Reductions, Ruling


class GcpConnector:
    """Google Cloud: IAM allow and deny policies, roles, service accounts, audit logs."""

    baselines: BaselineWing = GcpBaselines()
    name: str = PROVIDER
    settings: tuple[Setting, ...] = (*exports.SETTINGS, *LIVE_SETTINGS, *LOG_SETTINGS)

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Read files, and ask Google for live sources; an entry that two sources hold counts once."""
        live = [source for source in sources if source.mode == "live"]
        seen = SeenEvents(reads=None if live else sum(map(exports.reads_logs, sources)))
        exports.collect(sources, sink, window, observe, seen)
        if live:
            from connectors.gcp.live.collect import Way, collect_live  # noqa: PLC0415 the SDKs are slow to import

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
        """Decide one request by boundaries, deny policies and allow policies."""
        return rule(evidence, identity, permission, resource, window)

    def examine(self, source: Source, window: Window) -> Sequence[Check]:
        """Try the calls of a live source, the buckets that a source of either kind names, and a lake."""
        checks: list[Check] = []
        if source.mode == "live":
            from connectors.gcp.live.examine import examine  # noqa: PLC0415 the SDKs are slow to import

            checks += examine(source, window)
        if lake := lake_settings(source):
            return [examine_lake(lake, window, f"the calls in {lake.place}")]
        with log_stores(source, exports.LOGS, window) as stores:
            checks += [examine_store(store, f"the calls in {exports.LOGS}") for store in stores]
        return checks

    def policy(self, source: Source) -> str:
        """Return the minimal custom role of a source as YAML."""
        return role_text(LiveSettings.of(source)) if source.mode == "live" else reader_role()


CONNECTOR = GcpConnector()
