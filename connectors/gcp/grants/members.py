"""Know which identities a member of a binding stands for, as far as the evidence proves it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.facts import Caveat
from connectors.gcp.grants.grants import Binding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import (
    SERVICE_ACCOUNT_DOMAIN,
    Agent,
    agent,
    kubernetes_pair,
    project_of_email,
)
from connectors.gcp.trust.pools import Pools

_BASIC = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
SINGLE = ("serviceAccount", "user", "principal", "kubernetes")
"""Kinds of member that name one identity."""
_AGENT_SET = re.compile(r"^principalSet://(?P<domain>agents\.global\.[^/]+)/(?P<rest>.+)$")
_POOL_SET = re.compile(
    r"^principalSet://iam\.googleapis\.com/(?P<pool>.+?/(?:workload|workforce)[^/]*Pools/[^/]+)/(?P<rest>.+)$"
)
_NODE_SET = re.compile(
    r"^principalSet://cloudresourcemanager\.googleapis\.com/"
    r"(?P<node>(?:projects|folders|organizations)/[^/]+)(?:/type/(?P<type>\w+))?$"
)


class Aliases:
    """One Identity.id for principals that are written in several ways.

    A GKE account is `POOL[namespace/account]` in members of service accounts and `principal://…` elsewhere;
    an agent of a project without organization is seen with two spellings of its trust domain.
    """

    def __init__(self, ids: Iterable[str], hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._by_key: dict[object, str] = {}
        self._known: dict[str, str] = {}
        for one in sorted(set(ids)):
            key = _key(one)
            if key is not None and (key not in self._by_key or not self._full(self._by_key[key])):
                self._by_key[key] = one

    @staticmethod
    def _full(identity: str) -> bool:
        return identity.startswith("principal://")

    def of(self, identity: str) -> str:
        """Return the one id of an identity."""
        found = self._known.get(identity)
        if found is None:
            found = self._known[identity] = self._find(identity)
        return found

    def _find(self, identity: str) -> str:
        key = _key(identity)
        found = identity if key is None else self._by_key.get(key, identity)
        if self._full(found) or not isinstance(key, tuple):
            return found
        pool, namespace, account = key
        number = self._hierarchy.number(self._hierarchy.project(pool.removesuffix(".svc.id.goog")))
        if not number:
            return found
        subject = f"{pool}/subject/ns/{namespace}/sa/{account}"
        return f"principal://iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{subject}"


def _key(identity: str) -> tuple[str, str, str] | Agent | None:
    return kubernetes_pair(identity) or agent(identity)


@dataclass(frozen=True, slots=True)
class Held:
    """An identity that a member stands for; `shared` when others hold the same binding with it."""

    identity: str
    shared: bool


class Membership:
    """Expands members of bindings to identities."""

    def __init__(
        self,
        accounts: Mapping[str, str],
        bindings: Sequence[Binding],
        aliases: Aliases,
        hierarchy: Hierarchy,
        pools: Pools | None = None,
    ) -> None:
        self._accounts = accounts
        """Every known identity with the project it belongs to."""
        self._aliases = aliases
        self._hierarchy = hierarchy
        self._pools = pools
        self._basic = _basic_members(bindings)
        self._shared: dict[str, list[str]] = {}

    def expand(self, binding: Binding) -> list[Held]:
        """Return who holds a binding for certain; the rest is said by `caveats`."""
        member = binding.member
        if member.kind in SINGLE:
            return [Held(self._aliases.of(member.id), shared=False)]
        if member.kind == "principalSet":
            found = sorted(one for one in self._accounts if self.belongs(one, member.written))
        elif member.kind in _BASIC:
            project = self._hierarchy.node(f"projects/{member.id}")
            found = sorted(map(self._aliases.of, self._basic.get((project, _BASIC[member.kind]), ())))
        else:
            found = []
        self._shared.setdefault(member.written, []).append(f"{binding.role} on {binding.resource}")
        return [Held(one, shared=True) for one in found]

    def belongs(self, identity: str, written: str) -> bool:
        """Return whether an identity provably belongs to a principal set."""
        if match := _AGENT_SET.match(written):
            return _agent_in(identity, match["domain"], match["rest"])
        if match := _POOL_SET.match(written):
            attributes = self._pools.belongs(identity, written) if self._pools is not None else None
            return attributes is True or _pool_in(identity, match["pool"], match["rest"])
        if match := _NODE_SET.match(written):
            return self._node_in(identity, match["node"], match["type"])
        return False

    def holds(self, identity: str, written: str) -> bool | None:
        """Return whether a principal set holds an identity; None where the evidence does not tell.

        Groups and customer ids (`principalSet://goog/…`) hold people, perhaps this one.
        """
        if self.belongs(identity, written):
            return True
        if match := _AGENT_SET.match(written):
            decided = agent(identity) is None or match["rest"].startswith(("*", "attribute.platform"))
        elif match := _POOL_SET.match(written):
            outside = not identity.startswith(f"principal://iam.googleapis.com/{match['pool']}/")
            decided = outside or (self._pools is not None and self._pools.belongs(identity, written) is False)
        elif match := _NODE_SET.match(written):
            account, node = self._accounts.get(identity, ""), self._hierarchy.node(match["node"])
            if _is_person(identity) and not node.startswith("organizations/"):
                # Projects and folders hold service accounts and pools; persons belong to organizations.
                return False
            whole = node.startswith("projects/") or self._hierarchy.knows_ancestors(f"projects/{account}")
            decided = bool(account) and match["type"] is None and whole
        else:
            decided = False
        return False if decided else None

    def _node_in(self, identity: str, node: str, kind: str | None) -> bool:
        account = self._accounts.get(identity, "")
        if not account or (kind == "ServiceAccount" and not identity.endswith("gserviceaccount.com")):
            return False
        if kind not in (None, "ServiceAccount"):
            return False
        return self._hierarchy.within(f"projects/{account}", self._hierarchy.node(node))

    def caveats(self) -> list[Caveat]:
        """Say which members stand for identities that the evidence does not name."""
        return [
            Caveat(
                f"{_WHAT.get(_kind(member), 'a member of a new form')}: {member}", places[0], _effect(member)
            )
            for member, places in sorted(self._shared.items())
        ]


_NEW = "a member of a form this version does not know"
_WHAT = {
    "group": "members of a group are not known",
    "domain": "everyone of a domain holds a grant",
    "allUsers": "everyone on the internet holds a grant",
    "allAuthenticatedUsers": "every Google account holds a grant",
    "deleted": "a grant to a deleted principal",
    "principalSet": "a grant to a set of principals",
    "projectOwner": "a grant to the owners of a project",
    "projectEditor": "a grant to the editors of a project",
    "projectViewer": "a grant to the viewers of a project",
}


def _is_person(identity: str) -> bool:
    return "@" in identity and "://" not in identity and not identity.endswith(SERVICE_ACCOUNT_DOMAIN)


def _kind(member: str) -> str:
    return member if member in _WHAT else member.partition(":")[0]


def _effect(member: str) -> str:
    match _kind(member):
        case "deleted":
            return "it gives nothing to anyone; the binding can be removed"
        case "principalSet":
            return "it is counted for the identities that provably belong to the set; others may hold it too"
        case "projectOwner" | "projectEditor" | "projectViewer":
            return (
                "it is counted for those the evidence names as holders of the basic role; others may hold it"
            )
        case _:
            return "identities that hold it this way are shown without it: they may hold more than is listed"


def _basic_members(bindings: Iterable[Binding]) -> dict[tuple[str, str], list[str]]:
    """Return who holds each basic role on each project by name and without a condition."""
    found: dict[tuple[str, str], list[str]] = {}
    for binding in bindings:
        if not binding.narrow and not binding.condition and binding.member.kind in SINGLE:
            found.setdefault((binding.node, binding.role), []).append(binding.member.id)
    return found


def _agent_in(identity: str, domain: str, rest: str) -> bool:
    """Decide `TD/*`, `attribute.platform/…` and `attribute.platformContainer/…/projects/N`."""
    found = agent(identity)
    if found is None or _trust_domain(identity.removeprefix("principal://")) != _trust_domain(domain):
        return False
    return rest in (
        "*",
        f"attribute.platform/{found.platform}",
        f"attribute.platformContainer/{found.platform}/projects/{found.project}",
    )


def _trust_domain(text: str) -> str:
    """Return a trust domain in one spelling: that of a project without organization has two."""
    return text.partition("/")[0].replace(".global.proj-", ".global.project-")


def _pool_in(identity: str, pool: str, rest: str) -> bool:
    """Decide `POOL/*` and, for GKE, `POOL/namespace/NS`; attributes of a token are not in the evidence."""
    prefix = f"principal://iam.googleapis.com/{pool}/"
    if not identity.startswith(prefix):
        return False
    kubernetes = kubernetes_pair(identity)
    return rest == "*" or (kubernetes is not None and rest == f"namespace/{kubernetes[1]}")


def account_of(identity: str, hierarchy: Hierarchy) -> str:
    """Return the project id (or number) that owns an identity, empty when none does.

    Service accounts by their e-mail, agents and federated identities by the project in their name.
    """
    if found := agent(identity):
        return hierarchy.project(found.project)
    if pair := kubernetes_pair(identity):
        return hierarchy.project(pair[0].removesuffix(".svc.id.goog"))
    if identity.startswith("principal://"):
        match = re.search(r"/projects/([^/]+)/", identity)
        return hierarchy.project(match[1]) if match else ""
    return hierarchy.project(project_of_email(identity)) if "@" in identity else ""
