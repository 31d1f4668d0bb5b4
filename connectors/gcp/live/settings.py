"""The settings of a source that asks Google Cloud itself, and what each must look like."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.errors import SettingError
from connectors.gcp.logs.groups import TABLE
from connectors.interface import Setting, Source
from connectors.logs.lake_settings import path_setting

_LIVE = ("live",)
_ANY = ("export", "live")
_NODE = re.compile(r"organizations/\d+|folders/\d+|projects/(?:[a-z][\w.:-]*|\d+)")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

LIVE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "impersonate",
        "texts",
        "service account to act as, or a chain of them; the last one reads",
        modes=_LIVE,
        form=r"[^@\s]+@[^@\s]+\.gserviceaccount\.com",
        example='"entdrift@PROJECT.iam.gserviceaccount.com"',
    ),
    Setting(
        "quota_project",
        "text",
        "project whose quota the calls count against (default: the scope, where it is a project)",
        modes=_LIVE,
        form=r"[\w.:-]+",
        example='"audit-project"',
    ),
    Setting(
        "locations",
        "texts",
        "locations to ask Vertex AI for Agent Engines in (default: those where assets were found)",
        modes=_LIVE,
        form=r"[a-z]+(-[a-z]+)*\d*",
        example='["us-central1", "europe-west4"]',
    ),
    Setting(
        "deny_places",
        "text",
        "ask at most so many folders, projects and what is above them for deny policies, five a minute"
        " (default: 100); what is granted elsewhere is conditional",
        modes=_LIVE,
        form=r"[1-9]\d{0,5}",
        example='"1000"',
    ),
    Setting(
        "log_entries",
        "flag",
        "true: read audit logs with entries.list (60 pages a minute); for small projects only",
        modes=_LIVE,
    ),
    Setting(
        "endpoint_url",
        "text",
        "send all REST calls to this address instead of Google (a fake, a proxy)",
        modes=_LIVE,
        form=r"https?://[^/\s]+/?",
        example='"http://127.0.0.1:8080"',
    ),
    Setting(
        "iam_endpoint",
        "text",
        "host:port of the IAM gRPC service; unencrypted where it is this machine. With endpoint_url alone"
        " IAM is asked over REST too",
        modes=_LIVE,
        form=r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d+",
        example='"127.0.0.1:9090"',
    ),
)

LOG_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "logs.engine",
        "text",
        '"bigquery" (live): let BigQuery count the entries of a sink\'s tables instead of reading log files;'
        ' "spark" (export): let Spark count those of a sink\'s files; "local": read files',
        modes=_ANY,
        form="local|bigquery|spark",
        example='"bigquery"',
    ),
    Setting(
        "logs.table",
        "texts",
        "tables that log sinks write, partitioned by time; with `_*` at the end: one table a day",
        modes=_LIVE,
        form=TABLE,
        example='"audit-project.logs.cloudaudit_googleapis_com_data_access"',
    ),
    path_setting('"gs://my-log-bucket/cloudaudit.googleapis.com"'),
    Setting(
        "logs.max_scan_gb",
        "text",
        "run no query where all together would scan more than so many gigabytes",
        modes=_ANY,
        form=r"[1-9]\d{0,8}",
        example='"500"',
    ),
)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The settings of one live source."""

    source: str
    scope: str
    impersonate: tuple[str, ...] = ()
    quota_project: str = ""
    locations: tuple[str, ...] = ()
    deny_places: int = 100
    """Places asked for deny policies; five reads a minute make these twenty minutes."""
    log_entries: bool = False
    endpoint_url: str = ""
    iam_endpoint: str = ""
    log_engine: str = "local"
    log_tables: tuple[str, ...] = ()
    log_max_scan_gb: int = 0
    """0: no limit."""

    @property
    def project(self) -> str:
        """The project of the scope, or an empty string for a folder or organization."""
        return self.scope.removeprefix("projects/") if self.scope.startswith("projects/") else ""

    @property
    def billed(self) -> str:
        """The project whose quota is used; empty: that of the credentials."""
        return self.quota_project or self.project

    @property
    def local(self) -> bool:
        """Whether REST calls stay on this machine: only then may they be unencrypted."""
        return (urlsplit(self.endpoint_url).hostname or "") in _LOOPBACK

    @property
    def local_iam(self) -> bool:
        """Whether the gRPC service of IAM is on this machine."""
        return self.iam_endpoint.rpartition(":")[0].strip("[]") in _LOOPBACK

    @classmethod
    def of(cls, source: Source) -> "LiveSettings":
        """Read the settings of a source; SettingError when they contradict each other."""
        settings = cls(
            source=source.name,
            scope=source.texts.get("scope", "").strip("/"),
            impersonate=source.lists.get("impersonate", ()),
            quota_project=source.texts.get("quota_project", "").removeprefix("projects/"),
            locations=source.lists.get("locations", ()),
            deny_places=int(source.texts.get("deny_places", "100")),
            log_entries=source.texts.get("log_entries") == "true",
            endpoint_url=source.texts.get("endpoint_url", "").rstrip("/"),
            iam_endpoint=source.texts.get("iam_endpoint", ""),
            log_engine=source.texts.get("logs.engine", "local"),
            log_tables=tuple(dict.fromkeys(source.lists.get("logs.table", ()))),
            log_max_scan_gb=int(source.texts.get("logs.max_scan_gb", "0")),
        )
        problem, hint = settings._contradiction()
        if problem:
            raise SettingError(f"source {source.name!r}: {problem}", hint=hint)
        return settings

    def _contradiction(self) -> tuple[str, str]:
        if not _NODE.fullmatch(self.scope):
            problem = (
                f"a live source cannot read the scope {self.scope!r}" if self.scope else "scope is not set"
            )
            return problem, 'scope = "projects/ID", "folders/NUMBER" or "organizations/NUMBER"'
        if self.endpoint_url.startswith("http:") and not self.local:
            return (
                "endpoint_url without encryption must be on this machine",
                "access tokens would go over the network in clear text: use https://",
            )
        if self.log_engine == "bigquery" and not self.log_tables:
            return (
                "logs.engine is bigquery, but no table is named",
                'logs.table = "audit-project.logs.cloudaudit_googleapis_com_data_access"',
            )
        if self.log_engine == "bigquery" and self.log_entries:
            return (
                "logs.engine = bigquery and log_entries exclude each other",
                "the same entries would count twice",
            )
        return "", ""
