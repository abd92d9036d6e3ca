"""Methods text fit for a paper: a paragraph made from the plan itself, with the works it rests on.

It says only what the plan holds: what the plan does not know is left out.  Coil, protocol and safety limits are
cited as their own tables cite them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

from meshes.choices import one_of
from meshes.tissue_codes import TISSUE_NAMES
from targeting.dosing.record import BY_PROTOCOL, PlanDosing, protocol_of
from targeting.engines import engine_title, solved_by
from targeting.fem.conductivity import CONDUCTIVITY_S_PER_M, tissue_names
from targeting.fem.second_order import REACH_MM
from targeting.plans.tes import TesPlan
from targeting.plans.tes_words import electrode_words
from targeting.plans.tms import Plan
from targeting.plans.tms_words import dose_fact
from targeting.report.evidence import Evidence, TesEvidence, TmsEvidence
from targeting.report.provenance import PROGRAM
from targeting.tms.search import ANGLE_STEP_DEG, STEP_MM
from targeting.words.numbers import listed, measured_from, number, point, size, three_digits, total_current, trimmed
from targeting.words.target import extent_sentence

PAD_WORDS = {"tdcs": "a pair of pads", "hd-tdcs": "small electrodes"}
WORDS = {
    "wm": "white matter",
    "gm": "grey matter",
    "csf": "cerebrospinal fluid",
    "compact_bone": "compact bone",
    "spongy_bone": "spongy bone",
}
SOURCES = {"wagner2004": ("wm", "gm", "csf", "skull", "scalp"), "opitz2015": ("eyes",)}  # of the table's values


class Methods(NamedTuple):
    """A paragraph, and the works it cites in their order."""

    text: str
    works: list[str]


@cache
def references() -> dict[str, str]:
    """Key → reference as it is printed, from ``references.toml``.

    Examples
    --------
    >>> references()["tuch2001"].split(". ")[0]
    'Tuch DS, Wedeen VJ, Dale AM, George JS, Belliveau JW'
    """
    text = resources.files("targeting.report").joinpath("references.toml").read_text(encoding="utf-8")
    return {
        key: entry["text"] + (f" doi:{entry['doi']}" if entry["doi"] else "")
        for key, entry in tomllib.loads(text).items()
    }


class Citations:
    """The list of works a text cites.

    Examples
    --------
    >>> cited = Citations()
    >>> cited("wagner2004", "opitz2015"), cited("tuch2001"), cited("opitz2015")
    ('[1,2]', '[3]', '[2]')
    >>> [line.split()[0] for line in cited.works]
    ['Wagner', 'Opitz', 'Tuch']
    """

    def __init__(self) -> None:
        self.works: list[str] = []

    def __call__(self, *keys: str) -> str:
        """The mark to print for works of ``references.toml``."""
        for key in keys:
            one_of(key, references(), "reference")
        return self.of(*(references()[key] for key in keys))

    def of(self, *works: str) -> str:
        """The mark to print for works given as text: what a plan's own sources say."""
        for work in works:
            if work not in self.works:
                self.works.append(work)
        return f"[{','.join(str(self.works.index(work) + 1) for work in works)}]"


def coil_methods(evidence: TmsEvidence) -> Methods:
    """The methods of a coil's plan."""
    plan, cite = evidence.plan, Citations()
    sentences = [
        *_head_sentences(evidence, cite),
        *_conductivity_sentences(evidence, cite),
        _solver_sentence(plan, cite),
        _target_sentence(evidence, cite),
        *_coil(plan, cite),
        *_search(plan, cite),
        _dose(plan),
        _engine_sentence(plan, cite),
        *_robustness(plan),
        *_uncertainty(plan, cite),
        *_dosing(plan, cite),
        _compared(plan),
        _versions_sentence(plan),
    ]
    return Methods(" ".join(filter(None, sentences)), cite.works)


def montage_methods(evidence: TesEvidence) -> Methods:
    """The methods of a montage's plan."""
    plan, cite = evidence.plan, Citations()
    sentences = [
        *_head_sentences(evidence, cite),
        *_conductivity_sentences(evidence, cite),
        _solver_sentence(plan, cite),
        _target_sentence(evidence, cite),
        *_electrodes(plan, cite),
        _chosen(plan, cite),
        _montage_dose(plan),
        _standard(plan),
        f"What was asked beside the target: {plan.goal.words}." if plan.goal else "",
        *_safety(plan, cite),
        _versions_sentence(plan),
    ]
    return Methods(" ".join(filter(None, sentences)), cite.works)


def _coil(plan: Plan, cite: Citations) -> list[str]:
    sentence = f"The coil was {plan.coil.name}" + (f" {cite.of(plan.coil.source)}" if plan.coil.source else "")
    hair = plan.search.hair_mm
    return [sentence + ("." if hair is None else f", its casing {hair:g} mm or more from the scalp.")]


def _search(plan: Plan, cite: Citations) -> list[str]:
    poses = plan.search.poses_tried
    if poses is None:
        return []
    search = (
        f"The whole scalp was searched from coarse to fine, to points {STEP_MM:g} mm and angles {ANGLE_STEP_DEG:g}° apart "
        f"where the dose comes near its best and finer round that; {thousands(poses)} poses were evaluated by reciprocity "
        f"{cite('gomez2021')}"
    )
    tilt, extra = plan.search.tilt_deg or 0, plan.search.extra_mm or 0
    if tilt or extra:
        search += f", with tilts of up to {tilt:g}° and up to {extra:g} mm of extra distance"
    best = plan.placements[0]
    place = (
        f"The best had its centre over the scalp at ({', '.join(number(x) for x in best.scalp_mm)}) mm, the induced current "
        f"at {number(best.angle_deg, 0)}° from {measured_from(best.angle_from)}."
    )
    if plan.angle is not None and plan.pulse is not None:
        place += (
            f" The handle was held {plan.angle.words} ({plan.angle.why}). Fields and directions are of the effective phase of "
            f"a {plan.pulse.form} pulse, the {plan.pulse.effective_phase}, with the stimulator's current direction set to "
            f"{plan.pulse.current}."
        )
    if plan.goal is not None:
        return [f"{search}.", f"Poses were ranked by {plan.goal.name}: {plan.goal.words}.", place]
    return [f"{search}, and ranked by the dose.", place]


def _dose(plan: Plan) -> str:
    dose, best = dose_fact(plan), plan.placements[0]
    sentence = f"The dose is the {dose.more}, for a coil current that changes by 1 A/µs: {dose.text}"
    if best.direct_dose_v_per_m is None:
        return sentence + "."
    return sentence + f" ({three_digits(best.direct_dose_v_per_m)} V/m by a direct solve of that pose)."


def _robustness(plan: Plan) -> list[str]:
    robust = plan.robustness
    if robust is None:
        return []
    return [
        f"Under placement errors of up to {robust.shift_mm:g} mm, {robust.turn_deg:g}° of turn and {robust.tilt_deg:g}° of "
        f"tilt, 95 % of the doses are above {three_digits(robust.worst_v_per_m)} V/m."
    ]


def _uncertainty(plan: Plan, cite: Citations) -> list[str]:
    spread = plan.uncertainty
    if spread is None:
        return []
    return [
        f"With conductivities drawn from published ranges ({spread.distribution}, {thousands(spread.draws)} draws, "
        f"{cite('saturnino2019')}) the dose lies between {three_digits(spread.dose_low_v_per_m)} and "
        f"{three_digits(spread.dose_high_v_per_m)} V/m (5th to 95th percentile)."
    ]


def _dosing(plan: Plan, cite: Citations) -> list[str]:
    dosing = plan.dosing
    if dosing is None:
        return []
    threshold = f"a resting motor threshold of {number(dosing.rmt_percent)} %"
    if dosing.muscle:
        threshold += f" ({dosing.muscle})"
    if dosing.given_percent is None or dosing.given_fraction is None:
        return [
            f"At {threshold} the target would get {number(100 * dosing.at_threshold_fraction, 0)} % of the field that the "
            "motor hotspot gets; no stimulator output was set."
        ]
    sentences = [
        f"The stimulator’s output was set to {dosing.given_percent} % of its maximum, {_why(dosing)}; the target then gets "
        f"{number(100 * dosing.given_fraction, 0)} % of the field that the motor hotspot gets at {threshold}"
        + (f" ({three_digits(dosing.target_v_per_m)} V/m)." if dosing.target_v_per_m is not None else ".")
    ]
    if dosing.protocol is not None:
        each = dosing.protocol
        sentences.append(
            f"The protocol was {each.name} {cite.of(each.paper)}: {protocol_of(each).session_words}, {each.sessions} sessions."
        )
    return sentences


def _why(dosing: PlanDosing) -> str:
    """By what an output is what it is."""
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        return f"the protocol’s {number(100 * dosing.protocol.intensity_fraction_rmt, 0)} % of the motor threshold"
    aim = f"for {number(100 * (dosing.match_field or 1.0), 0)} % of the field at threshold"
    return aim if dosing.clamp == "none" else f"{aim} as far as limits allowed it"


def _compared(plan: Plan) -> str:
    others = [each.coil for each in plan.comparison[1:]]
    return f"The coil was compared with {listed(others)}, each at its own best pose." if others else ""


def _electrodes(plan: TesPlan, cite: Citations) -> list[str]:
    shapes = sorted({f"{each.shape} {size(each.size_mm)} mm" for each in plan.montage})
    currents = listed([electrode_words(each.name, each.current_ma) for each in plan.montage])
    return [
        f"Stimulation was by {PAD_WORDS.get(plan.kind, 'electrodes')} ({'; '.join(shapes)}) at positions of the 10-10 "
        f"system {cite('oostenveld2001')}, measured on the head model from landmarks ({plan.landmarks.source}).",
        f"The montage was {currents}, for {trimmed(plan.minutes)} min; positive currents flow into the head.",
        f"Its field was calculated with complete electrodes {cite('somersalo1992')}.",
    ]


def _chosen(plan: TesPlan, cite: Citations) -> str:
    optimum = plan.optimum
    if optimum is None:
        return f"The montage, {plan.montage_name}, was given."
    limits = f"; the limits that held were {listed(optimum.binding)}" if optimum.binding else ""
    return (
        f"It was chosen by optimisation on a leadfield of {optimum.candidates} positions (for the approach, "
        f"{cite('dmochowski2011')}): {optimum.objective}{limits}."
    )


def _montage_dose(plan: TesPlan) -> str:
    dose = plan.dose
    return (
        f"The dose is the {plan.objective}: {three_digits(dose.dose_v_per_m)} V/m at {total_current(plan.total_current_ma)} "
        f"(mean |E| {three_digits(dose.mean_e_v_per_m)} V/m in the target, {three_digits(dose.grey_mean_e_v_per_m)} V/m in all "
        "grey matter)."
    )


def _standard(plan: TesPlan) -> str:
    if plan.standard is None:
        return ""
    theirs = plan.standard.dose
    return (
        f"For comparison, {theirs.montage} gives {three_digits(theirs.dose_v_per_m)} V/m at "
        f"{total_current(theirs.total_current_ma)} on the same head."
    )


def _safety(plan: TesPlan, cite: Citations) -> list[str]:
    if not plan.safety:
        return []
    marks = cite.of(*dict.fromkeys(item.source for item in plan.safety))
    beyond = [item.title for item in plan.safety if not item.within]
    if not beyond:
        return [f"Current, charge, duration and current densities were within published limits {marks}."]
    return [f"Published limits {marks} were exceeded in: {listed(beyond)}."]


def thousands(count: int) -> str:
    """A count with thin spaces.

    Examples
    --------
    >>> thousands(2522661).split("\u202f")
    ['2', '522', '661']
    """
    return f"{count:,}".replace(",", "\u202f")


def _head_sentences(evidence: Evidence, cite: Citations) -> list[str]:
    """Segmentation and mesh."""
    plan, head = evidence.plan, evidence.head
    density = plan.search.mesh
    names = [
        TISSUE_NAMES[code].replace("CSF", "cerebrospinal fluid") for code in TISSUE_NAMES if (head.tissue == code).any()
    ]
    return [
        _segmentation(plan, cite),
        f"The head model has {thousands(len(head.points_mm))} nodes and {thousands(len(head.tets))} tetrahedra"
        + (f" (mesh density “{density}”)" if density in ("standard", "fast") else "")
        + f" of these tissues: {listed(names)}.",
    ]


def _segmentation(plan: Plan | TesPlan, cite: Citations) -> str:
    source = plan.search.head or ""
    meshed = "and meshed so that the tetrahedra’s faces lie on the boundaries of the tissues"
    if source == "embedded":
        return (
            f"The head was Colin27, an average of 27 scans of one person {cite('holmes1998')}, segmented with SAMSEG "
            f"{cite('puonti2020')} {meshed}."
        )
    if source in ("T1", "T1 and T2"):
        return f"The participant’s {source}-weighted MRI was segmented with SAMSEG {cite('puonti2020')} {meshed}."
    if source == "labels":
        return f"The head’s tissues were taken from a label image ({plan.frame.image}) {meshed}."
    if source == "finished mesh":
        return (
            f"The head model was given as a finished tetrahedral mesh; its coordinates are those of {plan.frame.image}."
        )
    return f"The head model is in the frame of the image {plan.frame.image}."


def _conductivity_sentences(evidence: Evidence, cite: Citations) -> list[str]:
    """Conductivities of the tissues that the head has, with their sources, and which of them were set by the user."""
    plan = evidence.plan
    present = tissue_names(evidence.head.tissue)
    sigma = {name: plan.conductivity_s_per_m[name] for name in present if name in plan.conductivity_s_per_m}
    if not sigma:
        return []
    own = [name for name in sigma if sigma[name] != CONDUCTIVITY_S_PER_M.get(name)]
    table = [name for name in sigma if name not in own]
    values = listed([f"{_word(name)} {sigma[name]:g}" for name in sigma])
    sentence = f"Conductivities in S/m were: {values}"
    sources = [
        f"{listed([_word(name) for name in some if name in table])} as in {cite(key)}"
        for key, some in SOURCES.items()
        if set(some) & set(table)
    ]
    if sources:
        sentence += f" ({'; '.join(sources)})"
    if own:
        sentence += f"; {listed([_word(name) for name in own])} {'was' if len(own) == 1 else 'were'} set for this plan"
    sentences = [sentence + "."]
    tensors = plan.search.white_matter
    if tensors:
        key = "tuch2001" if tensors.startswith("direct") else "opitz2011"
        sentences.append(f"White matter conducted along its fibres: {tensors} {cite(key)}.")
    else:
        sentences.append("All tissues conducted alike in all directions.")
    return sentences


def _solver_sentence(plan: Plan | TesPlan, cite: Citations) -> str:
    """The equations' solver."""
    near = f" (of second order within {REACH_MM:g} mm of the target)" if isinstance(plan, Plan) else ""
    return (
        f"Fields were calculated with {PROGRAM} {plan.versions.get(PROGRAM, '')}".rstrip()
        + f", by finite elements of first order{near} in the quasi-static approximation; gradients of first order were "
        f"recovered tissue by tissue from patches of nodes by harmonic polynomials, after {cite('zhang2005')}."
    )


def _engine_sentence(plan: Plan, cite: Citations) -> str:
    """Who confirmed the poses, if it was another engine; else empty."""
    name, version = solved_by(plan.search.direct_solves_by)
    if name == "embedded":
        return ""
    mark = f" {cite('thielscher2015')}" if name == "simnibs" else ""
    return f"The ranked placements were solved again with {engine_title(name)} {version}{mark}, whose field is shown."


def _target_sentence(evidence: Evidence, cite: Citations) -> str:
    """The target, and how it came to this head."""
    target = evidence.plan.target
    sentence = extent_sentence(target)
    if target.patch is not None and target.mni_mm is not None and target.patch.apart_mm is not None:
        return (
            f"{sentence}. MNI152 {point(target.mni_mm)} mm, carried to the head by a non-linear registration of its brain "
            f"tissue {cite('avants2008')} as a check, lay {number(target.patch.apart_mm)} mm from its middle."
        )
    if target.mni_mm is not None:
        sentence += (
            f", that is MNI152 {point(target.mni_mm)} mm carried to the head by a non-linear registration of its brain "
            f"tissue {cite('avants2008')}"
        )
    if target.snapped_mm > 0:
        sentence += f" and moved {number(target.snapped_mm)} mm into grey matter"
    return sentence + "."


def _versions_sentence(plan: Plan | TesPlan) -> str:
    """The versions of all that calculated."""
    others = [f"{name} {version}" for name, version in plan.versions.items() if name != PROGRAM]
    sentence = f"Software: {PROGRAM} {plan.versions.get(PROGRAM, 'of unknown version')}"
    return sentence + (f", with {listed(others)}." if others else ".")


def _word(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))
