"""``--pdf`` of ``target plan``."""

from pathlib import Path

import pytest

from cli.plan import paper_line
from targeting.report import paper


def test_a_plan_without_a_browser_stands_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.html").write_text("<p>plan")
    monkeypatch.setattr(paper, "browser_here", lambda: None)
    name, said = paper_line(tmp_path)
    assert name == "warning" and said.startswith("no PDF: no Chromium, Chrome or Edge was found")


@pytest.mark.slow
def test_the_line_names_what_was_printed(tmp_path: Path) -> None:
    if paper.browser_here() is None:
        pytest.skip("there is no Chromium, Chrome or Edge")
    (tmp_path / "plan.html").write_text("<p>plan")
    assert paper_line(tmp_path) == ("pdf", str(tmp_path / "plan.pdf"))
    assert (tmp_path / "plan.pdf").read_bytes().startswith(b"%PDF-")
