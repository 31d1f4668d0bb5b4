"""A scan that is killed, or whose disk refuses, costs nothing but itself: the next one is as if it never was."""

import json
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from changing_account import Account

KILL = "import os, signal\ndef kill(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
PHASES = {
    "collecting": "import connectors.bundle as m\nm.BundleWriter._finish = kill\n",
    "the new bundle takes the place of the old": (
        "import shutil, pathlib\nrename = pathlib.Path.rename\n"
        "def second(self, to):\n    rename(self, to)\n    'previous' in str(to) and kill()\n"
        "pathlib.Path.rename = second\n"
    ),
    "analysing": "import scanner.pipeline as m\nm.analyse = kill\n",
    "writing the first format": (
        "import pathlib\nreplace = pathlib.Path.replace\n"
        "def half(self, to): return kill() if 'report.json' in self.name else replace(self, to)\n"
        "pathlib.Path.replace = half\n"
    ),
    "the first format is written": (
        "import scanner.outputs as m\nwrite = m.write_parts\n"
        "def once(*a):\n    write(*a)\n    kill()\nm.write_parts = once\n"
    ),
    "recording": "import scanner.history.record as m\nm._findings = kill\n",
    "the record is written and its copy is not": (
        "import pathlib\nreplace = pathlib.Path.replace\n"
        "def half(self, to): return kill() if 'last-good' in self.name else replace(self, to)\n"
        "pathlib.Path.replace = half\n"
    ),
}
FORMATS = ("--format", "json", "--format", "html")
SPOOL = "spool"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Give an account that was scanned once and has changed since, a copy of its folder, and the second report.

    Both scans are made once for all tests. The copy goes back to the same place, because the state remembers paths.
    """
    folder = tmp_path_factory.mktemp("account") / "here"
    folder.mkdir()
    (folder / SPOOL).mkdir()
    account = Account(folder)
    account.scan("2026-11-20", *FORMATS)
    account.grant("ec2:DescribeInstances", "s3:GetObject", "iam:PutRolePolicy")
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    account.scan("2026-11-21", *FORMATS)
    return account, aside, (account.out / "report.json").read_bytes()


@pytest.fixture
def account(prepared, monkeypatch):
    """Give the account as it was before the second scan; its temporary files go to a folder of its own."""
    account, aside, _ = prepared
    shutil.rmtree(account.folder)
    shutil.copytree(aside, account.folder)
    monkeypatch.setenv("TMPDIR", str(account.folder / SPOOL))
    return account


@pytest.fixture
def expected(prepared):
    """Return the report of the second scan where nothing goes wrong."""
    return prepared[2]


def child(account, before, now="2026-11-21", limit_bytes=None):
    """Scan in a process of its own, after some code that spoils it."""
    arguments = [
        "scan", "--config", str(account.folder / "config.toml"), "--output", str(account.out), "--now", now, *FORMATS,
    ]  # fmt: skip
    code = f"{KILL}{before}\nfrom scanner.cli import cli\ncli.main({arguments!r})\n"
    limit = (
        None
        if limit_bytes is None
        else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, preexec_fn=limit
    )


def unfinished(account):
    """Return the names of everything that is no finished output."""
    finished = {
        "evidence", "report.html", "report.json", "state.sqlite", "state.sqlite.last-good", ".state.sqlite.lock",
    }  # fmt: skip
    names = {path.name for path in account.out.iterdir()} - finished
    return sorted(names | {path.name for path in (account.folder / SPOOL).iterdir()})


def is_whole(account, report):
    """Scan as if nothing had happened, and look at everything that is left."""
    account.scan("2026-11-21", *FORMATS)
    assert report == (account.out / "report.json").read_bytes()
    assert [] == unfinished(account)
    verified = account.run("history", "--from", account.out, "verify")
    assert 0 == verified.exit_code, verified.stdout
    assert "2 scans" in verified.stdout
    assert (
        0
        == account.run(
            "scan", "--bundle", account.out / "evidence", "--output", account.folder / "b"
        ).exit_code
    )


@pytest.mark.parametrize("phase", PHASES)
def test_a_scan_killed_in_any_phase_leaves_the_next_one_as_if_it_never_was(account, expected, phase):
    assert -signal.SIGKILL == child(account, PHASES[phase]).returncode
    for report in account.out.glob("*.json"):
        json.loads(report.read_bytes())  # the old one or the new one, never half of one
    is_whole(account, expected)


@pytest.mark.parametrize("limit_bytes", [600, 8_000, 40_000])
def test_a_disk_that_takes_no_more_is_told_and_the_next_scan_is_clean(account, expected, limit_bytes):
    full = child(account, "", limit_bytes=limit_bytes)
    assert 6 == full.returncode, full.stderr
    assert "Traceback" not in full.stderr
    told = [line for line in full.stderr.splitlines() if line.startswith("entdrift: error:")]
    assert told
    assert told == [line for line in told if str(account.out) in line], "each message names its file"
    is_whole(account, expected)


def test_a_state_that_may_only_be_read_is_compared_with_and_told(account, expected):
    """Rights do not stop root, under which tests may run: SQLite itself is asked for reading only."""
    result = child(account, "import connectors.state as m\nm._writable = lambda path: False\n")
    assert 6 == result.returncode
    assert f"{account.out / 'state.sqlite'}: attempt to write a readonly database" in result.stderr
    assert "check the rights" in result.stderr
    assert expected == (account.out / "report.json").read_bytes()
    is_whole(account, expected)


def test_a_clock_that_jumped_back_loses_no_scan(account):
    account.scan("2026-11-21", *FORMATS)
    account.scan("2026-11-19", *FORMATS)
    latest = account.scan("2026-11-22", *FORMATS)
    assert [("2026-11-21T00:00:00Z", True)] == [
        (row["at"], row["complete"]) for row in latest["drift"]["compared_with"]
    ]
    listed = account.run("history", "--from", account.out).stdout
    assert ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"] == [
        line.split("  ")[1][:10] for line in listed.splitlines()
    ]
    assert 0 == account.run("history", "--from", account.out, "verify").exit_code
