"""Whether a folder is a BIDS dataset, by the BIDS validator where it is installed (a program of its own, MIT)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError

PROGRAM = "bids-validator-deno"
LIMIT_S = 3600.0
SHOWN = 3  # errors that a line names


@dataclass(frozen=True)
class Fault:
    """An error that the validator found.

    Parameters
    ----------
    code : str
    location : str
        The file, from the dataset's folder.
    """

    code: str
    location: str

    @property
    def person(self) -> str:
        """The label of whose file it is; "" for the dataset's own.

        Examples
        --------
        >>> Fault("EMPTY_FILE", "/sub-03/anat/sub-03_T1w.nii.gz").person
        '03'
        """
        first = self.location.lstrip("/").split("/")[0]
        return first.removeprefix("sub-") if first.startswith("sub-") else ""

    def __str__(self) -> str:
        return f"{self.location.lstrip('/')} ({self.code})"


def validator() -> str | None:
    """Where the validator is: beside this Python, or on the path; None where it is not."""
    beside = Path(sys.executable).with_name(PROGRAM)
    return str(beside) if beside.is_file() else shutil.which(PROGRAM)


def faults_of(root: Path) -> list[Fault] | None:
    """The errors in a dataset, without warnings; None where no validator is installed.

    Raises
    ------
    InputError
        If the validator fails or does not come to an end.
    """
    program = validator()
    if program is None:
        return None
    command = [program, "--format", "json", "--ignoreWarnings", str(root)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
        issues = json.loads(done.stdout)["issues"]["issues"]
    except subprocess.TimeoutExpired:
        raise InputError(
            f"the BIDS validator took more than {LIMIT_S / 60:.0f} minutes; leave it out with `skip_bids_validation`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"the BIDS validator failed ({error}); leave it out with `skip_bids_validation`") from None
    return [Fault(each["code"], each.get("location", "")) for each in issues if each.get("severity") == "error"]


def check_dataset(root: Path, labels: Sequence[str]) -> str:
    """Refuse a dataset that the validator finds errors in; otherwise what was checked, in words.

    Parameters
    ----------
    root : Path
    labels : sequence of str
        Of the people asked for: what is wrong with others does not count, whose files may not have been fetched.

    Raises
    ------
    InputError
        If there are errors.
    """
    faults = faults_of(root)
    if faults is None:
        return f"{PROGRAM} is not installed (pip install '.[cohort]'): only what a plan needs was checked"
    faults = [each for each in faults if each.person in ("", *labels)]
    if not faults:
        return "the BIDS validator finds no error"
    more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    named = "; ".join(map(str, faults[:SHOWN]))
    raise InputError(
        f"{root} is no valid BIDS dataset: {named}{more}. Mend it ({PROGRAM} {root} tells all), or `skip_bids_validation`"
    )
