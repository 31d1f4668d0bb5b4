"""Fixtures of more than one wing's tests."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.logs.lake import COLONS


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start one small Spark in this process, for all tests that need one."""
    if not os.environ.get("ENTDRIFT_SPARK"):
        pytest.skip("starting Spark takes its time: make spark")
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: make spark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on this machine")
    place = tmp_path_factory.mktemp("spark")
    session = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.default.parallelism", "1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(place / "warehouse"))
        .config("spark.sql.catalogImplementation", "in-memory")
        .config("spark.sql.codegen.wholeStage", "false")
        .config(*COLONS)
        .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={place}")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
