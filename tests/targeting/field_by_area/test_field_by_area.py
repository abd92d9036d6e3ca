"""The field in each area: against numbers worked out another way, on the right side, as file, frame and part of a page."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from browser import browser, visit  # noqa: F401  (browser is a fixture)
from dosing_blocks import block
from folded_group import grey_box, group_as_subject

from atlases import Target, resolve_target
from atlases.areas import area_cm2, area_labels, areas
from atlases.fslr import group_cortex
from meshes import InputError
from targeting import regions
from targeting.fem.cortical_field import CorticalField
from targeting.field_by_area.files import COLUMNS, read_regions, write_regions
from targeting.field_by_area.table import areas_of_target, field_by_area, threshold_of, weighted_quantile
from targeting.field_by_area.words import SHOWN, sides_known, target_sentence, threshold_sentence
from targeting.report.features import areas_section
from targeting.words.numbers import three_digits

CORTEX = group_as_subject()


def field_of(cortex, size, direction=(0.0, 0, 1)):
    return CorticalField(cortex, np.asarray(size, float)[:, None] * direction)


@pytest.fixture(scope="module")
def lopsided():
    """|E| falls from left to right and from front to back."""
    points = CORTEX.whole.points_mm
    return field_of(CORTEX, 200 - points[:, 0] + points[:, 1] / 4)


@pytest.fixture(scope="module")
def rows(lopsided):
    return field_by_area(lopsided, threshold_v_per_m=220.0)


def row(rows, side, name):
    return next(each for each in rows if (each.side, each.name) == (side, name))


def triangle_mean(side, name, value):
    """An area's mean by another road: each triangle's area times the mean of its corners in the area."""
    surface, mine = CORTEX.hemispheres[side], area_labels(side) == areas()[name].number
    a, b, c = (surface.points_mm[surface.triangles[:, i]] for i in range(3))
    size = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    corners = mine[surface.triangles]
    total = (size[:, None] * corners).sum()
    return (size[:, None] * corners * value[surface.triangles]).sum() / total


class TestTable:
    def test_every_area_of_both_sides_is_there_the_largest_mean_first(self, rows):
        assert {(each.side, each.name) for each in rows} == {
            (side, name) for side in ("left", "right") for name in areas()
        }
        means = [each.mean_v_per_m for each in rows]
        assert means == sorted(means, reverse=True) and rows[0].side == "left" and rows[-1].side == "right"

    @pytest.mark.parametrize(("side", "hemisphere"), [("left", "lh"), ("right", "rh")])
    def test_means_are_weighted_by_area(self, rows, lopsided, side, hemisphere):
        value = lopsided.of_side(lopsided.magnitude_v_per_m)[hemisphere]
        for name in ("4", "V1", "Ig", "LO1"):
            found = row(rows, side, name)
            assert found.mean_v_per_m == pytest.approx(triangle_mean(hemisphere, name, value), rel=1e-9)
            assert found.area_cm2 == pytest.approx(area_cm2(hemisphere)[name], rel=1e-9)

    def test_vertices_count_by_their_area_and_not_each_alike(self):
        weight = np.linalg.norm(CORTEX.left.area_vectors_mm2, axis=1)
        mine = area_labels("lh") == areas()["V1"].number
        value = np.ones(len(CORTEX.whole.points_mm))
        value[: len(mine)][weight > np.median(weight[mine])] = 2.0  # where triangles are large
        found = row(field_by_area(field_of(CORTEX, value)), "left", "V1")
        assert found.mean_v_per_m == pytest.approx(triangle_mean("lh", "V1", value[: len(mine)]), rel=1e-9)
        assert found.mean_v_per_m > value[: len(mine)][mine].mean() + 0.05

    def test_peak_and_95th_percentile_are_values_of_the_area_and_lie_where_they_say(self, rows, lopsided):
        found = row(rows, "right", "4")
        value = lopsided.of_side(lopsided.magnitude_v_per_m)["rh"]
        mine = np.flatnonzero(area_labels("rh") == areas()["4"].number)
        top = mine[value[mine].argmax()]
        assert found.peak_v_per_m == pytest.approx(value[top]) and found.peak_mm == pytest.approx(
            CORTEX.right.points_mm[top]
        )
        below = value[mine] <= found.p95_v_per_m
        assert found.mean_v_per_m < found.p95_v_per_m < found.peak_v_per_m and 0.92 < below.mean() < 0.98

    def test_the_normal_component_has_its_sign(self):
        surface = CORTEX.whole
        for sign in (1.0, -1.0):
            field = CorticalField(CORTEX, -sign * 3 * surface.normals)  # into the cortex, of 3 V/m
            for each in field_by_area(field)[:20]:
                assert each.normal_v_per_m == pytest.approx(sign * 3) and each.normal_size_v_per_m == pytest.approx(3)

    def test_the_area_above_threshold_is_counted(self, rows, lopsided):
        value = lopsided.of_side(lopsided.magnitude_v_per_m)["lh"]
        for name in ("4", "46"):
            found = row(rows, "left", name)
            share = triangle_mean("lh", name, (value > 220.0).astype(float))
            assert found.above_cm2 == pytest.approx(share * found.area_cm2, rel=1e-9)
        assert 0 < row(rows, "left", "4").above_cm2 < row(rows, "left", "4").area_cm2
        assert field_by_area(lopsided)[0].above_cm2 is None

    def test_a_side_without_folds_has_no_areas_and_vertices_without_field_do_not_count(self):
        cortex = group_as_subject(["rh"])
        value = np.full(len(cortex.whole.points_mm), 5.0)
        mine = np.flatnonzero(area_labels("rh") == areas()["4"].number) + len(cortex.left.points_mm)
        value[mine[::2]] = np.nan
        value[np.flatnonzero(area_labels("rh") == areas()["V1"].number) + len(cortex.left.points_mm)] = np.nan
        found = field_by_area(field_of(cortex, value))
        assert {each.side for each in found} == {"right"} and len(found) == 179
        assert (
            row(found, "right", "4").mean_v_per_m == pytest.approx(5)
            and 0.4 < row(found, "right", "4").known_share < 0.6
        )
        assert "right hemisphere alone" in sides_known(found)

    def test_a_quantile_by_weight(self):
        assert weighted_quantile(np.array([1.0, 2.0]), np.array([0.94, 0.06]), 0.95) == 2
        assert weighted_quantile(np.array([1.0, 2.0]), np.array([0.95, 0.05]), 0.95) == 1


class TestThreshold:
    def test_at_an_output_the_plans_field_is_a_share_of_the_thresholds(self):
        given = block(rmt=50.0, match=0.8)
        assert given.percent_of_rmt != 100
        assert threshold_of(given) == pytest.approx(given.hotspot_e_v_per_m * given.rmt_percent / given.given_percent)

    def test_without_an_output_it_is_the_threshold_itself_and_without_a_threshold_nothing(self):
        alone = block(rmt=50.0)
        assert alone.percent_of_rmt is None and threshold_of(alone) == alone.hotspot_e_v_per_m
        assert threshold_of(None) is None
        assert threshold_of(SimpleNamespace(percent_of_rmt=0.0, hotspot_e_v_per_m=1.0)) is None


class TestTarget:
    def test_an_area_lies_in_itself(self):
        target = resolve_target("area:4", "right", grey_box(8.0), cortex=CORTEX).target
        (side, name, share), *_ = areas_of_target(target, CORTEX)
        assert (side, name) == ("right", "4") and share > 0.85
        assert target_sentence(areas_of_target(target, CORTEX)).startswith("the target lies in area 4 (right; ")

    def test_a_ball_on_a_border_lies_in_both_areas(self):
        points, labels = group_cortex("lh").central.points_mm, area_labels("lh")
        corners = labels[group_cortex("lh").central.triangles]
        border = group_cortex("lh").central.triangles[
            ((corners == areas()["4"].number).any(1)) & ((corners == areas()["3a"].number).any(1))
        ][10]
        found = areas_of_target(Target.sphere(points[border].mean(0), 5, side="left"), CORTEX)
        assert {("left", "4"), ("left", "3a")} <= {each[:2] for each in found}
        assert sum(each[2] for each in found) == pytest.approx(1)

    def test_without_folds_or_cortex_nothing_is_said(self):
        target = Target.sphere([-37, -21, 58], 10)
        assert areas_of_target(target, None) == [] == areas_of_target(target, group_as_subject(["rh"]))
        assert target_sentence([]) == ""

    def test_names_that_other_atlases_use_otherwise_are_told(self):
        assert "Eickhoff" in target_sentence([("left", "OP1", 0.9)])


class TestFiles:
    def test_the_table_is_read_back_as_a_frame(self, tmp_path, rows):
        paths = write_regions(tmp_path, rows, "1 A/µs", 220.0)
        assert (
            [path.name for path in paths]
            == ["regions.tsv", "regions.json"]
            == sorted((path.name for path in tmp_path.iterdir()), reverse=True)
        )
        frame = regions("s", out=tmp_path)
        assert isinstance(frame, pd.DataFrame) and list(frame.columns) == list(COLUMNS) and len(frame) == 360
        four = frame[(frame.area == "4") & (frame.side == "right")].iloc[0]
        truth = row(rows, "right", "4")
        assert four.mean_v_per_m == pytest.approx(truth.mean_v_per_m, rel=1e-5) and four.title == "primary motor cortex"
        assert four.above_cm2 == pytest.approx(truth.above_cm2, rel=1e-5) and four.peak_x_mm > 0
        about = json.loads((tmp_path / "regions.json").read_text(encoding="utf-8"))
        assert set(COLUMNS) < set(about) and about["ThresholdVPerM"] == 220 and "Glasser" in about["Source"]
        assert "WU-Minn" in about["Acknowledgement"] and about["Conditions"] == "fields at 1 A/µs"

    def test_a_montages_table_lies_in_its_folder_and_has_no_threshold(self, tmp_path, lopsided):
        (tmp_path / "tdcs").mkdir()
        write_regions(tmp_path / "tdcs", field_by_area(lopsided), "2 mA")
        assert regions("s", out=tmp_path, kind="tdcs").above_cm2.isna().all()
        with pytest.raises(InputError, match=r"regions.tsv is not there: plan the subject first"):
            regions("s", out=tmp_path)
        with pytest.raises(InputError, match="kind of plan"):
            regions("s", out=tmp_path, kind="tms2")

    def test_without_areas_nothing_is_written_and_another_table_is_refused(self, tmp_path):
        assert write_regions(tmp_path, [], "1 A/µs") == [] and not list(tmp_path.iterdir())
        (tmp_path / "regions.tsv").write_text("a\tb\n1\t2\n")
        with pytest.raises(InputError, match="no table of areas"):
            read_regions(tmp_path / "regions.tsv")


class TestPage:
    def test_without_a_script_the_first_rows_show(self, rows):
        html = str(areas_section(rows, "at 1 A/µs", block(rmt=50.0)))
        body = html.split("<tbody>")[1]
        assert body.count("<tr ") == 360 and body.count(" hidden>") == 360 - SHOWN
        assert "[S1]" in html and "Above threshold" in html and "WU-Minn" in html and "Glasser" in html
        assert "Above threshold" not in str(areas_section(field_by_area(field_of(CORTEX, np.ones(64984))), "at 2 mA"))
        assert str(areas_section([], "at 2 mA")) == ""

    def test_what_counts_as_above_threshold_is_said_with_the_output(self):
        alone, given = (threshold_sentence(block(rmt=50.0, match=match)) for match in (None, 0.8))
        assert (
            "at the motor threshold, |E|" in alone and f"is {three_digits(threshold_of(block(rmt=50.0)))} V/m." in alone
        )
        assert "at this plan’s output, |E|" in given and threshold_sentence(None) == ""

    @pytest.mark.slow
    def test_it_is_searched_and_sorted_in_a_browser(self, browser, rows, tmp_path):  # noqa: F811
        from markupsafe import Markup

        from targeting.words.templates import environment

        path = tmp_path / "page.html"
        section = areas_section(rows, "at 1 A/µs", block(rmt=50.0))
        script = environment().globals["file"]("report/page.js")
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{Markup(section)}<script>{script}</script>", "utf-8")
        with visit(browser, path) as seen:
            page = seen.page
            shown = "[...document.querySelectorAll('#area-table tbody tr')].filter((r) => r.checkVisibility())"
            names = f"{shown}.map((r) => r.cells[0].dataset.value + ' ' + r.cells[1].dataset.value)"
            assert page.evaluate(f"{shown}.length") == SHOWN
            page.fill("input[type=search]", "s1 right")
            assert sorted(page.evaluate(names)) == ["1 right", "2 right", "3b right"]
            page.fill("input[type=search]", "")
            page.click("button[data-all]")
            assert page.evaluate(f"{shown}.length") == 360
            page.click("button[data-all]")
            page.click("thead th:nth-child(5) button")
            peaks = page.evaluate(f"{shown}.map((r) => Number(r.cells[4].dataset.value))")
            assert peaks == sorted((each.peak_v_per_m for each in rows), reverse=True)[:SHOWN]
            page.click("thead th:nth-child(5) button")
            peaks = page.evaluate(f"{shown}.map((r) => Number(r.cells[4].dataset.value))")
            assert peaks == sorted(each.peak_v_per_m for each in rows)[:SHOWN]
            page.click("thead th:nth-child(1) button")
            assert page.evaluate(names)[0].split()[0] == "1"  # words from A, numbers in their order
            assert seen.complaints == []

    @pytest.mark.slow
    def test_a_name_marks_in_the_scene_where_the_area_peaks(self, browser, rows, tmp_path):  # noqa: F811
        from report_ball import make_evidence

        from targeting.report import write_report

        write_report(tmp_path / "plan.html", replace(make_evidence((-0.7, 0.25, 0.66)), by_area=rows))
        with visit(browser, tmp_path / "plan.html") as seen:
            page = seen.page
            for side, from_side in (("right", "the right"), ("left", "the left")):
                page.fill("input[type=search]", f"OP4 {side}")
                page.click("#area-table tbody tr:not([hidden]) th button")
                page.wait_for_selector("#solid-stage[data-state=ready]", timeout=60_000)
                page.wait_for_selector(f"#solid-seen:has-text('{from_side}')")
                mark = page.locator("#solid-words span").last
                assert mark.inner_text() == f"● OP4 {side}" and mark.is_visible()
            assert [each for each in seen.complaints if not each.startswith("warning")] == [] and seen.requests == []
