"""How a head conducts: the tissues' conductivities and, where a DTI image is given, the directions of white matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.images import open_nifti
from meshes.world import Frame, frame_needed
from targeting.fem.anisotropy import MAPPINGS, ORDERS, DiffusionImage, ElementTensors, tensor_conductivity
from targeting.fem.conductivity import conductivities
from targeting.fem.conductor import HeadConductor
from targeting.study.request import DEFAULT_MAPPING, DEFAULT_ORDER


@dataclass(frozen=True)
class Anisotropy:
    """White matter that conducts along its fibres, by a diffusion tensor image."""

    dti: Path
    mapping: str = DEFAULT_MAPPING
    order: str = DEFAULT_ORDER
    frame: Frame | None = None  # of an image whose header has two that disagree

    @classmethod
    def of(
        cls,
        dti: str | Path | None,
        mapping: str = DEFAULT_MAPPING,
        order: str = DEFAULT_ORDER,
        frame: Frame | None = None,
    ) -> Anisotropy | None:
        """White matter's anisotropy as a user asks for it; the image is read here, so that bad input stops early.

        Parameters
        ----------
        dti : path or None
            NIfTI file of diffusion tensors; None: the tissues are isotropic.
        mapping : str
            How conductivity follows diffusion, one of :data:`targeting.fem.anisotropy.MAPPINGS`.
        order : str
            Of the six tensor components in the file, one of :data:`targeting.fem.anisotropy.ORDERS`.
        frame : {"sform", "qform"}, optional
            Which entry of the header counts, where the two disagree.

        Returns
        -------
        Anisotropy or None
            None without ``dti``.

        Raises
        ------
        InputError
            For unknown words, a file that holds no tensors, or a mapping without a file.
        """
        one_of(mapping, MAPPINGS, "anisotropy")
        one_of(order, ORDERS, "tensor order")
        if dti is None:
            if (mapping, order) != (DEFAULT_MAPPING, DEFAULT_ORDER):
                raise InputError(
                    "`dti_mapping` and `tensor_order` say how to read a tensor image: give it with `dti=FILE`"
                )
            return None
        frame = frame_needed(open_nifti(dti), frame)
        DiffusionImage.read(dti, order, frame)
        return cls(Path(dti), mapping, order, frame)

    def tensors(self, head: HeadMesh, conductivity_s_per_m: dict[str, float]) -> ElementTensors:
        """The conductivity tensors of the head's white matter."""
        diffusion = DiffusionImage.read(self.dti, self.order, self.frame)
        return tensor_conductivity(head, diffusion, conductivity_s_per_m, self.mapping)

    def words(self, tensors: ElementTensors) -> str:
        """How the white matter was modelled, for the plan."""
        method = {"vn": "volume-normalised", "dir": "direct"}[self.mapping]
        return f"{method} tensors of {self.dti.name}, {tensors.fallback_share:.1%} of it isotropic for want of one"


@dataclass(frozen=True)
class Conduction:
    """The conductivity of every tissue, S/m by name, and white matter's anisotropy if there is any."""

    conductivity_s_per_m: dict[str, float]
    anisotropy: Anisotropy | None = None

    @classmethod
    def of(
        cls,
        overrides_s_per_m: Mapping[str, float] | None = None,
        dti: str | Path | None = None,
        mapping: str = DEFAULT_MAPPING,
        order: str = DEFAULT_ORDER,
        frame: Frame | None = None,
    ) -> Conduction:
        """A head's conduction as a user asks for it: the table with some values replaced, and :class:`Anisotropy`.

        Parameters
        ----------
        overrides_s_per_m : mapping of str to float, optional
            Conductivity by tissue name, S/m, instead of the table's.
        dti, mapping, order, frame
            As for :meth:`Anisotropy.of`.

        Raises
        ------
        InputError
            For an unknown tissue or an impossible value, and as :meth:`Anisotropy.of`.
        """
        return cls(conductivities(overrides_s_per_m), Anisotropy.of(dti, mapping, order, frame))

    @classmethod
    def recorded(cls, made_from: Mapping[str, Any]) -> Conduction:
        """The conduction that a stage was made with, by its record (``Subject.made_from``)."""
        said = made_from["parameters"]
        words = said.get("anisotropy")
        anisotropy = None
        if words:
            dti = made_from["paths"]["dti"]
            anisotropy = Anisotropy.of(dti, words["mapping"], words["tensor_order"], words.get("frame"))
        return cls(said["conductivity_s_per_m"], anisotropy)

    @property
    def files(self) -> dict[str, Path]:
        """What a stage that solves with it reads."""
        return {"dti": self.anisotropy.dti} if self.anisotropy else {}

    @property
    def parameters(self) -> dict[str, Any]:
        """What a stage that solves with it depends on."""
        said: dict[str, Any] = {"conductivity_s_per_m": dict(self.conductivity_s_per_m)}
        if self.anisotropy:
            words = {"mapping": self.anisotropy.mapping, "tensor_order": self.anisotropy.order}
            said["anisotropy"] = {**words, **({"frame": self.anisotropy.frame} if self.anisotropy.frame else {})}
        return said

    def tensors(self, head: HeadMesh) -> ElementTensors | None:
        """The conductivity tensors of the head's white matter; None where it conducts alike in all directions."""
        return self.anisotropy.tensors(head, self.conductivity_s_per_m) if self.anisotropy else None

    def words(self, tensors: ElementTensors | None) -> str | None:
        """How the white matter was modelled, for the plan; None where all tissues conduct alike in all directions."""
        return self.anisotropy.words(tensors) if self.anisotropy and tensors else None

    def conductor(self, head: HeadMesh, right_hand_sides: int = 1) -> HeadConductor:
        """The head that conducts so, set up for about so many solves."""
        return HeadConductor(head, self.conductivity_s_per_m, self.tensors(head), right_hand_sides=right_hand_sides)
