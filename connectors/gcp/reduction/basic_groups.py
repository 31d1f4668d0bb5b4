"""What goes with a basic role beside its permissions: membership in `projectEditor:…` and the like.

New buckets and BigQuery datasets let in the owners, editors and viewers of their project by such groups, and
access control lists of objects do the same. Whoever loses the basic role loses what these give.
Source: docs.cloud.google.com/storage/docs/access-control/iam-roles (legacy roles, convenience values).
"""

from collections.abc import Iterable

from connectors.facts import Usage
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.names import parse_member
from connectors.gcp.reduction.desk import Desk
from connectors.gcp.reduction.standing import Access, Bound

_ROLES = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
_SERVICES = ("storage.", "bigquery.")


def left_behind(access: Access, desk: Desk) -> frozenset[Bound]:
    """Return the bindings of groups that an access no longer puts its holder into."""
    inside = {
        (desk.node(bound.resource), bound.role)
        for bound in access.bounds
        if bound.role in _ROLES.values() and bound.resource.startswith(CLOUD) and not bound.condition
    }
    groups = ((bound, _group(bound, desk)) for bound in access.bounds)
    return frozenset(bound for bound, group in groups if group is not None and group not in inside)


def _group(bound: Bound, desk: Desk) -> tuple[str, str] | None:
    """Return (project, basic role) of the group that a binding names; None for every other member."""
    member = parse_member(bound.member)
    role = _ROLES.get(member.kind)
    return (desk.node(f"{CLOUD}projects/{member.id}"), role) if role else None


def projects_lost(before: Access, after: Access, desk: Desk) -> list[str]:
    """Return the projects of which a basic role goes."""
    kept = {(bound.resource, bound.role) for bound in after.bounds if not bound.condition}
    gone = {
        desk.node(bound.resource)
        for bound in before.bounds - after.bounds
        if bound.role in _ROLES.values() and not bound.condition and (bound.resource, bound.role) not in kept
    }
    return sorted(one for one in gone if one.startswith("projects/"))


def doubt(before: Access, after: Access, usage: Iterable[Usage], desk: Desk) -> str:
    """Return why it is not sure that nothing is lost with the groups of a basic role; empty where it is.

    Policies of buckets in the evidence say what the groups give there; else only data calls that are recorded
    show that the identity made none by them.
    """
    projects = projects_lost(before, after, desk)
    if not projects:
        return ""
    known = {permission for bound in before.bounds for permission in desk.names_of(before, bound.role)}
    calls = sorted(
        {
            row.permission
            for row in usage
            if row.count > row.denied and row.permission.startswith(_SERVICES) and row.permission not in known
        }
    )
    if calls:
        shown = ", ".join(calls[:3])
        return f"calls that no known binding allows ({shown}) may come with the basic role on {projects[0]}"
    hidden = [one for one in projects if one not in desk.buckets_known and one not in desk.storage_logged]
    if hidden:
        return (
            f"the basic role on {hidden[0]} also lets in where buckets and datasets name the owners, editors"
            " or viewers of the project; their policies are not in the evidence, and no log would show it"
        )
    return ""
