"""What a shell completes with Tab, by what the program answers and in a real bash."""

import shutil
import subprocess
import sys

import pytest
from terminal import ROOT, Terminal

RUN = "import sys; from cli.main import main; sys.exit(main())"


def answers(folder, *words):
    """What the program answers bash for words of which the last is not finished; bash itself cut them at ``:`` and ``=``."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "COMP_WORDS": "\n".join(["target", *words]),
        "COMP_CWORD": str(len(words)),
        "_TARGET_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "some", "none"),
    [
        (["plan", "colin27", "--aim", "m1"], {"m1-hand", "m1-leg"}, {"psi", "area:"}),
        (["plan", "colin27", "--aim", ""], {"m1-hand", "psi", "area:", "mni:", "ras:"}, {"OP1"}),
        (["plan", "--aim", "area", ":", "OP"], {"OP1", "OP4"}, {"M1", "area:OP1"}),
        (["plan", "--aim", "area", ":", "OP1+"], {"OP1+OP4"}, {"OP4"}),
        (["plan", "--aim", "=", "m1-h"], {"m1-hand"}, {"m1-leg"}),
        (["plan", "--avoid", "m1-f"], {"m1-face"}, {"m1-hand"}),
        (["plan", "--coil", "d"], {"double-cone-110mm"}, {"figure8-70mm"}),
        (["plan", "--compare", ""], {"double-cone-110mm", "figure8-70mm"}, set()),
        (["plan", "--montage", "m1"], {"m1-so"}, set()),
        (["plan", "--protocol", "m1"], {"m1-pain-10hz"}, {"psi-10hz"}),
        (["plan", "--stimulator", "magstim"], {"magstim-rapid"}, set()),
        (["plan", "--with", "tms,"], {"tms,tdcs", "tms,hd-tdcs"}, {"tdcs"}),
        (["plan", "--side", ""], {"left", "right"}, set()),
        (["plan", "--conductivity", "sk"], {"skull="}, set()),
        (["export", "--to", ""], {"brainsight", "localite", "pdf"}, {"softaxic"}),
        (["status", ""], {"colin27", "planned", "meshed"}, {"empty", ".hidden"}),
        (["plan", "--help"], {"--help-all"}, {"--aim"}),
        (["mon"], {"montages"}, {"plan"}),
        (["plan", "--t1", ""], set(), {"colin27"}),
        (["plan", "--nonsense", "x", "y"], set(), {"colin27"}),
    ],
)
def test_names_are_completed_from_their_tables(tmp_path, words, some, none):
    for name, file in (("planned", "plan.json"), ("meshed", "head.msh"), ("empty", ""), (".hidden", "plan.json")):
        (tmp_path / name).mkdir()
        if file:
            (tmp_path / name / file).touch()
    found = set(answers(tmp_path, *words))
    assert some <= found and not none & found


@pytest.mark.slow
def test_an_answer_imports_nothing_that_takes_long(tmp_path):
    told = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); import cli.main; {RUN}"
    environment = {
        "PYTHONPATH": str(ROOT),
        "COMP_WORDS": "target\nplan\n--coil\n",
        "COMP_CWORD": "3",
        "_TARGET_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            told.replace("from cli.main import main; sys.exit(main())", "sys.exit(cli.main.run([]))"),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *names, modules = done.stdout.splitlines()
    assert "figure8-70mm" in names and "cli.main" in modules.split()
    slow = {
        "ants",
        "jinja2",
        "matplotlib",
        "nilearn",
        "numba",
        "pyvista",
        "scipy.ndimage",
        "scipy.sparse",
        "scipy.spatial",
    }
    assert slow & set(modules.split()) == set()


# how each shell is begun without the user's own settings, what is said once it was taught, and how it reads that again
SHELLS = {
    "bash": (["--norc", "-i"], "bash completion installed", b"source ~/.bashrc"),
    "zsh": (["-f", "-i"], "zsh completion installed", b"source ~/.zshrc"),
    "fish": (["--no-config", "-i"], "fish completion installed", b"source ~/.config/fish/completions/target.fish"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_after_it_was_taught(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    begun, said, read_again = SHELLS[shell]
    programs = tmp_path / "bin"
    programs.mkdir()
    target = programs / "target"
    target.write_text(f"#!{sys.executable}\n{RUN}\n")
    target.chmod(0o755)
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{programs}:/usr/bin:/bin",
        "PS1": "ready> ",
        "INPUTRC": "/dev/null",
        "TERM": "dumb" if shell != "fish" else "xterm",
        "SHELL": f"/bin/{shell}",
    }
    with Terminal([shutil.which(shell), *begun], tmp_path, environment) as typist:
        if shell == "fish":
            typist.press(b"function fish_prompt; echo -n 'ready> '; end\n")
        typist.read(10, until="ready> ")
        typist.press(b"target --install-completion\n")
        assert said in typist.read(30, until="restart the terminal"), typist.text
        typist.press(read_again + b"; echo tau''ght\n")  # the quotes: what is typed is shown, too
        assert "taught" in typist.read(10, until="taught")
        typist.read(1)  # its next prompt
        if shell == "zsh":  # reads Typer's script at the first Tab, and answers from the second one on
            typist.press(b"target prot\t")
            typist.read(2)
            typist.press(b"\x15")
        for typed, completed in (
            (b"target plan colin27 --aim area:IPS\t", "area:IPS1"),
            (b"target plan colin27 --coil dou\t", "--coil double-cone-110mm"),
            (b"target prot\t", "target protocols"),
        ):
            typist.press(typed)
            assert completed in typist.read(30, until=completed), typist.text
            typist.press(b"\x15")  # clears the line
