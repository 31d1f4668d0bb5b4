"""Work out one identity's rebuilt policies from the evidence beside a report."""

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
            found = rebuild_one(wing, evidence, facts, one, window=bundle.window, limits=Limits())
            return reduction(one, found, facts.permissions)
    raise ConfigError(f"{entry.id}: the evidence beside the report does not describe it")
