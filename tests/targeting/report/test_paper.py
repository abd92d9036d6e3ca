"""Pages printed by the browser of this computer."""

import os
import re
import stat
import time
from pathlib import Path

import pytest
from browser import missing

from meshes.errors import InputError
from targeting.report import paper
from targeting.report.paper import browser_here, write_papers

PAGE = "<!DOCTYPE html><title>t</title><style>p { break-after: page }</style><p>one</p><p>two</p>three"


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.slow
def test_the_browser_here_prints_the_pages_beside_themselves(tmp_path: Path) -> None:
    if browser_here() is None:
        missing("there is no Chromium, Chrome or Edge")
    folder = tmp_path / "a subject's folder, ü"
    folder.mkdir()
    (folder / "plan.html").write_text(PAGE)
    (folder / "treatment_sheet.html").write_text("<p>sheet")
    (folder / "plan.pdf").write_text("an old one")
    made = write_papers(folder)
    assert made == [folder / "plan.pdf", folder / "treatment_sheet.pdf"]
    assert [len(re.findall(rb"/Type\s*/Page\b", each.read_bytes())) for each in made] == [3, 1]
    assert {each.name for each in folder.iterdir()} == {
        *(each.name for each in made),
        "plan.html",
        "treatment_sheet.html",
    }


def test_no_browser_is_one_line_that_names_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.html").write_text(PAGE)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(paper, "ON_A_MAC", ())
    with pytest.raises(InputError, match=r"no Chromium, Chrome or Edge .*: open .*plan\.html in any browser") as found:
        write_papers(tmp_path)
    assert "\n" not in str(found.value)


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for the browser")
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo 'cannot open display' >&2; exit 1", "cannot open display"),
        ("exit 0", "made no PDF"),
        ("exec sleep 30", "longer than 1 s"),
    ],
)
def test_a_browser_that_does_not_print_leaves_the_old_paper(tmp_path, monkeypatch, does: str, said: str) -> None:
    (tmp_path / "plan.html").write_text(PAGE)
    (tmp_path / "plan.pdf").write_text("the old one")
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "chromium", does)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(paper, "LIMIT_S", 1.0)
    begun = time.monotonic()
    with pytest.raises(InputError, match=said) as found:
        write_papers(tmp_path)
    assert time.monotonic() - begun < 15
    assert "print it from there" in str(found.value) and "\n" not in str(found.value)
    assert (tmp_path / "plan.pdf").read_text() == "the old one"


def test_a_folder_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no plan\.html"):
        write_papers(tmp_path)
