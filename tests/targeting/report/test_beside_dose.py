"""Mean |E|, the component along the normal, and cortex above threshold, against a surface whose numbers are known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from report_ball import make_evidence

from meshes.cortical_surface import Cortex, CorticalSurface
from targeting.fem.cortical_field import CorticalField
from targeting.report.beside_dose import BesideDose, beside_dose
from targeting.report.evidence import TmsEvidence

pytestmark = pytest.mark.slow


def sheet(x_mm: float, down: bool = False) -> CorticalSurface:
    """A flat square of 4 cm at z = 70, its outward normal up (or down), with its corner at ``x_mm``."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0.0, 41.0), np.arange(0.0, 41.0), indexing="ij"))
    corner = (np.arange(40)[:, None] * 41 + np.arange(40)).ravel()
    triangles = np.concatenate([np.c_[corner, corner + 41, corner + 42], np.c_[corner, corner + 42, corner + 1]])
    points = np.c_[x + x_mm, y, np.full(len(x), 70.0)]
    return CorticalSurface(points, (triangles[:, ::-1] if down else triangles).astype(np.int32))


@pytest.fixture(scope="module")
def known() -> TmsEvidence:
    """On the left sheet E falls from 2 V/m at y = 0 to 0 at y = 40, half of it downwards: into the cortex."""
    evidence = make_evidence((-0.7, 0.25, 0.66))
    cortex = Cortex(sheet(-60.0), sheet(20.0), "a test")
    points = cortex.whole.points_mm
    size = np.where(points[:, 0] < 0, 2 - points[:, 1] / 20, 0.1)
    e = size[:, None] * np.array([np.sqrt(3) / 2, 0, -0.5])
    near = SimpleNamespace(holds=lambda at: (at[:, 0] < -40) & (at[:, 1] <= 10))
    return dataclasses.replace(evidence, on_cortex=CorticalField(cortex, e), target=near)


def test_the_component_along_the_normal_has_its_sign(known: TmsEvidence) -> None:
    found = beside_dose(known)
    assert found.normal_v_per_m == pytest.approx(0.5 * (2 - 5 / 20), rel=0.02)  # the mean over y from 0 to 10, inwards
    assert found.normal_size_v_per_m == pytest.approx(found.normal_v_per_m)
    assert found.above_cm2 is None  # no motor threshold is known
    turned = Cortex(sheet(-60.0, down=True), sheet(20.0, down=True), "a test")
    other = dataclasses.replace(known, on_cortex=CorticalField(turned, known.on_cortex.e_v_per_m))
    assert beside_dose(other).normal_v_per_m == pytest.approx(-found.normal_v_per_m)


def test_the_mean_is_over_the_targets_volume(known: TmsEvidence) -> None:
    tets = known.target_tets
    size = np.linalg.norm(known.e_v_per_m[tets], axis=1)
    volume = known.head.volumes_mm3[tets]
    assert beside_dose(known).mean_e_v_per_m == pytest.approx((size * volume).sum() / volume.sum())
    alone = beside_dose(dataclasses.replace(known, on_cortex=None))
    assert alone == BesideDose(alone.mean_e_v_per_m)


def test_cortex_above_threshold_is_counted_in_cm2(known: TmsEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TmsEvidence, "threshold_v_per_m", 1.0)
    found = beside_dose(known)  # y below 20 of the left sheet: 40 mm by 20 mm
    assert found.above_cm2 == pytest.approx(8.0, rel=0.03)
    assert found.above_in_target_cm2 == pytest.approx(2.0, rel=0.06)
    monkeypatch.setattr(TmsEvidence, "threshold_v_per_m", 0.05)
    assert beside_dose(known).above_cm2 == pytest.approx(32.0 - 0.2, abs=0.3)  # both sheets
