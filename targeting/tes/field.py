r"""The electric field of a montage, E = −∇φ, by the complete electrode model, and how its current divides.

*Where the current goes.*  Part of it never enters the skull: it runs from anode to cathode within the scalp.  What crosses
the inner boundary of the scalp (tissues 5 and 10) is counted there, node by node, as the discrete equations have it: the
flux into all else, Σ_e σ_e v_e ∇N_i·∇φ over the elements that are no scalp, sums to zero, and its positive part is what
goes in.

*The complete electrode model* has electrodes at one potential each, on contacts with an impedance.  Under electrode l the
current density into the head is j = (U_l − φ)/z_l, with U_l its potential and z_l its impedance (Somersalo, Cheney &
Isaacson 1992, SIAM J. Appl. Math. 52:1023); elsewhere on the scalp no current crosses.  With M_l the contact's ∫ N_i N_j
and m_l its ∫ N_i,

    (K + Σ_l M_l/z_l) φ = Σ_l U_l m_l/z_l,        I_l = (|A_l| U_l − m_l·φ)/z_l.

The matrix A on the left has the pattern of K and needs no grounding.  One solve A y_l = m_l/z_l an electrode gives
φ = Σ_l U_l y_l for any potentials (Σ_l y_l = 1, so the last needs none) and with it the electrodes' conductances
I = S U: symmetric, its rows summing to zero.  S U = I is then solved for the potentials that drive the currents wanted.
Electrodes without current count, too: they short the scalp under them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from atlases.scalp import Scalp
from meshes import HeadMesh
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.tissue_codes import SOFT_CODES
from targeting.fem.assembly import ElementField
from targeting.fem.conductor import RECOVERIES, HeadConductor, Recovery
from targeting.tes.contact import Contact, lay_all
from targeting.tes.electrodes import Montage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ElectrodeCurrent:
    """What one electrode does.

    ``shunted_a`` is current that enters it from the scalp on one side and leaves it on another: the short that its metal
    makes, which reaches no brain.  Densities are those into or out of the skin, averaged over each facet.
    """

    name: str
    current_a: float
    potential_v: float
    area_mm2: float
    mean_a_per_m2: float
    peak_a_per_m2: float
    shunted_a: float


@dataclass(frozen=True, eq=False)
class TesField(ElementField):
    """The field of one montage.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float64
        E in every tetrahedron, RAS components, in the mesh's order.
    montage : Montage
    contacts : tuple of Contact
        Where the electrodes touch the scalp.
    electrodes : tuple of ElectrodeCurrent
    scalp_share : float
        Share of the current that never leaves the scalp.
    """

    montage: Montage
    contacts: tuple[Contact, ...]
    electrodes: tuple[ElectrodeCurrent, ...]
    scalp_share: float


def simulate_tes(
    head: HeadMesh | HeadConductor,
    montage: Montage,
    conductivity_s_per_m: Mapping[str, float] | None = None,
    recovery: Recovery = "patch",
) -> TesField:
    """The field of a montage with the complete electrode model.

    Parameters
    ----------
    head : HeadMesh or HeadConductor
    montage : Montage
    conductivity_s_per_m : mapping, optional
        Overrides by tissue name (with a HeadMesh).
    recovery : {"patch", "none"}
        ∇φ recovered inside each tissue, or the plain first-order elements' own.

    Raises
    ------
    InputError
        If an electrode does not rest on the scalp, two overlap, or conductivities are given beside a conductor.

    Examples
    --------
    >>> from meshes import HeadMesh
    >>> from targeting.tes import Electrode, Montage, simulate_tes
    >>> head = HeadMesh.read("head.msh")  # doctest: +SKIP
    >>> pads = [Electrode("C3", [-67, -11, 62], size_mm=(20,)), Electrode("Fp2", [30, 85, -7], size_mm=(20,))]
    >>> field = simulate_tes(head, Montage("M1-SO", pads, [2e-3, -2e-3]))  # doctest: +SKIP
    """
    one_of(recovery, RECOVERIES, "recovery")
    if isinstance(head, HeadConductor):
        if conductivity_s_per_m:
            raise InputError("give the conductivities when the HeadConductor is made, not beside it")
        conductor = head
    else:
        conductor = HeadConductor(head, conductivity_s_per_m)
    contacts = lay_all(Scalp.of(conductor.head), montage.electrodes)
    log.info("field of montage %s: %d electrodes", montage.name, len(contacts))
    contacted = ContactedHead.of(conductor, contacts)
    potentials = contacted.potentials_v(montage.currents_a)
    phi = contacted.potential_v(potentials)
    plain = conductor.gradient(phi)
    e = -(conductor.patches.gradient(phi) if recovery == "patch" else plain)
    electrodes = tuple(
        _electrode_current(contact, float(u), phi) for contact, u in zip(contacts, potentials, strict=True)
    )
    return TesField(conductor.head, e, montage, contacts, electrodes, _scalp_share(conductor, plain, montage.total_a))


def _electrode_current(contact: Contact, potential_v: float, phi: NDArray[np.float64]) -> ElectrodeCurrent:
    """The current under one electrode, from j = (U − φ)/z on its facets."""
    area_m2 = contact.facet_load_m2.sum(1)
    drop = potential_v * area_m2 - (contact.facet_load_m2 * phi[contact.facet_nodes]).sum(1)
    through = drop / contact.electrode.impedance_ohm_m2  # A of each facet
    current = float(through.sum())
    return ElectrodeCurrent(
        name=contact.electrode.name,
        current_a=current,
        potential_v=potential_v,
        area_mm2=contact.area_mm2,
        mean_a_per_m2=current / float(area_m2.sum()),
        peak_a_per_m2=float(np.abs(through / area_m2).max()),
        shunted_a=float(np.abs(through).sum() - abs(current)) / 2,
    )


def _scalp_share(conductor: HeadConductor, gradient: NDArray[np.float64], total_a: float) -> float:
    """Share of the current that never enters anything but scalp."""
    moments = conductor.conducted(gradient)
    moments[np.isin(conductor.head.tissue, SOFT_CODES)] = 0
    flux = conductor.divergence(moments)
    return 1.0 - float(np.abs(flux).sum()) / 2 / total_a


@dataclass(frozen=True, eq=False)
class ContactedHead:
    """A head with electrodes on it, ready for any currents.

    Parameters
    ----------
    contacts : tuple of Contact
    unit_potentials : (N, n) float64
        φ with one electrode at 1 V and the others at 0.
    conductances_s : (n, n) float64
        S, from the electrodes' potentials to their currents.
    """

    contacts: tuple[Contact, ...]
    unit_potentials: NDArray[np.float64]
    conductances_s: NDArray[np.float64]

    @classmethod
    def of(cls, conductor: HeadConductor, contacts: Sequence[Contact]) -> ContactedHead:
        """Solve once for every electrode but the last."""
        n_nodes = len(conductor.head.points_mm)
        loads = np.zeros((n_nodes, len(contacts)))
        for i, contact in enumerate(contacts):
            loads[contact.nodes, i] = contact.load_m2 / contact.electrode.impedance_ohm_m2
        matrix = conductor.stiffness + sum(_spread_mass(contact, n_nodes) for contact in contacts)
        held = _held(conductor.stiffness, contacts)
        solver = conductor.solver_for(matrix[held][:, held].tocsr(), len(contacts) - 1)
        unit = np.zeros((n_nodes, len(contacts)))
        unit[held, :-1] = solver.solve(loads[held, :-1])
        unit[held, -1] = 1 - unit[held, :-1].sum(1)
        conductances = np.diag(loads.sum(0)) - loads.T @ unit
        return cls(tuple(contacts), unit, (conductances + conductances.T) / 2)

    def potentials_v(self, currents_a: NDArray[np.float64]) -> NDArray[np.float64]:
        """The electrodes' potentials for their currents, (n,), of mean zero."""
        n = len(self.contacts)
        scale = np.abs(np.diag(self.conductances_s)).mean()
        bordered = np.block([[self.conductances_s, np.full((n, 1), scale)], [np.full((1, n), scale), np.zeros((1, 1))]])
        solution: NDArray[np.float64] = np.linalg.solve(bordered, np.append(currents_a, 0.0))[:n]
        return solution

    def potential_v(self, potentials_v: NDArray[np.float64]) -> NDArray[np.float64]:
        """φ in the head for the electrodes' potentials, (N,)."""
        return self.unit_potentials @ potentials_v


def _spread_mass(contact: Contact, n_nodes: int) -> sp.csr_matrix:
    """M/z of one contact, (N, N)."""
    mass = contact.mass_m2.tocoo()
    nodes = contact.nodes
    values = mass.data / contact.electrode.impedance_ohm_m2
    return sp.csr_matrix((values, (nodes[mass.row], nodes[mass.col])), shape=(n_nodes, n_nodes))


def _held(stiffness: sp.csr_matrix, contacts: Sequence[Contact]) -> NDArray[np.int64]:
    """Nodes that hang together with an electrode; current reaches no others."""
    piece = connected_components(stiffness, directed=False)[1]
    touched = np.unique(np.concatenate([piece[contact.nodes] for contact in contacts]))
    return np.flatnonzero(np.isin(piece, touched))
