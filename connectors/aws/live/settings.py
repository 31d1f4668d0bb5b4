"""The settings of a source that asks AWS itself, and what each must look like."""

from dataclasses import dataclass

from connectors.aws.logs.groups import TABLE
from connectors.errors import SettingError
from connectors.interface import Setting, Source

_LIVE = ("live",)
_ANY = ("export", "live")
"""Settings that also serve to read log objects for a source of files."""
_ROLE = r"arn:aws[\w-]*:iam::(\d{12}|\{account\}):role/[\w+=,.@/-]+"

LIVE_SETTINGS: tuple[Setting, ...] = (
    Setting("profile", "text", "profile of the AWS config files (default: what the SDK finds)", modes=_ANY),
    Setting(
        "role_arn",
        "texts",
        "role to assume, or a chain of roles; the last may hold {account}: a role in each account",
        modes=_ANY,
        form=_ROLE,
        example='"arn:aws:iam::111122223333:role/entdrift" or "arn:aws:iam::{account}:role/entdrift"',
    ),
    Setting("external_id", "text", "external id that the roles ask for", modes=_ANY),
    Setting(
        "regions",
        "texts",
        'regions to look in for workloads and trails, or "all" enabled ones (default)',
        modes=_LIVE,
        form=r"all|[a-z]{2,4}(-[a-z]+)+-\d{1,2}",
        example='["eu-west-1", "us-east-1"], or "all"',
    ),
    Setting(
        "accounts",
        "texts",
        "accounts to read, each through the role with {account}",
        modes=_LIVE,
        form=r"\d{12}",
        example='["111122223333", "444455556666"]',
    ),
    Setting("organization", "flag", "true: read all active accounts of the organization", modes=_LIVE),
    Setting(
        "event_history",
        "flag",
        "true: read 90 days of management events with LookupEvents; for small accounts only",
        modes=_LIVE,
    ),
    Setting(
        "endpoint_url",
        "text",
        "send all calls to this address instead of AWS (LocalStack, a proxy)",
        modes=_ANY,
        form=r"https?://\S+",
        example='"http://localhost:4566"',
    ),
)

LOG_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "logs.engine",
        "text",
        '"athena": let Athena count the events of a table instead of reading log files; "spark": let Spark'
        ' count those of a table or of files; "local": read files',
        modes=_ANY,
        form="local|athena|spark",
        example='"athena"',
    ),
    Setting(
        "logs.table",
        "text",
        "table with CloudTrail records, partitioned by day",
        modes=_ANY,
        form=TABLE,
        example='"audit.cloudtrail_logs"',
    ),
    Setting(
        "logs.path",
        "texts",
        "where CloudTrail's files lie, for Spark (default: logs.table)",
        modes=_ANY,
        form=r"[a-z0-9]+://[^\x00-\x1f]+|/[^\x00-\x1f]*",
        example='"s3a://central-trail/AWSLogs"',
    ),
    Setting("logs.workgroup", "text", "Athena workgroup (default: primary)", modes=_ANY),
    Setting(
        "logs.output",
        "text",
        "where Athena writes its results, unless the workgroup says",
        modes=_ANY,
        form=r"s3://[^\x00-\x1f]+",
        example='"s3://my-athena-results/entdrift/"',
    ),
    Setting(
        "logs.region",
        "text",
        "region of the table (default: that of the profile)",
        modes=_ANY,
        form=r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}",
        example='"eu-west-1"',
    ),
    Setting(
        "logs.partition",
        "text",
        "column with the day, where Glue may not be asked",
        modes=_ANY,
        form="(?i)timestamp|day|date|dt|eventday",
        example='"timestamp"',
    ),
    Setting(
        "logs.partition_format",
        "text",
        "how that column writes a day (default: yyyy/MM/dd)",
        modes=_ANY,
        form=r"yyyy[/-]?MM[/-]?dd",
        example='"yyyy-MM-dd"',
    ),
    Setting(
        "logs.max_scan_gb",
        "text",
        "stop a query that scans more than so many gigabytes",
        modes=_ANY,
        form=r"[1-9]\d{0,8}",
        example='"500"',
    ),
)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The settings of one live source."""

    source: str
    profile: str = ""
    roles: tuple[str, ...] = ()
    external_id: str = ""
    regions: tuple[str, ...] = ("all",)
    accounts: tuple[str, ...] = ()
    organization: bool = False
    event_history: bool = False
    endpoint_url: str = ""
    log_addresses: tuple[str, ...] = ()
    """Where in S3 the CloudTrail objects are."""
    source_of_files: bool = False
    """True for a source of files, for which only log objects are asked of AWS."""
    log_engine: str = "local"
    log_table: str = ""
    log_paths: tuple[str, ...] = ()
    log_workgroup: str = ""
    log_output: str = ""
    log_region: str = ""
    log_partition: str = ""
    log_partition_format: str = ""
    log_max_scan_gb: int = 0
    """0: no limit."""

    @property
    def fans_out(self) -> bool:
        """Tell whether the last role is one of many, one in each account."""
        return bool(self.roles) and "{account}" in self.roles[-1]

    @classmethod
    def of(cls, source: Source) -> "LiveSettings":
        """Read the settings of a source; SettingError when they contradict each other."""
        settings = cls(
            source=source.name,
            profile=source.texts.get("profile", ""),
            roles=source.lists.get("role_arn", ()),
            external_id=source.texts.get("external_id", ""),
            regions=source.lists.get("regions", ("all",)),
            accounts=source.lists.get("accounts", ()),
            organization=source.texts.get("organization") == "true",
            event_history=source.texts.get("event_history") == "true",
            endpoint_url=source.texts.get("endpoint_url", ""),
            log_addresses=source.lists.get("cloudtrail", ()),
            source_of_files=source.mode != "live",
            log_engine=source.texts.get("logs.engine", "local"),
            log_table=source.texts.get("logs.table", ""),
            log_paths=source.lists.get("logs.path", ()),
            log_workgroup=source.texts.get("logs.workgroup", ""),
            log_output=source.texts.get("logs.output", ""),
            log_region=source.texts.get("logs.region", ""),
            log_partition=source.texts.get("logs.partition", ""),
            log_partition_format=source.texts.get("logs.partition_format", ""),
            log_max_scan_gb=int(source.texts.get("logs.max_scan_gb", "0")),
        )
        problem, hint = settings._contradiction()
        if problem:
            raise SettingError(f"source {source.name!r}: {problem}", hint=hint)
        return settings

    def _contradiction(self) -> tuple[str, str]:
        several = self.organization or bool(self.accounts)
        if self.organization and self.accounts:
            return (
                "accounts and organization exclude each other",
                "organization = true reads all active accounts; accounts reads those listed",
            )
        if several and not self.fans_out:
            return (
                "to read several accounts, role_arn must name a role in each",
                'role_arn = "arn:aws:iam::{account}:role/entdrift"',
            )
        if self.fans_out and not several:
            return (
                "role_arn holds {account}, but no accounts are named",
                'accounts = ["111122223333"], or organization = true',
            )
        if any("{account}" in role for role in self.roles[:-1]):
            return (
                "only the last role_arn may hold {account}",
                "the roles before it are assumed once, to get there",
            )
        return self._engine_contradiction()

    def _engine_contradiction(self) -> tuple[str, str]:
        if self.log_engine == "athena" and not self.log_table:
            return "logs.engine is athena, but no table is named", 'logs.table = "audit.cloudtrail_logs"'
        if self.log_engine == "spark" and bool(self.log_table) == bool(self.log_paths):
            return (
                "logs.engine is spark, and needs logs.path or logs.table, not both",
                'logs.path = "s3a://central-trail/AWSLogs"',
            )
        return "", ""
