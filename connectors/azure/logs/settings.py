"""The settings of a source whose logs a query engine counts, and what each must look like."""

from connectors.azure.logs.tables import known_tables
from connectors.interface import Setting
from connectors.logs.lake_settings import SPARK, path_setting

LOG_ANALYTICS = "log_analytics"
_LIVE = ("live",)
_ANY = ("export", "live")
_ID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

LOG_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "logs.engine",
        "text",
        '"log_analytics" (live): let a Log Analytics workspace count the events instead of reading log files;'
        ' "spark" (export): let Spark count those of exported files; "local": read files',
        modes=_ANY,
        form=f"local|{LOG_ANALYTICS}|{SPARK}",
        example=f'"{LOG_ANALYTICS}"',
    ),
    Setting(
        "logs.workspace",
        "text",
        "id of the workspace (customerId)",
        modes=_LIVE,
        form=_ID,
        example='"a0a0a0a0-bbbb-4ccc-8ddd-e1e1e1e1e1e1"',
    ),
    Setting(
        "logs.table",
        "texts",
        "tables of the workspace to ask (default: all that are known and there)",
        modes=_LIVE,
        form="|".join(known_tables()),
        example='["AzureActivity", "StorageBlobLogs"]',
    ),
    path_setting('"abfss://insights-logs-storageread@mylogs.dfs.core.windows.net/"'),
    Setting(
        "logs.max_scan_gb",
        "text",
        "run no query where the tables took in, or the files have, more than so many gigabytes in the window",
        modes=_ANY,
        form=r"[1-9]\d{0,8}",
        example='"500"',
    ),
)
