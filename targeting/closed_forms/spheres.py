r"""Fields in concentric spheres, as closed forms and series: the reference for the solver's accuracy.

*TMS.*  By reciprocity a magnetic dipole outside induces in a spherically symmetric conductor what the magnetic field of a
current dipole inside (Sarvas 1987, Phys. Med. Biol. 32:11) reads at the dipole: E·e = −ṁ·B(e) for every unit current
dipole e.  It does not depend on the shells' conductivities and has no radial component.

*Currents.*  In concentric shells φ is a sum of f_n(r) P_n(cos γ), in each shell f_n = a (r/s)^n + b (s/r)^(n+1) with s its
inner radius.  f_n and σ f_n' are continuous, so g_n = r f_n'/f_n, which is n in the innermost shell, is carried outward
(``_carry``) with f_n following; nothing overflows, whatever n.  Current I through a point of the surface of radius R is
Σ I (2n+1)/(4πR²) P_n, through a cap of half-angle α the same times (P_{n−1}(cos α) − P_{n+1}(cos α))/((2n+1)(1 − cos α)).

*Dipoles* are what electrodes see by reciprocity: the potential a − b of a current dipole p is −p·E/I of the current I from
a to b.  In one homogeneous sphere there is a closed form (``dipole_potential_v``), from the Neumann function of the ball.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from targeting.fem.assembly import M_PER_MM

MU0_OVER_4PI = 1e-7
ORDERS = 400  # (80/92)^400 is 1e-24


def tms_e_v_per_m(points_mm: NDArray, dipoles_mm: NDArray, dmoments_dt: NDArray) -> NDArray[np.float64]:
    """E induced inside a spherically symmetric conductor by magnetic dipoles outside.

    Parameters
    ----------
    points_mm : (n, 3)
    dipoles_mm : (k, 3)
        Farther from the origin than any conductor.
    dmoments_dt : (k, 3)
        Their rates of change, A·m²/s.

    Returns
    -------
    (n, 3) float64
        V/m.
    """
    q = np.asarray(points_mm) * M_PER_MM
    e = np.zeros_like(q)
    for position_mm, m in zip(dipoles_mm, dmoments_dt, strict=True):
        r = position_mm * M_PER_MM
        a = r - q
        a_len = np.linalg.norm(a, axis=1)
        r_len = np.linalg.norm(r)
        f = a_len * (r_len * a_len + r_len**2 - q @ r)
        along_r = a_len**2 / r_len + (a @ r) / a_len + 2 * a_len + 2 * r_len
        along_q = a_len + 2 * r_len + (a @ r) / a_len
        grad_f = along_r[:, None] * r - along_q[:, None] * q
        # B(e)·m = 1e-7/F² (F (e×q)·m − ((e×q)·r)(∇F·m)), with (e×q)·m = e·(q×m)
        e -= MU0_OVER_4PI / f[:, None] ** 2 * (f[:, None] * np.cross(q, m) - (grad_f @ m)[:, None] * np.cross(q, r))
    return e


def electrode_field(
    points_mm: NDArray,
    electrode_mm: ArrayLike,
    radii_mm: Sequence[float],
    sigma_s_per_m: Sequence[float],
    current_a: float = 1.0,
    cap_deg: float = 0.0,
    orders: int = ORDERS,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Potential and E of a current that enters through one electrode and leaves evenly through the whole surface.

    The fields of electrodes whose currents sum to zero add up to that of the montage.

    Parameters
    ----------
    points_mm : (n, 3)
        Inside the outermost radius, none at the origin.
    electrode_mm : (3,)
        Any point on its axis from the origin.
    radii_mm, sigma_s_per_m : (L,)
        Outer radius and conductivity of every shell, from the inside.
    current_a : float
    cap_deg : float
        Half-angle of a disc of even current density; 0 for a point.
    orders : int
        Terms of the series.

    Returns
    -------
    potential_v : (n,)
    e_v_per_m : (n, 3)
    """
    points = np.asarray(points_mm, float)
    axis = np.asarray(electrode_mm, float) / np.linalg.norm(electrode_mm)
    r = np.linalg.norm(points, axis=1)
    unit = points / r[:, None]
    cosine = unit @ axis
    outer = radii_mm[-1] * M_PER_MM
    n = np.arange(1, orders + 1)
    amplitude = current_a * (2 * n + 1) / (4 * np.pi * outer**2) * _cap(n, cap_deg)

    surface_slope, inside, slope_inside = _radial(r, np.asarray(radii_mm, float), np.asarray(sigma_s_per_m, float), n)
    scale = amplitude / (sigma_s_per_m[-1] * surface_slope / outer)  # f_n at the surface, V
    potential, radial, tangential = np.zeros(len(r)), np.zeros(len(r)), np.zeros(len(r))
    for k, (p, dp) in enumerate(_legendre(cosine, orders)):
        f = scale[k] * inside[k]
        potential += f * p
        radial -= f * slope_inside[k] / (r * M_PER_MM) * p
        tangential -= f / (r * M_PER_MM) * dp  # along the gradient of cos γ
    toward = axis - cosine[:, None] * unit
    return potential, radial[:, None] * unit + tangential[:, None] * toward


def _cap(n: NDArray, cap_deg: float) -> NDArray[np.float64]:
    if cap_deg == 0:
        return np.ones(len(n))
    c = np.cos(np.deg2rad(cap_deg))
    p = np.array([1.0] + [value[0] for value, _ in _legendre(np.array([c]), len(n) + 1)])
    return (p[n - 1] - p[n + 1]) / ((2 * n + 1) * (1 - c))


def _carry(n: NDArray, s: float, q: NDArray, r: NDArray | float) -> tuple[NDArray, NDArray]:
    """f_n(r)·(s/r)^n·(1 + q) / f_n(s) and g_n(r) in a shell of inner radius s, with q = b/a."""
    t = q * (s / r) ** (2 * n + 1)
    return 1 + t, (n - (n + 1) * t) / (1 + t)


def _radial(r_mm: NDArray, radii_mm: NDArray, sigma: NDArray, n: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """g_n at the surface (K,), and f_n (its value at the surface 1) and g_n at every point, (K, n_points)."""
    order = n[:, None]
    g, ratios = n.astype(float), []
    for shell, outer in enumerate(radii_mm):
        inner = radii_mm[shell - 1] if shell else 0.0
        if shell:
            g = g * sigma[shell - 1] / sigma[shell]
        ratio = (n - g) / (n + 1 + g) if shell else np.zeros(len(n))
        g = _carry(n, inner, ratio, outer)[1]
        ratios.append(ratio)
    value, slope = np.zeros((len(n), len(r_mm))), np.zeros((len(n), len(r_mm)))
    at_outer = np.ones(len(n))  # f_n at the outer radius of the shell
    for shell in range(len(radii_mm) - 1, -1, -1):
        outer = radii_mm[shell]
        inner = radii_mm[shell - 1] if shell else 0.0
        here = np.flatnonzero((r_mm > inner) & (r_mm <= outer))
        edge = _carry(n, inner, ratios[shell], outer)[0]
        grown, g_here = _carry(order, inner, ratios[shell][:, None], r_mm[here])
        value[:, here] = (at_outer / edge)[:, None] * grown * (r_mm[here] / outer) ** order
        slope[:, here] = g_here
        at_outer = at_outer * (1 + ratios[shell]) / edge * (inner / outer) ** n
    return g, value, slope


def _legendre(x: NDArray, orders: int) -> Iterator[tuple[NDArray, NDArray]]:
    """P_n(x) and P_n'(x) for n = 1, 2, …"""
    before, p = np.ones_like(x), x.copy()
    d_before, d = np.zeros_like(x), np.ones_like(x)
    for n in range(1, orders + 1):
        yield p, d
        before, p = p, ((2 * n + 1) * x * p - n * before) / (n + 1)
        d_before, d = d, d_before + (2 * n + 1) * before


def dipole_potential_v(
    points_mm: NDArray, dipole_mm: ArrayLike, moment_a_m: ArrayLike, radius_mm: float, sigma_s_per_m: float
) -> NDArray[np.float64]:
    """Potential of a current dipole in one homogeneous sphere, (n,) V, up to a constant.

    φ = p·∇_q N(r, q) with the ball's Neumann function, 4πσ N = 1/d + R/D − ln(R² − r·q + D)/R, where d = |r − q| and
    D² = r²q² − 2R² r·q + R⁴ (on the surface D = R d).

    Parameters
    ----------
    points_mm : (n, 3)
        In or on the sphere, none at the dipole.
    dipole_mm, moment_a_m : (3,)
    radius_mm, sigma_s_per_m : float
    """
    r = np.asarray(points_mm) * M_PER_MM
    q, p, radius = np.asarray(dipole_mm, float) * M_PER_MM, np.asarray(moment_a_m, float), radius_mm * M_PER_MM
    away = r - q
    d = np.linalg.norm(away, axis=1)
    rr, rq, rp = (r**2).sum(1), r @ q, r @ p
    image = np.sqrt(rr * (q @ q) - 2 * radius**2 * rq + radius**4)
    slope = (rr * (q @ p) - radius**2 * rp) / image  # p·∇_q D
    total = away @ p / d**3 - radius * slope / image**2 + (rp - slope) / (radius * (radius**2 - rq + image))
    return total / (4 * np.pi * sigma_s_per_m)


def dipole_e_v_per_m(
    points_mm: NDArray, dipole_mm: ArrayLike, moment_a_m: ArrayLike, radius_mm: float, sigma_s_per_m: float
) -> NDArray[np.float64]:
    """E = −∇φ of :func:`dipole_potential_v` by central differences over 2 µm, (n, 3) V/m.

    Parameters
    ----------
    points_mm : (n, 3)
        Inside the sphere, mm from its centre.
    dipole_mm : (3,)
        Where the dipole is.
    moment_a_m : (3,)
        A·m.
    radius_mm : float
        Of the sphere.
    sigma_s_per_m : float
    """
    step_mm = 1e-3
    points, about = np.asarray(points_mm, float), (dipole_mm, moment_a_m, radius_mm, sigma_s_per_m)
    differences = [
        dipole_potential_v(points + d, *about) - dipole_potential_v(points - d, *about) for d in step_mm * np.eye(3)
    ]
    return -np.stack(differences, axis=1) / (2 * step_mm * M_PER_MM)
