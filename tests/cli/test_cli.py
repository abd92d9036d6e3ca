"""The command line: help, answers for scripts, and one line for each kind of bad input."""

import json
import subprocess
import sys

import numpy as np
import pytest
from documented import ROOT

from cli.main import run

GROUPS = ["atlas", "coils", "montages", "protocols", "stimulators"]
LISTS = [f"{group} list" for group in GROUPS]
COMMANDS = [
    "plan",
    "head",
    "plans",
    "app",
    "segment",
    "mesh",
    "status",
    "export",
    "import",
    "serve",
    "view",
    "map",
    "review",
]
COMMANDS += ["log", "verify", "basis", "doctor", "setup", *GROUPS, *LISTS]
COMMANDS += ["montages equal-dose", "montages interference", "protocols show"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def complaint(capfd, *arguments):
    """The one line a bad command line gives; checks that it is one, with exit code 2 and nothing on stdout."""
    assert run(list(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("target: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_examples(capfd, command):
    assert run([*command.split(), "--help"]) == 0
    out = capfd.readouterr().out
    assert "Usage: target" in out
    if command not in GROUPS:
        assert "target" in out.split("Example")[1]


def panels(text):
    """The lines of each panel of a help, by its title."""
    found, title = {}, ""
    for line in text.splitlines():
        if line.startswith("╭─"):
            title = line.strip("╭─╮ ")
            found[title] = []
        elif line.startswith("│"):
            found[title].append(line.strip("│ "))
    return found


def test_the_short_help_of_plan_has_ten_options_and_says_where_the_others_are(capfd):
    assert run(["plan", "--help"]) == 0
    text = capfd.readouterr().out
    lines = panels(text)["Options"]
    assert sum(line.startswith("--") for line in lines) == 10
    assert any(line.startswith("--aim") for line in lines) and not any(line.startswith("--tilt") for line in lines)
    assert lines[-1].endswith("more: target plan --help-all")
    assert "bool" not in text and len(text.splitlines()) < 50
    examples = [line for line in text.split("Examples")[1].splitlines() if line.strip()]
    assert len(examples) >= 10 and all(line.startswith("   target ") for line in examples)


def test_the_whole_help_of_plan_has_every_option_in_its_panel(capfd):
    from targeting.study.options import PANELS, options_of
    from targeting.study.tes_request import TesRequest
    from targeting.study.tms_request import TmsRequest

    assert run(["plan", "--help-all"]) == 0
    text = capfd.readouterr().out
    found = panels(text)
    assert list(found) == ["Arguments", *PANELS]
    for request in (TmsRequest, TesRequest):
        for option in options_of(request).values():
            assert option.flag in {line.split()[0] for line in found[option.panel] if line}
    assert {"--out", "--quiet,", "--json", "--help,"} <= {line.split()[0] for line in found["Output"]}
    assert "focal-volume: " in text and "bool" not in text


def test_version(capfd):
    from targeting.versions import package_version

    assert run(["--version"]) == 0
    assert capfd.readouterr().out == f"target {package_version()}\n"


@pytest.mark.slow
def test_help_imports_nothing_that_takes_long():
    said = "import sys; from cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True)
    slow = {
        "ants",
        "jinja2",
        "matplotlib",
        "nilearn",
        "numba",
        "pandas",
        "pyvista",
        "scipy.ndimage",
        "scipy.sparse",
        "vtkmodules",
    }
    assert slow & set(done.stderr.split()) == set() and "cli.main" in done.stderr.split()


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("before", [True, False])
def test_lists_answer_in_json_on_stdout_alone(capfd, command, before):
    words = ["--json", *command.split()] if before else [*command.split(), "--json"]
    assert run(words) == 0
    out, err = capfd.readouterr()
    assert len(json.loads(out)) >= 3
    assert err == ""


@pytest.mark.parametrize("command", LISTS)
def test_lists_tell_all_they_know_in_lines_that_fit(capfd, command):
    assert run([*command.split(), "--json"]) == 0
    known = json.loads(capfd.readouterr().out)
    assert run(command.split()) == 0
    text = capfd.readouterr().out
    assert max(map(len, text.splitlines())) <= 110
    flat = " ".join(text.split())
    for row in known:
        for field in ("name", "title", "source", "note", "max_didt_source"):
            assert row.get(field, "") in flat


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pln colin27", "Did you mean"),
        ("plan colin27 --sid left", "No such option"),
        ("plan ../colin27", "no path"),
        ("plan a/b/c --t1 T1.nii", "no path"),
        ("plan colin27 --side lft", "left"),
        ("plan colin27 --side left --pain-side left", "--pain-side"),
        ("plan colin27 --aim m1-hnd", "m1-hand"),
        ("plan colin27 --aim mni:1,2", "mni:"),
        ("plan colin27 --aim ras:a,b,c", "ras:"),
        ("plan colin27 --coil figure8", "figure8-70mm"),
        ("plan colin27 --coil nowhere.ccd", "nowhere.ccd"),
        ("plan colin27 --density fats", "did you mean 'fast'"),
        ("plan colin27 --direction up", "--direction"),
        ("plan colin27 --direction 0,0,0", "direction"),
        ("plan colin27 --hotspot 1,2", "--hotspot"),
        ("plan colin27 --hotspot nan,0,0", "finite"),
        ("plan colin27 --hair-mm -1", "hair"),
        ("plan colin27 --hair-mm wide", "--hair-mm"),
        ("plan colin27 --radius 0", "radius"),
        ("plan colin27 --rmt 0", "between 1 and 100"),
        ("plan colin27 --rmt 52 --rmt-at 1,2", "--rmt-at"),
        ("plan colin27 --rmt-at 1,2,3", "--rmt PERCENT"),
        ("plan colin27 --protocol m1-pain-10hz", "--rmt PERCENT"),
        ("plan colin27 --stimulator magstm-rapid", "did you mean 'magstim-rapid'"),
        ("plan colin27 --current reverse --stimulator magpro-r30", "has no reverse current setting"),
        ("plan colin27 --pulse monophasic --stimulator magstim-rapid", "has no monophasic pulse"),
        ("plan colin27 --angle midline", "needs its degrees"),
        ("plan colin27 --angle fols", "did you mean 'fold'"),
        ("plan colin27 --rmt 52 --match-field 90", "0.9"),
        ("plan colin27 --rmt 52 --dose-fraction 0.9", "--dose-fraction"),
        ("plan colin27 --rmt 52 --rmt-muscle foot", "hand, leg, face"),
        ("plan colin27 --rmt 52 --protocol psi-10hz", "--rmt-muscle leg"),
        ("plan colin27 --rmt-muscle leg", "--rmt PERCENT"),
        ("plan colin27 --rmt 52 --protocol m1-pain", "did you mean 'm1-pain-"),
        ("plan colin27 --rmt 52 --protocol none.toml", "none.toml"),
        ("plan colin27 --rmt 52 --stimulator magstm-rapid", "did you mean 'magstim-rapid'"),
        ("plan colin27 --rmt 52 --stimulator magpro-x100", "not in the table"),
        ("plan colin27 --rmt 52 --rmt-pose pose.csv", "Brainsight .txt"),
        ("plan colin27 --rmt 52 --rmt-pose none.txt", "none.txt"),
        ("plan colin27 --conductivity bone=1", "bone"),
        ("plan colin27 --conductivity skull", "skull"),
        ("plan colin27 --conductivity skull=-1", "skull"),
        ("plan s1 --t1 a.nii --labels b.nii", "give one of"),
        ("plan s1 --t2 a.nii --side left", "--t1"),
        ("plan s1 --t1 none.nii.gz", "side"),
        ("plan s1 --t1 none.nii.gz --side left", "none.nii.gz"),
        ("plan s1 --labels none.nii.gz --side left", "none.nii.gz"),
        ("plan s1 --head none.msh --side left", "none.msh"),
        ("mesh", "NAME"),
        ("view", "which subject? target view NAME"),
        ("plan colin27 --rmt fifty", "--rmt takes a number, not 'fifty'. See 'target plan --help'"),
        ("plan colin27 --placements two", "--placements takes a whole number, not 'two'"),
        ("mesh colin27 --threads 0", "--threads takes 1 or more, not 0. See 'target mesh --help'"),
        ("serve colin27 --port high", "--port takes a whole number, not 'high'. See 'target serve --help'"),
        ("plan colin27 --help-all=3", "does not take a value. See 'target plan --help'."),
        (
            "montages equal-dose --dose much",
            "--dose takes a number, not 'much'. See 'target montages equal-dose --help'.",
        ),
        ("coils lst", "Did you mean 'list'? See 'target coils --help'."),
        ("s1 --side left", "No such command 's1'. See 'target --help'."),
        ("plan s1 --head nodir --side left", "no mesh file or charm folder nodir"),
        ("mesh s1 --check a.msh", "not both"),
        ("mesh --check none.msh", "none.msh"),
        ("status s1", "no subject folder"),
        ("export s1 --to brainsight", "plan"),
    ],
)
def test_bad_words_are_one_line_and_leave_no_trace(capfd, tmp_path, words, said):
    assert said in complaint(capfd, *words.split())
    assert list(tmp_path.iterdir()) == []


def told(capfd, *arguments):
    """The lines of a bad command line for which there is a next step; checks that they are three and leave stdout empty."""
    assert run(list(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    first, *further = err.splitlines()
    assert first.startswith("target: ") and len(further) == 2
    assert all(line.startswith("  ") for line in further)
    return err


def test_without_any_words_the_next_step_is_told(capfd):
    assert run([]) == 0
    out, err = capfd.readouterr()
    assert err == "" and len(out.splitlines()) == 3
    for command in ("target plan colin27", "--t1 T1.nii.gz", "target --help", "target doctor"):
        assert command in out


def test_a_plan_for_nobody_says_whom_it_can_be_for(capfd, tmp_path):
    assert "target plan colin27\n" in told(capfd, "plan") and "here already" not in told(capfd, "plan")
    (tmp_path / "subject07").mkdir()
    (tmp_path / "subject07" / "segment.json").touch()
    (tmp_path / "t1_of_ada.nii").touch()
    (tmp_path / "another.nii").touch()
    said = told(capfd, "plan")
    assert "--t1 t1_of_ada.nii " in said and "here already: subject07\n" in said and "target plan --help" in said
    assert "here: subject07" in complaint(capfd, "status")


def test_a_subject_of_whom_nothing_is_known_says_what_to_give(capfd, tmp_path):
    said = told(capfd, "plan", "s1")
    assert "give --t1 FILE" in said and "did you mean" not in said
    assert "target plan s1 --t1 T1.nii.gz --aim m1-hand --side left\n" in said and "target plan colin27" in said
    assert "give --t1 FILE" in told(capfd, "segment", "s1")
    assert "did you mean 'colin27'?" in told(capfd, "plan", "Colin27", "--side", "left")
    (tmp_path / "subject07").mkdir()
    (tmp_path / "subject07" / "segment.json").touch()
    said = told(capfd, "plan", "subjct07")
    assert "did you mean 'subject07'?" in said and "subjects in this folder: subject07;" in said


@pytest.mark.parametrize("option", ["--hotspot", "--direction"])
def test_values_may_begin_with_a_minus(capfd, option):
    # the minus is understood: what is complained of is the subject, not the option
    said = told(capfd, "plan", "s1", "--side", "left", option, "-38,-20,55")
    assert "nothing is known of subject" in said


def test_an_interruption_is_one_line_and_130(capfd, monkeypatch):
    from targeting.subject import Subject

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Subject, "named", interrupt)
    assert run(["status", "s1"]) == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "target: interrupted; the next run resumes where this one stopped\n"


def test_a_bug_keeps_its_traceback(monkeypatch):
    from targeting.subject import Subject

    monkeypatch.setattr(Subject, "named", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(["status", "s1"])


@pytest.mark.parametrize("known", [True, False])
def test_a_solver_that_fails_is_one_line_and_keeps_its_traceback(capfd, monkeypatch, tmp_path, known):
    from targeting.fem.solver import SolveError
    from targeting.subject import Subject

    def fail(subject):
        raise SolveError("the field solve stopped at a relative residual of 1e-3: check the mesh")

    def work(*_):
        return fail(Subject("s1", tmp_path / ("s1" if known else "none")))

    (tmp_path / "s1").mkdir()
    monkeypatch.setattr(Subject, "named", work)
    assert run(["status", "s1"]) == 1
    out, err = capfd.readouterr()
    (log,) = (tmp_path / "s1" if known else tmp_path).glob("*.log")
    assert out == ""
    assert err == (f"target: the field solve stopped at a relative residual of 1e-3: check the mesh (log: {log})\n")
    assert "in fail" in log.read_text() and "SolveError" in log.read_text()


@pytest.mark.parametrize("kind", ["nii.gz", "npz", "txt.gz"])
def test_a_file_that_ends_too_soon_is_no_interruption(capfd, monkeypatch, tmp_path, kind):
    import gzip

    import nibabel

    from targeting.subject import Subject

    path = tmp_path / f"scan.{kind}"
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 20), dtype=np.uint8)
    if kind == "nii.gz":
        nibabel.save(nibabel.Nifti1Image(noise, np.eye(4)), path)
        read = lambda: np.asarray(nibabel.load(path).dataobj)  # noqa: E731
    elif kind == "npz":
        np.savez_compressed(path, noise=noise)
        read = lambda: np.load(path)["noise"]  # noqa: E731
    else:
        path.write_bytes(gzip.compress(noise.tobytes()))
        read = lambda: gzip.open(path).read()  # noqa: E731, SIM115
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    monkeypatch.setattr(Subject, "named", lambda *_: read())
    line = complaint(capfd, "status", "s1")
    assert f"{path} is damaged or cut short" in line
    assert "interrupted" not in line


def test_too_little_memory_is_one_line(capfd, monkeypatch):
    from targeting.subject import Subject

    monkeypatch.setattr(Subject, "named", lambda *_: np.zeros((1 << 20, 1 << 20, 1 << 10)))
    assert "the memory is full (Unable to allocate" in complaint(capfd, "status", "s1")
    for error in (ImportError("x.so: failed to map segment from shared object"), OSError(12, "Cannot allocate memory")):
        monkeypatch.setattr(Subject, "named", raises(error))
        assert "the memory is full (" in complaint(capfd, "status", "s1")
    monkeypatch.setattr(Subject, "named", raises(ImportError("no module named x")))
    with pytest.raises(ImportError, match="no module"):
        run(["status", "s1"])


def raises(error):
    def fail(*_):
        raise error

    return fail


def test_areas_are_listed_with_their_aliases_and_sizes(capfd):
    assert run(["atlas", "list", "--areas"]) == 0
    lines = capfd.readouterr().out.splitlines()
    four = next(line for line in lines if line.split()[:2] == ["8", "4"])
    assert four.split()[4] == "M1" and four.endswith("primary motor cortex") and 14 < float(four.split()[2]) < 20
    assert any("Eickhoff" in line for line in lines if " OP1 " in line)
    assert run(["atlas", "list", "--areas", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert [each["number"] for each in answer["areas"]] == list(range(1, 181))
    assert next(each for each in answer["aliases"] if each["name"] == "S2")["areas"] == ["OP1", "OP4"]


@pytest.mark.slow
def test_on_a_terminal_an_error_is_red_and_its_lines_end_between_words(tmp_path, monkeypatch):
    from terminal import Terminal

    code = "import sys; from cli.main import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "plan", "subject01"]
    monkeypatch.delenv("NO_COLOR", raising=False)
    with Terminal(words, tmp_path, {"COLUMNS": "60", "TERM": "xterm-256color"}) as terminal:
        _, exit_code = terminal.end(30)
        lines = terminal.last_lines()
    assert exit_code == 2 and len(lines) > 5
    assert "\x1b[1;31mtarget:\x1b[0m nothing is known" in terminal.text and lines[0].startswith(
        "target: nothing is known"
    )
    assert all(len(line) <= 60 for line in lines[1:]) and lines[1].startswith("--t1 FILE")
    plain = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert "\x1b" not in plain.stderr and len(plain.stderr.splitlines()) == 3
