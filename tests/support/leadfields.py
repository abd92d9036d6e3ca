"""Small leadfields of random numbers."""

import numpy as np
from heads import fibonacci_sphere

from targeting.tes.leadfield import Leadfield
from targeting.tes.optimise import (
    Region,
)


def random_leadfield(n, seed=0, count=30):
    rng = np.random.default_rng(seed)
    e = rng.normal(scale=100, size=(n, count, 3))
    e[0] = 0
    names = tuple(f"E{i}" for i in range(n))
    points = rng.uniform(-60, 60, (count, 3))
    scalp = 90 * fibonacci_sphere(n)
    return Leadfield(names, scalp, "E0", e, points, rng.uniform(1, 4, count), np.arange(count))


def some(leadfield, first=0, last=5, name="spot"):
    points = np.arange(first, last)
    return Region(points, leadfield.volume_mm3[points], name)
