"""Follow the dose at a moving coil, 20 times a second, as a navigator's plug-in would.

    target serve subject01 --port 5005          # in one terminal
    python examples/live_dose.py 5005           # in another: a coil that sways round the planned pose

With a tracked coil, put what your navigator streams in place of ``tracked_pose`` and its name in place of ``"ras"``:
"brainsight", "localite" or "visor2".
"""

import math
import sys
import time
from contextlib import suppress

import numpy as np

from targeting.live import DoseClient

RATE_HZ = 20


def tracked_pose(planned: np.ndarray, seconds: float) -> np.ndarray:
    """The planned pose, 10 mm to either side along the coil's own x axis."""
    pose = planned.copy()
    pose[:3, 3] += 10 * math.sin(2 * seconds) * planned[:3, 0]
    return pose


def main(port: int, seconds: float) -> None:
    """Ask and print."""
    with DoseClient(port) as client:  # image="T1.nii.gz" makes sure that both talk of the same image
        print(f"{client.hello['subject']}, {client.hello['side']} {client.hello['target']}, {client.hello['coil']}")
        planned, start = np.array(client.hello["plan_pose"]), time.monotonic()
        for n in range(int(seconds * RATE_HZ)):
            time.sleep(max(0.0, start + n / RATE_HZ - time.monotonic()))
            reply = client.dose(tracked_pose(planned, n / RATE_HZ), frame="ras", didt_a_per_us=50)
            print(f"{reply['dose_v_per_m']:6.1f} V/m {reply['percent_of_plan']:4.0f} %", *reply["warnings"], flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C is the way to end it
        main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
