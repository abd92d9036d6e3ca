"""TMS coils: files, built-in coils, the fields they make, the room they take."""

from targeting.coils.builtin import CoilRow, coil_names, coil_rows
from targeting.coils.coil import Casing, Coil
from targeting.coils.equivalent import equivalent_dipoles, searchable
from targeting.coils.fields import magnetic_field, transformed, vector_potential
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

__all__ = [
    "Casing",
    "Coil",
    "CoilRow",
    "CurrentElements",
    "MagneticDipoles",
    "PotentialGrid",
    "Source",
    "coil_names",
    "coil_rows",
    "equivalent_dipoles",
    "magnetic_field",
    "searchable",
    "transformed",
    "vector_potential",
]
