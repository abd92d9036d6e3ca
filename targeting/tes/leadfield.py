r"""Leadfields: the field of 1 A from every electrode of a cap to one return; the field of any montage is a sum of these.

Every electrode hands over its current evenly over its area, by itself, so that fields add up whatever else sits on the
head: electrodes without current draw none sideways, as real ones do a little.  (:func:`~targeting.tes.field.simulate_tes`
has the complete electrode model for the montage that is chosen in the end.)  With the loads b_i = ∫ N / area of the
electrodes, one factorisation serves all

    K φ_i = b_i − b_reference,    E_i = −∇φ_i

and ∇φ is recovered as everywhere else (:mod:`targeting.fem.recovery`), for grey matter alone: patches keep to one tissue,
so that nothing but their own tetrahedra are needed for the very same numbers.

The file is HDF5, one chunk holding one electrode's field at ``CHUNK`` points, so that a montage reads its electrodes only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp
from meshes.brief import brief
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from meshes.whole_files import written_whole
from targeting.fem.conductor import HeadConductor
from targeting.fem.recovery import PatchRecovery
from targeting.tes.contact import lay_on
from targeting.tes.electrodes import BALANCE, Electrode, check_names

log = logging.getLogger(__name__)

SOLVED, RECOVERED = 64, 16  # electrodes at a time: bounds the memory
CHUNK = 65536
FORMAT = "target-leadfield-1"


@dataclass(frozen=True, eq=False)
class Leadfield:
    """The fields of a cap's electrodes at K points, each for 1 A in through it and out through the reference.

    Parameters
    ----------
    names : tuple of str
        Of the n electrodes.
    scalp_mm : (n, 3) float64
        Where they sit, RAS mm.
    reference : str
        The return: one of the names, whose own field is zero.
    e_v_per_m_per_a : (n, K, 3) float32
        RAS components.
    points_mm : (K, 3) float64
        The centroids of the tetrahedra.
    volume_mm3 : (K,) float64
        Their volumes: the points' weights.
    tets : (K,) int64
        Their numbers in the head mesh.

    Raises
    ------
    InputError
        If the shapes do not fit, a name comes twice, or the reference is none of them.

    Examples
    --------
    >>> import numpy as np
    >>> e = np.zeros((2, 1, 3))
    >>> e[0, 0] = [30.0, 0, 0]
    >>> two = Leadfield(("C3", "Cz"), np.zeros((2, 3)), "Cz", e, np.zeros((1, 3)), np.ones(1), np.zeros(1))
    >>> two.field([0.002, -0.002]).round(3).tolist()
    [[0.06, 0.0, 0.0]]
    """

    names: tuple[str, ...]
    scalp_mm: NDArray[np.float64]
    reference: str
    e_v_per_m_per_a: NDArray[np.float32]
    points_mm: NDArray[np.float64]
    volume_mm3: NDArray[np.float64]
    tets: NDArray[np.int64]

    __repr__ = brief()

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.names)
        object.__setattr__(self, "names", names)
        one_of(self.reference, names, "reference electrode")
        if len(set(names)) < len(names):
            raise InputError("two electrodes of the leadfield have the same name")
        points = len(self.points_mm)
        wanted = {
            "scalp_mm": ((len(names), 3), np.float64),
            "e_v_per_m_per_a": ((len(names), points, 3), np.float32),
            "points_mm": ((points, 3), np.float64),
            "volume_mm3": ((points,), np.float64),
            "tets": ((points,), np.int64),
        }
        for name, (shape, kind) in wanted.items():
            value = np.asarray(getattr(self, name), dtype=kind)
            if value.shape != shape:
                raise InputError(f"a leadfield's {name} must have shape {shape}, not {value.shape}")
            object.__setattr__(self, name, value)

    def field(self, currents_a: ArrayLike) -> NDArray[np.float64]:
        """E at the points for the currents (n,) through the electrodes, (K, 3) V/m.

        Raises
        ------
        InputError
            If there is not one finite current for every electrode, or they do not sum to zero.
        """
        currents = np.asarray(currents_a, dtype=np.float64)
        if currents.shape != (len(self.names),) or not np.isfinite(currents).all():
            raise InputError(f"give {len(self.names)} finite currents in A, one for every electrode of the leadfield")
        if abs(currents.sum()) > BALANCE * max(np.abs(currents).max(), 1e-30):
            raise InputError(f"the currents must sum to zero; they sum to {1e3 * currents.sum():g} mA")
        e = np.zeros((len(self.points_mm), 3))
        for i in np.flatnonzero(currents):
            e += currents[i] * self.e_v_per_m_per_a[i]
        return e

    def currents(self, amperes: Mapping[str, float]) -> NDArray[np.float64]:
        """Currents (n,) of all electrodes from those of a few, A by name, the others being zero.

        Raises
        ------
        InputError
            If there is no electrode of a name; near ones are told.
        """
        out = np.zeros(len(self.names))
        for name, value in amperes.items():
            out[self.names.index(one_of(name, self.names, "electrode"))] = value
        return out

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.electrodes import leadfield_card

        return leadfield_card(self)

    def only(self, names: Sequence[str]) -> Leadfield:
        """The leadfield of some of the electrodes, in that order, the first taking the reference's place if it is not there."""
        chosen = [self.names.index(one_of(name, self.names, "electrode")) for name in names]
        e = self.e_v_per_m_per_a[chosen]
        reference = self.reference
        if reference not in names:
            reference = names[0]
            e = e - e[:1]
        return Leadfield(tuple(names), self.scalp_mm[chosen], reference, e, self.points_mm, self.volume_mm3, self.tets)

    def save(self, path: str | Path) -> None:
        """Write HDF5; the file appears only when it is whole.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        import h5py

        with written_whole(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            file.attrs["reference"] = self.reference
            file.attrs["frame"] = "RAS mm of the subject's T1"
            file["names"] = np.array(self.names, dtype=h5py.string_dtype())
            for name in ("scalp_mm", "points_mm", "volume_mm3", "tets"):
                file[name] = getattr(self, name)
            chunks = (1, max(1, min(CHUNK, len(self.points_mm))), 3)
            file.create_dataset("e_v_per_m_per_a", data=self.e_v_per_m_per_a, chunks=chunks)

    @classmethod
    def load(cls, path: str | Path) -> Leadfield:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing, damaged, or no leadfield of this program.
        """
        import h5py

        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise InputError(f"{path} is no leadfield of this version of target; make it again")
                arrays = {name: file[name][()] for name in ("scalp_mm", "points_mm", "volume_mm3", "tets")}
                names = tuple(file["names"].asstr()[()])
                e = file["e_v_per_m_per_a"][()]
                return cls(names, reference=str(file.attrs["reference"]), e_v_per_m_per_a=e, **arrays)
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"cannot read the leadfield {path}: it is missing or damaged; make it again") from error


def make_leadfield(
    conductor: HeadConductor, electrodes: Sequence[Electrode], reference: str, tissue: int = Tissue.GM
) -> Leadfield:
    """The fields of all electrodes against one of them, in one tissue.

    Parameters
    ----------
    conductor : HeadConductor
        Best made for as many ``right_hand_sides`` as there are electrodes: it then factorises.
    electrodes : sequence of Electrode
        Those of a cap; they may overlap, as they need not be used together.
    reference : str
        The return: the name of one of them.
    tissue : int
        Code of the tissue whose tetrahedra are the points; grey matter.

    Raises
    ------
    InputError
        If an electrode does not rest on the scalp, the reference is none of them, or the mesh has no such tissue.
    """
    names = tuple(each.name for each in electrodes)
    check_names(electrodes, "the leadfield")
    one_of(reference, names, "reference electrode")
    head, scalp = conductor.head, Scalp.of(conductor.head)
    tets = np.flatnonzero(head.tissue == tissue)
    if not len(tets):
        raise InputError(f"the mesh has no tissue {tissue}; its codes are {np.unique(head.tissue).tolist()}")
    contacts = [lay_on(scalp, electrode) for electrode in electrodes]
    back = names.index(reference)

    patches = PatchRecovery.of(
        head.points_mm, head.tets[tets], head.tissue[tets], conductor.gradients_per_m[tets], _anisotropic(conductor)
    )
    e = np.empty((len(names), len(tets), 3), np.float32)
    for first in range(0, len(names), SOLVED):
        last = min(first + SOLVED, len(names))
        loads = np.zeros((len(head.points_mm), last - first))
        for column, contact in enumerate(contacts[first:last]):
            for each, sign in ((contact, -1), (contacts[back], 1)):  # the load of −φ: E is minus its gradient
                loads[each.nodes, column] += sign * each.load_m2 / each.load_m2.sum()
        minus_phi = conductor.potential(loads)
        for start in range(first, last, RECOVERED):
            end = min(start + RECOVERED, last)
            patches.gradient_into(e[start:end], minus_phi[:, start - first : end - first])
        log.info("leadfield: %d of %d electrodes", last, len(names))
    scalp_mm = np.stack([contact.center_mm for contact in contacts])
    return Leadfield(names, scalp_mm, reference, e, head.centroids_mm[tets], head.volumes_mm3[tets], tets)


def _anisotropic(conductor: HeadConductor) -> list[int]:
    """Tissues whose conductivity is not one number: the recovery's own rule must be the same everywhere."""
    if conductor.tensors is None:
        return []
    return [int(code) for code in np.unique(conductor.head.tissue[conductor.tensors.tets])]
