r"""The complete electrode model: electrodes at one potential each, on a contact that resists.

Under electrode l the current density into the head is j = (U_l − φ)/z_l, with U_l its potential and z_l its impedance
(Somersalo, Cheney & Isaacson 1992, SIAM J. Appl. Math. 52:1023); elsewhere on the scalp no current crosses.  With M_l the
contact's ∫ N_i N_j and m_l its ∫ N_i,

    (K + Σ_l M_l/z_l) φ = Σ_l U_l m_l/z_l,        I_l = (|A_l| U_l − m_l·φ)/z_l.

The matrix A on the left has the pattern of K and needs no grounding.  One solve A y_l = m_l/z_l an electrode gives
φ = Σ_l U_l y_l for any potentials (Σ_l y_l = 1, so the last needs none) and with it the electrodes' conductances
I = S U: symmetric, its rows summing to zero.  S U = I is then solved for the potentials that drive the currents wanted.
Electrodes without current are there, too: they short the scalp under them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from targeting.fem.conductor import HeadConductor
from targeting.tes.contact import Contact


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
