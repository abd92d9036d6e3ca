"""The head a plan is made in: as it was made, whatever of it a command says again, and no other one."""

import json
import shutil

import pytest

from meshes.errors import InputError
from targeting.study.head_choice import HeadChoice
from targeting.study.tms_request import TmsRequest
from targeting.subject import Stage, Subject


def written(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def subject_with_head(folder, way, files, density="fast", frame=None, cortex=None):
    """A subject whose head was made of these files."""
    subject = Subject.named("s1", folder / "s1")

    def stage(name, files, **parameters):
        return Stage(name, 1, lambda there: written(there / f"{name}.bin"), lambda _: None, files, parameters)

    with subject.locked():
        subject.run(stage("segment", files, way=way, frame=frame))
        subject.run(stage("mesh", {}, density=density))
        if cortex:
            subject.run(stage("cortex", cortex))
    return subject


def choice(subject, **asked):
    return HeadChoice.of_plan(subject, TmsRequest(**asked))


def test_what_is_said_again_is_the_same_head_with_all_it_was_made_from(tmp_path):
    t1, t2 = written(tmp_path / "T1.nii", "t1"), written(tmp_path / "T2.nii", "t2")
    subject = subject_with_head(tmp_path, "t1", {"t1": t1, "t2": t2}, frame="sform")
    for asked in ({}, {"t1": t1}, {"t1": t1, "t2": t2}, {"t1": t1, "frame": "sform"}):
        found = choice(subject, **asked)
        assert found.source.files == {"t1": t1, "t2": t2} and found.source.frame == "sform", asked
        assert found.density == "fast"
    moved = shutil.copy(t1, tmp_path / "moved.nii")  # known by what is in it
    assert choice(subject, t1=moved).source.files["t1"] == moved


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"t1": "other.nii"}, "another T1 file.*'target head s1 --t1 other.nii'"),
        ({"t1": "T1.nii", "t2": "other.nii"}, "another T2 file.*--t2 other.nii"),
        ({"t1": "T1.nii", "frame": "qform"}, "by the sform of its image.*--frame qform"),
        ({"labels": "other.nii"}, "from an MRI.*--labels"),
        ({"density": "standard"}, "density fast.*--density standard"),
    ],
)
def test_another_head_is_refused_whatever_tells_it(tmp_path, monkeypatch, asked, message):
    monkeypatch.chdir(tmp_path)
    t1, _ = written(tmp_path / "T1.nii", "t1"), written(tmp_path / "other.nii", "another person")
    subject = subject_with_head(tmp_path, "t1", {"t1": t1}, frame="sform")
    with pytest.raises(InputError, match=f"the head of s1 was .*{message}"):
        choice(subject, **asked)


def test_a_finished_heads_folder_is_known_by_its_files(tmp_path):
    mine, other = (written(tmp_path / name / "s1.msh", name).parent for name in ("m2m_s1", "m2m_s2"))
    subject = subject_with_head(tmp_path, "head", {"head": mine / "s1.msh"})
    (other / "s1.msh").rename(other / "s2.msh")
    assert choice(subject, head=mine).source.files == {"head": mine}
    with pytest.raises(InputError, match=r"another HEAD file.*'target head s1 --head m2m_s2'"):
        choice(subject, head=other)


def test_the_head_that_is_built_in_is_no_answer_to_an_mri_of_that_name(tmp_path):
    t1 = written(tmp_path / "T1.nii")
    subject = Subject("colin27", subject_with_head(tmp_path, "t1", {"t1": t1}).folder)
    with pytest.raises(InputError, match=r"was made from an MRI.*'target head colin27'"):
        choice(subject)


def surfaces(folder, text):
    return {
        f"{side}.{name}": written(folder / "surf" / f"{side}.{name}", text + side)
        for side in ("lh", "rh")
        for name in ("white", "pial")
    }


def test_surfaces_that_were_given_are_remembered_wherever_the_image_lies(tmp_path):
    freesurfer = tmp_path / "fs" / "s1"
    t1 = written(freesurfer / "mri" / "T1.nii")  # in the same folder, and yet no head's own surfaces
    subject = subject_with_head(tmp_path, "t1", {"t1": t1}, cortex=surfaces(freesurfer, "a"))
    assert choice(subject).cortex == freesurfer and choice(subject, cortex=freesurfer).cortex == freesurfer
    other = tmp_path / "other"
    surfaces(other, "b")
    with pytest.raises(InputError, match=r"has the surfaces of s1.*--cortex other"):
        choice(subject, cortex=other)
    shutil.rmtree(freesurfer / "surf")
    assert json.loads((subject.folder / "cortex.json").read_text())["outputs"]  # what was read from it serves
    shutil.rmtree(freesurfer)
    assert choice(subject).gone
