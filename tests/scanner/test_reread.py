"""`--reread` reads again what the history remembers, and leaves the history right."""

import gzip
import json
import os

from click.testing import CliRunner

from connectors.state import open_state
from scanner.cli import cli

CONFIG = """
[scan]
start = 2026-01-01
end = 2027-01-01

[[source]]
name = "pilot"
provider = "aws"
authorization_details = "gaad.json"
cloudtrail = ["logs"]
"""


def event(number):
    return {
        "eventVersion": "1.08",
        "eventID": f"11111111-2222-3333-4444-{number:012}",
        "eventTime": "2026-03-01T10:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "eu-west-1",
        "userIdentity": {
            "type": "Root",
            "accountId": "111122223333",
            "arn": "arn:aws:iam::111122223333:root",
        },
    }


def put(path, *numbers):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": [event(one) for one in numbers]}).encode()))
    os.utime(path, (1_700_000_000, 1_700_000_000))


def run(folder, *flags):
    found = CliRunner().invoke(
        cli,
        ["scan", "-c", str(folder / "config.toml"), "-o", str(folder / "out"), "--now", "2027-01-02", *flags],
    )
    assert found.exit_code == 0, found.output
    return json.loads((folder / "out" / "report.json").read_bytes())["summary"]["log_events"]["read"]


def test_logs_are_read_again_and_remembered_anew(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "gaad.json").write_text(
        '{"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}'
    )
    put(tmp_path / "logs" / "a.json.gz", 1, 2)
    assert 2 == run(tmp_path)
    # Same size and time of change: the history cannot know that another event stands there.
    with open_state(tmp_path / "out" / "state.sqlite") as state, state.transaction() as connection:
        packed = connection.execute("SELECT events FROM log_object").fetchone()[0]
        connection.execute("UPDATE log_object SET events = ?", (b"",))
        facts = connection.execute("SELECT facts FROM log_object").fetchone()[0]
        assert packed, facts
    stale = run(tmp_path)
    assert 2 == run(tmp_path, "--reread")
    with open_state(tmp_path / "out" / "state.sqlite") as state:
        assert [(packed,)] == state.read("SELECT events FROM log_object")
    assert 2 == run(tmp_path)
    assert stale == 2


def test_a_bundle_has_no_logs_to_read_again(tmp_path):
    found = CliRunner().invoke(
        cli, ["scan", "--bundle", str(tmp_path), "-o", str(tmp_path / "o"), "--reread"]
    )
    assert 2 == found.exit_code
    assert "--reread" in found.output
