"""What the console and the report say of the spread over conductivities."""

from targeting.uncertainty.record import PlanUncertainty
from targeting.uncertainty.words import uncertainty_facts, uncertainty_line
from targeting.words.templates import environment

MADE = PlanUncertainty(
    0.951, 1.2, 1.414, 3.2, 12.0, 0.034, {"csf": 0.2, "gm": 0.7}, {"gm": [0.1, 0.6]}, "beta <3>", ["someone 2019"], 2048
)


def test_the_console_states_the_interval_and_the_pose():
    line = uncertainty_line(MADE)
    assert "dose 0.951 to 1.41 V/m" in line and "grey matter accounts for 70 %" in line
    assert "within 3.2 mm and 12°" in line and "at most 3.4 % of the dose" in line


def test_the_report_states_them_too_and_escapes():
    rows = environment().get_template("report/parts.html.jinja").module.rows
    dose, pose = (rows([each]) for each in uncertainty_facts(MADE))
    assert "<b>0.951 to 1.41 V/m</b>" in dose and "grey matter accounts for 70 %" in dose and "someone 2019" in dose
    assert "beta &lt;3&gt;" in dose
    assert "<b>within 3.2 mm and 12°</b>" in pose and "at most 3.4 % of the dose" in pose
