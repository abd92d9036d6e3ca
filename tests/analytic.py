"""Closed forms that the solvers are held against."""

import numpy as np
from numpy.typing import NDArray


def tms_sphere_e_v_per_m(points_mm: NDArray, dipoles_mm: NDArray, dmoments_dt: NDArray) -> NDArray[np.float64]:
    """E inside a spherically symmetric conductor centred at the origin, (n, 3).

    A magnetic dipole outside induces, by reciprocity, what the magnetic field of a current dipole inside (Sarvas 1987,
    Phys. Med. Biol. 32:11) reads at the dipole: E·e = −ṁ·B(e) for every unit current dipole e.  It does not depend on the
    shells' conductivities.
    """
    q = points_mm * 1e-3
    e = np.zeros_like(q)
    for position_mm, m in zip(dipoles_mm, dmoments_dt, strict=True):
        r = position_mm * 1e-3
        a = r - q
        a_len = np.linalg.norm(a, axis=1)
        r_len = np.linalg.norm(r)
        f = a_len * (r_len * a_len + r_len**2 - q @ r)
        along_r = a_len**2 / r_len + (a @ r) / a_len + 2 * a_len + 2 * r_len
        along_q = a_len + 2 * r_len + (a @ r) / a_len
        grad_f = along_r[:, None] * r - along_q[:, None] * q
        # B(e)·m = 1e-7/F² (F (e×q)·m − ((e×q)·r)(∇F·m)), with (e×q)·m = e·(q×m)
        e -= 1e-7 / f[:, None] ** 2 * (f[:, None] * np.cross(q, m) - (grad_f @ m)[:, None] * np.cross(q, r))
    return e
