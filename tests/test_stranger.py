"""A stranger runs what README and the documentation say, line by line in a shell, and each line does what it says.

The person is colin27 on a fast mesh: where a line names a subject or that subject's MRI, the head that is built in stands in
(a segmentation takes ten minutes).  All else is run word for word, with files of the names that the lines have.  A line that
cannot work on this machine (no SimNIBS, no display) is to say so and what to do.  It takes about an hour:
``pytest -m hour``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from documented import PAGES, ROOT, commands_of
from terminal import Terminal

pytestmark = pytest.mark.hour

# what a line is to end with, where that is not success: its exit code and words of its message
ELSE = {
    "--engine simnibs": (2, "SIMNIBSDIR"),
    "--head m2m_subject01": (2, "target head colin27 --head"),  # whose head is there already
    "--cortex fs/subject01": (2, "fs/subject01"),
    "--groups-column": (2, "3 people"),  # two make no groups
}
OF_THE_HEAD = re.compile(r" --(?:t1|labels) \S+")
WITH_A_PLUGIN = ("plugins.md",)  # its commands need what the page makes: tests/targeting/test_plugins.py


def on_colin27(line):
    """The line for the head that is built in."""
    line = OF_THE_HEAD.sub("", line)
    if " participant" in line and "--table" not in line:
        line = line.replace(" participant", " participant --table heads.tsv")  # instead of two segmentations
    return re.sub(r"(?<= )subject01\b(?!\.)", "colin27", line)


def expected(line):
    """The exit code and a part of the message of a line."""
    bare = line.split("#")[0]
    if bare.startswith("target view ") and not re.search("--screenshot|--export", bare):
        return 2, "--screenshot"  # a window, without a display
    if bare.strip() == "target app":
        return 2, "no screen"
    return next((end for words, end in ELSE.items() if words in bare), (0, ""))


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A folder with a planned colin27, and the environment in which ``target`` is a command."""
    home = tmp_path_factory.mktemp("stranger")
    programs = home / "bin"
    programs.mkdir()
    target = programs / "target"
    target.write_text(f"#!{sys.executable}\nimport sys; from cli.main import main; sys.exit(main())\n")
    target.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}"}
    environment.pop("DISPLAY", None)
    environment.pop("SIMNIBSDIR", None)
    desk = home / "desk"
    desk.mkdir()
    for kinds in ("tms,tdcs", "hd-tdcs"):
        plan = f"target plan colin27 --density fast --aim m1-hand --side left --with {kinds} --quiet"
        subprocess.run(shlex.split(plan), cwd=desk, env=environment, check=True, stdout=subprocess.DEVNULL)
    write_files(desk)
    return desk, environment


def write_files(desk):
    """What the lines have: a coil's file, a mask, a label, a map, tensors, a session, and more people."""
    import nibabel
    from nibabel.freesurfer import write_annot
    from tensors import six, tensor

    from meshes.formats.tissue_files import embedded_head
    from targeting import Coil

    Coil.named("figure8-70mm").write(desk / "coil.ccd")
    tissues = embedded_head("colin27")
    shape, affine = tissues.labels.shape, tissues.affine_mm
    x, y, z = (np.tensordot(affine[i, :3], np.indices(shape), 1) + affine[i, 3] for i in range(3))
    hand = (np.abs(x + 37) < 8) & (np.abs(y + 21) < 8) & (np.abs(z - 58) < 8)
    save(desk / "mask.nii.gz", hand.astype(np.uint8), affine)
    save(desk / "dti_tensor.nii.gz", np.broadcast_to(six(tensor()), (*shape, 6)).astype(np.float32), affine)
    insula = np.exp(-((np.abs(x) - 38) ** 2 + y**2 + (z - 5) ** 2) / 200)
    save(desk / "pain_network.nii.gz", insula.astype(np.float32), affine)
    points = np.asarray(nibabel.load(desk / "colin27" / "lh.central.surf.gii").darrays[0].data)
    near = (np.linalg.norm(points - [-37, -21, 58], axis=1) < 12).astype(int)
    assert near.sum() > 20
    table = np.array([[1, 1, 1, 0, 0], [200, 40, 40, 0, 0]])
    write_annot(desk / "lh.mine.annot", near, table, ["rest", "hand"], fill_ctab=True)
    write_sessions(desk)
    write_people(desk)
    for name in ("subject02", "subject03"):
        shutil.copytree(desk / "colin27", desk / name)


def write_people(desk):
    """A dataset of two people, colin27's mesh and another, a little smaller."""
    from cohort_data import write_dataset

    from meshes import HeadMesh

    rows = [("participant_id", "pain_side", "diagnosis"), ("sub-01", "right", "a"), ("sub-02", "left", "b")]
    write_dataset(desk / "data", rows=rows)
    head = HeadMesh.read(desk / "colin27" / "head.msh")
    HeadMesh(0.95 * head.points_mm, head.tets, head.tissue).write(desk / "smaller.msh")
    heads = ["participant_id\thead", "sub-01\tcolin27/head.msh", "sub-02\tsmaller.msh"]
    (desk / "heads.tsv").write_text("\n".join(heads) + "\n")
    people = [f"{each}\t{more}" for each, more in zip(heads, ("pain-side", "right", "left"), strict=True)]
    (desk / "people.tsv").write_text("\n".join(people) + "\n")


def write_sessions(desk):
    """Sessions as navigators record them: pulses at the planned pose, and those of a map with a muscle's responses."""
    from mapping_sessions import localite_triggers, moved, responses_uv
    from recorded_sessions import brainsight_session, localite_session

    from targeting.live import LiveDose
    from targeting.subject import Subject
    from targeting.tms.placement import place

    live = LiveDose.of(Subject.planned("colin27", desk / "colin27"))
    rng, best = np.random.default_rng(0), live.plan.placements[0]
    planned = np.repeat(np.array(best.pose)[None], 40, 0)
    localite_session(desk / "monday.xml", list(moved(planned, rng)), percent=36.0)
    for name in ("session.txt", "day1.txt", "day2.txt", "day3.txt"):
        pulses = [(pose, "M1", "TTL Trigger", "Coil 1") for pose in moved(planned, rng)]
        brainsight_session(desk / name, pulses)
    near = live.scalp.points_mm[np.linalg.norm(live.scalp.points_mm - np.array(best.scalp_mm), axis=1) < 20]
    poses, _ = place(live.scalp, live.coil, near[rng.choice(len(near), 250)], rng.uniform(-180, 180, (250, 1)), 4.0)
    e = np.linalg.norm(live.dose_map.mean_e_v_per_m(live.coil, poses[:, 0], 62e6), axis=1)
    mep_uv = responses_uv(1.5 * e / e.max(), rng)
    recorded = moved(poses[:, 0], rng)
    (desk / "session.xml").write_text(localite_triggers(recorded, mep_uv), encoding="utf-8")
    (desk / "TriggerMarkers_Coil0.xml").write_text(localite_triggers(recorded), encoding="utf-8")
    rows = [f"{i}\t{each:.1f}" for i, each in enumerate(mep_uv, start=1)]
    (desk / "responses.tsv").write_text("\n".join(["pulse\tmep_uv", *rows]) + "\n", encoding="utf-8")


def save(path, voxels, affine):
    import nibabel

    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nibabel.save(image, path)


def run(line, folder, environment):
    """What is wrong with a line's end, in words; nothing if it ends as it should."""
    code, words = expected(line)
    asked = on_colin27(line)
    if asked.startswith("target serve "):
        return served(asked, folder, environment)
    done = subprocess.run(["bash", "-c", asked], cwd=folder, env=environment, capture_output=True, text=True)
    last = " ".join(done.stderr.strip().splitlines()[-1:])
    if done.returncode != code or words not in last or "Traceback" in done.stderr:
        return f"{line}\n  ran as: {asked}\n  ended with {done.returncode} (not {code}): {last}"
    return ""


def served(line, folder, environment):
    with Terminal([shutil.which("bash"), "-c", line.split("#")[0]], folder, environment) as terminal:
        said = terminal.read(240, until="Ctrl-C ends")
        terminal.press()
        _, code = terminal.end()
    return "" if "Ctrl-C ends" in said and code == 0 else f"{line}\n  ended with {code}: {said[-300:]}"


@pytest.mark.parametrize(
    "page", [path for path in PAGES if commands_of(path) and path.name not in WITH_A_PLUGIN], ids=lambda path: path.stem
)
def test_every_line_of_a_page_does_what_it_says(shell, tmp_path, page):
    desk, environment = shell
    folder = tmp_path / "desk"
    shutil.copytree(desk, folder)
    wrong = [said for line in commands_of(page) if (said := run(line, folder, environment))]
    assert not wrong, "\n".join(wrong)
    if page.stem == "viewer":
        for name in ("left.png", "scene.html", "both.png"):
            assert (folder / name).stat().st_size > 10_000
    if page.stem == "cluster":
        assert (folder / "derivatives" / "target" / "group" / "group.html").stat().st_size > 10_000
