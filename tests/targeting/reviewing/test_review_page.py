"""The page of a review in a real browser: the answer first, quiet, without network, for desk, phone, dark rooms and paper."""

import numpy as np
import pytest
from browser import browser, visit  # noqa: F401  (browser is a fixture)
from prescribed_ball import PERCENT, prescribed_ball
from recorded_sessions import localite_session, trains
from report_ball import Reader

from targeting import review
from targeting.course.log import add_to_log
from targeting.dosing import protocol_named
from targeting.plans.tms import read_plan

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    subject = prescribed_ball(folder / "ball")
    planned = np.array(read_plan(subject.folder / "plan.json").placements[0].pose)
    hand, files = np.random.default_rng(5), []
    time_s = trains(protocol_named("m1-pain-10hz"))
    for day, off in enumerate((0.0, 12.0), start=1):
        poses = []
        for k in range(len(time_s)):
            pose = planned.copy()
            pose[:3, 3] += hand.normal(0, 0.4, 3) - (1 + off) * planned[:3, 2]
            poses.append(None if k % 50 == 0 else pose)
        files.append(localite_session(folder / f"day <{day}>.xml", poses, time_s, percent=PERCENT))
        add_to_log(subject, session=day, rmt_percent=51, nrs=8 - day, adverse="<none> & none")
    return review(subject, files).folder / "review.html"


def test_the_answer_is_the_first_line_and_all_is_whole(page):
    read = Reader(page.read_text(encoding="utf-8"))
    assert [tag for tag, _ in read.tags].count("h1") == 1
    words = " ".join(read.text.split())
    assert words.index("No : the target got") < words.index("Pulses") < words.index("Pulse by pulse")
    assert "day <2>.xml" in words and "<none> & none" in words
    assert all(attributes.get("alt") for tag, attributes in read.tags if tag == "img")
    assert [tag for tag, _ in read.tags].count("img") == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_a_complaint_and_asks_for_nothing(browser, page, scheme):  # noqa: F811
    with visit(browser, page, color_scheme=scheme) as seen:
        assert seen.page.locator("h1").inner_text().startswith("No: the target got")
        sizes = seen.page.evaluate("[...document.images].map(each => [each.naturalWidth, each.clientWidth])")
        assert len(sizes) == 4 and all(natural > 300 and shown > 300 for natural, shown in sizes)
        red = seen.page.evaluate("getComputedStyle(document.querySelector('.answer')).color")
        ink = seen.page.evaluate("getComputedStyle(document.querySelector('h1')).color")
        assert red != ink
        assert (seen.complaints, seen.requests) == ([], [])


def test_on_a_phone_the_page_is_as_wide_as_the_phone(browser, page):  # noqa: F811
    with visit(browser, page, width=360, height=740) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
        top = seen.page.locator("h1").bounding_box()
        assert top["y"] + top["height"] < 740  # the answer is seen at once


def test_the_first_sheet_of_paper_has_the_answer_and_the_timeline(browser, page, tmp_path):  # noqa: F811
    import subprocess

    paper = tmp_path / "review.pdf"
    with visit(browser, page) as seen:
        seen.page.pdf(path=str(paper), prefer_css_page_size=True)
    text = subprocess.run(["pdftotext", "-l", "1", paper, "-"], capture_output=True, text=True, check=True).stdout
    assert "the target got" in text and "Pulse by pulse" in text
