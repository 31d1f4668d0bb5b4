"""The settings of a source whose exported log files Spark groups."""

from dataclasses import dataclass

from connectors.errors import SettingError
from connectors.interface import Setting, Source

SPARK = "spark"
LAKE_PATH = r"[a-z0-9]+://[^\x00-\x1f]+|/[^\x00-\x1f]*"
"""An address of a store that Spark can read, or an absolute path."""


def path_setting(example: str) -> Setting:
    """Return the setting that says where exported log files lie."""
    return Setting(
        "logs.path", "texts", "where the exported log files lie, for Spark", form=LAKE_PATH, example=example
    )


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Where log files lie for Spark, and how much of them may be read."""

    paths: tuple[str, ...]
    max_scan_gb: int = 0
    """0: no limit."""

    @property
    def place(self) -> str:
        """The paths in one text."""
        return ", ".join(self.paths)


def lake_settings(source: Source) -> LakeSettings | None:
    """Return the lake of a source, None where its logs are no matter of Spark.

    SettingError where the engine and the mode of the source exclude each other, or no path is named.
    """
    engine = source.texts.get("logs.engine", "local")
    exported = source.mode == "export"
    if exported and engine not in ("local", SPARK):
        problem, hint = f"logs.engine = {engine} asks the cloud", 'mode = "live"'
    elif not exported and engine == SPARK:
        problem = "logs.engine = spark reads exports"
        hint = 'name the lake in a source of its own, with mode = "export"'
    elif engine != SPARK:
        return None
    else:
        paths = source.lists.get("logs.path", ())
        if paths:
            return LakeSettings(paths, int(source.texts.get("logs.max_scan_gb", "0")))
        problem, hint = "logs.engine is spark, but no path is named", 'logs.path = "gs://my-log-bucket"'
    raise SettingError(f"source {source.name!r}: {problem}", hint=hint)
