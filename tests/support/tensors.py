"""Diffusion tensors and their six volumes."""

import numpy as np

MAIN = np.array([0.6, 0.64, 0.48]) / np.linalg.norm([0.6, 0.64, 0.48])  # oblique, all components differ


def tensor(main=MAIN, values=(1.6e-3, 0.5e-3, 0.3e-3)):
    """A tensor with its largest eigenvalue along ``main``."""
    axes = np.linalg.qr(np.c_[main, [0.0, 1, 0.3], [1.0, 0, 0]])[0]
    return (axes * values) @ axes.T


def six(matrix, order="fsl"):
    places = {"fsl": [0, 1, 2, 4, 5, 8], "mrtrix": [0, 4, 8, 1, 2, 5]}[order]
    return matrix.reshape(*matrix.shape[:-2], 9)[..., places]
