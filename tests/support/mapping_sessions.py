"""Sessions of motor mapping as a navigator records them, with the responses of a simulated muscle.

The responses are those of the published statistical model of motor evoked potentials (Goetz et al. 2019, IEEE Trans Neural Syst
Rehabil Eng 27:1539, the mean subject of its code): a sigmoid of the logarithm, the excitability varies before it, the amplitude
after it, and the amplifier's noise, of a generalised extreme value distribution, is added.

Pulses are scattered as in recorded sessions (Localite's trigger markers in ``shared/peer``): a coil moved by hand over one
region has standard deviations of 4.5, 3.0 and 0.6 mm along its axes and 4°; one held on one target 1.0, 0.5 and 0.1 mm and 0.5°
from pulse to pulse, which here is what the recorded pose is wrong by.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from targeting.navigation.localite import TURN

MOVED_MM, MOVED_DEG = (4.5, 3.0, 0.6), 4.0
HELD_MM, HELD_DEG = (1.0, 0.5, 0.1), 0.5
TOP_LOG_V, FLOOR_LOG_V, HALF, STEEP, ONSET = -2.4677, -7.0, 10**3.64655, 10**0.42639, 10**1.666487
AMPLITUDE_SD, EXCITABILITY_SD = 10**-0.96453, 10**0.688273  # log10, and % of the output
NOISE_SHAPE, NOISE_UV, NOISE_SD_UV = 0.14, 10**-5.0818 * 1e6, 1.55


def moved(poses, rng, mm=HELD_MM, degrees=HELD_DEG):
    """Poses (n, 4, 4) scattered along and about the coil's own axes."""
    out = poses.copy()
    out[:, :3, 3] += np.einsum("nij,nj->ni", poses[:, :3, :3], rng.normal(0, mm, (len(poses), 3)))
    turns = Rotation.from_rotvec(np.radians(rng.normal(0, degrees, (len(poses), 3))))
    out[:, :3, :3] = poses[:, :3, :3] @ turns.as_matrix()
    return out


def median_uv(percent):
    """The median response without noise at outputs in % of the maximum."""
    drive = np.maximum(percent - ONSET, 1e-9)
    return 10 ** (FLOOR_LOG_V + (TOP_LOG_V - FLOOR_LOG_V) / (1 + HALF / drive**STEEP)) * 1e6


def responses_uv(e_over_threshold, rng):
    """Peak-to-peak responses to fields, in units of the one at which the median response is 50 µV."""
    percent = np.linspace(50, 100, 5001)
    at_threshold = percent[np.argmax(median_uv(percent) >= 50)]
    e = np.asarray(e_over_threshold)
    signal = median_uv(e * at_threshold + rng.normal(0, EXCITABILITY_SD, e.shape)) * 10 ** rng.normal(
        0, AMPLITUDE_SD, e.shape
    )
    noise = NOISE_UV + NOISE_SD_UV * ((-np.log(rng.random(e.shape))) ** -NOISE_SHAPE - 1) / NOISE_SHAPE
    return noise + signal


def localite_triggers(poses, mep_uv=None, didt_a_per_us=62.0, seconds=5.0) -> str:
    """A recording of Localite, RAS; a pose of None was not tracked."""
    n = len(poses)
    mep = np.full(n, np.nan) if mep_uv is None else np.broadcast_to(mep_uv, n)
    didt = np.broadcast_to(didt_a_per_us, n)
    rows = []
    for i, pose in enumerate(poses):
        matrix = np.eye(4) if pose is None else np.asarray(pose) @ TURN
        cells = " ".join(f'data{a}{b}="{matrix[a, b]:.6f}"' for a in range(4) for b in range(4))
        rows.append(
            f'<TriggerMarker description="" recordingTime="{int(1000 * seconds * i)}"><ResponseValues>'
            f'<Value key="valueA" response="{didt[i]}"/><Value key="response" response="{mep[i]}"/>'
            f'<Value key="amplitudeA" response="0.0"/></ResponseValues><Matrix4D {cells}/></TriggerMarker>'
        )
    return f'<TriggerMarkerList coordinateSpace="RAS">{"".join(rows)}</TriggerMarkerList>'
