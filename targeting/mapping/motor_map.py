"""Map a muscle: a session's pulses and responses go in; hotspot, certainty, threshold and the next poses come out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from atlases.targets import SIDES
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.dosing.request import DEFAULT_MUSCLE, HOTSPOTS
from targeting.mapping.certainty import threshold_of
from targeting.mapping.coil_poses import BestPose, best_pose, candidates, next_poses
from targeting.mapping.direction import preferred_direction
from targeting.mapping.emg_table import read_table
from targeting.mapping.localise import Localised, localise
from targeting.mapping.places import QUANTITIES, Places
from targeting.mapping.pulses import Intensity, MappedPulses, mapped_pulses
from targeting.mapping.recruitment import CURVES, SIGMOID, THRESHOLD_UV, log_amplitude
from targeting.navigation.pose_file import PoseFile, write_poses
from targeting.plans.gate import planned_coil
from targeting.plans.tms import Plan, read_plan
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.records.json_records import plain, write_json
from targeting.stimulators import stimulator_rating
from targeting.study.carried_over import carried_over
from targeting.study.field_basis_stage import CorticalBasis, cortical_basis
from targeting.study.head_stages import FrameImage
from targeting.study.measured_hotspot import MeasuredHotspot, Within
from targeting.study.study import RecordedStudy
from targeting.subject import Subject, sha256
from targeting.tms.orientation import handle_deg

if TYPE_CHECKING:
    from meshes.cortical_surface import Cortex

log = logging.getLogger(__name__)
FOLDER, FILE, PLACES_FILE, PAGE = "mapping", "mapping.json", "mapping_places.tsv", "mapping.html"
NAMED = 0.02  # of the probability, below which an area is not named


@dataclass(frozen=True, eq=False)
class MotorMap:
    """A map of a muscle's hotspot over the cortex.

    Parameters
    ----------
    hotspot : MeasuredHotspot
        As it stands in ``mapping.json``.
    pulses : MappedPulses
    places : Places
    localised : Localised
    e_at_spot_v_per_m : (n,) float32
        The likely quantity of each pulse's field at the hotspot.
    log_mep : (n,) float64
        The responses, log10 µV, as they would be with the current along the direction that the muscle prefers, if it does.
    cortical : CorticalBasis
    """

    hotspot: MeasuredHotspot
    pulses: MappedPulses
    places: Places
    localised: Localised
    e_at_spot_v_per_m: NDArray[np.float32]
    log_mep: NDArray[np.float64]
    cortical: CorticalBasis

    @property
    def probability(self) -> NDArray[np.float64]:
        """Of each of ``places``, (V,)."""
        out = np.zeros(len(self.places.points_mm))
        out[self.localised.looked_at] = self.localised.certainty.probability
        return out


def map_motor(
    subject: str | Subject,
    session: str | Path,
    emg: str | Path | None = None,
    *,
    out: str | Path | None = None,
    muscle: str | None = None,
    percent: float | None = None,
    stimulator: str | None = None,
    curve: str = SIGMOID,
    quantity: str | None = None,
    anyway: bool = False,
) -> MotorMap:
    """Find where a muscle's responses come from; the field basis is made first if there is none (minutes).

    Parameters
    ----------
    subject : str or Subject
        Planned with the coil that gave the pulses; the plan's target says near where, and on which side.
    session : str or path
        A navigator's file with the pulses, ``FILE`` or ``FILE:NAME`` for those of one coil or target.
    emg : path, optional
        A table of the responses (:mod:`targeting.mapping.emg_table`); default: the session's file has them.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    muscle : {"hand", "leg", "face"}, optional
        Default: that of the plan's target, else the hand.
    percent : float, optional
        The output of all pulses, % of the maximum, where the files do not have it.
    stimulator : str, optional
        Whose maximum dI/dt counts; default: the coil's own rating.
    curve : {"sigmoid", "linear"}
    quantity : {"magnitude", "normal", "tangential"}, optional
        What of the field the neurons answer to; default: whichever the responses say.
    anyway : bool
        Take an outdated plan's head, too.

    Raises
    ------
    InputError
        If a file cannot be used, or its pulses cannot tell where the responses come from.
    """
    one_of(curve, CURVES, "curve")
    quantities = QUANTITIES if quantity is None else (one_of(quantity, QUANTITIES, "quantity"),)
    if percent is not None and not 0 < percent <= 100:
        raise InputError(f"`percent` is of the stimulator's maximum, above 0 and at most 100; not {percent:g}")
    subject = Subject.planned(subject, out)
    plan = _tms_plan(subject)
    if (side := plan.target.side) not in SIDES:
        raise InputError(
            f"the target of {subject.words} is on neither side, so on which to search is not known; plan one that is"
        )
    muscle = one_of(muscle or _muscle_of(plan), HOTSPOTS, "muscle")
    coil = planned_coil(subject, plan)
    rating = stimulator_rating(stimulator, coil.name) if stimulator else None
    top = rating.max_didt_a_per_s if rating else coil.max_didt_a_per_s
    file = PoseFile.of(session)
    table = None if emg is None else read_table(Path(emg))
    frame = FrameImage.kept_in(subject.folder)
    read, _ = carried_over(file.read(), subject)
    study = RecordedStudy.of(subject)
    gate = PoseGate(Scalp.of(study.head.value), coil)
    hair = plan.search.hair_mm or 0.0
    pulses = mapped_pulses(read, table, gate, hair, Intensity(top, percent), file.name)
    cortex = study.cortex.value if study.cortex else None
    if cortex is not None:
        _check_side(pulses, cortex, side, read.source)

    cortical = cortical_basis(subject, anyway=anyway).value  # refused where there is no cortex
    places = Places.near(cortical, np.array(plan.target.center_mm), side)
    log.info("the fields of %d pulses at %d places", len(pulses), len(places.points_mm))
    e = places.fields(coil, pulses.poses, pulses.didt_a_per_s)
    found = localise(places, e, pulses.mep_uv, pulses.poses, curve, quantities)
    spot = int(found.looked_at[found.certainty.spot])
    e_spot = places.quantity(e, found.quantity)[:, spot]
    log_mep = log_amplitude(pulses.mep_uv)
    preference = preferred_direction(e[:, spot], e_spot, log_mep, pulses.poses, curve)
    toward = None if preference is None else preference.toward
    log_mep = log_mep if preference is None else log_mep + preference.lacking
    log.info("poses that reach the hotspot")
    free = candidates(places, gate, places.points_mm[spot], hair, side)
    if not len(free.poses):
        raise InputError(
            f"the coil {coil.name} has no free pose near the likeliest place; check the plan's head and coil"
        )
    best = best_pose(places, gate, found, hair, side, free, toward)
    at_best = places.quantity(free.e_v_per_m, found.quantity)[:, found.looked_at].max(axis=0)
    didt = threshold_of(
        places.quantity(e, found.quantity)[:, found.looked_at] / np.maximum(at_best, 1e-30),
        log_mep,
        found.certainty.probability,
        curve,
    )
    per_didt = float(at_best[found.certainty.spot])
    ahead = next_poses(places, found, e, pulses.mep_uv, free, float(np.median(pulses.didt_a_per_s)), curve)
    hotspot = MeasuredHotspot(
        subject=subject.name,
        image=frame.name,
        image_sha256=frame.sha256,
        coil=coil.name,
        coil_sha256=subject.made_from("search")["parameters"]["coil_sha256"],
        muscle=muscle,
        side=side,
        session=file.words,
        session_sha256=sha256(file.path),
        emg="" if emg is None else Path(emg).name,
        pulses=len(pulses),
        responses=int((pulses.mep_uv >= THRESHOLD_UV).sum()),
        found=not found.faults,
        faults=list(found.faults),
        more_pulses=found.more_pulses,
        hotspot_mm=places.points_mm[spot].tolist(),
        expected_off_mm=found.certainty.expected_off_mm,
        radius_mm=found.certainty.radius_mm,
        region_cm2=found.certainty.area_mm2 / 100,
        areas=_areas(found, places, cortex, side),
        curve=curve,
        quantities=found.quantities,
        r2=found.best_r2,
        chance_r2=found.chance_r2,
        threshold_v_per_m=None if didt is None else didt.times(per_didt),
        rmt_percent=_rmt(didt, per_didt, best, top),
        max_didt_a_per_s=top,
        best_pose=None if best is None else best.matrix_mm.tolist(),
        current_toward=None if toward is None else toward.tolist(),
        handle_deg=None if toward is None or best is None else handle_deg(best.matrix_mm, side),
        next_poses=ahead.tolist(),
        left_out=list(pulses.left_out),
        warnings=[*read.remarks, *pulses.warnings],
    )
    return MotorMap(hotspot, pulses, places, found, e_spot, log_mep, cortical)


def write_map(found: MotorMap, subject: Subject, folder: Path | None = None) -> list[Path]:
    """Write ``mapping.json``, its page, the probability of each place, and the next poses for the navigators.

    Parameters
    ----------
    found : MotorMap
    subject : Subject
    folder : path, optional
        Default: ``mapping`` in the plan's folder.

    Returns
    -------
    list of Path
        The files, the record first.
    """
    from meshes.whole_files import written_whole
    from targeting.mapping.page import map_page
    from targeting.navigation.navigators import navigator_file, navigators_of_plans
    from targeting.report.page import write_page

    plan = _tms_plan(subject)
    there = folder or subject.plan_folder / FOLDER
    there.mkdir(parents=True, exist_ok=True)
    record, page, places = there / FILE, there / PAGE, there / PLACES_FILE
    write_json(record, plain(found.hotspot))
    write_page(page, map_page(found))
    rows = np.column_stack([found.places.points_mm, found.places.areas_mm2, found.probability])
    lines = ["x_mm\ty_mm\tz_mm\tarea_mm2\tprobability", *("\t".join(f"{each:.6g}" for each in row) for row in rows)]
    with written_whole(places) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    gate = PoseGate(Scalp.of(RecordedStudy.of(subject).head.value), planned_coil(subject, plan))
    image = FrameImage.kept_in(subject.folder).as_written_for(subject.folder)
    ahead = [Pose(np.array(each), f"map-{i}") for i, each in enumerate(found.hotspot.next_poses, start=1)]
    files = [
        file
        for name in navigators_of_plans()
        if ahead
        for file in write_poses(
            ahead, name, there / navigator_file(name, plan.created).replace("plan_", "map_next_"), gate, image
        )
    ]
    return [record, page, places, *files]


def _tms_plan(subject: Subject) -> Plan:
    path = subject.plan_folder / "plan.json"
    if not path.is_file():
        raise InputError(f"there is no coil's plan in {subject.plan_folder}; run 'target plan {subject.name}' first")
    return read_plan(path)


def _muscle_of(plan: Plan) -> str:
    return next((muscle for muscle, target in HOTSPOTS.items() if target == plan.target.name), DEFAULT_MUSCLE)


def _check_side(pulses: MappedPulses, cortex: Cortex, side: str, source: str) -> None:
    """Refuse a session over the other hemisphere."""
    centers = pulses.poses[:, :3, 3]
    left, right = (cKDTree(surface.points_mm).query(centers)[0] for surface in (cortex.left, cortex.right))
    other = right < left if side == "left" else left < right
    if 2 * other.sum() > len(other):
        wrong = "right" if side == "left" else "left"
        raise InputError(
            f"{source}: {int(other.sum())} of {len(other)} pulses lie over the {wrong} of the brain, and the plan's target "
            f"is on the {side}; map in a plan of the {wrong} side, or check the file's frame"
        )


def _areas(found: Localised, places: Places, cortex: Cortex | None, side: str) -> dict[str, float]:
    """The probability of each area of HCP-MMP 1.0; empty where this side's folds are not known."""
    from atlases.areas import names_at_vertices

    name = "lh" if side == "left" else "rh"
    if cortex is None or name not in cortex.folds:
        return {}
    nearest = cKDTree(cortex.hemispheres[name].points_mm).query(places.points_mm[found.looked_at])[1]
    names = names_at_vertices(cortex.folds[name], name)[nearest]
    shares = {str(each): float(found.certainty.probability[names == each].sum()) for each in np.unique(names) if each}
    return {area: share for area, share in sorted(shares.items(), key=lambda each: -each[1]) if share >= NAMED}


def _rmt(didt: Within | None, per_didt: float, best: BestPose | None, top_a_per_s: float | None) -> Within | None:
    """The threshold as % of the maximum output at the best pose; None where that is not known, or more than there is."""
    if didt is None or best is None or top_a_per_s is None:
        return None
    found = didt.times(100 / top_a_per_s * per_didt / best.per_didt)
    return found if found.value <= 100 else None
