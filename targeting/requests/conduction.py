"""Anisotropy: what a user says of a DTI image, and the conductivity tensors it gives a head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.fem.anisotropy import MAPPINGS, ORDERS, DiffusionImage, ElementTensors, tensor_conductivity

DEFAULT_MAPPING, DEFAULT_ORDER = "vn", "fsl"


@dataclass(frozen=True)
class Anisotropy:
    """White matter that conducts along its fibres, by a diffusion tensor image."""

    dti: Path
    mapping: str = DEFAULT_MAPPING
    order: str = DEFAULT_ORDER

    @classmethod
    def of(
        cls, dti: str | Path | None, mapping: str = DEFAULT_MAPPING, order: str = DEFAULT_ORDER
    ) -> Anisotropy | None:
        """What is asked for, None for isotropic tissues; the image is looked at, so that bad input stops early.

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
                    "--anisotropy and --tensor-order say how to read a tensor image: give it with --dti FILE"
                )
            return None
        DiffusionImage.read(dti, order)
        return cls(Path(dti), mapping, order)

    @classmethod
    def recorded(cls, made_from: Mapping[str, Any]) -> Anisotropy | None:
        """What a stage was made with, by its sidecar (``Subject.made_from``); None for isotropic tissues."""
        words = made_from["parameters"].get("anisotropy")
        return cls.of(made_from["paths"]["dti"], words["mapping"], words["tensor_order"]) if words else None

    @property
    def files(self) -> dict[str, Path]:
        """What a stage that solves with it reads."""
        return {"dti": self.dti}

    @property
    def parameters(self) -> dict[str, Any]:
        """What a stage that solves with it depends on besides."""
        return {"anisotropy": {"mapping": self.mapping, "tensor_order": self.order}}

    def tensors(self, head: HeadMesh, conductivity_s_per_m: dict[str, float]) -> ElementTensors:
        """The conductivity tensors of the head's white matter."""
        return tensor_conductivity(head, DiffusionImage.read(self.dti, self.order), conductivity_s_per_m, self.mapping)

    def words(self, tensors: ElementTensors) -> str:
        """How the white matter was modelled, for the plan."""
        method = {"vn": "volume-normalised", "dir": "direct"}[self.mapping]
        return f"{method} tensors of {self.dti.name}, {tensors.fallback_share:.1%} of it isotropic for want of one"
