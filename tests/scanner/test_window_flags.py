"""`--since` and `--until` select by the time of each event, in every cloud, with and without a history."""

import json

import pytest
from click.testing import CliRunner

from connectors.bundle import open_bundle
from scanner.cli import cli
from tests.connectors.logs.hostile_zoo import aws, azure, gcp

TIMES = {
    "2026-03-01T07:59:59Z": False,
    "2026-03-01T08:00:00Z": True,
    "2026-03-01T09:59:59+02:00": False,
    "2026-03-01T10:00:00+02:00": True,
    "2026-03-02T00:00:00Z": True,
    "2026-03-03T14:59:59Z": True,
    "2026-03-03T15:00:00Z": False,
    "2026-05-01T00:00:00Z": False,
}
"""Of events, and whether they lie in the window, whose ends are written in other time zones."""
WINDOW = ("--since", "2026-03-01T10:00:00+02:00", "--until", "2026-03-03T10:00:00-05:00")
CLOUDS = {
    "aws": (aws, "eventTime", 'authorization_details = "grants.json"', "cloudtrail"),
    "gcp": (gcp, "timestamp", 'iam_policies = "grants.json"', "audit_logs"),
    "azure": (azure, "time", 'role_assignments = "grants.json"', "activity_logs"),
}


def lay_out(folder, cloud):
    """Write one file an event, in folders of days that say nothing true."""
    record, key, grants, logs = CLOUDS[cloud]
    for number, time in enumerate(TIMES):
        place = folder / "logs" / "2026" / f"{1 + 3 * (number % 4):02}" / "09"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.json").write_text(json.dumps(record(number) | {key: time}) + "\n")
    empty = '{"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}'
    (folder / "grants.json").write_text(empty if cloud == "aws" else "[]")
    (folder / "config.toml").write_text(
        f'[[source]]\nname = "s"\nprovider = "{cloud}"\n{grants}\n{logs} = ["logs"]\n'
    )


def scan(folder, *window):
    flags = ["-c", str(folder / "config.toml"), "-o", str(folder / "out"), "--now", "2026-06-01"]
    found = CliRunner().invoke(cli, ["scan", *flags, *window])
    assert found.exit_code == 0, found.output
    (source,) = open_bundle(folder / "out" / "evidence").sources
    return sum(row.count for row in source.usage())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_events_are_selected_by_their_own_time(tmp_path, cloud):
    lay_out(tmp_path, cloud)
    assert sum(TIMES.values()) == scan(tmp_path, *WINDOW)
    assert len(TIMES) == scan(tmp_path, "--since", "2026-01-01", "--until", "2026-05-31")
    assert 1 == scan(tmp_path, "--since", "2026-04-01", "--until", "2026-05-31")
    assert sum(TIMES.values()) == scan(tmp_path, *WINDOW) == scan(tmp_path, *WINDOW, "--reread")
