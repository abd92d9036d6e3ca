"""At a Python prompt an object that holds arrays is a line, whatever it holds."""

from pathlib import Path

import numpy as np
import pytest

from meshes import HeadMesh, Tissues
from meshes.brief import brief, in_short
from meshes.cortical_surface import Cortex, CorticalSurface
from targeting import Coil, DoseMap, FieldBasis, TesRequest, TmsRequest
from targeting.plans.tes import read_tes_plan
from targeting.plans.tms import read_plan
from targeting.scene.layer import Layer, Scene
from targeting.tes.leadfield import Leadfield

PLANS = Path(__file__).parents[1] / "data" / "plans"


@pytest.fixture(scope="module")
def objects(ball_head):
    import pyvista as pv

    half = CorticalSurface(np.random.default_rng(0).normal(size=(900, 3)), np.zeros((1796, 3), np.int32))
    layer = Layer("cortex", pv.Sphere(), "#ffffff")
    return [
        ball_head,
        Tissues(np.ones((9, 9, 9, 7), np.float32) / 7, np.eye(4)),
        Cortex(half, half, "made for this test"),
        Coil.named("figure8-70mm"),
        read_plan(PLANS / "1.6-tms.json"),
        read_tes_plan(PLANS / "1.6-tdcs.json"),
        Scene("two", (layer,) * 9, "V/m", 1.4, np.zeros(3), np.ones(3)),
        layer,
    ]


def test_each_is_one_line_that_begins_with_its_name(objects):
    for each in objects:
        said = repr(each)
        assert said.startswith(f"{type(each).__name__}(") and said.endswith(")")
        assert len(said) < 300 and "\n" not in said and "array" not in said


def test_the_line_tells_what_one_has(objects):
    head, _, _, coil, plan, montage, scene, _ = objects
    assert f"tets=int32[{len(head.tets)}, 4]" in repr(head)
    assert "name='figure8-70mm'" in repr(coil) and "max_didt_a_per_s=1.1473e+08" in repr(coil)
    assert f"subject='{plan.subject}'" in repr(plan) and f"{len(plan.placements)} × Placement" in repr(plan)
    assert f"total_current_ma={montage.total_current_ma:g}" in repr(montage)
    assert "9 × Layer" in repr(scene)


def test_a_request_shows_what_was_asked_for_and_no_defaults():
    assert repr(TmsRequest(aim="psi", pain_side="left")) == "TmsRequest(aim='psi', pain_side='left')"
    assert repr(TesRequest(kind="hd-tdcs", avoid=["m1-face"])) == "TesRequest(kind='hd-tdcs', avoid=('m1-face',))"
    assert eval(repr(TmsRequest(tilt_deg=10))) == TmsRequest(tilt_deg=10)


def test_the_large_ones_have_such_a_line_too():
    for kind in (HeadMesh, DoseMap, FieldBasis, Leadfield):
        assert kind.__repr__.__qualname__ == brief().__qualname__


def test_texts_and_numbers_are_cut_to_what_can_be_read():
    assert in_short("a" * 200) == "'" + "a" * 59 + "…'"
    assert in_short({"skull": 0.008}) == "{'skull': 0.008}" and in_short(dict.fromkeys(range(9), 1)) == "9 × int"
    assert in_short(()) == "()" and in_short(None) == "None"
