"""The bar of a notebook, in a real kernel: shown by default, ended in green or red, a plain line without ipywidgets."""

from pathlib import Path

import nbformat
import pytest

SUPPORT = Path(__file__).parents[2] / "support"
CODE = """
import sys, tempfile, os
from pathlib import Path
sys.path[:0] = [{root!r}, {support!r}]
os.environ["TARGET_CACHE_DIR"] = tempfile.mkdtemp()
from short_stages import run, stage
folder = Path(tempfile.mkdtemp())
"""
RUN = 'run(folder, stages=[stage("segment"), stage("mesh", 1.3), stage("search")]);'


def executed(*cells, fails=False):
    from nbclient import NotebookClient

    start = CODE.format(root=str(SUPPORT.parents[1]), support=str(SUPPORT))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in (start, *cells)])
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=fails).execute()
    return notebook


def states(notebook):
    widgets = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    return {each["model_name"]: each["state"] for each in widgets.values()}


pytestmark = pytest.mark.slow


def test_a_bar_and_its_words_are_shown_without_being_asked_for():
    notebook = executed(RUN)
    (output,) = notebook.cells[1].outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data
    shown = states(notebook)
    assert (shown["FloatProgressModel"]["value"], shown["FloatProgressModel"]["bar_style"]) == (1.0, "success")
    assert shown["LabelModel"]["value"] == "3 steps in 0:01"


def test_a_run_that_breaks_off_leaves_a_red_bar_that_says_where():
    notebook = executed('run(folder, stages=[stage("segment"), stage("mesh", fault=ValueError())])', fails=True)
    shown = states(notebook)
    assert shown["FloatProgressModel"]["bar_style"] == "danger"
    assert shown["LabelModel"]["value"] == "broke off after 0:00 in step 2 of 3: head mesh"


def test_without_ipywidgets_it_is_a_line_that_changes():
    notebook = executed(f"sys.modules['ipywidgets'] = None\n{RUN}")
    (output,) = notebook.cells[1].outputs
    assert output.data == {"text/plain": "3 steps in 0:01"}


def test_it_can_be_left_out_or_replaced():
    mine = "told = []\nrun(folder, told.append);\nprint(len(told))"
    notebook = executed("run(folder, False);", mine)
    assert notebook.cells[1].outputs == []
    assert [each.text for each in notebook.cells[2].outputs] == ["4\n"]
