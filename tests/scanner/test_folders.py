"""A scan's folder can be given wherever its report.json can, and every format can be made of either."""

import json

import pytest
from click.testing import CliRunner

from reports import formats
from reports.identity_key import identity_key
from scanner.cli import cli


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in ("--quiet", *arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scanned") / "out"
    assert run("demo", "--output", folder).exit_code == 0
    return folder


@pytest.mark.parametrize("name", sorted(formats.FORMATS))
def test_a_report_is_rendered_from_its_folder_as_from_its_file(scanned, tmp_path, name):
    made = []
    for number, source in enumerate((scanned, scanned / "report.json")):
        target = tmp_path / f"{number}"
        assert run("report", "--from", source, "--format", f"{name}={target}").exit_code == 0
        made.append(target.read_bytes())
    assert made[0] == made[1] != b""


def test_without_a_place_the_file_lies_beside_the_report(scanned):
    assert run("report", "--from", scanned, "--format", "junit").exit_code == 0
    assert (scanned / "junit.xml").exists()


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_tickets_take_the_folder(scanned, verb):
    first, second = (
        run("tickets", verb, "--from", source, "--to", "markdown")
        for source in (scanned, scanned / "report.json")
    )
    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout != ""


def test_a_folder_without_a_report_is_named(tmp_path):
    result = run("report", "--from", tmp_path, "--format", "json")
    assert result.exit_code == 2
    assert "report.json" in result.stderr


def test_who_is_counted_and_not_listed_is_named_by_key(scanned):
    report = json.loads((scanned / "report.json").read_text())
    listed = {identity_key(one["provider"], one["account"], one["id"]) for one in report["identities"]}
    assert len(report["unlisted"]) == report["summary"]["identities"] - len(report["identities"]) > 0
    assert not listed & set(report["unlisted"])
