"""Work out one identity's rebuilt policies from the evidence beside a report."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from connectors.bundle import open_bundle
from connectors.interface import Patterns
from connectors.registry import connector
from reports.document import IdentityEntry, Reduction
from scanner.analysis import analyse_cloud
from scanner.errors import ConfigError
from scanner.proof import reduction
from scanner.reduction import rebuild_one
from scanner.rules.finding import Limits

EVIDENCE = "evidence"
_BY_CHOICE = {"opted-out", "grace-period", "used-earlier", "not-settled"}
"""Why unused permissions stay by what the evidence does not hold (configuration, history)."""


def rebuilt(entry: IdentityEntry, folder: Path, now: str) -> Reduction:
    """Return the reduction of an identity as fresh documents.

    Raises ConfigError when the evidence bundle that `scan` keeps beside the report is not there.
    """
    if not (folder / EVIDENCE).is_dir():
        message = f"{folder / EVIDENCE}: is not there, and a rebuilt policy is worked out from it"
        raise ConfigError(message, hint="name the folder that `entdrift scan --output` wrote")
    bundle = open_bundle(folder / EVIDENCE)
    evidence = [source for source in bundle.sources if source.provider == entry.provider]
    wing = connector(entry.provider)
    facts = wing.interpret(evidence, bundle.window, Patterns())
    cloud = analyse_cloud(
        facts,
        stages={},
        presence=[seen for source in evidence for seen in source.presence()],
        everyone=True,
        window=bundle.window,
        now=datetime.fromisoformat(now),
    )
    for one in cloud.identities:
        if one.identity.id == entry.id:
            kept = facts.permissions.mask(_kept(entry))
            found = rebuild_one(wing, evidence, facts, one, window=bundle.window, limits=Limits(), kept=kept)
            return reduction(one, found, facts.permissions)
    raise ConfigError(f"{entry.id}: the evidence beside the report does not describe it")


def _kept(entry: IdentityEntry) -> Iterator[str]:
    """Yield the unused permissions that stay in the report by the configuration it was made with."""
    unused = {row.service: row.unused for row in entry.services}
    for stay in entry.reduction.stays:
        if stay.code in _BY_CHOICE:
            yield from stay.permissions
            for service in stay.services:
                yield from unused.get(service, ())
