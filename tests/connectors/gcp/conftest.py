"""Run the gcp wing on files, through a real bundle."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.bundle import Bundle, BundleWriter, open_bundle
from connectors.facts import Facts, Identity, Window
from connectors.gcp.connector import CONNECTOR
from connectors.interface import Outcome, Patterns, Source, silent
from tests.connectors.gcp.records import QUARTER

DATA = (Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "gcp").resolve()


@dataclass(frozen=True)
class Run:
    """What the wing made of some files."""

    bundle: Bundle
    facts: Facts

    def outcome(self, part: str) -> Outcome:
        return next(o for s in self.bundle.sources for o in s.outcomes() if o.part == part)

    def identity(self, name: str) -> Identity:
        return next(one for one in self.facts.identities if one.id == name)

    def names(self, mask: int) -> list[str]:
        return self.facts.permissions.names(mask)

    def granted(self, identity: str) -> list[str]:
        return self.names(self.facts.entitlements[identity].granted)

    def conditional(self, identity: str) -> list[str]:
        return self.names(self.facts.entitlements[identity].conditional)

    def used(self, identity: str) -> list[str]:
        return sorted(
            {u.permission for u in self.facts.usage if u.identity == identity and u.count > u.denied}
        )

    def blind(self, identity: str) -> dict[str, str]:
        """Return the first code that names each permission."""
        found: dict[str, str] = {}
        for blind in self.facts.entitlements[identity].blind:
            for name in self.names(blind.permissions):
                found.setdefault(name, blind.code)
        return found

    def unused(self, identity: str) -> list[str]:
        called = {u.permission for u in self.facts.usage if u.identity == identity}
        return sorted(set(self.granted(identity)) - called - set(self.blind(identity)))

    def caveats(self, word: str) -> list[str]:
        return [f"{c.what} | {c.where} | {c.effect}" for c in self.facts.caveats if word in c.what]


@pytest.fixture
def gcp(tmp_path: Path) -> Callable[..., Run]:
    """Read settings given as paths, or as content that is written to files first."""

    def run(
        settings: Mapping[str, Any],
        *,
        window: Window = QUARTER,
        patterns: Patterns = Patterns(),  # noqa: B008 - frozen
        texts: Mapping[str, str] | None = None,
        beside: Mapping[str, tuple[Path, ...]] | None = None,
    ) -> Run:
        files = {name: _paths(tmp_path, name, content) for name, content in settings.items()}
        sources = [Source("pilot", "gcp", "pilot", "export", files, texts or {})]
        if beside is not None:
            sources.append(Source("second", "gcp", "production", "export", beside))
        path = tmp_path / "bundle"
        with BundleWriter(path, sources, window, tool="test", now=window.end) as writer:
            CONNECTOR.collect(sources, writer, window, silent)
        bundle = open_bundle(path)
        return Run(bundle, CONNECTOR.interpret(bundle.sources, bundle.window, patterns))

    return run


def _paths(folder: Path, name: str, content: Any) -> tuple[Path, ...]:
    if isinstance(content, Path):
        return (content,)
    if isinstance(content, tuple):
        return content
    path = folder / f"{name}.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return (path,)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of data that nobody here wrote."""
    if not DATA.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return DATA


@pytest.fixture(scope="session")
def predefined(shared: Path) -> list[dict[str, Any]]:
    """Return Google's predefined roles (iann0036/iam-dataset, MIT) as a roles export."""
    with gzip.open(shared / "gcp_predefined_roles_2026-08-22.json.gz") as stream:
        data = json.load(stream)
    names = data["permissions"]
    return [
        {"name": name, "title": role["title"], "includedPermissions": [names[at] for at in role["perms"]]}
        for name, role in data["roles"].items()
    ]
