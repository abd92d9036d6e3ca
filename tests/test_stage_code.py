"""No stage's code changes without its version being raised, or being said to make the same; and the tool that tells."""

import pytest
from stage_code import TABLE, Code, Row, changed, complaints, read_table, renewed, sources_here, told

# a stage that reaches, two modules on, a number, a class and a table of data
TOY = {
    "targeting/stages/bread.py": """
        \"\"\"Bread.\"\"\"
        from targeting.subject import Stage

        def bread_stage(water: int):
            def make(there):
                from meshes.dough import kneaded
                return kneaded(water)
            return Stage("bread", 3, make, print)
        """,
    "meshes/dough.py": """
        import logging
        from meshes import grain

        log = logging.getLogger(__name__)
        MINUTES = 8
        YEAST = 2.0

        def kneaded(water):
            \"\"\"Knead.\"\"\"
            log.info("kneading")
            if water < 0:
                raise ValueError("no water")
            return [grain.Flour().weight(water)] * MINUTES

        def baked(dough):
            return dough, YEAST
        """,
    "meshes/grain.py": """
        from meshes.milling import named as named_grain

        class Flour:
            def weight(self, water):
                return water * named_grain("rye.toml")
        """,
    "meshes/milling.py": "def named(name):\n    return len(name)\n",
    "meshes/rye.toml": "ash = 997",
    "meshes/oats.toml": "ash = 1",
    "targeting/subject.py": "class Stage:\n    pass\n",
}
STAGE = "targeting.stages.bread:bread_stage"


def toy(path="", old="", new=""):
    import textwrap

    sources = {name: textwrap.dedent(text) for name, text in TOY.items()}
    assert old in sources.get(path, "")
    if path:
        sources[path] = sources[path].replace(old, new, 1)
    return Code({name: text.encode() for name, text in sources.items()})


def table_of(code):
    return renewed(code, {}, "")[0]


@pytest.fixture(scope="module")
def code():
    return Code(sources_here())


@pytest.mark.slow
def test_the_version_of_every_stage_is_raised_with_its_code(code):
    found = told(code, read_table(TABLE.read_text("utf-8")))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.slow
def test_the_project_is_reached_through_names_annotations_and_what_is_handed_on(code):
    assert {each.split(".")[-1] for each in code.stages} >= {
        "head_stages:mesh_stage",
        "tms:files_stage",
        "tms_stages:search_stage",
    }
    mesh = code.reached("targeting.study.head_stages:mesh_stage")
    assert {"meshes.tetrahedralise: tetrahedralise", "meshes.head: HeadMesh"} <= mesh.keys()
    assert not {each for each in mesh if each.startswith(("targeting.tms", "targeting.report"))}
    assert "targeting.engines.simnibs_child: <body>" in code.reached("targeting.planning.tms_stages:confirm_stage")
    files = code.reached("targeting.planning.tms:files_stage")
    assert {"atlases.scalp_tape: tape_measure", "data: targeting/report/page.css"} <= files.keys()


@pytest.mark.parametrize(
    ("path", "old", "new", "place"),
    [
        ("meshes/dough.py", "MINUTES = 8", "MINUTES = 9", "meshes.dough: MINUTES"),
        ("meshes/dough.py", "* MINUTES", "* (MINUTES + 1)", "meshes.dough: kneaded"),
        ("meshes/dough.py", "water < 0", "water < 1", "meshes.dough: kneaded"),
        ("meshes/grain.py", "water *", "water +", "meshes.grain: Flour"),
        ("meshes/milling.py", "len(name)", "len(name) + 1", "meshes.milling: named"),
        ("meshes/rye.toml", "997", "815", "data: meshes/rye.toml"),
        ("targeting/stages/bread.py", "kneaded(water)", "kneaded(2 * water)", "targeting.stages.bread: bread_stage"),
    ],
)
def test_a_change_that_counts_is_named_with_both_ways_out(path, old, new, place):
    before, after = toy(), toy(path, old, new)
    (said,) = complaints(after, table_of(before), before)
    assert changed(after, before, STAGE) == [place]
    assert f"{STAGE} is still version 3" in said and place in said
    assert "raise its version" in said and "--same-results" in said


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("meshes/dough.py", "MINUTES = 8", "MINUTES = 8  # long"),
        ("meshes/dough.py", "Knead.", "Knead for long."),
        ("meshes/dough.py", 'log.info("kneading")', 'log.info("kneading for %d", MINUTES)'),
        ("meshes/dough.py", "no water", "dough needs water"),
        ("meshes/dough.py", "YEAST = 2.0", "YEAST = 3.0"),
        ("meshes/dough.py", "return dough, YEAST", "return YEAST"),
        ("meshes/oats.toml", "1", "2"),
        ("targeting/subject.py", "pass", "x = 1"),
    ],
)
def test_words_and_what_is_not_reached_do_not_count(path, old, new):
    assert complaints(toy(path, old, new), table_of(toy()), None) == []


def test_a_raised_version_is_renewed_and_a_forgotten_one_is_not():
    before = table_of(toy())
    forgotten = toy("meshes/dough.py", "MINUTES = 8", "MINUTES = 9")
    assert renewed(forgotten, before, "") == (before, [STAGE])
    raised = toy("targeting/stages/bread.py", '"bread", 3', '"bread", 4')
    assert "is version 4 now" in complaints(raised, before, None)[0]
    table, refused = renewed(raised, before, "")
    assert (refused, table[STAGE].version) == ([], "4")
    assert complaints(raised, table, None) == []
    assert renewed(toy(), table, "")[1] == [STAGE]  # back to 3: results of 4 would stand


def test_the_same_results_are_said_with_a_reason():
    other = toy("meshes/dough.py", "* MINUTES", "* (MINUTES + 0)")
    table, refused = renewed(other, table_of(toy()), "adding\nnothing")
    assert (refused, table[STAGE]) == ([], Row("3", other.digest(STAGE), "adding nothing"))
    assert renewed(other, table_of(toy()), "adding nothing", only="cake")[1] == [STAGE]
    line = f"{STAGE} 3 {other.digest(STAGE)} # adding nothing"
    assert read_table(f"# a table\n{line}\n") == table


def test_new_and_gone_stages_are_told():
    new = toy()
    assert "is a new stage" in complaints(new, {}, None)[0]
    assert "is gone" in complaints(new, {**table_of(new), "a:b": Row("1", "0")}, None)[0]
