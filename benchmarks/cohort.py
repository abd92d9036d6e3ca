"""Subjects an hour and memory of a cohort of made-up people, and how both grow with their number.

    python benchmarks/cohort.py                    # 1, 4 and 12 people, on two workers
    python benchmarks/cohort.py 1 2 --workers 1
    python benchmarks/cohort.py 12 --second TISSUES.npz     # every second one is a warp of another head

The people are warps of colin27 on a fast mesh (scaled and bent, each otherwise), not persons; heads are given as meshes, so
the segmentation (7 minutes of SAMSEG, 6 GB) is not in these figures.  Each has one TMS plan.  Prints a table and writes
``benchmarks/results/cohort.json``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
from history import keep

from meshes import HeadMesh
from meshes.formats.tissue_files import embedded_head, load_tissues
from meshes.tetrahedralise import tetrahedralise
from meshes.tissues import Tissues
from targeting.cohort.dataset import Dataset
from targeting.cohort.participant_level import plan_for_each
from targeting.cohort.person import Folders, Person
from targeting.cohort.workers import Capacity
from targeting.study.request import HeadRequest
from targeting.study.tms_request import TmsRequest

WAVES_MM = 120.0


def warped(head: HeadMesh, number: int) -> HeadMesh:
    """A head like another, up to 8 % smaller and bent by up to 3 mm; each number gives another."""
    random = np.random.default_rng(number)
    scale, phase = 1 - 0.08 * random.random(3), 2 * np.pi * random.random(3)
    bend = 3 * np.sin(2 * np.pi * head.points_mm[:, [1, 2, 0]] / WAVES_MM + phase)
    found = HeadMesh(scale * (head.points_mm + bend), head.tets, head.tissue)
    if (found.volumes_mm3 <= 0).any():
        raise ValueError(f"person {number}: a tetrahedron was turned inside out")
    return found


def people_in(folder: Path, tissues: list[Tissues], count: int) -> tuple[Dataset, list[Person]]:
    """A dataset of so many people, whose heads are meshes."""
    heads = [tetrahedralise(each, density="fast") for each in tissues]
    for i in range(count):
        label = f"{i + 1:02d}"
        image = folder / "data" / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz"
        image.parent.mkdir(parents=True)
        nib.save(
            nib.Nifti1Image(tissues[i % len(tissues)].labels.astype(np.uint8), tissues[i % len(tissues)].affine_mm),
            image,
        )
        warped(heads[i % len(heads)], i).write(folder / f"{label}.msh")
    (folder / "data" / "dataset_description.json").write_text('{"Name": "made-up people", "BIDSVersion": "1.10.0"}')
    dataset = Dataset.at(folder / "data")
    asked = (TmsRequest(side="left"),)
    return dataset, [
        Person(dataset.participant(label), HeadRequest(head=folder / f"{label}.msh"), asked) for label in dataset.labels
    ]


@contextmanager
def memory_watched() -> Iterator[list[float]]:
    """The most memory (GB) that this process and all below it hold together, in a list of one number."""
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not ended.wait(0.5):
            held = 0
            for each in [me, *me.children(recursive=True)]:
                try:
                    held += each.memory_info().rss
                except psutil.Error:
                    continue
            most[0] = max(most[0], held / 1e9)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=int, nargs="*", default=[1, 4, 12])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--second", type=Path, help="tissues of a second head (.npz)")
    given = parser.parse_args()
    tissues = [embedded_head(), *([load_tissues(given.second)] if given.second else [])]
    rows = []
    print("people   minutes   an hour   memory   disk of work, derivatives")
    for count in given.people:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            dataset, people = people_in(folder, tissues, count)
            folders = Folders(dataset.root, folder / "out", folder / "work")
            start = time.perf_counter()
            with memory_watched() as most:
                outcomes = list(plan_for_each(people, dataset, folders, "dask", Capacity(given.workers, 1)))
            took = time.perf_counter() - start
            failed = [each.words for each in outcomes if each.exit_code]
            if failed:
                raise SystemExit(f"not measured: {failed[0]}")
            disk = [
                sum(f.stat().st_size for f in each.rglob("*") if f.is_file()) / 1e6 / count
                for each in (folders.work, folders.derivatives)
            ]
            rows.append(
                {
                    "people": count,
                    "seconds": round(took, 1),
                    "an_hour": round(3600 * count / took, 1),
                    "memory_gb": round(most[0], 2),
                    "work_mb_each": round(disk[0]),
                    "derivatives_mb_each": round(disk[1]),
                }
            )
            shutil.rmtree(folders.work)
        row = rows[-1]
        print(
            f"{count:6} {took / 60:9.1f} {row['an_hour']:9.1f} {row['memory_gb']:6.1f} GB"
            f"   {row['work_mb_each']} MB, {row['derivatives_mb_each']} MB each"
        )
    print(keep("cohort", {"workers": given.workers, "heads": len(tissues), "rows": rows}))


if __name__ == "__main__":
    main()
