"""The documentation says what the program does: nothing in it is stale, nothing is left out."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import PROVIDERS
from scanner.config import load

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tests" / "fixtures" / "make_docs.py"))


@pytest.mark.parametrize(
    ("page", "function"), [("cli.md", "command_line"), ("configuration.md", "configuration")]
)
def test_generated_pages_are_those_of_this_program(
    generator: dict[str, Any], page: str, function: str
) -> None:
    """A new verb, flag, format, exit code or config key fails here: run tests/fixtures/make_docs.py."""
    assert generator[function]() == (DOCS / page).read_text("utf-8")


def test_readme_holds_the_table_of_exit_codes(generator: dict[str, Any]) -> None:
    assert generator["exit_codes"]() in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_and_pictures_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_readme_names_every_page() -> None:
    """The notes on single clouds are named together, by their folder."""
    readme = (ROOT / "README.md").read_text("utf-8")
    pages = [page for page in sorted(DOCS.glob("*.md")) if page.stem not in PROVIDERS]

    assert [page.name for page in pages if f"(docs/{page.name})" not in readme] == []


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_configs_in_prose_are_accepted(page: str, tmp_path: Path) -> None:
    """All TOML blocks of a page together are a config that the program reads, with all three clouds."""
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    config = tmp_path / "config.toml"
    config.write_text("\n".join(blocks), "utf-8")

    assert tuple(source.provider for source in load(config).sources) == PROVIDERS


def test_every_dependency_has_its_line() -> None:
    groups = PYPROJECT["dependency-groups"].values()
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"]]
    wanted += [requirement for group in groups for requirement in group]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in wanted}  # type: ignore[index]
    page = (DOCS / "dependencies.md").read_text("utf-8")

    assert set(re.findall(r"^\| ([\w.-]+) \|", page, re.MULTILINE)) - {"package"} == names


def test_changelog_has_this_version() -> None:
    version = PYPROJECT["project"]["version"]

    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
