"""Options declared once: checks, the command line, the command that makes a plan again and the tables follow from them."""

import dataclasses
import inspect
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from cli.commands import app, every_flag
from cli.options import parameter_of, values_of
from meshes.errors import InputError
from targeting import HeadOptions, TesRequest, TmsRequest, plan, plan_tes, plan_tms
from targeting.interference.request import InterferenceRequest
from targeting.study.command_line import command_line
from targeting.study.head_source import HeadSource
from targeting.study.options import Kind, Limits, Options, as_flags, flags_of, given_options, like, option, option_rows
from targeting.study.options import options_of as options
from targeting.study.request import PlanOptions

TARGET = get_command(app)
REQUESTS = (HeadOptions, PlanOptions, TmsRequest, TesRequest, InterferenceRequest)


@pytest.mark.parametrize("request_", REQUESTS)
def test_every_field_is_declared_and_its_default_passes(request_):
    assert set(options(request_)) == {each.name for each in dataclasses.fields(request_)}
    for name, declared in options(request_).items():
        assert declared.flag.startswith("--") and declared.help.endswith((".", ").")), name
        assert declared.default == getattr(request_(), name)
    assert {row.name for row in option_rows(request_)} == set(options(request_))
    request_().checked()


@pytest.mark.parametrize("request_", [TmsRequest, TesRequest])
def test_flags_are_one_to_one_and_the_command_has_them_all(request_):
    flags = [declared.flag for declared in options(request_).values()]
    assert len(set(flags)) == len(flags)
    command = TARGET.commands["plan"]
    taken = {each.name: each.opts[0] for each in command.params}
    assert {parameter_of(each): each.flag for each in options(request_).values()}.items() <= taken.items()


def test_a_new_field_is_all_that_a_new_option_takes():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class More(TmsRequest):
        margin_mm: float = option(Kind.NUMBER, 1.0, "Spare.", unit="mm", limits=Limits(0, 5), after="hair_mm")

    names = list(options(More))
    assert names[names.index("hair_mm") + 1] == "margin_mm" and options(More)["margin_mm"].flag == "--margin-mm"
    assert "margin_mm" not in options(TmsRequest)
    with pytest.raises(InputError, match="`margin_mm` takes a number from 0 to 5, not 6"):
        More(margin_mm=6).checked()
    line = command_line(More(margin_mm=2.5), "s1", HeadSource("t1", {}))
    assert line == "target plan s1 --margin-mm 2.5"
    assert values_of(More, {"margin_mm": 2.0}) == {"margin_mm": 2.0}
    assert option_rows(More)[names.index("margin_mm")].unit == "mm"


def test_fields_that_are_declared_again_move():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class First(Options):
        one: str = option(Kind.TEXT, "", "One.")
        two: str = option(Kind.TEXT, "", "Two.")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Second(First):
        three: str = option(Kind.TEXT, "", "Three.", after="one")
        four: str = option(Kind.TEXT, "", "Four.")
        one: str = like(First, "one", help="Last.")

    assert list(options(First)) == ["one", "two"]
    assert list(options(Second)) == ["three", "four", "one", "two"]
    assert options(Second)["one"].help == "Last."


def test_a_request_its_fields_or_both():
    asked = TmsRequest(aim="psi", hair_mm=6)
    assert TmsRequest.of() == TmsRequest()
    assert TmsRequest.of(asked) is not None and TmsRequest.of(asked, hair_mm=2).hair_mm == 2
    assert TmsRequest.of(asked, hair_mm=2).aim == "psi" and asked.hair_mm == 6
    with pytest.raises(InputError, match="unknown option 'hair', did you mean 'hair_mm'"):
        TmsRequest.of(hair=3)
    with pytest.raises(InputError, match="unknown option 'coil'"):
        TesRequest.of(coil="figure8-70mm")
    with pytest.raises(InputError, match="a request is a TesRequest here, not a TmsRequest"):
        TesRequest.of(asked)
    with pytest.raises(dataclasses.FrozenInstanceError):
        asked.hair_mm = 3


def test_the_plans_take_a_request_and_its_fields(tmp_path):
    assert plan is plan_tms
    for function, request_ in ((plan_tms, TmsRequest), (plan_tes, TesRequest)):
        names = list(inspect.signature(function).parameters)
        assert names == ["subject", "request", "out", "progress", *options(request_)]
        assert "Other Parameters" in function.__doc__ and "density : str" in function.__doc__
        with pytest.raises(InputError, match="unknown option 'sid', did you mean 'side'"):
            function("colin27", sid="left", out=tmp_path / "s")
    wrong = TesRequest(kind="hd-tdcs", max_electrodes=1)
    with pytest.raises(InputError, match="`max_electrodes` takes a number from 2 to 64, not 1"):
        plan_tes("colin27", wrong, aim="m1-hand", out=tmp_path / "s")
    with pytest.raises(InputError, match="unknown target 'm1-hnd'"):
        plan_tes("colin27", replaced := dataclasses.replace(wrong, max_electrodes=4), aim="m1-hnd", side="left")
    assert replaced.aim == "m1-hand"
    assert list(tmp_path.iterdir()) == []


def test_files_may_be_words_and_lists_become_tuples():
    asked = TmsRequest(t1="a/T1.nii.gz", compare=["one", Path("two.ccd")])
    assert asked.t1 == Path("a/T1.nii.gz") and asked.compare == ("one", Path("two.ccd"))
    assert given_options(asked) == {"t1": asked.t1, "compare": asked.compare}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (TmsRequest(hair_mm=80), "hair (casing to scalp) must be between 0 and 50 mm, not 80"),
        (TmsRequest(hair_mm=float("nan")), "hair (casing to scalp) must be between 0 and 50 mm, not nan"),
        (TmsRequest(radius_mm=0), "a target radius must be between 0 and 100 mm, not 0"),
        (TmsRequest(radius_mm=100), "a target radius must be between 0 and 100 mm, not 100"),
        (TmsRequest(avoid=["psi"], avoid_cap=101), "above 0 and at most 100, not 101"),
        (TmsRequest(density="fats"), "unknown density 'fats', did you mean 'fast'? valid: standard, fast"),
        (TesRequest(kind="tacs"), "unknown modality of `kind` 'tacs', did you mean 'tdcs'? valid: tdcs, hd-tdcs"),
        (TesRequest(minutes=0), "`minutes` takes a number above 0, at most 240; not 0"),
        (InterferenceRequest(keep=0), "`keep` takes a number above 0, at most 200; not 0"),
    ],
)
def test_values_outside_their_limits_are_refused(asked, says):
    with pytest.raises(InputError) as caught:
        asked.checked()
    assert says in str(caught.value)


points = st.tuples(*[st.floats(-200, 200).map(lambda x: round(x, 3))] * 3)
words = st.text(st.characters(codec="ascii", exclude_characters="\0", min_codepoint=33), min_size=1).filter(
    lambda text: not text.startswith("-") and ":" not in text and "/" not in text
)
VALUES = {
    Kind.TEXT: words,
    Kind.NUMBER: st.floats(0.1, 0.9).map(lambda x: round(x, 4)),
    Kind.WHOLE: st.integers(2, 60),
    Kind.SWITCH: st.booleans(),
    Kind.FILE: words.map(Path),
    Kind.TEXTS: st.lists(words, max_size=3).map(tuple),
    Kind.POINT: points,
    Kind.POINT_OR_FILE: points | st.just(Path("mapping.json")),
    Kind.DIRECTION: st.just("normal") | points,
    Kind.BY_NAME: st.dictionaries(
        st.sampled_from(["skull", "csf"]), st.floats(0.01, 2).map(lambda x: round(x, 4)), min_size=1
    ),
}


@pytest.mark.parametrize("request_", [TmsRequest, TesRequest])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_the_command_that_makes_a_plan_again_is_read_as_the_same_request(request_, data):
    """Written by the declarations and parsed by the command line that is made from them."""
    said = {name: each for name, each in options(request_).items() if each.in_command and name != "kind"}
    names = data.draw(st.lists(st.sampled_from(sorted(said)), unique=True, max_size=5))
    asked = request_(**{name: data.draw(VALUES[said[name].kind], name) for name in names})
    line = shlex.split(command_line(asked, "s1", HeadSource("t1", {})))
    command = TARGET.commands["plan"]
    with command.make_context("plan", line[2:]) as context:
        read = values_of(request_, context.params)
    assert request_(**{**read, **({} if request_ is TmsRequest else {"kind": asked.kind})}) == asked


def test_a_terminal_has_flags_where_python_has_names():
    flags = every_flag(TARGET)
    for said, heard in {
        "give `t1=FILE`": "give --t1 FILE",
        "`TesRequest.objective=ring`": "--tes-objective ring",
        "`objective=depth`": "--objective depth",
        "leave out `conductivity_s_per_m`": "leave out --conductivity",
        "`dti_mapping`, `hotspot_mm`, `out`": "--anisotropy, --hotspot, --out",
        "`kind=hd-tdcs`": "--with hd-tdcs",
        "`uncertainty=True`": "--uncertainty",
        "a `HeadMesh` and `target mesh --check` stay": "a `HeadMesh` and `target mesh --check` stay",
    }.items():
        assert as_flags(said, flags) == heard
    assert flags_of(TesRequest)["objective"] == "--tes-objective"
