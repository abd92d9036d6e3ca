"""A small plan of a coil, as it stands in plan.json."""

import numpy as np

from targeting.plans.tms import Placement, Plan, PlanCoil, TmsSearchSummary
from targeting.records.places import Frame, PlanTarget
from targeting.robustness.record import PlanRobustness
from targeting.uncertainty.record import PlanUncertainty


def one_plan() -> Plan:
    def placement(rank: int, dose: float) -> Placement:
        return Placement(
            rank, np.eye(4).tolist(), [-40.0, -20.0, 90.0], 45.0, "the front", 4.0, dose, 1.2, 2.0, [-38.0, -20.0, 60.0]
        )

    return Plan(
        subject="colin27",
        frame=Frame("RAS mm of T1", "T1.nii.gz", "ab" * 32, np.eye(4).tolist(), [181, 217, 181]),
        target=PlanTarget(
            "m1-hand",
            "left",
            [-37.0, -21.0, 58.0],
            10.0,
            1.5,
            "someone 2020",
            [-37.0, -20.0, 59.0],
            None,
            1000.0,
            "ball",
        ),
        coil=PlanCoil("figure-of-eight", 1.5e8, "someone 2004", 1),
        placements=[placement(1, 1.0), placement(2, 0.9)],
        objective="|volume-weighted mean E|",
        search=TmsSearchSummary(poses_tried=10000, hair_mm=4.0, command="target plan colin27"),
        warnings=[],
        versions={"target": "0.1.0"},
        seconds={"mesh": 80.0},
        uncertainty=PlanUncertainty(
            0.9, 1.0, 1.2, 3.0, 12.0, 0.02, {"gm": 0.7}, {"gm": [0.1, 0.6]}, "beta", ["someone 2019"], 2048
        ),
        robustness=PlanRobustness(
            5.0, 10.0, 5.0, 0.85, 0.95, 9.0, 40.0, 55.0, np.eye(4).tolist(), [-41.0, -20.0, 90.0], 0.98, 0.88
        ),
    )
