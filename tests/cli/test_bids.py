"""``target bids`` as a BIDS app: its command line to the letter, what is asked of each person, and how it ends."""

import json

import pytest
from cohort_data import write_dataset

from cli.main import run
from targeting.cohort import person as steps
from targeting.cohort.person import DANGER, DONE, Outcome
from targeting.made import FIXED
from targeting.threads import VARIABLES

ROWS = [("participant_id", "pain_side", "threshold"), ("sub-01", "right", "55"), ("sub-02", "L", "n/a")]


@pytest.fixture
def app(monkeypatch, tmp_path, capsys):
    """Runs the command line on two people whose steps only note what they were asked; returns its code, answer and notes."""
    dataset, asked = write_dataset(tmp_path / "data", rows=ROWS), {}

    def step(name):
        def work(person, folders, before):
            asked[person.name] = person
            return Outcome(person.name, name, DANGER if person.name in dangers else DONE, "noted", ("plan",))

        return work

    dangers = set()
    monkeypatch.setattr(steps, "STEPS", {name: step(name) for name in steps.STEPS})
    for each in (*VARIABLES, FIXED):
        monkeypatch.setenv(each, "1")

    def call(*words, level="participant"):
        asked.clear()
        given = [str(dataset), str(tmp_path / "out"), level, *words, "--workers", "in-turn", "--skip_bids_validator"]
        code = run(["bids", *given, "--json", "--quiet"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.startswith(("[", "{")) else err, dict(asked)

    call.dangers = dangers
    return call


def test_everybody_is_planned_for_with_columns_of_participants(app):
    code, answer, asked = app("--pain-side-column", "pain_side", "--rmt-column", "threshold", "--density", "fast")
    assert code == 0 and [each["name"] for each in answer] == ["sub-01", "sub-02"]
    first, second = asked["sub-01"], asked["sub-02"]
    assert (first.plans[0].pain_side, second.plans[0].pain_side) == ("right", "left")
    assert (first.plans[0].rmt_percent, second.plans[0].rmt_percent) == (55.0, None)
    assert first.head.density == "fast" and first.head.t1.name == "sub-01_T1w.nii.gz"
    assert first.plans[0].t1 is None  # the plan takes the head there is


@pytest.mark.parametrize(
    "words",
    [
        ["--participant-label", "02"],
        ["--participant_label", "sub-02"],
        ["--participant-label", "02", "02", "--side", "left"],
        ["--participant-label", "02", "--n_cpus", "4", "--mem_mb", "9000", "-w", "elsewhere"],
    ],
)
def test_labels_as_bids_apps_take_them(app, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, answer, _ = app(*words)
    assert code == 0 and [each["name"] for each in answer] == ["sub-02"]


def test_the_exit_code_is_the_worst(app, tmp_path):
    app.dangers.add("sub-02")
    assert app()[0] == 3
    (tmp_path / "data/sub-01/anat/sub-01_T1w.nii.gz").unlink()
    code, answer, _ = app()
    assert code == 2 and "no T1w image" in answer[0]["words"] and answer[1]["state"] == "danger"


def test_a_table_gives_files_and_options(app, tmp_path):
    table = tmp_path / "people.tsv"
    table.write_text("participant_id\tlabels\tcoil\taim\nsub-01\tone.nii.gz\tdouble-cone-110mm\tm1-leg\n")
    _, _, asked = app("--table", str(table), "--side", "left")
    one, other = asked["sub-01"], asked["sub-02"]
    assert one.head.labels == tmp_path / "one.nii.gz" and one.head.t1 is None
    assert (one.plans[0].coil, one.plans[0].aim) == ("double-cone-110mm", "m1-leg")
    assert (other.plans[0].coil, other.plans[0].aim) == ("figure8-70mm", "m1-hand")


def test_several_kinds_of_plans(app):
    _, _, asked = app("--with", "tms,tdcs", "--side", "left")
    assert [type(each).__name__ for each in asked["sub-01"].plans] == ["TmsRequest", "TesRequest"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["03"], "unexpected '03': people are named after --participant-label"),
        (["--participant-label", "03"], "has no sub-03; it has 01, 02"),
        (["--pain-side-column", "side"], "unknown column of participants.tsv 'side'"),
        (["--rmt-column", "pain_side"], "sub-01: --rmt: it takes a number, not 'right'"),
        (["--coil-column", "threshold", "--with", "tdcs"], "sub-01: the table's coil has no use with --with tdcs"),
        (["--coil", "circular-mc125", "--with", "tdcs"], "--coil has no use with --with tdcs"),
        (["--density", "fine"], "unknown density 'fine'"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_made(app, words, line, tmp_path):
    code, said, asked = app(*words)
    assert code == 2 and line in said and len(said.strip().splitlines()) == 1
    assert not asked and not (tmp_path / "out" / "sub-01").exists()


def test_the_dataset_is_checked_by_the_validator(tmp_path, capsys):
    dataset = write_dataset(tmp_path / "data")
    (dataset / "sub-01" / "anat" / "notes.docx").write_text("not BIDS")
    assert run(["bids", str(dataset), str(tmp_path / "out"), "participant", "--workers", "in-turn", "-q"]) == 2
    said = capsys.readouterr().err
    assert (
        "is no valid BIDS dataset: sub-01/anat/notes.docx (NOT_INCLUDED)" in said and "--skip-bids-validation" in said
    )


def test_the_version_alone(capsys):
    assert run(["bids", "--version"]) == 0
    assert capsys.readouterr().out.startswith("target ")


@pytest.mark.parametrize(
    ("words", "array", "memory"),
    [
        ([], "--array=1-2%2", "--mem=6500M"),  # everybody at a time: this machine's cores do not count
        (["--mem_mb", "7000"], "--array=1-2%1", "--mem=7000M"),
        (["--n_cpus", "2", "--threads", "1", "--mem_mb", "20000"], "--array=1-2%2", "--mem=10000M"),
    ],
)
def test_a_job_array_is_for_the_cluster_and_not_for_this_machine(app, tmp_path, words, array, memory):
    jobs = tmp_path / "jobs"
    code, written, asked = app("--side", "left", "--write-slurm", str(jobs), *words)
    assert code == 0 and not asked and written[0] == str(jobs / "target-array.sh")  # on stdout, as a script reads it
    script = (jobs / "target-array.sh").read_text()
    assert f"#SBATCH {array}\n" in script and f"#SBATCH {memory}\n" in script and "--side left" in script
