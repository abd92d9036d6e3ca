"""Pictures held against stored ones."""

import os
from pathlib import Path

import numpy as np
from matplotlib.image import imread, imsave
from scipy.ndimage import gaussian_filter

PICTURES = Path(__file__).parents[1] / "targeting" / "viewer" / "pictures"


BLUR, CLEARLY, MOST = 5.0, 16.0, 0.04


def changed(image, other):
    """The share of pixels that have clearly another colour when both pictures are blurred."""
    one, two = (gaussian_filter(np.asarray(each, np.float64)[..., :3], (BLUR, BLUR, 0)) for each in (image, other))
    return float((np.abs(one - two).max(-1) > CLEARLY).mean())


def stored(name, image):
    """The stored picture of this name, written anew when that was asked for."""
    path = PICTURES / f"{name}.png"
    if os.environ.get("UPDATE_PICTURES"):
        imsave(path, image)
    return np.round(imread(path) * 255)
