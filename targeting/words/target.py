"""What a target is, in words: a patch of cortex, a ball of grey matter, or what lies under a mask or a map; and its side."""

from __future__ import annotations

from collections.abc import Sequence

from targeting.records.places import ALSO, PlanRegion, PlanTarget
from targeting.words.fact import Fact
from targeting.words.numbers import direction_words, number, point


def target_line(target: PlanTarget) -> str:
    """For a terminal: what and where.

    Examples
    --------
    >>> spot = [-37.0, -21.0, 58.5]
    >>> target_line(PlanTarget("m1-hand", "left", spot, 7.0, 1.5, "a paper", spot, None, 900.0, "ball"))
    'left m1-hand at x −37.0, y −21.0, z 58.5 mm, moved 1.5 mm to reach grey matter, radius 7.0 mm'
    >>> from targeting.records.places import PlanPatch
    >>> patch = PlanPatch([0.0, 0.0, -1.0], 90.0, [-38.0, -19.0, 58.0], 2.75)
    >>> target_line(PlanTarget("m1-hand", "left", spot, 4.0, 0.0, "", spot, None, 268.1, "patch", patch))
    'left m1-hand, 0.27 cm³ of grey matter in a patch of cortex round x −37.0, y −21.0, z 58.5 mm, 2.8 mm from where the \
registration puts it'
    >>> target_line(PlanTarget("map pain", "", spot, 15.0, 0.0, "map pain.nii", spot, None, 14137.2, "map"))
    'map pain, 14.14 cm³ of grey matter weighted by it, most at x −37.0, y −21.0, z 58.5 mm'
    """
    who, center = _who(target), center_fact(target)
    volume = f"{number(target.volume_mm3 / 1000, 2)} cm³ of grey matter"
    if target.shape == "map":
        return f"{who}, {volume} weighted by it, most at {center.text}"
    if target.shape == "mask":
        return f"{who}, {volume} under that mask round {center.text}"
    if target.shape == "patch":
        return f"{who}, {volume} in a patch of cortex round {center.text}{_check_words(target)}"
    return f"{who} at {center.text}, {center.more}, radius {number(target.radius_mm)} mm"


def extent_sentence(target: PlanTarget) -> str:
    """For a methods text: which grey matter the dose was averaged over, without its end."""
    volume = f"{number(target.volume_mm3 / 1000, 2)} cm³"
    if target.shape == "map":
        return f"The target was the grey matter under the {_who(target)} ({volume}), weighted by the map’s size"
    if target.shape == "mask":
        return f"The target, {_who(target)}, was the grey matter under a mask ({volume} round {point(target.center_mm)} mm)"
    if target.shape == "patch":
        return (
            f"The target, {_who(target)}, was a patch of the subject’s own cortex from white matter to the pial surface "
            f"({volume} round {point(target.center_mm)} mm): {target.source}"
        )
    within = f"The target, {_who(target)}, was the grey matter within {number(target.radius_mm)} mm of"
    return f"{within} {point(target.center_mm)} mm ({volume})"


def center_fact(target: PlanTarget) -> Fact:
    """Where the target's centre lies, and how far it was moved to reach grey matter."""
    if target.shape == "patch":
        return Fact("Target’s centre", point(target.center_mm), "mm", "the middle of the patch, by this person’s folds")
    moved = "as asked for" if target.snapped_mm == 0 else f"moved {number(target.snapped_mm)} mm to reach grey matter"
    return Fact("Target’s centre", point(target.center_mm), "mm", moved)


def patch_facts(target: PlanTarget) -> list[Fact]:
    """Of a patch of cortex: which way its wall faces, how the wanted current meets it, and the cross-check; else nothing."""
    patch = target.patch
    if patch is None:
        return []
    current = (
        "no direction of the current is published for it"
        if patch.current_to_wall_deg is None
        else f"the current that is wanted meets it at {number(patch.current_to_wall_deg, 0)}° to its inward normal "
        "(0° straight in, 90° along the cortex)"
    )
    facts = [Fact("Cortex of the target faces", direction_words([-x for x in patch.wall_inward]), more=current)]
    if patch.by_warp_mm is not None and patch.apart_mm is not None:
        facts.append(
            Fact(
                "Target by folds and by registration",
                f"{number(patch.apart_mm)}",
                "mm",
                f"apart: the registration puts its MNI152 point at {point(patch.by_warp_mm)} mm",
            )
        )
    return facts


def _check_words(target: PlanTarget) -> str:
    patch = target.patch
    if patch is None or patch.apart_mm is None:
        return ""
    return f", {number(patch.apart_mm)} mm from where the registration puts it"


def ring_sentence(target: PlanTarget, under_mm: float) -> str:
    """What the ring in the pictures of the cortex is, where the target's centre lies so deep under what is seen."""
    deep = f"its centre {number(under_mm, 0)} mm deep"
    if target.shape != "ball":
        return f"The ring is {ring_meaning(target)}, no outline" + (f"; {deep}." if under_mm > target.ring_mm else ".")
    if under_mm > target.ring_mm:
        return f"The ring is dashed: the whole target lies under what is seen, {deep}."
    return "The ring is the target’s outline."


def ring_meaning(target: PlanTarget) -> str:
    """What the ring in a picture stands for.

    >>> spot = [-37.0, -21.0, 58.5]
    >>> ring_meaning(PlanTarget("roi", "left", spot, 15.0, 0.0, "mask given by the user", spot, None, 14137.2, "mask"))
    'the mask’s middle'
    """
    return {
        "ball": "the target",
        "mask": "the mask’s middle",
        "map": "the map’s strongest spot",
        "patch": "the patch’s middle",
    }[target.shape]


def name_and_side(target: PlanTarget, further: Sequence[PlanRegion] = ()) -> str:
    """The target with its side, as a heading has it, and the further targets among ``further`` (a goal's places)."""
    return f"{target.name} {target.side}".strip() + also_words(further)


def also_words(further: Sequence[PlanRegion]) -> str:
    """The further targets among a goal's places, with their sides: ", also psi left"; empty where there is none."""
    return "".join(f", also {each.name} {each.side}".rstrip() for each in further if each.role == ALSO)


def sides_sentence(pain_side: str, target_side: str, modality: str) -> str:
    """The side of the pain, and on which side what acts on it goes.

    Parameters
    ----------
    pain_side, target_side : str
        "left", "right", or "" where it is not given or the target has none.
    modality : str
        Of the plan: "tms" or "tdcs".

    Examples
    --------
    >>> sides_sentence("left", "right", "tms"), sides_sentence("", "left", "tdcs")
    ('pain left → coil right', 'side of the pain: not given')
    """
    if not pain_side:
        return "side of the pain: not given"
    tool = "coil" if modality == "tms" else "electrodes"
    return f"pain {pain_side} → {tool} {target_side}" if target_side else f"pain {pain_side}"


def _who(target: PlanTarget) -> str:
    return " ".join(filter(None, (target.side, target.name)))
