"""Dosing blocks of a plan, as the dosing stage makes them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from heads import LEFT_SPOT

from targeting import Coil
from targeting.dosing.hotspot import Hotspot
from targeting.dosing.motor_dose import dosing_of
from targeting.dosing.request import DoseRequest
from targeting.study.tms_request import TmsRequest

COIL = Coil.named("figure8-70mm")  # 114.73 A/µs


SPOT = Hotspot([-38.0, -20.0, 55.0], 7.0, "left", "measured <here>", np.eye(4).tolist(), 1.2, [])


FOUND = SimpleNamespace(poses=np.eye(4)[None], mean_e_v_per_m=np.array([[0.0, 1.2, 1.6]]), didt_a_per_s=2e6)


CONFIRMED = SimpleNamespace(peak_e_v_per_m=np.array([3.0]))


PLACE = replace(LEFT_SPOT, name="psi")


def request_of(
    rmt=50.0, at=None, pose=None, match=None, protocol=None, stimulator=None, coil=COIL, muscle=None, ratio=None
):
    asked = TmsRequest(
        rmt_percent=rmt, rmt_muscle=muscle, rmt_at_mm=at, rmt_pose=pose, match_field=match, protocol=protocol,
        muscle_ratio=ratio, stimulator=stimulator,
    )  # fmt: skip
    return DoseRequest.of(asked.checked(), coil)


def block(side="left", coil=COIL, hotspot=SPOT, own=False, name="psi", **asked):
    target = replace(PLACE, side=side, name=name)
    return dosing_of(request_of(coil=coil, **asked), hotspot, target, FOUND, CONFIRMED, coil, own)
