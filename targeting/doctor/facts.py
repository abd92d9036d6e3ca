"""Facts of an installation and a machine; each is found on its own, so that a failure hides no other."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions, requires, version
from pathlib import Path
from typing import Any

from meshes.errors import InputError
from meshes.memory import free_memory_bytes, total_memory_bytes
from meshes.plugins import Registry
from targeting.threads import usable_cores
from targeting.versions import DISTRIBUTION, package_version

GB = 1e9
LEAST_MEMORY_GB, LEAST_FREE_GB = 4.0, 2.0  # below: no standard head can be made; warned of
LEAST_DISK_GB, FEW_DISK_GB = 0.2, 2.0  # a planned folder has 0.2 to 1.5 GB; with a leadfield of the 10-5 system 5
DISK_CLOCK_S = 60.0  # by which the clock of a network drive may differ

OK, NOTE, WARNING, FAILED = "ok", "note", "warning", "FAILED"


@dataclass(frozen=True)
class Fact:
    """One line of ``target doctor``; ``state`` is "ok", "note" (not needed by all), "warning" or "FAILED"."""

    name: str
    state: str
    words: str


def facts() -> Iterator[Fact]:
    """All facts but the physics, in order."""
    for name, look in LOOKS:
        try:
            yield from look()
        except Exception as error:  # a doctor must not fall ill
            yield Fact(name, FAILED, f"{type(error).__name__}: {error}")


def _program() -> Iterator[Fact]:
    here = Path(__file__).parents[2]
    known = package_version()
    words = f"{known}, in {here}"
    yield Fact("target", OK if "unknown" not in known else WARNING, words)
    wanted = ""
    with suppress(PackageNotFoundError, KeyError):
        wanted = metadata(DISTRIBUTION)["Requires-Python"] or ""
    good = satisfies(platform.python_version(), wanted)
    words = (
        f"{platform.python_version()} ({wanted or 'any'}), {platform.system()} {platform.machine()}, {sys.executable}"
    )
    yield Fact("python", OK if good else FAILED, words)


def _packages() -> Iterator[Fact]:
    """What the installation says it depends on."""
    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        yield Fact(
            "packages", WARNING, "target is not installed (it runs from its sources), so what it needs is not known"
        )
        return
    modules = _modules()
    for each in needed:
        parsed = re.match(r"([A-Za-z0-9._-]+)\s*([^;]*?)\s*(?:;\s*(.*))?$", each)
        if parsed is None or "extra" in (parsed[3] or ""):
            continue
        name, wanted = parsed[1], parsed[2].strip("() ")
        optional = bool(parsed[3])  # of some processors only
        try:
            found = version(name)
        except PackageNotFoundError:
            words = (
                "not installed (made for some processors only)"
                if optional
                else f"not installed ({wanted}): pip install {name}"
            )
            yield Fact(name, NOTE if optional else FAILED, words)
            continue
        if not satisfies(found, wanted):
            yield Fact(name, FAILED, f"{found} ({wanted}): pip install '{name}{wanted}'")
        elif why := _why_not(modules.get(_spelled_alike(name), name.replace("-", "_"))):
            yield Fact(name, FAILED, f"{found} cannot be loaded ({why}): pip install --force-reinstall {name}")
        else:
            yield Fact(name, OK, f"{found} ({wanted})")


def _why_not(module: str) -> str:
    """Why a module cannot be imported; "" if it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a shared library that is missing, a package of another numpy
        return " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return ""


def _modules() -> dict[str, str]:
    """The name that each installed package is imported by, as the lists of their files say ("PIL" of pillow)."""
    names: dict[str, list[str]] = {}
    for module, owners in packages_distributions().items():
        for owner in owners:
            names.setdefault(_spelled_alike(owner), []).append(module)
    return {
        package: min(modules, key=lambda name: (_spelled_alike(name) != package, name.startswith("_"), name))
        for package, modules in names.items()
    }


def _spelled_alike(name: str) -> str:
    """A package's name as the registry compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def satisfies(found: str, wanted: str) -> bool:
    """Whether a version is in a range such as ">=3.11,<3.14"; parts that are no numbers are not compared.

    Examples
    --------
    >>> satisfies("3.11.9", ">=3.11,<3.14"), satisfies("3.14.0", ">=3.11,<3.14"), satisfies("2.0.0rc1", ">=2")
    (True, False, True)
    """
    have = _numbers(found)
    for rule in filter(None, (part.strip() for part in wanted.split(","))):
        parsed = re.match(r"(>=|<=|==|!=|~=|<|>)\s*([0-9][0-9a-zA-Z.]*)", rule)
        if parsed is None:
            continue
        sign, limit = parsed[1], _numbers(parsed[2])
        width = max(len(have), len(limit))
        a, b = ((*each, *[0] * (width - len(each))) for each in (have, limit))
        good = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "~=": a >= b, "==": a == b, "!=": a != b}[sign]
        if not good:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[0-9.]*", text)[0].split(".") if part)  # type: ignore[index]


def _solvers() -> Iterator[Fact]:
    from targeting.fem.solver import is_installed

    if is_installed():
        yield Fact("solver", OK, "PARDISO (MKL) for many solves, multigrid (pyamg) for few")
    else:
        yield Fact("solver", NOTE, "multigrid (pyamg); without PARDISO (MKL, x86 only) a leadfield takes longer")


def _programs_beside() -> Iterator[Fact]:
    """SAMSEG, CAT-Surf and SimNIBS, which live in environments of their own."""
    from meshes.folds import cat_surf
    from meshes.segmentation import samseg

    for environment, needed in ((samseg.ENVIRONMENT, "the first --t1"), (cat_surf.ENVIRONMENT, "the first cortex")):
        folder, version = environment.folder, environment.folder_name.rpartition("-")[2]
        if not folder.exists():
            words = f"not set up in {folder}: 'target setup' does it, or {needed}"
            yield Fact(environment.program, NOTE, words)
        elif environment.works():
            yield Fact(environment.program, OK, f"{version}, {folder}")
        else:
            words = f"it does not start in {folder}: delete that folder and run 'target setup'"
            yield Fact(environment.program, FAILED, words)
    from targeting.engines.simnibs_installation import find_installation

    named = os.environ.get("SIMNIBSDIR")
    try:
        found = find_installation()
        yield Fact("SimNIBS", OK, f"{found.version}, {found.python}")
    except InputError as error:
        told = str(error).replace("`engine=embedded`", "--engine embedded")  # a terminal reads this, not Python
        words = told if named else "not here; only --engine simnibs needs it (SIMNIBSDIR names its folder)"
        yield Fact("SimNIBS", WARNING if named else NOTE, words)


def _plugins() -> Iterator[Fact]:
    """What other distributions add to the registries, and what of it is left out; nothing where there is none."""
    from atlases.electrode_files import ELECTRODE_FILES
    from targeting.cohort.workers import WORKERS
    from targeting.coils.builtin import COILS
    from targeting.coils.files import COIL_FILES
    from targeting.engines import ENGINES
    from targeting.navigation.navigators import NAVIGATORS
    from targeting.tms.objective_names import NAMED_OBJECTIVES

    registries: tuple[Registry[Any], ...] = (
        NAVIGATORS,
        COILS,
        COIL_FILES,
        ENGINES,
        NAMED_OBJECTIVES,
        ELECTRODE_FILES,
        WORKERS,
    )
    brought: dict[str, list[str]] = {}
    for registry in registries:
        for name in registry.plugins():
            brought.setdefault(registry.origin(name), []).append(f"{registry.what} {name}")
    for origin, members in brought.items():
        yield Fact("plug-in", OK, f"{origin}: {', '.join(members)}")
    for fault in [each for registry in registries for each in registry.faults()]:
        yield Fact("plug-in", WARNING, fault)


def _viewer() -> Iterator[Fact]:
    from targeting.scene.system_libraries import check_pictures, check_windows
    from targeting.viewer.request import VIEWER

    try:
        check_pictures()
        yield Fact("pictures", OK, f"VTK {version('vtk')}, OpenGL is there")
    except InputError as error:
        yield Fact("pictures", WARNING, str(error))
    missing = [package for package in VIEWER if importlib.util.find_spec(package) is None]
    if missing:
        yield Fact("viewer", NOTE, f"no {' and '.join(missing)}, which the window needs: pip install '.[viewer]'")
        return
    try:
        check_windows()
    except InputError as error:
        yield Fact("viewer", WARNING, str(error))
        return
    screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    words = f"Qt {version('PySide6-Essentials')}" + (
        "" if screen else "; no screen here, so --screenshot and --export only"
    )
    yield Fact("viewer", OK if screen else NOTE, words)


def _memory() -> Iterator[Fact]:
    free, total = free_memory_bytes() / GB, total_memory_bytes() / GB
    words = f"{free:.1f} GB free of {total:.1f} GB (machine, container and shell)"
    if total < LEAST_MEMORY_GB:
        yield Fact("memory", FAILED, f"{words}; a head needs {LEAST_MEMORY_GB:g} GB, a segmentation 6 GB")
    elif free < LEAST_FREE_GB:
        yield Fact("memory", WARNING, f"{words}; close other programs")
    else:
        yield Fact("memory", OK, words)


def _cores() -> Iterator[Fact]:
    usable = usable_cores()
    from numba import config

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    told = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    words = f"{usable} usable of {os.cpu_count()}; numba uses {config.NUMBA_NUM_THREADS}" + (
        f"; {', '.join(told)}" if told else ""
    )
    yield Fact("cores", OK, words)


def _folders() -> Iterator[Fact]:
    """Room and permission where files are written."""
    from meshes.environments import cache_folder

    places = [
        ("working folder", Path.cwd()),
        ("cache folder", cache_folder()),
        ("temporary", Path(tempfile.gettempdir())),
    ]
    for name, folder in places:
        there = next(each for each in (folder, *folder.parents) if each.is_dir())
        free = shutil.disk_usage(there).free / GB
        words = f"{folder}, {free:.1f} GB free"
        needed = name == "working folder"
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"target")
        except OSError as error:
            if name == "cache folder" and _set_up():  # as in a container
                yield Fact(name, OK, f"{folder}, which only can be read; SAMSEG and CAT-Surf are ready in it")
                continue
            advice = (
                "run elsewhere, or give --out"
                if needed
                else "set TARGET_CACHE_DIR"
                if "cache" in name
                else "set TMPDIR"
            )
            yield Fact(name, FAILED, f"{folder} cannot be written ({error.strerror}): {advice}")
            continue
        if free < LEAST_DISK_GB:
            yield Fact(name, FAILED, f"{words}: free some space")
        else:
            yield Fact(name, WARNING if needed and free < FEW_DISK_GB else OK, words)


def _set_up() -> bool:
    """Whether every program that runs in an environment of its own is there."""
    from meshes.environments import python_in
    from meshes.folds import cat_surf
    from meshes.segmentation import samseg

    return all(python_in(each.ENVIRONMENT.folder).exists() for each in (samseg, cat_surf))


def _clock() -> Iterator[Fact]:
    """A clock that goes wrong dates plans wrongly; it changes no result."""
    now = time.time()
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    newest = max(path.stat().st_mtime for path in Path(__file__).parents[1].rglob("*.py"))
    with tempfile.NamedTemporaryFile(dir=Path.cwd() if os.access(Path.cwd(), os.W_OK) else None) as file:
        apart = abs(Path(file.name).stat().st_mtime - now)
    if newest > now + DISK_CLOCK_S:
        made = datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d")
        yield Fact("clock", FAILED, f"{said}, before this program was installed ({made}): set the clock")
    elif apart > DISK_CLOCK_S:
        yield Fact("clock", WARNING, f"{said}; the disk's clock is {apart:.0f} s off it")
    else:
        yield Fact("clock", OK, said)


LOOKS: tuple[tuple[str, Callable[[], Iterator[Fact]]], ...] = (
    ("target", _program),
    ("packages", _packages),
    ("solver", _solvers),
    ("programs", _programs_beside),
    ("plug-ins", _plugins),
    ("viewer", _viewer),
    ("memory", _memory),
    ("cores", _cores),
    ("folders", _folders),
    ("clock", _clock),
)


def physics() -> Iterator[Fact]:
    """The self-test's two numbers."""
    from targeting.doctor.self_test import self_test

    try:
        found = self_test()
    except Exception as error:  # it must say so, whatever is broken
        yield Fact("physics", FAILED, f"the self-test does not run ({type(error).__name__}: {error})")
        return
    of = "off the closed form in a ball of five tissues (at most"
    for name, error_of, limit in (
        ("coil's field", found.tms_error, found.tms_limit),
        ("electrodes' field", found.tes_error, found.tes_limit),
    ):
        yield Fact(name, OK if error_of <= limit else FAILED, f"{error_of:.2%} {of} {limit:.0%})")
    yield Fact("self-test", OK, f"{found.seconds:.0f} s")
