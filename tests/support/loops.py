"""A loop of wire as a coil."""

import numpy as np

from targeting.coils import CurrentElements


def wire_loop(radius_mm=35.0, z_mm=-8.0, pieces=120):
    angle = (np.arange(pieces) + 0.5) * 2 * np.pi / pieces
    around = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], 1)
    points = np.stack([radius_mm * np.cos(angle) + 20, radius_mm * np.sin(angle), np.full(pieces, z_mm)], 1)
    return CurrentElements(points, around * 2 * np.pi * radius_mm / pieces)
