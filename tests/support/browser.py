"""A headless Chromium that opens pages from the disk and notes everything they complain about or ask for."""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
LOCAL = ("file:", "data:", "blob:", "about:")


def missing(what: str) -> None:
    """Skip the test, or fail it where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)


@dataclass
class Visit:
    """A page that is open: ``page`` is playwright's."""

    page: Any
    complaints: list[str] = field(default_factory=list)  # console errors and warnings, and errors of scripts
    requests: list[str] = field(default_factory=list)  # of the network

    def note(self, message: Any) -> None:
        """Keep what the console says, if it is a complaint."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def asked(self, request: Any) -> None:
        """Keep an address that is not in the page itself or on the disk."""
        if not request.url.startswith(LOCAL):
            self.requests.append(request.url)


@pytest.fixture(scope="module")
def browser():
    """Chromium with WebGL in software, without a window."""
    program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if program is None:
        missing("there is no Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("there is no playwright")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *SOFTWARE_WEBGL])
        yield opened
        opened.close()


@contextmanager
def visit(browser: Any, path: Path, width: int = 1180, height: int = 900, init: str = "", **context: Any):
    """Open a page; ``init`` is a script that runs before the page's own."""
    folder = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        page = folder.new_page()
        if init:
            page.add_init_script(init)
        seen = Visit(page)
        page.on("console", seen.note)
        page.on("pageerror", lambda error: seen.complaints.append(f"page: {error}"))
        page.on("request", seen.asked)
        page.goto(path.as_uri())
        yield seen
    finally:
        folder.close()
