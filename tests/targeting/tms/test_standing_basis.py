"""A field basis counts only while it is of the plan's head and conductivities."""

import pytest

from targeting.study import field_basis_stage as field_basis_stage
from targeting.subject import Stage, Subject


def ran(subject, name, after=(), text="made", **parameters):
    def make(there):
        (there / f"{name}.txt").write_text(text)

    with subject.locked():
        return subject.run(Stage(name, 1, make, lambda folder: None, parameters=parameters, after=after))


@pytest.fixture
def subject(tmp_path, monkeypatch):
    monkeypatch.setattr(field_basis_stage, "load", lambda folder: "the basis")
    return Subject.named("somebody", tmp_path)


def test_none_is_made(subject):
    ran(subject, "dosemap", conductivity_s_per_m={"scalp": 0.4})
    assert field_basis_stage.standing_basis(subject) is None


@pytest.mark.parametrize(
    ("parameters", "stands"),
    [
        ({"conductivity_s_per_m": {"scalp": 0.4}}, True),
        ({"conductivity_s_per_m": {"scalp": 0.5}}, False),
        ({"conductivity_s_per_m": {"scalp": 0.4}, "anisotropy": {"mapping": "vn"}}, False),
    ],
)
def test_of_the_plans_conductivities(subject, parameters, stands):
    head = ran(subject, "mesh")
    ran(subject, field_basis_stage.NAME, [head], sources=9, **parameters)
    ran(subject, "dosemap", [head], conductivity_s_per_m={"scalp": 0.4})
    assert (field_basis_stage.standing_basis(subject) == "the basis") == stands


def test_of_the_plans_head(subject):
    head = ran(subject, "mesh", seed=1)
    ran(subject, field_basis_stage.NAME, [head], conductivity_s_per_m={"scalp": 0.4})
    ran(subject, "dosemap", [ran(subject, "mesh", text="another", seed=2)], conductivity_s_per_m={"scalp": 0.4})
    assert field_basis_stage.standing_basis(subject) is None
