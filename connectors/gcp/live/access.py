"""Know every Google API call that live collection may make, its permissions, and what is lost without it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from connectors.gcp.catalog import table
from connectors.gcp.live.settings import LiveSettings

ROLE_ID = "entdrift"
_OPTIONAL = "log_entries"
LOG_QUERY = "log_query"


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the table: a call, the permissions it needs, and the part of the evidence it serves."""

    name: str
    part: str
    permissions: tuple[str, ...]
    role: str
    """Smallest predefined role that holds the permissions."""
    lost: str
    quota: str
    grpc: str
    """Full method name (`/package.Service/Method`), or empty."""
    method: str
    host: str
    path: re.Pattern[str]
    above_project: bool
    """True where the permission is only of use on folders and organizations."""


@lru_cache(maxsize=1)
def access_table() -> Mapping[str, Access]:
    """Return all calls by name (`catalog/access.toml`)."""
    rows: dict[str, Access] = {}
    for part in table("access")["parts"]:
        for call in part["calls"]:
            method, _, place = call["http"].partition(" ")
            host, _, path = place.partition("/")
            rows[call["name"]] = Access(
                name=call["name"],
                part=part["name"],
                permissions=tuple(call["permissions"]),
                role=call.get("role", part["role"]),
                lost=part["lost"],
                quota=call["quota"],
                grpc=call.get("grpc", ""),
                method=method,
                host=host,
                path=_pattern(path),
                above_project=call.get("above_project", False),
            )
    return rows


def _pattern(path: str) -> re.Pattern[str]:
    """Return the expression for a path of the table; a `*` may hold an escaped slash, never a real one."""
    text = re.escape(path).replace(r"\*\*/", "(?:[^/?#]+/)*").replace(r"\*", "[^/?#]+")
    return re.compile(f"/{text}")


@lru_cache(maxsize=1)
def grpc_methods() -> frozenset[str]:
    """Return the full names of all gRPC methods that may be called."""
    return frozenset(row.grpc for row in access_table().values() if row.grpc)


def http_call(method: str, host: str, path: str, *, any_host: bool = False) -> Access | None:
    """Return the row that a REST request belongs to, or None for one that must not be sent.

    With `any_host` the service is told by the path alone: an `endpoint_url` stands for all hosts.
    """
    for row in access_table().values():
        named = any_host or host == row.host or (row.host[:1] == "*" and _regional(host, row.host))
        if row.method == method and named and row.path.fullmatch(path):
            return row
    return None


def _regional(host: str, written: str) -> bool:
    """Return whether a host is a service's own or one of its regions': `us-central1-aiplatform…`."""
    service = written.removeprefix("*")
    return host == service or bool(re.fullmatch(r"[a-z0-9-]+-" + re.escape(service), host))


def quotas() -> Mapping[str, int]:
    """Return the calls a minute of each quota."""
    found: Mapping[str, int] = table("access")["quotas"]
    return found


def lost(part: str) -> str:
    """Return what the analysis does without a part of the evidence."""
    return next((str(one["lost"]) for one in table("access")["parts"] if one["name"] == part), "")


def part_names(settings: LiveSettings) -> list[str]:
    """Return the parts that a live source reads, in the order of the table."""
    names = [str(part["name"]) for part in table("access")["parts"]]
    left = {_OPTIONAL: settings.log_entries, LOG_QUERY: settings.log_engine == "bigquery"}
    return [name for name in names if left.get(name, True)]


def permissions_of(parts: Iterable[str], *, above_project: bool | None = None) -> list[str]:
    """Return the permissions that some parts need, sorted; all, or those of use (not) above projects only."""
    wanted = set(parts)
    return sorted(
        {
            name
            for row in access_table().values()
            if row.part in wanted and above_project in (None, row.above_project)
            for name in row.permissions
        }
    )


def role_text(settings: LiveSettings) -> str:
    """Return the minimal read-only custom role of a live source as YAML for `gcloud iam roles create --file`.

    A project's role cannot hold permissions of folders and organizations; those are named in comments.
    """
    parts = [name for name in part_names(settings) if name != LOG_QUERY]
    project = settings.project
    within = permissions_of(parts, above_project=False if project else None)
    who = f"serviceAccount:{settings.impersonate[-1]}" if settings.impersonate else "MEMBER"
    lines = [*_head(settings, who), "title: entdrift scanner"]
    lines.append("description: Reads what entdrift needs to compare grants with use; changes nothing.")
    lines += ["stage: GA", "includedPermissions:", *(f"- {name}" for name in within)]
    if project:
        lines += _above(permissions_of(parts, above_project=True), who)
    if settings.log_engine == "bigquery":
        lines += _query_rights(settings, who)
    return "\n".join(lines)


def _head(settings: LiveSettings, who: str) -> list[str]:
    place, command = _place(settings.scope)
    owner = place if settings.project else "--organization=ORGANIZATION"
    full = f"projects/{settings.project}" if settings.project else "organizations/ORGANIZATION"
    if settings.scope.startswith("organizations/"):
        owner, full = place, settings.scope
    lines = [
        f"# gcloud iam roles create {ROLE_ID} {owner} --file=THIS_FILE",
        f"# gcloud {command} --member={who} --role={full}/roles/{ROLE_ID} --condition=None",
    ]
    if settings.billed and settings.billed != settings.project:
        lines.append(
            f"# gcloud projects add-iam-policy-binding {settings.billed} --member={who}"
            " --role=roles/serviceusage.serviceUsageConsumer --condition=None   (quota_project)"
        )
    return lines


def _place(scope: str) -> tuple[str, str]:
    kind, _, name = scope.partition("/")
    command = {
        "projects": "projects add-iam-policy-binding",
        "folders": "resource-manager folders add-iam-policy-binding",
        "organizations": "organizations add-iam-policy-binding",
    }[kind]
    return f"--{kind.removesuffix('s')}={name}", f"{command} {name}"


def _above(permissions: Iterable[str], who: str) -> list[str]:
    role = f"{ROLE_ID}_above"
    full = f"organizations/ORGANIZATION/roles/{role} --condition=None"
    return [
        "# To read what the project inherits, a second role on the organization above it:",
        f"# gcloud iam roles create {role} --organization=ORGANIZATION --permissions={','.join(permissions)}",
        f"# gcloud organizations add-iam-policy-binding ORGANIZATION --member={who} --role={full}",
    ]


def _query_rights(settings: LiveSettings, who: str) -> list[str]:
    """Return what queries need: on the tables alone, and jobs in the project that is billed."""
    lines = ["# To have BigQuery count log entries, on these tables alone:"]
    projects: list[str] = []
    for name in settings.log_tables:
        project, dataset, _ = name.rsplit(".", 2)
        projects.append(settings.quota_project or project)
        # Tables of one day each come and go, so the right is on their dataset.
        place = f"SCHEMA `{project}.{dataset}`" if name.endswith("_*") else f"TABLE `{name}`"
        lines.append(f'# GRANT `roles/bigquery.dataViewer` ON {place} TO "{who}";   (SQL)')
    lines += [
        f"# gcloud projects add-iam-policy-binding {project} --member={who}"
        " --role=roles/bigquery.jobUser --condition=None"
        for project in dict.fromkeys(projects)
    ]
    return list(dict.fromkeys(lines))


def binding_command(scope: str, who: str, role: str) -> str:
    """Return the gcloud command that gives a predefined role on a node."""
    return f"gcloud {_place(scope)[1]} --member={who} --role={role} --condition=None"
