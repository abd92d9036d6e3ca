"""A person's folder: the head once, and plans beside each other, each stage's result with the hash of all it was made from.

``subject01/`` holds the head (:data:`OF_THE_HEAD`), ``subject01/plans/m1-hand-left/`` the stages and files of a plan.  Older
versions left one plan in the person's folder itself: it is read there, under the name ".".

A stage is plain data: the files it reads, its parameters, the stages it follows, a function that writes its result.
It is *valid* while its sidecar ``<stage>.json`` names the same files (by SHA-256), parameters, predecessors (by the
hash of their results) and version, and its result files still have the hashes noted there.  A valid stage is not run
again; because predecessors count by what they *made*, one redone with the same result leaves what follows valid.

A stage writes into ``.making-<stage>/``; its files are then renamed into place and the sidecar last.  So a killed run
leaves nothing half-written under a final name, and the next run clears these folders and resumes at the stage it died in.
What it had renamed by then is listed there, so that files of which no sidecar tells are taken away again.

A stage that another plan of the same person has made from the very same things is not made again: its files are linked.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from meshes.errors import InputError, WriteError
from meshes.images import identity
from targeting.folder_lock import HOLDER_NAME, LOCK_NAME, locked
from targeting.memory_need import MemoryNeed, check_memory
from targeting.modality import TMS
from targeting.progress.run_log import logged
from targeting.progress.watching import tell
from targeting.versions import package_version, versions

log = logging.getLogger(__name__)
T = TypeVar("T")

MAKING = ".making-"
PLANS = "plans"  # in a person's folder: the folders of plans
OF_THE_HEAD = frozenset({"segment", "mesh", "register", "cortex", "surfaces", "basis"})
IN_THE_FOLDER = "."  # the name of a plan that lies in the person's folder itself
LAST_STAGES = frozenset({"files", "tdcs-files", "hd-tdcs-files", "interference"})  # of which a plan's name is part
PLACING = ".placing.json"  # in such a folder: the files that are being renamed into place
COARSEST_CLOCK_NS = 2_000_000_000  # by which file systems know when a file was written (FAT: 2 s)
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# what the operating system says when it is the folder that refuses, not the program that errs
REFUSALS = {
    getattr(errno, code)
    for code in ("ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "EIO")
    if hasattr(errno, code)
}


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of a finished stage: ``digest`` names its result; ``value`` reads it when first asked for."""

    stage: str
    digest: str
    seconds: float
    load: Callable[[], T]
    outputs: tuple[Path, ...] = ()
    reused: bool = False

    @cached_property
    def value(self) -> T:
        """The result, from memory if it was just made, else from the folder."""
        return self.load()


@dataclass(frozen=True)
class Stage(Generic[T]):
    """One step of a plan, and all that its result depends on.

    Parameters
    ----------
    name : str
    version : int
        Raised when the code of the stage changes what it makes.
    make : callable
        Given an empty folder, writes the result into it and returns it.
    load : callable
        Given the folder with the result, reads it.
    files : mapping
        Role → file the stage reads.
    parameters : mapping
        Plain JSON values.
    after : sequence of Done
        The stages it follows.
    needs : callable, optional
        What memory it will take, by what it is given; asked for before it is made.  None: little, or not known.
    """

    name: str
    version: int
    make: Callable[[Path], T]
    load: Callable[[Path], T]
    files: Mapping[str, Path] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    after: Sequence[Done[Any]] = ()
    needs: Callable[[], MemoryNeed | None] | None = None


@dataclass(frozen=True)
class StageStatus:
    """A row of ``target status``: ``state`` is "done", "outdated" or "missing"; ``why`` says what changed."""

    stage: str
    state: str
    why: str = ""
    seconds: float | None = None
    finished: str = ""
    size_bytes: int = 0
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A person (or the embedded head), the folder of their head, and the name of the plan at work.

    Parameters
    ----------
    name : str
    folder : Path
        Of the head.
    plan : str
        "": none, or not chosen yet; ".": the one that an older version left in ``folder``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> subject = Subject.named("subject01", out=Path(tempfile.mkdtemp()))
    >>> def make(folder):
    ...     (folder / "answer.txt").write_text("42")
    ...     return 42
    >>> stage = Stage("think", 1, make, lambda folder: int((folder / "answer.txt").read_text()))
    >>> with subject.locked():
    ...     first, second = subject.run(stage), subject.run(stage)
    >>> first.reused, second.reused, second.value
    (False, True, 42)
    """

    name: str
    folder: Path
    plan: str = ""

    @classmethod
    def named(cls, name: str, out: str | Path | None = None) -> Subject:
        """The subject ``name`` in ``./name/``, or in the folder ``out``; ``name/plan`` names a plan, too.  Nothing is written.

        Raises
        ------
        InputError
            If a name cannot be used, or the folder is a file.

        Examples
        --------
        >>> Subject.named("subject01/m1-hand-left").plan
        'm1-hand-left'
        """
        name, slash, plan = name.partition("/")
        if not NAME_RULE.fullmatch(name) or (slash and plan != IN_THE_FOLDER and not NAME_RULE.fullmatch(plan)):
            raise InputError(
                f"subject name {name + slash + plan!r} cannot be used: letters, digits, '-', '_' and '.' only, no path; "
                "NAME/PLAN for one of its plans (another folder is given with `out`)"
            )
        folder = Path(name) if out is None else Path(out)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file, not a folder; choose another `out`")
        return cls(name, folder.absolute(), plan)

    @classmethod
    def planned(cls, subject: str | Subject, out: str | Path | None = None) -> Subject:
        """The subject with the plan that is meant: the one named, or the only one there is; without any, the subject as it is.

        Raises
        ------
        InputError
            If there is no such plan, or several of which none is named.
        """
        found = subject if isinstance(subject, Subject) else cls.named(subject, out)
        there = found.plans()
        if found.plan and found.plan not in there:
            have = f"it has {', '.join(there)}" if there else "it has none yet"
            raise InputError(f"{found.name} has no plan {found.plan!r}: {have}; `target plans {found.name}` lists them")
        if found.plan or not there:
            return found
        if len(there) > 1:
            raise InputError(
                f"{found.name} has {len(there)} plans ({', '.join(there)}): say which, such as {found.name}/{there[-1]}"
            )
        return found.of(there[0])

    def of(self, plan: str) -> Subject:
        """The same person with one of their plans.

        Raises
        ------
        InputError
            If a plan cannot have this name.
        """
        if plan != IN_THE_FOLDER and not NAME_RULE.fullmatch(plan):
            raise InputError(f"a plan cannot be named {plan!r}: letters, digits, '-', '_' and '.' only")
        return replace(self, plan=plan)

    @property
    def plan_folder(self) -> Path:
        """Where the plan at work has its files."""
        return self.folder if self.plan in ("", IN_THE_FOLDER) else self.folder / PLANS / self.plan

    def folder_of(self, kind: str) -> Path:
        """Where the plan at work has the files of one kind: "tms", or of a kind of montage, in a folder of their own."""
        return self.plan_folder if kind == TMS else self.plan_folder / kind

    @property
    def words(self) -> str:
        """The name that commands take: NAME, or NAME/PLAN."""
        return f"{self.name}/{self.plan}" if self.plan else self.name

    def plans(self) -> list[str]:
        """Names of this person's plans, in their order; first the one that an older version left in the folder itself."""
        here = [IN_THE_FOLDER] if any((self.folder / f"{stage}.json").is_file() for stage in LAST_STAGES) else []
        return [*here, *sorted(each.name for each in self._plan_folders() if any(each.glob("*.json")))]

    def _plan_folders(self) -> list[Path]:
        home = self.folder / PLANS
        return [each for each in home.iterdir() if NAME_RULE.fullmatch(each.name)] if home.is_dir() else []

    def check_there(self) -> None:
        """Raise InputError if the subject has no folder; the line says what makes one."""
        if not self.folder.is_dir():
            raise InputError(f"there is no subject folder {self.folder}; make one with 'target head {self.name}'")

    def place(self, stage: str) -> Path:
        """The folder that a stage's result lies in: the head's, or the plan's."""
        return self.folder if stage in OF_THE_HEAD else self.plan_folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, keep other runs out of it, clear what a killed run left; a folder that refuses is a WriteError."""
        made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(self.folder, error) from error
        with _refusals_explained(self.folder):
            try:
                with locked(self.folder):
                    for folder in (self.folder, *self._plan_folders()):
                        for stale in folder.glob(f"{MAKING}*"):
                            self._clear(stale)
                    try:
                        with logged(self.folder):
                            yield
                    finally:
                        self._remove_empty_plan()
                        if sys.platform != "win32":  # under the lock, or another run's lock file might be taken away
                            _remove_if_unused(self.folder, made)
            finally:
                if sys.platform == "win32":  # where no open file can be removed
                    _remove_if_unused(self.folder, made)

    def tidy(self) -> None:
        """Clear away now, and not with the next run, what a killed run left; nothing where that cannot be done."""
        if self.folder.is_dir():
            with suppress(InputError, WriteError), self.locked():
                pass

    def run(self, stage: Stage[T]) -> Done[T]:
        """The stage's result: reused if still valid, else made now (call it inside ``locked()``)."""
        wanted = _made_from(stage)
        known = self._sidecar(stage.name)
        if known and known["made_from"] == wanted and self._outputs_stand(known):
            _say(stage.name, "reused")
            return self._done(known, stage.load, reused=True)
        twin = self._twin(stage.name, wanted)
        if twin is not None:
            _say(stage.name, "reused")
            return self._done(self._linked(stage, wanted, twin), stage.load, reused=True)
        _say(stage.name, "started")
        need = stage.needs() if stage.needs else None
        if need is not None:
            check_memory(stage.name, need)
        start = time.perf_counter()
        with _refusals_explained(self.folder):
            making = self._making(stage.name)
            try:
                value = stage.make(making)
                sidecar = self._commit(stage, wanted, making, time.perf_counter() - start)
            finally:
                self._clear(making)
        _say(stage.name, "done", sidecar["seconds"])
        return self._done(sidecar, lambda _: value, reused=False)

    def _making(self, stage: str) -> Path:
        """An empty folder beside a stage's place, to write its result into."""
        folder = self.place(stage)
        folder.mkdir(parents=True, exist_ok=True)
        making = folder / f"{MAKING}{stage}"
        making.mkdir()
        return making

    def _twin(self, stage: str, wanted: dict[str, Any]) -> Subject | None:
        """Another plan of this person whose stage was made from the same things and stands; a plan's last stage has none."""
        if stage in OF_THE_HEAD or stage in LAST_STAGES or not self.plan:
            return None
        for plan in self.plans():
            other = self.of(plan)
            known = other._sidecar(stage) if plan != self.plan else None
            if known and known["made_from"] == wanted and other._outputs_stand(known):
                return other
        return None

    def _linked(self, stage: Stage[Any], wanted: dict[str, Any], twin: Subject) -> dict[str, Any]:
        """Take a stage's result over from another plan; files are linked where the disk can, else copied."""
        known = twin._sidecar(stage.name)
        assert known is not None
        with _refusals_explained(self.folder):
            making = self._making(stage.name)
            try:
                for name in known["outputs"]:
                    (making / name).parent.mkdir(parents=True, exist_ok=True)
                    try:
                        os.link(twin.place(stage.name) / name, making / name)
                    except OSError:  # a disk without links
                        shutil.copy2(twin.place(stage.name) / name, making / name)
                return self._commit(stage, wanted, making, known["seconds"])
            finally:
                self._clear(making)

    def _remove_empty_plan(self) -> None:
        """Take away the folder of a plan in which nothing was made."""
        if self.plan_folder != self.folder:
            with suppress(OSError):
                self.plan_folder.rmdir()
                self.plan_folder.parent.rmdir()

    def recorded(self, stage: str, load: Callable[[Path], T]) -> Done[T] | None:
        """The result of a stage as it stands in the folder; None if it does not.

        The files it was made from may be gone or changed.
        """
        known = self._sidecar(stage)
        return self._done(known, load, reused=True) if known and self._outputs_stand(known) else None

    def made_from(self, stage: str) -> dict[str, Any]:
        """What the stage was made from by its sidecar (``parameters``, ``files``, ``paths`` ...); {} without one."""
        known = self._sidecar(stage)
        return {**known["made_from"], "paths": known["paths"]} if known else {}

    def record(self, stage: str) -> dict[str, Any] | None:
        """The stage's sidecar as it stands, whether or not its files do; None without a whole one."""
        return self._sidecar(stage)

    def status(self, stages: Sequence[str]) -> list[StageStatus]:
        """How each of the stages stands, in order; an outdated one makes those after it outdated."""
        rows: dict[str, StageStatus] = {}
        for name in stages:
            known = self._sidecar(name)
            if known is None:
                rows[name] = StageStatus(name, "missing")
                continue
            why = self._why_outdated(known, rows)
            rows[name] = StageStatus(
                name,
                "outdated" if why else "done",
                why,
                known["seconds"],
                known["finished"],
                sum(each["bytes"] for each in known["outputs"].values()),
                tuple(known["outputs"]),
            )
        return list(rows.values())

    def _why_outdated(self, record: dict[str, Any], before: Mapping[str, StageStatus]) -> str:
        made_from = record["made_from"]
        if made_from["package"] != package_version():
            return f"made by version {made_from['package']}"
        for role, path in record["paths"].items():
            if Path(path).is_file() and sha256(Path(path)) != made_from["files"][role]:
                return f"{Path(path).name} changed"
        for upstream, digest in made_from["after"].items():
            row, sidecar = before.get(upstream), self._sidecar(upstream)
            if row is None or row.state != "done" or sidecar is None or sidecar["digest"] != digest:
                return f"{upstream} changed"
        return "" if self._outputs_stand(record, by_time=False) else "its files were changed or removed"

    def _commit(self, stage: Stage[Any], made_from: dict[str, Any], result: Path, seconds: float) -> dict[str, Any]:
        """Rename the made files into place, drop those of the last time, write the sidecar."""
        files = sorted(p for p in result.rglob("*") if p.is_file())
        outputs = {p.relative_to(result).as_posix(): _written(p) for p in files}
        if not outputs or f"{stage.name}.json" in outputs:
            raise RuntimeError(f"stage {stage.name} must write files, none of them named like its sidecar")
        old, place = self._sidecar(stage.name), self.place(stage.name)
        (result / PLACING).write_text(json.dumps(sorted(outputs)), encoding="utf-8")
        for path in files:
            final = place / path.relative_to(result)
            final.parent.mkdir(parents=True, exist_ok=True)
            path.replace(final)
        for name in set(old["outputs"]) - set(outputs) if old else ():
            (place / name).unlink(missing_ok=True)
        sidecar = {
            "stage": stage.name,
            "made_from": made_from,
            "paths": {role: str(Path(path).absolute()) for role, path in stage.files.items()},
            "outputs": outputs,
            "digest": results_digest(outputs),
            "versions": versions(),
            "seconds": round(seconds, 2),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        written = result / f"{stage.name}.json"
        written.write_text(json.dumps(sidecar, indent=1) + "\n", encoding="utf-8")
        written.replace(place / written.name)
        return sidecar

    def _clear(self, making: Path) -> None:
        """Remove the folder a stage was made in, and what it brought into the subject's if that was not finished."""
        known = _sidecar_in(making.parent, making.name.removeprefix(MAKING))
        try:
            placing = json.loads((making / PLACING).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it had not come so far
            placing = []
        for name in set(placing) - set(known["outputs"] if known else ()):
            (making.parent / name).unlink(missing_ok=True)
        shutil.rmtree(making, ignore_errors=True)

    def _sidecar(self, stage: str) -> dict[str, Any] | None:
        return _sidecar_in(self.place(stage), stage)

    def _outputs_stand(self, record: dict[str, Any], by_time: bool = True) -> bool:
        """Every result file is there as it was written, by its size and hash.

        ``by_time``: a large file whose time of writing is the recorded one need not be read again; :meth:`status` reads it.
        """
        for name, each in record["outputs"].items():
            path = self.place(record["stage"]) / name
            if not path.is_file() or path.stat().st_size != each["bytes"]:
                return False
            untouched = by_time and each.get("written_ns") == path.stat().st_mtime_ns
            if not untouched and sha256(path) != each["sha256"]:
                return False
        return True

    def _done(self, record: dict[str, Any], load: Callable[[Path], T], reused: bool) -> Done[T]:
        folder = self.place(record["stage"])
        outputs = tuple(folder / name for name in record["outputs"])
        return Done(record["stage"], record["digest"], record["seconds"], lambda: load(folder), outputs, reused)


def _sidecar_in(folder: Path, stage: str) -> dict[str, Any] | None:
    """A stage's sidecar in a folder, if it is there and whole."""
    try:
        known = json.loads((folder / f"{stage}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(known, dict) and known.keys() >= {"made_from", "paths", "outputs", "digest", "seconds"}
    return known if whole and known.get("stage") == stage else None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; of an image that is a pair of files, over both."""
    return identity(path)


def _written(path: Path) -> dict[str, Any]:
    """A result file as its sidecar names it; with the time of writing if that is long enough ago to tell a later change."""
    record: dict[str, Any] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    written_ns = path.stat().st_mtime_ns
    if time.time_ns() - written_ns > COARSEST_CLOCK_NS:  # so of what takes long to hash, and only there it matters
        record["written_ns"] = written_ns
    return record


def _made_from(stage: Stage[Any]) -> dict[str, Any]:
    made_from = {
        "version": stage.version,
        "package": package_version(),
        "files": {role: sha256(Path(path)) for role, path in stage.files.items()},
        "parameters": dict(stage.parameters),
        "after": {done.stage: done.digest for done in stage.after},
    }
    plain: dict[str, Any] = json.loads(json.dumps(made_from, allow_nan=False))  # as the sidecar will give it back
    return plain


def results_digest(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """The hash that names a result: of its files' names and their hashes, as a sidecar holds them."""
    hashes = {name: each["sha256"] for name, each in outputs.items()}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _say(stage: str, event: str, seconds: float = 0.0) -> None:
    """A stage is "started", "done" or "reused": to the log, and to whoever watches the run."""
    took = f" in {seconds:.1f} s" if event == "done" else ""
    log.info("%s: %s%s", stage, event, took, extra={"stage": stage, "event": event, "seconds": seconds})
    tell(stage, event, seconds)


@contextmanager
def _refusals_explained(folder: Path) -> Iterator[None]:
    """Turn "disk full", "permission denied" and their kin, met while writing into the folder, into one line."""
    try:
        yield
    except OSError as error:
        # numpy's tofile says how many items it wrote, without an errno
        short_write = error.errno is None and "written" in str(error)
        if error.errno not in REFUSALS and not short_write:
            raise
        raise _refused(folder, error) from error


def _refused(folder: Path, error: OSError) -> WriteError:
    code = errno.ENOSPC if error.errno is None else error.errno
    full = errno.errorcode[code] in ("ENOSPC", "EDQUOT", "EFBIG")
    where = folder
    if error.filename is not None and not Path(os.fsdecode(error.filename)).is_relative_to(folder):
        where = Path(os.fsdecode(error.filename))
    remedy = "free some space or choose another `out`" if full else "choose another `out`"
    return WriteError(f"cannot write in {where}: {os.strerror(code).lower()}; {remedy}")


def _remove_if_unused(folder: Path, folders: Sequence[Path]) -> None:
    """Take away the folders this run made if it left nothing in them (bad input should leave no trace)."""
    if folders and folder.is_dir() and {p.name for p in folder.iterdir()} <= {LOCK_NAME, HOLDER_NAME}:
        with suppress(OSError):  # another run may have come meanwhile
            for name in (HOLDER_NAME, LOCK_NAME):
                (folder / name).unlink(missing_ok=True)
            for each in folders:
                each.rmdir()
