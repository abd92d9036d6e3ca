"""What a target is, in words: a ball of grey matter, or what of it lies under a mask or a map."""

from __future__ import annotations

from targeting.records.places import PlanTarget
from targeting.words.numbers import number, point


def target_line(target: PlanTarget) -> str:
    """For a terminal: what and where.

    Examples
    --------
    >>> spot = [-37.0, -21.0, 58.5]
    >>> target_line(PlanTarget("m1-hand", "left", spot, 7.0, 1.5, "a paper", spot, None, 900.0, "ball"))
    'left m1-hand at (-37.0, -21.0, 58.5) mm, radius 7 mm, moved 1.5 mm to grey matter'
    >>> target_line(PlanTarget("map pain", "", spot, 15.0, 0.0, "map pain.nii", spot, None, 14137.2, "map"))
    'map pain, 14.14 cm³ of grey matter weighted by it, most at (-37.0, -21.0, 58.5) mm'
    """
    who, where = _who(target), f"({', '.join(f'{x:.1f}' for x in target.center_mm)}) mm"
    volume = f"{number(target.volume_mm3 / 1000, 2)} cm³ of grey matter"
    if target.shape == "map":
        return f"{who}, {volume} weighted by it, most at {where}"
    if target.shape == "mask":
        return f"{who}, {volume} under that mask round {where}"
    return f"{who} at {where}, radius {target.radius_mm:g} mm, moved {target.snapped_mm:.1f} mm to grey matter"


def extent_sentence(target: PlanTarget) -> str:
    """For a methods text: which grey matter the dose was averaged over, without its end."""
    volume = f"{number(target.volume_mm3 / 1000, 2)} cm³"
    if target.shape == "map":
        return f"The target was the grey matter under the {_who(target)} ({volume}), weighted by the map’s size"
    if target.shape == "mask":
        return f"The target, {_who(target)}, was the grey matter under a mask ({volume} round {point(target.center_mm)} mm)"
    said = f"The target, {_who(target)}, was the grey matter within {number(target.radius_mm)} mm of"
    return f"{said} {point(target.center_mm)} mm ({volume})"


def size_words(target: PlanTarget) -> str:
    """For a table of the report: radius and volume, HTML."""
    volume = f"<b>{number(target.volume_mm3 / 1000, 2)} cm³</b> of"
    if target.shape == "ball":
        return f"<b>{number(target.radius_mm)} mm</b> radius, {volume} it grey matter"
    return f"{volume} grey matter under a {target.shape}"


def ring_sentence(target: PlanTarget, under_mm: float) -> str:
    """What the ring in the pictures of the cortex is, where the target's centre lies so deep under what is seen."""
    deep = f"its centre {number(under_mm, 0)} mm deep"
    if target.shape != "ball":
        return f"The ring is {ringed(target)}, no outline" + (f"; {deep}." if under_mm > target.ring_mm else ".")
    if under_mm > target.ring_mm:
        return f"The ring is dashed: the whole target lies under what is seen, {deep}."
    return "The ring is the target’s outline."


def ringed(target: PlanTarget) -> str:
    """What the ring in a picture stands for.

    >>> spot = [-37.0, -21.0, 58.5]
    >>> ringed(PlanTarget("roi", "left", spot, 15.0, 0.0, "mask given by the user", spot, None, 14137.2, "mask"))
    'the mask’s middle'
    """
    return {"ball": "the target", "mask": "the mask’s middle", "map": "the map’s strongest spot"}[target.shape]


def _who(target: PlanTarget) -> str:
    return " ".join(filter(None, (target.side, target.name)))
