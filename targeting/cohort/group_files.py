"""The files of the group level, in ``group/`` of the derivatives: the table, the maps and the page, each written whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from targeting.cohort.derivatives import write_sidecar
from targeting.cohort.group import Group, KindOfPlan, log
from targeting.cohort.group_comparison import PERMUTATIONS, SEED
from targeting.cohort.group_maps import ENDINGS, FSLR, write_maps, write_values
from targeting.cohort.group_page import page_of
from targeting.cohort.group_table import write_table
from targeting.cohort.group_words import (
    averaged_sentence,
    comparison_sentence,
    gain_sentence,
    headline,
    left_out_sentence,
    map_sentence,
    unknown_sentences,
)
from targeting.cohort.person import Folders
from targeting.records.json_records import plain
from targeting.report.page import write_page

FOLDER, PAGE = "group", "group.html"


def write_group(group: Group, folders: Folders, told: Callable[[str], None] = log.info) -> list[Path]:
    """Write everything; the same group gives the same bytes, and no map of an earlier run stays.

    Parameters
    ----------
    group : Group
    folders : Folders
    told : callable
        Is given a line as the page begins.

    Returns
    -------
    list of Path
        The page first, then the table.
    """
    folder = folders.derivatives / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    written = write_table(folder, group)
    for each in group.kinds:
        for one in each.maps:
            written += write_maps(folder, each.kind, one, each.left_out)
        if each.comparison is not None:
            written += _write_comparison(folder, each)
    for stale in set(folder.glob("space-*_stat-*_desc-*_efield.*")) - set(written):
        stale.unlink()
    told("the group's page")
    page = folder / PAGE
    write_page(page, page_of(group, folder))
    return [page, *written]


def document_of(group: Group) -> dict[str, Any]:
    """The group as JSON's own kinds: what the page says, without the maps."""
    return {
        "dataset": group.dataset,
        "headline": headline(group),
        "asked": group.asked,
        "people": [f"sub-{each}" for each in group.people],
        "need_a_look": [f"sub-{each}" for each in group.doubtful],
        "without_plan": [{"person": each.person, "state": each.state, "why": each.why} for each in group.missing],
        "flags": [
            {"person": each.person, "words": each.words, "plan": each.kind.label if each.kind else None}
            for each in group.flags
        ],
        "accepted": {f"sub-{label}": why for label, why in group.accepted.items()},
        "plans": [_of_kind(each, group) for each in group.kinds],
    }


def _of_kind(each: KindOfPlan, group: Group) -> dict[str, Any]:
    gain, comparison = each.gain, each.comparison
    said = (averaged_sentence(each), left_out_sentence(each, group), *unknown_sentences(each), map_sentence(each))
    return {
        **plain(each.kind),
        "people": [one.person for one in each.plans],
        "count": list(each.counted),
        "left_out": list(each.left_out),
        "median_dose_v_per_m": each.dose_v_per_m,
        "own_to_common": None
        if gain is None
        else {**plain(gain), "words": gain_sentence(each), "people": [plain(one) for one in each.pairs]},
        "mean_pose_mni": None
        if each.pose is None
        else {
            "scalp_mm": each.pose.pose.scalp_mm.tolist(),
            "handle": each.pose.pose.handle.tolist(),
            "places_rms_mm": each.pose.places_mm,
            "handles_rms_deg": each.pose.handles_deg,
            "people": each.pose.n,
        },
        "maps": [{"space": one.space, "people": list(one.people)} for one in each.maps],
        "comparison": None
        if comparison is None
        else {
            "groups": dict(zip(comparison.names, comparison.people, strict=True)),
            "vertices": int(np.isfinite(comparison.p).sum()),
            "differ": int(comparison.differs.sum()),
            "smallest_p": comparison.smallest_p,
            "words": comparison_sentence(comparison),
        },
        "not_compared": each.not_compared,
        "words": [words for words in said if words],
    }


def _write_comparison(folder: Path, each: KindOfPlan) -> list[Path]:
    """t, −log10 p and the difference of the means of two groups, each with a sidecar."""
    found = each.comparison
    assert found is not None
    first, second = found.names
    test = f"t of two samples, labels shuffled {PERMUTATIONS} times (max-T, seed {SEED})"
    of_statistic = {
        "t": (found.t, f"{first} minus {second}: {test}", ""),
        "logp": (-np.log10(found.p), f"−log10 p for all vertices together: {test}", ""),
        "difference": (found.difference_v_per_m, f"Mean |E| of {first} minus that of {second}", "V/m"),
    }
    written = []
    for name, (values, words, unit) in of_statistic.items():
        path = folder / f"{FSLR}_stat-{name}_desc-{each.kind.label}_{ENDINGS[FSLR]}"
        write_values(path, FSLR, values, f"{name}: {first} minus {second}")
        about = {
            "Description": f"{words}; {each.kind.title}, at {each.kind.conditions}",
            **({"Units": unit} if unit else {}),
            "SpatialReference": "fs_LR 32k",
            "NumberOfPeople": dict(zip(found.names, found.people, strict=True)),
            "SmallestP": found.smallest_p,
        }
        written += [path, write_sidecar(path, about)]
    return written
