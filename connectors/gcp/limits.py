"""Say what could not be read and what is not interpreted, and what that does to the result."""

from collections.abc import Collection, Iterable

from connectors.facts import Caveat
from connectors.gcp.exports.files import LOGS
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import agent
from connectors.interface import Evidence, Status

_UNKNOWN = {
    "iam_policies": "grants it holds are missing: identities may hold more than is shown",
    "roles": "roles it defines are unknown: their permissions are not counted and never called unused",
    "service_accounts": "accounts it lists are known only where a grant or a log names them",
    "service_account_keys": "keys it lists are missing; those seen in logs are shown with unknown state",
    "resources": "what runs as which account is incomplete: AI workloads may be missed",
    "deny_policies": "what it refuses is shown as granted",
    "access_boundaries": "identities that boundaries limit may reach less than is shown",
    "ancestry": "grants and audit configurations inherited from above are missing",
    "recommender_insights": "a second witness of use is missing: less is doubted",
    "activity": "a second witness of use is missing: less is doubted",
    "api_metrics": "a second witness of use is missing: less is doubted",
    "log_buckets": "how long Data Access records are kept, and whether a sink leaves some out, is unknown",
    "log_entries": "calls in it were not seen: what they may have used is shown as unobservable",
    "testable_permissions": "what custom roles may hold is not known: reductions are undecided about it",
    LOGS: "calls in it were not seen: what they may have used is shown as unobservable",
}


def unread(evidence: Iterable[Evidence]) -> Iterable[Caveat]:
    """Say what a part that could not be read leaves unknown."""
    for source in evidence:
        for outcome in source.outcomes():
            if outcome.status in (Status.FAILED, Status.PARTIAL):
                effect = _UNKNOWN.get(outcome.part, "what it holds is missing from the result")
                where = f"{source.source}: {outcome.reason}"
                yield Caveat(f"{outcome.part} could not be read whole", where, effect)


def not_interpreted(inventory: Inventory, evidence: Iterable[Evidence]) -> Iterable[Caveat]:
    """Say which layers of Google Cloud's access control are not interpreted at all.

    A part that was read whole and holds nothing says that there is nothing.
    """
    read = {o.part for source in evidence for o in source.outcomes() if o.status is Status.OK}
    if not inventory.deny_policies and inventory.policies and "deny_policies" not in read:
        yield Caveat(
            "deny policies are not in the evidence",
            "every project",
            "what they refuse is shown as granted: export them into deny_policies",
        )
    if inventory.policies and "access_boundaries" not in read:
        yield Caveat(
            "principal access boundaries are not in the evidence",
            "every project",
            "identities they bound may reach less than is shown: export them into access_boundaries",
        )
    if inventory.policies:
        yield Caveat(
            "access that resources give outside of IAM is not read",
            "Cloud Storage ACLs, BigQuery authorized views, Kubernetes RBAC, Firebase rules",
            "identities may reach more than is shown; calls made that way still count as use",
        )
        yield Caveat(
            "audit configurations are read as they are now",
            "every project",
            "a Data Access log switched on within the window counts as on for all of it, unless the Admin"
            " Activity log given holds that change",
        )


def stale_agents(
    inventory: Inventory, identities: Iterable[str], callers: Collection[str]
) -> Iterable[Caveat]:
    """Say which agents hold grants although no resource is them while others of their kind are listed.

    An engine that is made anew gets a new principal; what the old one was given stays behind.
    """
    hierarchy = inventory.hierarchy
    listed: dict[tuple[str, str], set[str]] = {}
    for _, resource in inventory.resources:
        path = resource.name.removeprefix("//").partition("/")[2] if resource.asset_type else resource.name
        parts = path.split("/")
        if len(parts) > 4 and parts[0] == "projects":
            key = (hierarchy.project(parts[1]), parts[-2])
            listed.setdefault(key, set()).add("/".join(parts[2:]))
    for identity in sorted(set(identities) - set(callers)):
        found = agent(identity)
        if found is None:
            continue
        place = found.name.partition(f"projects/{found.project}/")[2]
        others = listed.get((hierarchy.project(found.project), place.split("/")[-2]), set())
        if others and place not in others:
            yield Caveat(
                "a grant to an agent that no resource of the evidence is",
                identity,
                "unless the list of resources is not whole, the agent was deleted or made anew under another"
                " identity: what it holds serves nobody and can be removed",
            )
