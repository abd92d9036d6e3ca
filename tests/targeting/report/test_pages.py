"""The pages in a real browser: quiet, without network, for keyboard, phone, dark rooms and paper; and the 3D scene draws.

``pages_pictures/`` holds the scenes as they should look, small.  To take new ones after a change of looks, run with
``TARGET_NEW_PICTURES=1`` and look at them.
"""

import io
import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import browser, missing, visit  # noqa: F401  (browser is a fixture)
from matplotlib.image import imread, imsave
from report_ball import make_evidence
from tes_ball import write_ball
from tes_commands import command

from targeting.report import write_report
from targeting.study.study import Study
from targeting.viewer.export import export, scene_page

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).with_name("pages_pictures")
NEW_PICTURES = bool(os.environ.get("TARGET_NEW_PICTURES"))
SMALL = (150, 94)  # pixels of a stored picture
FAR = 40  # of 255: a pixel that differs by more is another one
SHARE = 0.01  # of the pixels may be others: another version of Chromium draws edges a little differently
SHOWN = "(what) => document.querySelector(what).checkVisibility({ visibilityProperty: true })"
ALL = ("tms", "montage", "scene", "sheet")  # all but the sheet have a 3D scene


@pytest.fixture(scope="module")
def scene_evidence():
    evidence = make_evidence((-0.7, 0.25, 0.66))
    return evidence.scene, evidence


@pytest.fixture(scope="module")
def files(scene_evidence, tmp_path_factory):
    """Name → file: a coil's report, a montage's, its placement sheet, and a scene's export."""
    folder = tmp_path_factory.mktemp("pages")
    scene, evidence = scene_evidence
    write_report(folder / "tms.html", evidence)
    export(scene, folder / "scene.html")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "_cortex", (None, []))  # a ball has none
        assert command(write_ball(folder, 10.0), folder / "ball", "tdcs", "--montage", "m1-so") == 0
        hd = ("--max-electrodes", "5", "--max-per-electrode-ma", "0.9")
        assert command(write_ball(folder, 10.0), folder / "ball", "hd-tdcs", *hd) == 0
    made = folder / "ball" / "tdcs"
    sheet, report = made / "placement_sheet.html", made / "plan.html"
    hd_sheet = folder / "ball" / "hd-tdcs" / "placement_sheet.html"
    return {
        "tms": folder / "tms.html",
        "scene": folder / "scene.html",
        "montage": report,
        "sheet": sheet,
        "hd sheet": hd_sheet,
    }


@pytest.fixture(scope="module")
def opened(browser, files):  # noqa: F811
    """Name → the page, open, its scene drawn; each is opened once and left as it was found."""
    kept = {}
    with ExitStack() as stack:

        def of(name):
            if name not in kept:
                kept[name] = stack.enter_context(visit(browser, files[name]))
                if name != "sheet":
                    start(kept[name].page)
            return kept[name]

        yield of


def start(page, with_key=False):
    """Go into 3D and wait until it is drawn."""
    button = page.locator("#solid-start")
    if with_key:
        button.focus()
        page.keyboard.press("Enter")
    else:
        button.click()
    page.wait_for_selector('#solid-stage[data-state="ready"]', timeout=60_000)
    settle(page)


def settle(page):
    """Wait until what was asked for is on the screen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def look(page, view):
    """Press a view's button with the keyboard."""
    page.focus(f'[data-view="{view}"]')
    page.keyboard.press("Enter")
    settle(page)


def stage(page) -> np.ndarray:
    """The scene as it is on the screen, (h, w, 3) uint8."""
    picture = imread(io.BytesIO(page.locator("#solid-stage").screenshot()))
    return np.round(255 * picture[..., :3]).astype(np.uint8)


def shrunk(picture: np.ndarray) -> np.ndarray:
    """The mean over blocks, so that edges do not count; (SMALL[1], SMALL[0], 3) uint8."""
    rows, columns = (np.linspace(0, n, m + 1).astype(int) for n, m in zip(picture.shape, SMALL[::-1], strict=False))
    sums = np.add.reduceat(np.add.reduceat(picture.astype(float), rows[:-1], 0), columns[:-1], 1)
    return np.round(sums / (np.diff(rows)[:, None] * np.diff(columns))[..., None]).astype(np.uint8)


def others(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that differ much."""
    return float((np.abs(a.astype(int) - b).max(-1) > FAR).mean())


def stored(name: str) -> np.ndarray:
    return np.round(255 * imread(PICTURES / f"{name}.png")[..., :3]).astype(np.uint8)


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_quiet_and_asks_for_nothing(opened, files, name):
    seen = opened(name)
    seen.page.wait_for_timeout(200)  # the viewer looks for a scene of its own after a tenth of a second
    assert seen.complaints == [] and seen.requests == []
    policy = seen.page.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy and "http" not in policy
    assert files[name].stat().st_size < 8e6


def test_a_page_that_does_ask_is_caught(browser, files, tmp_path):  # noqa: F811
    leak = '<img src="https://example.invalid/a.png" alt=""></main>'
    page = files["sheet"].read_text(encoding="utf-8").replace("</main>", leak)
    (tmp_path / "leak.html").write_text(page, encoding="utf-8")
    with visit(browser, tmp_path / "leak.html") as seen:
        seen.page.wait_for_timeout(100)
        assert any("example.invalid" in each for each in [*seen.requests, *seen.complaints])


@pytest.mark.parametrize("name", ["tms", "montage"])
def test_the_scene_draws_as_it_should(opened, name):
    now = shrunk(stage(opened(name).page))
    if NEW_PICTURES:
        PICTURES.mkdir(exist_ok=True)
        imsave(PICTURES / f"{name}.png", now)
    assert others(now, stored(name)) < SHARE


def mirrored(scene):
    """Left and right exchanged in what is drawn, looked at from the same side."""
    flip = np.array([-1, 1, 1], np.float32)

    def other_side(layer):
        surface = layer.surface.copy()
        surface.points = surface.points * flip
        if "Normals" in surface.point_data:
            surface.point_data["Normals"] = surface.point_data["Normals"] * flip
        return replace(layer, surface=surface.flip_faces())

    return replace(scene, layers=tuple(other_side(layer) for layer in scene.layers))


WRONG = {
    "without coil": lambda scene: replace(
        scene, layers=tuple(each for each in scene.layers if each.name.split()[0] not in ("coil", "handle"))
    ),
    "mirrored": mirrored,
    "empty cortex": lambda scene: scene.with_layer(replace(scene.layer("cortex"), scalars="")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_scene_is_told_from_the_stored_picture(browser, scene_evidence, tmp_path, wrong):  # noqa: F811
    (tmp_path / "wrong.html").write_text(scene_page(WRONG[wrong](scene_evidence[0])), encoding="utf-8")
    with visit(browser, tmp_path / "wrong.html") as seen:
        start(seen.page)
        assert others(shrunk(stage(seen.page)), stored("tms")) > 2 * SHARE


def test_drag_keys_and_buttons_turn_the_scene(browser, files):  # noqa: F811
    with visit(browser, files["scene"], 700) as seen:
        page = seen.page
        start(page, with_key=True)
        assert page.evaluate("document.activeElement.id") == "solid-live"
        first, box = stage(page), page.locator("#solid-live").bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 150)
        page.mouse.down()
        page.mouse.move(box["x"] + 400, box["y"] + 150, steps=3)
        page.mouse.up()
        settle(page)
        assert others(first, stage(page)) > 0.05
        assert page.inner_text("#solid-seen") == "Seen from the front and above."  # the face was on the left
        page.keyboard.press("Home")
        settle(page)
        assert others(first, stage(page)) < 0.002
        for key in ("ArrowLeft", "ArrowUp", "+"):
            before = stage(page)
            page.keyboard.press(key)
            settle(page)
            assert others(before, stage(page)) > 0.01, key
        for view, said in {"left": "the left", "right": "the right", "top": "above"}.items():
            look(page, view)
            assert page.inner_text("#solid-seen") == f"Seen from {said}."
            assert page.get_attribute(f'[data-view="{view}"]', "aria-pressed") == "true"
        now = stage(page)
        for name in ("coil", "cortex", "scalp"):
            button = page.get_by_role("button", name=name, exact=True)
            button.focus()
            page.keyboard.press("Space")
            settle(page)
            assert button.get_attribute("aria-pressed") == "false"
            before, now = now, stage(page)
            assert np.abs(before.astype(int) - now).mean() > 1, name  # the scalp is pale
        assert page.locator("#solid-words span", has_text="handle").is_hidden()
        assert seen.complaints == []


def test_the_head_is_the_right_way_round(opened):
    page = opened("tms").page  # the target is on the left, and pink
    for view, on_the_left in {"top": True, "back": True, "front": False}.items():
        look(page, view)
        picture = stage(page).astype(int)
        pink = np.argwhere((picture[..., 0] > 180) & (picture[..., 1] < 80) & (picture[..., 2] > 80))
        assert len(pink) > 20 and (pink[:, 1].mean() < picture.shape[1] / 2) == on_the_left, view
        left, right = (float(page.locator(f'[data-end="{end}"]').get_attribute("x")) for end in "LR")
        assert (left < right) == on_the_left
    look(page, "overview")


def test_a_wheel_over_the_scene_scrolls_the_page(opened):
    page = opened("tms").page
    page.locator("#solid-live").hover()
    top = page.evaluate("scrollY")
    page.mouse.wheel(0, 200)
    for _ in range(50):  # the page's policy keeps playwright's own waiting, which evaluates texts, from it
        if page.evaluate("scrollY") > top + 50:
            break
        page.wait_for_timeout(100)
    assert page.evaluate("scrollY") > top + 50
    page.evaluate("scrollTo(0, 0)")


def test_a_finger_scrolls_upright_and_turns_sideways(browser, files):  # noqa: F811
    with visit(browser, files["scene"], 390, 700, has_touch=True, is_mobile=True) as seen:
        page = seen.page
        start(page)
        page.evaluate("addEventListener('pointercancel', () => { document.body.dataset.scrolled = 'yes'; })")
        page.locator("#solid-live").scroll_into_view_if_needed()
        finger = page.context.new_cdp_session(page)

        def swipe(across, along):
            box = page.locator("#solid-live").bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
            for part in np.linspace(0.2, 1, 5):
                at = {"x": x + part * across, "y": y + part * along}
                finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
            finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            settle(page)
            return page.evaluate("document.body.dataset.scrolled")

        first = stage(page)
        assert swipe(120, 0) is None and others(first, stage(page)) > 0.02
        turned = stage(page)
        assert swipe(0, -120) == "yes" and others(turned, stage(page)) < 0.01  # the browser took it to scroll


@pytest.mark.parametrize("name", ALL)
def test_everything_has_a_name_and_fits_a_phone(opened, name):
    page = opened(name).page
    assert page.evaluate(UNNAMED) == []
    page.set_viewport_size({"width": 390, "height": 800})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = (
        "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.ariaLabel)"
    )
    assert page.evaluate(cut) == []
    outside = """[...document.querySelectorAll("tbody td, tbody th")].filter((e) => e.checkVisibility() &&
      e.getBoundingClientRect().right > 390).map((e) => e.innerText)"""
    assert page.evaluate(outside) == []
    page.set_viewport_size({"width": 1180, "height": 900})


UNNAMED = """() => {
  const words = (e) => (e.getAttribute("aria-label") || e.innerText || "").trim();
  const named = {
    img: (e) => e.alt.trim(), button: (e) => !e.checkVisibility() || words(e), a: words,
    figure: (e) => e.querySelector("figcaption")?.innerText.trim() || e.getAttribute("aria-label"),
    svg: (e) => e.getAttribute("aria-hidden") === "true" || e.getAttribute("aria-label") || e.querySelector("title"),
    canvas: (e) => words(e.closest("[role=application], [role=img]") ?? e),
    section: (e) => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby"))?.innerText,
    "[role=group], [role=region], [role=application], [role=img]": (e) => e.getAttribute("aria-label"),
    "[tabindex='0']": words,
  };
  return Object.entries(named).flatMap(([kind, name]) =>
    [...document.querySelectorAll(kind)].filter((e) => !name(e)).map((e) => e.outerHTML.slice(0, 200)));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ALL)
def test_text_can_be_read_in_light_and_dark(opened, name, scheme):
    page = opened(name).page
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate(FAINT) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (np.mean(ground[:3]) < 80) == (scheme == "dark")
    page.emulate_media(color_scheme="light")


# WCAG 2.2, relative luminance and contrast ratio; text of 24 px, or of 18.66 px and bold, counts as large (1.4.3)
FAINT = """() => {
  const color = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const luminance = (c) => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest("script, style, .solid-words, .solid-compass")) continue;
    let ground = element, back = [0, 0, 0, 0];
    for (; ground && back[3] === 0; ground = ground.parentElement) {
      const c = color(getComputedStyle(ground).backgroundColor);
      back = c.length === 3 ? [...c, 1] : c;
    }
    if (back[3] === 0) back = [255, 255, 255, 1];
    const style = getComputedStyle(element), [a, b] = [luminance(color(style.color)), luminance(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push([ratio.toFixed(2), text.slice(0, 60)]);
  }
  return found;
}"""


@pytest.mark.parametrize("name", ALL)
def test_paper_shows_the_picture(opened, name):
    page = opened(name).page
    if name == "scene":  # a report's paper has the pictures of coil, electrodes and cortex instead
        assert page.evaluate(SHOWN, ".solid-stage canvas") and not page.evaluate(SHOWN, ".solid-stage img")
        page.emulate_media(media="print")
        assert page.evaluate(SHOWN, ".solid-stage img") and not page.evaluate(SHOWN, ".solid-stage canvas")
        assert not page.evaluate(SHOWN, "#solid-tools")
        page.emulate_media(media="null")  # as it was found: a page that is printed is then of the medium "print"
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) >= 1


@pytest.mark.parametrize("name", ALL)
def test_every_sheet_of_paper_says_that_it_is_for_research_and_for_what(opened, tmp_path, name):
    (tmp_path / "page.pdf").write_bytes(opened(name).page.pdf(prefer_css_page_size=True))
    try:
        told = subprocess.run(["pdftotext", "page.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        missing("there is no pdftotext")
    sheets = told.stdout.split("\f")[:-1]
    assert sheets
    assert all("Research use only · ball" in sheet for sheet in sheets)
    for number, sheet in enumerate(sheets, 1):
        assert f"{number}/{len(sheets)}" in sheet.replace(" ", "")
    if name in ("tms", "montage"):
        appendix = next(k for k, sheet in enumerate(sheets) if re.search("^Appendix$", sheet, re.M))
        assert appendix <= 4
        assert "Treatment sheet" in sheets[0] or "placement sheet" in sheets[0]
        assert any("How it was made" in sheet for sheet in sheets[appendix:])


@pytest.mark.parametrize("name", ["sheet", "hd sheet"])
def test_a_placement_sheet_is_one_page_of_paper(browser, files, name):  # noqa: F811
    with visit(browser, files[name]) as seen:
        assert pages_of(seen.page.pdf(prefer_css_page_size=True)) == 1
        seen.page.add_style_tag(content="h2 { margin-top: 5cm }")
        assert pages_of(seen.page.pdf(prefer_css_page_size=True)) > 1  # the test can fail


def pages_of(pdf):
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize(
    ("init", "context"),
    [("HTMLCanvasElement.prototype.getContext = () => null", {}), ("", {"java_script_enabled": False})],
)
def test_without_webgl_or_scripts_the_picture_stays(browser, files, init, context):  # noqa: F811
    with visit(browser, files["scene"], init=init, **context) as seen:
        if init:
            seen.page.click("#solid-start")
            assert "no WebGL" in seen.page.inner_text("#solid-seen")
        else:
            assert seen.page.locator("#solid-start").is_hidden() and seen.page.locator("noscript").first.is_visible()
        assert seen.page.locator(".solid-stage img").is_visible() and seen.page.locator("#solid-tools").is_hidden()
        assert seen.complaints == []
