"""Methods of the head, its conductivities and the solver: the sentences that coils and montages have in common."""

from __future__ import annotations

from meshes.tissue_codes import TISSUE_NAMES
from targeting.engines import engine_title, solved_by
from targeting.fem.conductivity import CONDUCTIVITY_S_PER_M, tissue_names
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.report.citations import Citations
from targeting.report.evidence import HeadEvidence
from targeting.words.numbers import listed, number, point
from targeting.words.target import extent_sentence

PROGRAM = "target"
WORDS = {
    "wm": "white matter",
    "gm": "grey matter",
    "csf": "cerebrospinal fluid",
    "compact_bone": "compact bone",
    "spongy_bone": "spongy bone",
}
SOURCES = {"wagner2004": ("wm", "gm", "csf", "skull", "scalp"), "opitz2015": ("eyes",)}  # of the table's values


def thousands(count: int) -> str:
    """A count with thin spaces.

    Examples
    --------
    >>> thousands(2522661).split("\u202f")
    ['2', '522', '661']
    """
    return f"{count:,}".replace(",", "\u202f")


def head_sentences(evidence: HeadEvidence, cite: Citations) -> list[str]:
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


def conductivity_sentences(evidence: HeadEvidence, cite: Citations) -> list[str]:
    """Conductivities of the tissues that the head has, with their sources, and which of them were set by the user."""
    plan = evidence.plan
    present = tissue_names(evidence.head.tissue)
    told = {name: plan.conductivity_s_per_m[name] for name in present if name in plan.conductivity_s_per_m}
    if not told:
        return []
    own = [name for name in told if told[name] != CONDUCTIVITY_S_PER_M.get(name)]
    table = [name for name in told if name not in own]
    values = listed([f"{_word(name)} {told[name]:g}" for name in told])
    said = f"Conductivities in S/m were: {values}"
    sources = [
        f"{listed([_word(name) for name in some if name in table])} as in {cite(key)}"
        for key, some in SOURCES.items()
        if set(some) & set(table)
    ]
    if sources:
        said += f" ({'; '.join(sources)})"
    if own:
        said += f"; {listed([_word(name) for name in own])} {'was' if len(own) == 1 else 'were'} set for this plan"
    sentences = [said + "."]
    tensors = plan.search.white_matter
    if tensors:
        key = "tuch2001" if tensors.startswith("direct") else "opitz2011"
        sentences.append(f"White matter conducted along its fibres: {tensors} {cite(key)}.")
    else:
        sentences.append("All tissues conducted alike in all directions.")
    return sentences


def solver_sentence(plan: Plan | TesPlan, cite: Citations) -> str:
    """The equations' solver."""
    return (
        f"Fields were calculated with {PROGRAM} {plan.versions.get(PROGRAM, '')}".rstrip()
        + ", by finite elements of first order in the quasi-static approximation; gradients were recovered tissue by tissue "
        f"from patches of nodes by harmonic polynomials, after {cite('zhang2005')}."
    )


def engine_sentence(plan: Plan, cite: Citations) -> str:
    """Who confirmed the poses, if it was another engine; else empty."""
    name, version = solved_by(plan.search.direct_solves_by)
    if name == "embedded":
        return ""
    mark = f" {cite('thielscher2015')}" if name == "simnibs" else ""
    return f"The ranked placements were solved again with {engine_title(name)} {version}{mark}, whose field is shown."


def target_sentence(evidence: HeadEvidence, cite: Citations) -> str:
    """The target, and how it came to this head."""
    target = evidence.plan.target
    said = extent_sentence(target)
    if target.mni_mm is not None:
        said += (
            f", that is MNI152 {point(target.mni_mm)} mm carried to the head by a non-linear registration of its brain "
            f"tissue {cite('avants2008')}"
        )
    if target.snapped_mm > 0:
        said += f" and moved {number(target.snapped_mm)} mm into grey matter"
    return said + "."


def versions_sentence(plan: Plan | TesPlan) -> str:
    """The versions of all that calculated."""
    others = [f"{name} {version}" for name, version in plan.versions.items() if name != PROGRAM]
    said = f"Software: {PROGRAM} {plan.versions.get(PROGRAM, 'of unknown version')}"
    return said + (f", with {listed(others)}." if others else ".")


def _word(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))
