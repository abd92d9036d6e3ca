"""Pages as PDF, printed by a Chromium, Chrome or Edge that is on this computer.

The browser runs as a child process with a profile of its own in a temporary folder, without a window, and with a time limit.
It needs no network: a page holds all it shows.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from meshes.child_process import run_logged
from meshes.errors import InputError
from meshes.whole_files import written_whole

PAGES = ("plan.html", "treatment_sheet.html", "placement_sheet.html")
ON_PATH = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
ON_A_MAC = tuple(
    Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Google Chrome", "Chromium", "Microsoft Edge")
)
ON_WINDOWS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
LIMIT_S = 120.0
BY_HAND = "open {page} in any browser and print it from there"


def write_papers(folder: Path) -> list[Path]:
    """Print the pages of a plan's folder, each beside its page.

    Parameters
    ----------
    folder : Path
        With ``plan.html`` and, of a coil or a montage, its sheet.

    Returns
    -------
    list of Path
        ``plan.pdf``, and ``treatment_sheet.pdf`` or ``placement_sheet.pdf``.

    Raises
    ------
    InputError
        If there is no page, or no browser that could print it.
    WriteError
        If a file cannot be written.
    """
    pages = [folder / name for name in PAGES if (folder / name).is_file()]
    if not pages:
        raise InputError(f"there is no {PAGES[0]} in {folder}: make the plan first")
    browser = browser_here()
    if browser is None:
        raise InputError(f"no Chromium, Chrome or Edge was found to print with: {BY_HAND.format(page=pages[0])}")
    return [_printed(browser, page) for page in pages]


def browser_here() -> str | None:
    """The first browser on this computer that can print without a window; None if there is none."""
    for name in ON_PATH:
        if found := shutil.which(name):
            return found
    places = list(ON_A_MAC) if sys.platform == "darwin" else []
    if sys.platform == "win32":
        roots = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        places = [Path(root) / name for root in roots if root for name in ON_WINDOWS]
    return next((str(place) for place in places if place.is_file()), None)


def _printed(browser: str, page: Path) -> Path:
    """A page as PDF beside it; one that is there is replaced only when the new one is whole."""
    paper = page.with_suffix(".pdf")
    with (
        tempfile.TemporaryDirectory(prefix="target-print-", ignore_cleanup_errors=True) as scratch,
        written_whole(paper) as part,
    ):
        made = part.resolve()
        command = [
            browser,
            *(
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
            ),
            *(
                ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
            ),  # as root it does not start with it
            *(f"--user-data-dir={scratch}/profile", "--no-pdf-header-footer", f"--print-to-pdf={made}"),
            page.resolve().as_uri(),
        ]
        advice = BY_HAND.format(page=page)
        try:
            run_logged(
                Path(browser).stem,
                command,
                Path(scratch) / "log",
                progress=lambda line: None,
                environment=os.environ,
                advice=advice,
                limit_s=LIMIT_S,
            )
        except InputError as error:  # whose log goes with the folder
            raise InputError(f"{str(error).partition(' (log:')[0]}; {advice}") from error
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF-"):
            raise InputError(f"{Path(browser).stem} made no PDF of {page.name}; {advice}")
    return paper
