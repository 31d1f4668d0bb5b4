"""Google Cloud's names for principals, resources, keys and permissions, each in one canonical form."""

import re
from dataclasses import dataclass
from functools import lru_cache

from connectors.gcp.catalog import services

_KUBERNETES_MEMBER = re.compile(
    r"^(?P<pool>[^/\s]+\.svc\.id\.goog)\[(?P<namespace>[^/\]]+)/(?P<account>[^\]]+)\]$"
)
_KUBERNETES_PRINCIPAL = re.compile(
    r"/workloadIdentityPools/(?P<pool>[^/]+\.svc\.id\.goog)/subject/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)$"
)
_AGENT = re.compile(
    r"^principal://agents\.global\.(?:org|project|proj)-\d+\.system\.id\.goog/resources/"
    r"(?P<platform>[^/]+)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/(?P<resource>.+)$"
)
_PROJECT_IN_NAME = re.compile(r"(?:^|/)projects/([^/_][^/]*)")
_KEY = re.compile(r"projects/[^/]+/serviceAccounts/[^/]+/keys/[^/]+$")
_KUBERNETES_PERMISSION = re.compile(
    r"^io\.k8s\.(?:[a-zA-Z0-9-]+\.)*?v\d+(?:(?:alpha|beta)\d+)?\.(?P<rest>.+)$"
)
_KUBERNETES_VERBS = {"patch": "update", "watch": "list", "deletecollection": "delete"}
_KUBERNETES_SUBRESOURCES = {
    "pods.log.get": "pods.getLogs",
    "pods.exec.create": "pods.exec",
    "pods.exec.get": "pods.exec",
    "pods.attach.create": "pods.attach",
    "pods.portforward.create": "pods.portForward",
    "pods.eviction.create": "pods.evict",
    "serviceaccounts.token.create": "serviceAccounts.createToken",
}
SERVICE_ACCOUNT_DOMAIN = "gserviceaccount.com"


@lru_cache(maxsize=1 << 15)
def permission_name(text: str) -> str:
    """Return a permission as roles spell it: `service.resource.verb`.

    Deny policies and some roles write `iam.googleapis.com/roles.get`, Kubernetes logs
    `io.k8s.core.v1.pods.create`. Names of other domains (partner services) stay as they are.
    """
    if "/" in text:
        host, _, rest = text.partition("/")
        if host.endswith(".googleapis.com"):
            return f"{services().prefix(host)}.{rest}"
        return text
    if text.startswith("io.k8s."):
        return _kubernetes_permission(text)
    return text


def _kubernetes_permission(text: str) -> str:
    """Return `container.<resource>.<verb>`, best effort: GKE's own names differ for subresources."""
    match = _KUBERNETES_PERMISSION.match(text)
    if match is None:
        return text
    rest = match["rest"]
    if rest in _KUBERNETES_SUBRESOURCES:
        return f"container.{_KUBERNETES_SUBRESOURCES[rest]}"
    resource, _, verb = rest.rpartition(".")
    verb = _KUBERNETES_VERBS.get(verb, verb)
    resource, _, sub = resource.partition(".")
    return f"container.{resource}.{verb}{sub[:1].upper()}{sub[1:]}"


def principal_id(text: str) -> str:
    """Return the Identity.id for a principal as a log or a policy writes it.

    E-mail in lower case for service accounts and users, `principal://…` in full for federated and agent
    identities, `POOL.svc.id.goog[namespace/account]` for Kubernetes accounts known only in that form.
    """
    text = text.strip()
    for prefix in ("serviceAccount:", "user:"):
        text = text.removeprefix(prefix)
    if text.startswith(("agents.global.", "iam.googleapis.com/")):
        text = f"principal://{text}"
    elif text.startswith("//iam.googleapis.com/"):
        text = f"principal:{text}"
    if text.startswith("principal://"):
        return text
    text = text.partition("?uid=")[0]
    if "@" in text and "[" not in text:
        return text.lower()
    return text


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a binding: its kind word and, for single principals, the Identity.id."""

    kind: str
    id: str
    written: str


_SHARED = ("group", "domain", "projectOwner", "projectEditor", "projectViewer", "deleted")


def parse_member(written: str) -> Member:
    """Return what a member string of an allow policy names.

    Kinds: `serviceAccount`, `user`, `principal` (single ones), `kubernetes`, `principalSet`, `group`,
    `domain`, `projectOwner`/`projectEditor`/`projectViewer`, `allUsers`, `allAuthenticatedUsers`,
    `deleted`, and `unknown` for a form that Google has added since.
    """
    if written in ("allUsers", "allAuthenticatedUsers"):
        return Member(written, "", written)
    for prefix in ("principal", "principalSet"):
        if written.startswith(f"{prefix}://") and written != f"{prefix}://":
            return Member(prefix, written, written)
    kind, _, rest = written.partition(":")
    if kind in ("serviceAccount", "user") and rest:
        if _KUBERNETES_MEMBER.match(rest):
            return Member("kubernetes", rest, written)
        # A service account written as `user:` (seen in exemption lists) is still that service account.
        return Member(_kind_of_email(rest), principal_id(rest), written)
    return Member(kind if kind in _SHARED and rest else "unknown", rest, written)


def _kind_of_email(email: str) -> str:
    return "serviceAccount" if email.partition("?")[0].endswith(SERVICE_ACCOUNT_DOMAIN) else "user"


def kubernetes_pair(identity: str) -> tuple[str, str, str] | None:
    """Return (pool, namespace, account) of a GKE workload identity in either of its two forms."""
    match = _KUBERNETES_MEMBER.match(identity) or _KUBERNETES_PRINCIPAL.search(identity)
    return (match["pool"], match["namespace"], match["account"]) if match else None


@dataclass(frozen=True, slots=True)
class Agent:
    """The parts of an agent identity's principal name."""

    platform: str
    project: str
    location: str
    resource: str

    @property
    def name(self) -> str:
        """The resource the agent runs as, relative: `projects/P/locations/L/reasoningEngines/ID`."""
        return f"projects/{self.project}/locations/{self.location}/{self.resource}"


def agent(identity: str) -> Agent | None:
    """Return the parts of an agent principal, or None for any other identity.

    `principal://agents.global.org-ORG.system.id.goog/resources/aiplatform/projects/NUM/locations/L/…`;
    projects without an organization write `project-NUM` (one source: `proj-NUM`).
    """
    match = _AGENT.match(identity)
    return Agent(match["platform"], match["project"], match["location"], match["resource"]) if match else None


def same(one: str, other: str) -> bool:
    """Return whether two principal ids are of one identity, however they are spelled."""
    if one == other:
        return True
    pair, found = kubernetes_pair(one), agent(one)
    return bool((pair and pair == kubernetes_pair(other)) or (found and found == agent(other)))


def key_name(text: str) -> str:
    """Return a service-account key as `projects/P/serviceAccounts/E/keys/K`, empty when it is none."""
    match = _KEY.search(text)
    return match[0] if match else ""


def project_in(name: str) -> str:
    """Return the project id or number that a resource name holds, or an empty string."""
    match = _PROJECT_IN_NAME.search(name)
    return match[1] if match else ""


def project_of_email(email: str) -> str:
    """Return the project id (or number) that a service account's e-mail names, or an empty string.

    `name@PROJECT.iam…`, `name@PROJECT.DOMAIN.TLD.iam…` (id `DOMAIN.TLD:PROJECT`), `NUM-compute@developer…`,
    `PROJECT@appspot…`, `NUM@cloudservices…`, `service-NUM@<agent domain>`.
    """
    name, _, domain = email.partition("@")
    if domain in ("developer.gserviceaccount.com", "cloudservices.gserviceaccount.com"):
        return name.partition("-")[0]
    if domain in ("appspot.gserviceaccount.com", "cloudbuild.gserviceaccount.com"):
        return name
    if services().is_agent_domain(domain):
        number = re.fullmatch(r"service-(\d+)", name)
        return number[1] if number else ""
    if not domain.endswith(".iam.gserviceaccount.com"):
        return ""
    project, _, organization = domain.removesuffix(".iam.gserviceaccount.com").partition(".")
    return f"{organization}:{project}" if organization else project
