"""The field follows the coil from the first drag on: its basis is made while the person looks, and leaves nothing half-made."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from screen import in_window, virtual_screen
from seen_ball import seen_ball

from meshes import HeadMesh
from meshes.errors import InputError
from targeting.study import field_basis_stage
from targeting.study.field_basis_stage import check_room

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("follows")
    seen_ball(home / "ball")
    return home / "ball", shutil.copytree(home / "ball", home / "other" / "ball")


@pytest.fixture(scope="module")
def seen(folders):
    pytest.importorskip("pyvistaqt", reason="needs the extra 'viewer'")
    with virtual_screen() as display:
        return json.loads(in_window("window_drag.py", display, *folders, seconds=300.0).splitlines()[-1])


def test_until_there_is_a_field_the_picture_has_the_dose_and_says_why_the_cortex_is_grey(seen):
    first = seen["first drag"]
    assert first["pose"] != seen["planned"]["pose"] and first["strongest"] is None
    assert first["picture"].startswith(f"dose here {first['dose']} at 1 A/µs, ")
    share = float(re.search(r"([\d.]+) % of the plan's", first["picture"])[1])
    assert 5 < share < 100 and first["dose"] != seen["planned"]["dose"]
    assert "it is being made in the background" in " ".join(first["picture"].split())
    assert re.search(r"being made in the background \(\d+ %, (about|a few) .*left\)", seen["being made"]["bar"])
    assert first["slices"] == [False] * 3 and "placement 1 only" in first["slices' words"]


def test_the_field_comes_by_itself_and_follows_the_next_drag(seen):
    there, second = seen["there"], seen["second drag"]
    assert there["pose"] == seen["first drag"]["pose"] and "follows the coil" in there["bar"]
    for each in (there, second):  # the strongest place is under the coil
        pose = np.array(each["pose"])
        beside = np.array(each["strongest"]) - pose[:3, 3]
        assert beside @ pose[:3, 2] > 0
        assert np.linalg.norm(beside - (beside @ pose[:3, 2]) * pose[:3, 2]) < 25
    assert np.linalg.norm(np.array(second["strongest"]) - there["strongest"]) > 3
    assert "|E|" in there["picture"].replace("\N{DIVIDES}", "|")  # a colour bar, and no excuse


def test_at_the_plan_the_field_is_the_plans_own_and_lies_over_the_slices(seen):
    for name in ("planned", "back"):
        assert seen[name]["strongest"] is not None and seen[name]["slices"] == [True] * 3
        assert "plan's own" in seen[name]["bar"]


def test_the_window_lives_while_the_basis_is_made(seen):
    assert seen["slowest_s"] < 3.0
    shares = [share for _, share in seen["told"] if share >= 0]
    assert shares == sorted(shares) and 0 < shares[-1] <= 1  # how many there are is a matter of speed


def test_closing_in_the_middle_leaves_nothing(seen, folders):
    closed = seen["closed"]
    assert closed["making"] == [".making-basis"]  # it was at work
    assert not closed["running"] and closed["closed_s"] < 8
    left = [name for name in closed["files"] if "basis" in name or name.startswith(".making") or name.endswith(".pid")]
    assert left == []
    assert (folders[1] / "plan.json").read_bytes() == (folders[0] / "plan.json").read_bytes()


def test_without_memory_or_a_folder_to_write_to_one_line_says_so(folders, monkeypatch):
    folder = folders[0]
    head, subject = HeadMesh.read(folder / "head.msh"), SimpleNamespace(folder=folder)
    check_room(subject, head)
    monkeypatch.setattr(field_basis_stage.os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"ball, where it is kept, cannot be written$"):
        check_room(subject, head)
    monkeypatch.setattr(field_basis_stage, "free_memory_bytes", lambda: 2e8)
    with pytest.raises(
        InputError, match=r"^it takes about 0\.3 GB of memory \(.*\), and 0\.2 GB are free; close other"
    ):
        check_room(subject, head)
