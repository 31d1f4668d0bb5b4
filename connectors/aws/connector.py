"""The AWS wing: wires its rooms into the questions every cloud answers."""

from collections.abc import Sequence

from connectors.aws.baselines import AwsBaselines
from connectors.aws.catalog.actions import Catalogue
from connectors.aws.coverage.coverage import read_coverage
from connectors.aws.exports.files import SETTINGS, collect_exports, reads_logs
from connectors.aws.grants.dependents import dependents_of
from connectors.aws.grants.derivation import rule
from connectors.aws.grants.grants import read_grants
from connectors.aws.grants.organization import read_organization
from connectors.aws.grants.reach import reach_classes
from connectors.aws.grants.resource_policy_reading import read_resource_policies
from connectors.aws.identities.credentials import with_key_ids
from connectors.aws.identities.identities import read_identities
from connectors.aws.identities.unique_ids import forget_incomparable
from connectors.aws.inventory import unique_ids
from connectors.aws.live.access import policy_text
from connectors.aws.live.settings import LIVE_SETTINGS, LOG_SETTINGS, LiveSettings
from connectors.aws.reduction.reduction import reduce_all
from connectors.aws.remediation.forms import render
from connectors.aws.trust.actors import with_actors
from connectors.aws.trust.assuming import steps_of_all
from connectors.aws.trust.passing import Passing, with_targets
from connectors.aws.trust.session_policies import session_caveats
from connectors.aws.trust.standing_trust import read_standing
from connectors.aws.usage.actions import EventActions
from connectors.aws.usage.usage import read_usage
from connectors.baselines import BaselineWing
from connectors.facts import Facts, Window
from connectors.interface import Check, Connector, Evidence, Observer, Patterns, Setting, Sink, Source
from connectors.logs.seen import SeenEvents
from connectors.reduction import Change, Document, Question, Reductions, Ruling


class AwsConnector:
    """Amazon Web Services."""

    name = "aws"
    settings: tuple[Setting, ...] = (*SETTINGS, *LIVE_SETTINGS, *LOG_SETTINGS)
    baselines: BaselineWing = AwsBaselines()

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Read files, and ask AWS for live sources; an event that two sources hold counts once."""
        live = [source for source in sources if source.mode == "live"]
        if not live:
            seen = SeenEvents(reads=sum(map(reads_logs, sources)))
            collect_exports(sources, sink, window, observe, seen)
            return
        seen = SeenEvents()
        from connectors.aws.live.collect import Way, collect_live  # noqa: PLC0415 boto3 is slow to import
        from connectors.aws.live.resources import Touched  # noqa: PLC0415

        noting = Touched(sink)
        collect_exports(sources, noting, window, observe, seen)
        for source in live:
            way = Way(window, observe, seen, touched=noting.of.get(source.name, ()))
            collect_live(source, sink, way)

    def interpret(self, evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
        """Turn the evidence of all sources into facts."""
        catalogue = Catalogue()
        standing = read_standing(evidence)
        inventory = standing.inventory
        organization = read_organization(evidence)
        resources = read_resource_policies(evidence, inventory)
        entitled = read_grants(inventory, organization, resources, catalogue, window)
        passing = Passing(inventory, organization, catalogue, window)
        entitled.entitlements = with_targets(entitled.entitlements, entitled.grants, entitled.places, passing)
        actions = EventActions(catalogue)
        ids = unique_ids(inventory)
        called = read_usage(evidence, actions, catalogue.permissions, entitled.entitlements, ids)
        strange = forget_incomparable(called, inventory)
        strange += session_caveats(called.sessions, called.refused_by_session)
        covered = read_coverage(evidence, inventory, entitled, called, catalogue, window)
        named = read_identities(evidence, inventory, entitled, called, catalogue, patterns, window)
        parts = (inventory, standing, entitled, covered, named)
        caveats = {*strange, *(one for part in parts for one in part.caveats)}
        return Facts(
            provider=self.name,
            permissions=catalogue.permissions,
            identities=with_actors(named.identities, evidence, inventory, organization, standing.providers),
            credentials=named.credentials,
            grants=tuple(sorted(entitled.grants, key=lambda grant: (grant.identity, grant.id))),
            entitlements=covered.entitlements,
            usage=with_key_ids(called.usage, named.credentials),
            activity=with_key_ids(called.activity, named.credentials),
            coverage=covered.coverage,
            unmapped=tuple(called.unmapped),
            caveats=tuple(sorted(caveats)),
            unattributed=called.unattributed,
            steps=steps_of_all(inventory, organization, covered.entitlements, catalogue, window),
            reach=reach_classes(catalogue),
            dependents=dependents_of(catalogue),
        )

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
        """Decide one request by the identity's own policies, its boundary and the SCPs."""
        return rule(evidence, identity, permission, resource, window)

    def examine(self, source: Source, window: Window) -> Sequence[Check]:
        """Try the calls of a live source."""
        from connectors.aws.live.examine import examine  # noqa: PLC0415 boto3 is slow to import

        return examine(source, window)

    def policy(self, source: Source) -> str:
        """Return the minimal policy of a live source as JSON."""
        return policy_text(LiveSettings.of(source))


CONNECTOR: Connector = AwsConnector()
