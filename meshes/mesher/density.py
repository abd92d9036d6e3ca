"""How fine a mesh is: every length and threshold of the mesher by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Density:
    """Sizes of the tetrahedra.  Tuples hold one number per tissue code: outside, WM, GM, CSF, skull, scalp, eyes.

    Attributes
    ----------
    surface_mm, bulk_mm : tuple of float
        Spacing of nodes on an interface (the smaller of its two tissues counts) and, at most, inside.
    growth : float
        How fast the spacing may grow away from the interfaces, mm per mm.
    thin_layer : float
        Spacing on a layer of thickness d is at most ``thin_layer`` · d, ...
    smallest_mm : float
        ... but not below this.
    disk_radius, lattice_radius : float
        Poisson-disk radius over spacing, on the interfaces and inside.
    clearance : float
        Interior nodes keep this much of their spacing away from interface nodes.
    face_off_mm : float
        Where the middle of an interface face is farther than this from the interface, a node is inserted there, ...
    face_gap : float
        ... if no other node is nearer than this times the spacing.
    candidates : float
        Share of the candidates for interface nodes that are looked at.
    settle_rounds : int
        Rounds, at most, in which tetrahedra change sides and nodes are pulled, each time.
    finishes : int
        Rounds, at most, that deal with the last nodes off their interface.
    """

    surface_mm: tuple[float, ...]
    bulk_mm: tuple[float, ...]
    growth: float = 0.30
    thin_layer: float = 1.15
    smallest_mm: float = 1.15
    disk_radius: float = 0.80
    lattice_radius: float = 0.75
    clearance: float = 0.62
    face_off_mm: float = 0.30
    face_gap: float = 0.55
    candidates: float = 1.0
    settle_rounds: int = 6
    finishes: int = 5


DENSITIES = {
    "standard": Density(
        surface_mm=(3.2, 1.9, 1.9, 2.0, 2.4, 3.2, 2.4),
        bulk_mm=(4.0, 4.0, 3.0, 3.5, 3.5, 5.5, 4.0),
    ),
    "fast": Density(
        surface_mm=(5.4, 3.6, 3.6, 3.7, 4.4, 5.4, 3.8),
        bulk_mm=(7.0, 7.0, 5.5, 6.0, 6.0, 9.0, 6.0),
        smallest_mm=2.1,
        candidates=0.5,
        settle_rounds=2,
        finishes=1,
        growth=0.40,
        face_off_mm=0.6,
    ),
}
