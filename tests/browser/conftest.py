"""Open rendered reports in the system's Chromium; skip with the reason where it cannot be done."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reports" / "html"))

from html_hostile import hostile
from html_samples import empty, fleet, large, sample

from reports.html import render

# GPU and sandbox need what containers do not have; the rest keeps the browser from calling home.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


def pytest_collection_modifyitems(items):
    """Let browser tests talk to the browser: it listens on a pipe, the driver on a socket pair."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.enable_socket)


@pytest.fixture(scope="session")
def browser():
    """Start the system's Chromium once."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (group browser)"
    )
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        pytest.skip("no system Chromium (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Render the sample reports once and return their file addresses by name."""
    folder = tmp_path_factory.mktemp("reports")
    addresses = {}
    for name, build in (
        ("sample", sample),
        ("hostile", hostile),
        ("empty", empty),
        ("large", large),
        ("fleet", fleet),
    ):
        path = folder / f"{name}.html"
        path.write_bytes(render(build()))
        addresses[name] = path.as_uri()
    return addresses


class Opened:
    """A report in a page, with everything that must not happen written down."""

    def __init__(self, page, address):
        self.page = page
        self.address = address
        self.errors = []
        self.requests = []
        page.on(
            "console",
            lambda message: (
                self.errors.append(message.text) if message.type in {"error", "warning"} else None
            ),
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def go(self, fragment=""):
        self.page.goto("about:blank")
        self.requests.clear()
        self.page.goto(self.address + fragment)
        self.page.wait_for_selector("html[data-ready=yes]", state="attached")
        return self.page

    def foreign_requests(self):
        return [
            url for url in self.requests if url != self.address and not url.startswith(self.address + "#")
        ]


@pytest.fixture
def open_report(browser, files):
    """Return what opens a report by name, at a fragment, in a browser context with the options given."""
    contexts = []

    def opened(name, fragment="", **options):
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1366, "height": 768}), **options
        )
        contexts.append(context)
        report = Opened(context.new_page(), files[name])
        report.go(fragment)
        return report

    yield opened
    for context in contexts:
        context.close()
