"""``review.html``: whether the target got the planned dose, for staff at a glance, and all that is behind it."""

from __future__ import annotations

from targeting.live.coil_dose import LiveDose
from targeting.report.figures import Figure
from targeting.report.page import render_page
from targeting.reviewing.pictures import MEDIAN, close_up_picture, course_picture, head_picture, timeline_picture
from targeting.reviewing.recorded import GIVEN
from targeting.reviewing.review import Review
from targeting.reviewing.summary import ENOUGH
from targeting.reviewing.words import (
    ANSWERS,
    BLOCK_HEADS,
    LABEL_HEADS,
    LOG_HEADS,
    SESSION_HEADS,
    block_rows,
    dose_fact,
    drift_words,
    headline,
    label_rows,
    log_rows,
    output_fact,
    place_fact,
    pulses_fact,
    session_rows,
    sessions_fact,
    turn_fact,
)
from targeting.scene.colors import COIL
from targeting.words.numbers import percent
from targeting.words.target import name_and_side

MOST_BLOCKS = 60  # of all sessions; more are in the JSON
KEYS = (("planned coil, its place and handle", COIL), ("handle of the median pulse", MEDIAN))


def page_of(review: Review, live: LiveDose) -> str:
    """The whole page as HTML.

    Parameters
    ----------
    review : Review
    live : LiveDose
        The plan, its coil and scalp.
    """
    said = headline(review)
    answer, color = ANSWERS[review.verdict.answer]
    sessions = review.sessions
    boxes = [pulses_fact(review), dose_fact(review), place_fact(review), turn_fact(review), output_fact(review)]
    if len(sessions) > 1 or review.planned.sessions is not None:
        boxes.append(sessions_fact(review))
    many = sum(len(each.blocks) for each in sessions)
    prescribed = review.planned.pulses
    train = None if prescribed is None or not review.planned.trains else prescribed // review.planned.trains
    logged = any(review.logged(each) for each in sessions)
    there = bool((review.pulses.state == GIVEN).any())
    plan = live.plan
    return render_page(
        "reviewing/page.html.jinja",
        review=review,
        running=[
            *([f"patient {plan.patient_id}"] if plan.patient_id else []),
            review.subject,
            name_and_side(plan.target),
            said,
        ],
        patient=plan.patient_id,
        sessions_words="a session" if len(sessions) == 1 else f"{len(sessions)} sessions",
        answer=answer,
        color=color,
        said=said.removeprefix(f"{answer}: ").replace(" %", "\u00a0%"),
        target=name_and_side(plan.target),
        boxes=boxes,
        timeline=_timeline(review),
        scalp=_scalp(review, live) if there else [],
        keys=KEYS,
        session_heads=SESSION_HEADS,
        session_rows=session_rows(review),
        drifts=[f"Session {each.number}: {drift_words(each)}" for each in sessions if each.drift is not None],
        course=_course(review) if len(sessions) > 1 or logged else None,
        log_heads=LOG_HEADS,
        log_rows=log_rows(review.log),
        label_rows=label_rows(review),
        label_heads=LABEL_HEADS,
        blocks=[(each, block_rows(each, train)) for each in sessions if each.blocks] if 1 < many <= MOST_BLOCKS else [],
        block_heads=BLOCK_HEADS,
        how=_how(review),
        objective=plan.objective,
    )


def _timeline(review: Review) -> Figure:
    lost = " Red marks are pulses that the camera did not see, or that were off the head."
    band = f"In the green band the dose is {percent(ENOUGH)} to 110 % of the planned one."
    words = f"Each dot is a pulse, the line their running median. {band}{lost}"
    return Figure(
        timeline_picture(review),
        "Dose, place and angle over time",
        words,
        f"Chart of the dose, the distance from the planned place and the handle's turn of every pulse. {headline(review)}.",
    )


def _scalp(review: Review, live: LiveDose) -> list[Figure]:
    dots = "Dots are pulses, coloured by the dose that the target got of them; the weakest lie on top."
    return [
        Figure(
            close_up_picture(review, live),
            "Seen along the planned coil’s axis",
            dots,
            f"The scalp under the planned coil. {dots}",
        ),
        Figure(
            head_picture(review, live),
            "On the head",
            "The dashed line is the planned coil.",
            f"The whole head with the planned coil's outline. {dots}",
        ),
    ]


def _course(review: Review) -> Figure:
    return Figure(
        course_picture(review),
        "Session by session",
        "What the target got of the planned dose, and below it what the log says. Pale is what it may have got of "
        "pulses of unknown dose. Under each session stands the planned dose that the target has had so far, in pulses.",
        "Bars: the share of the planned dose that the target got in each session; below, motor threshold and pain of the log.",
    )


def _how(review: Review) -> str:
    """In a paragraph: what a dose is here, and what it was held against."""
    intensity = (
        "at the pulse’s own intensity (the recorded output, or the dI/dt that the stimulator reported)"
        if review.own_intensity
        else "at equal intensity, as no output could be held against the plan’s"
    )
    of = "the pulses given" if review.planned.pulses is None else f"the pulses prescribed by {review.planned.protocol}"
    return (
        "Of every pulse the coil’s pose was read from the navigator’s file and brought to the millimetres of the plan’s T1. "
        f"The target’s dose there was taken from the plan’s dose map, {intensity}, and held against that of the planned pose. "
        f"The headline is the sum over all pulses, none counting more than one, over {of}; "
        f"{percent(ENOUGH)} and more is called the planned dose."
    )
