"""The settings of a source that asks Azure itself, and what each must look like."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.azure.ids import guid
from connectors.azure.logs.settings import LOG_ANALYTICS
from connectors.azure.logs.tables import ACTIVITY, SIGN_INS
from connectors.errors import SettingError
from connectors.interface import Setting, Source

_LIVE = ("live",)
_ID = r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"
_ADDRESS = r"https?://[^\s/?#]+/?"
_CLOUDS = {
    "management.azure.com": ("https://graph.microsoft.com", "login.microsoftonline.com"),
    "management.usgovcloudapi.net": ("https://graph.microsoft.us", "login.microsoftonline.us"),
    "management.chinacloudapi.cn": ("https://microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
}
"""Resource Manager's host in each cloud, with its Graph and its sign-in host.

Source: learn, azure/developer sovereign clouds; graph/deployments; read 2026-11.
"""
_LOG_ANALYTICS = {
    "management.azure.com": "https://api.loganalytics.azure.com",
    "management.usgovcloudapi.net": "https://api.loganalytics.us",
    "management.chinacloudapi.cn": "https://api.loganalytics.azure.cn",
}
"""Where the workspaces of each cloud are asked.

Source: learn, azure-monitor/logs/api/access-api; azure-monitor-query.
"""
_DEFAULT = "https://management.azure.com"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

LIVE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "tenant",
        "text",
        "tenant to sign in to (default: the credential's own)",
        modes=_LIVE,
        form=rf"{_ID}|[\w-]+(\.[\w-]+)+",
        example='"aaaabbbb-0000-cccc-1111-dddd2222eeee" or "contoso.onmicrosoft.com"',
    ),
    Setting(
        "subscriptions",
        "texts",
        "subscriptions to read (default: all that the credential sees)",
        modes=_LIVE,
        form=_ID,
        example='["11112222-bbbb-3333-cccc-4444dddd5555"]',
    ),
    Setting(
        "management_group",
        "text",
        "read all subscriptions below this management group (its id)",
        modes=_LIVE,
        form=r"[\w().-]{1,90}",
        example='"ai-platform"',
    ),
    Setting(
        "activity_log",
        "flag",
        "read the Activity Log over REST, for small accounts (default: true unless activity_logs are named)",
        modes=_LIVE,
    ),
    Setting(
        "sign_ins",
        "flag",
        "read sign-ins of applications from Graph, for small tenants (default: true without sign_in_logs)",
        modes=_LIVE,
    ),
    Setting(
        "endpoint_url",
        "text",
        "send Resource Manager calls there: another cloud, or a fake on this machine",
        modes=_LIVE,
        form=_ADDRESS,
        example='"https://management.usgovcloudapi.net" or "http://127.0.0.1:8080"',
    ),
    Setting(
        "graph_endpoint_url",
        "text",
        "send Microsoft Graph calls there (default: the Graph of the cloud, or endpoint_url)",
        modes=_LIVE,
        form=_ADDRESS,
        example='"https://graph.microsoft.us" or "http://127.0.0.1:8081"',
    ),
    Setting(
        "authority",
        "text",
        "where to sign in (default: the sign-in host of the cloud)",
        modes=_LIVE,
        form=r"(https://)?[^\s/?#]+/?",
        example='"login.microsoftonline.us"',
    ),
)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The settings of one live source."""

    source: str
    tenant: str = ""
    subscriptions: tuple[str, ...] = ()
    management_group: str = ""
    activity_log: bool = True
    sign_ins: bool = True
    arm: str = _DEFAULT
    graph: str = _CLOUDS["management.azure.com"][0]
    authority: str = _CLOUDS["management.azure.com"][1]
    logs: str = _LOG_ANALYTICS["management.azure.com"]
    log_engine: str = "local"
    log_workspace: str = ""
    log_tables: tuple[str, ...] = ()
    """Tables to ask; empty: all that are known and there."""
    log_max_scan_gb: int = 0
    """0: no limit."""

    @property
    def asks_workspace(self) -> bool:
        """Whether Log Analytics counts the events of this source."""
        return self.log_engine == LOG_ANALYTICS

    @property
    def plain(self) -> bool:
        """Tell whether calls go to a fake on this machine over http, which no real token is sent to."""
        return self.arm.startswith("http:") or self.graph.startswith("http:")

    @property
    def known_authority(self) -> bool:
        """Tell whether the sign-in host is one of Microsoft's."""
        return any(self.authority.endswith(host) for _, host in _CLOUDS.values())

    @classmethod
    def of(cls, source: Source) -> "LiveSettings":
        """Read the settings of a source; SettingError when they contradict each other."""
        texts = source.texts
        arm = texts.get("endpoint_url", _DEFAULT).rstrip("/")
        graph, authority = _CLOUDS.get(
            urlsplit(arm).hostname or "", (arm, _CLOUDS[urlsplit(_DEFAULT).netloc][1])
        )
        settings = cls(
            source=source.name,
            tenant=texts.get("tenant", ""),
            subscriptions=tuple(guid(one) for one in source.lists.get("subscriptions", ())),
            management_group=texts.get("management_group", ""),
            activity_log=_wanted(source, "activity_log", "activity_logs", counted=ACTIVITY),
            sign_ins=_wanted(source, "sign_ins", "sign_in_logs", counted=SIGN_INS),
            arm=arm,
            graph=texts.get("graph_endpoint_url", graph).rstrip("/"),
            authority=texts.get("authority", authority).rstrip("/"),
            logs=_LOG_ANALYTICS.get(urlsplit(arm).hostname or "", arm),
            log_engine=texts.get("logs.engine", "local"),
            log_workspace=guid(texts.get("logs.workspace", "")),
            log_tables=tuple(dict.fromkeys(source.lists.get("logs.table", ()))),
            log_max_scan_gb=int(texts.get("logs.max_scan_gb", "0")),
        )
        problem, hint = settings._contradiction()
        if problem:
            raise SettingError(f"source {source.name!r}: {problem}", hint=hint)
        return settings

    def _contradiction(self) -> tuple[str, str]:
        if self.management_group and self.subscriptions:
            return (
                "subscriptions and management_group exclude each other",
                "management_group reads all subscriptions below it; subscriptions reads those listed",
            )
        if self.asks_workspace and not self.log_workspace:
            return (
                "logs.engine is log_analytics, but no workspace is named",
                "logs.workspace = its id: az monitor log-analytics workspace show --query customerId",
            )
        for flag, on, counted in (
            ("activity_log", self.activity_log, ACTIVITY),
            ("sign_ins", self.sign_ins, SIGN_INS),
        ):
            if on and self.asks_workspace and (not self.log_tables or set(counted) & set(self.log_tables)):
                return (
                    f"{flag} = true and logs.engine = log_analytics exclude each other",
                    f"the same events would count twice; name logs.table without {' and '.join(counted)}",
                )
        addresses = [urlsplit(self.arm), urlsplit(self.graph)]
        if any(one.scheme == "http" and one.hostname not in _LOOPBACK for one in addresses):
            return (
                "an http:// address must be on this machine (127.0.0.1, localhost)",
                "use https://: a token sent over http can be read on its way",
            )
        if self.plain and any(one.hostname not in _LOOPBACK for one in addresses):
            return (
                "of endpoint_url and graph_endpoint_url one is a fake on this machine and the other is not",
                "name both addresses on this machine, or neither",
            )
        return "", ""


def _wanted(source: Source, flag: str, files: str, *, counted: tuple[str, ...]) -> bool:
    """Return whether a log is read live: as the flag says, else where neither files nor tables of it are."""
    tables = source.lists.get("logs.table", counted)
    asked = source.texts.get("logs.engine") == LOG_ANALYTICS and bool(set(counted) & set(tables))
    named = source.files.get(files) or source.lists.get(files) or asked
    return source.texts.get(flag, "" if named else "true") == "true"
