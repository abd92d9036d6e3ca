"""Has the code of a stage changed since its version was last raised?

    python tests/stage_code.py                                      # which stages, and what changed in them
    python tests/stage_code.py --renew                              # after raising the stage's version
    python tests/stage_code.py --renew --same-results "WHY"         # where the results stay the same, byte for byte

A stage is not run again while its files, parameters, predecessors and *version* are the same.  So a change of its code
with the version forgotten would leave old results standing.  ``stage_code.txt`` has a line for each stage: its version, and
a hash of all the code of this project that its function reaches; the test compares.

What is reached is found by name: a stage's function, the functions, classes and constants named in it (annotations
included), those named in these, and so on; of a class all of it.  Files of data count when a constant text in reached code
is their name, and definitions when it is ``module:name``, as registries have their members.  Comments, docstrings, log lines
and the words of errors do not count: they change no result.  Nor does ``targeting.subject``, which runs the stages, but
makes nothing itself.

Why the reuse of results does not go by this hash: most changes of code change no result, and a head's segmentation takes
ten minutes.  The person who changes the code knows which it is; the test makes them say so.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("stage_code.txt")
FLOORS = ("meshes", "atlases", "targeting")
RUNS_STAGES = {
    "targeting.subject",
    "targeting.folder_lock",
    "targeting.versions",
    "meshes.errors",
    "meshes.whole_files",
}
# what is handed to a stage, where its function has no name for it: module:function, of nested ones with a full stop
HANDED = {
    "targeting.planning.tms_stages:confirm_stage": ["targeting.engines:engine_named"],
    "targeting.comparison.stage:comparison_stage": ["targeting.engines:engine_named"],
}
# what a study hands to a stage: the stages it runs for that are stages of their own, and follow by what they made
OF_A_STUDY = [
    "atlases.aim:AimedTarget",
    "atlases.scalp:Scalp",
    "meshes.cortical_surface:Cortex",
    "meshes.head:HeadMesh",
    "targeting.fem.conductor:HeadConductor",
    "targeting.study.conduction:Conduction",
]
STUDIES = {"targeting.study.study"}
Place = tuple[str, str]  # module, name in it


def sources_here() -> dict[str, bytes]:
    """All files of the packages, by path."""
    files = (each for floor in FLOORS for each in (ROOT / floor).rglob("*") if each.is_file())
    return {each.relative_to(ROOT).as_posix(): each.read_bytes() for each in files if "__pycache__" not in each.parts}


def sources_when_renewed() -> dict[str, bytes] | None:
    """The files of the commit that last changed the table; None where git cannot say."""
    git = ["git", "-C", str(ROOT)]
    found = subprocess.run([*git, "log", "-1", "--format=%H", "--", str(TABLE)], capture_output=True, text=True)
    if found.returncode or not found.stdout.strip():
        return None
    packed = subprocess.run([*git, "archive", found.stdout.strip(), *FLOORS], capture_output=True)
    if packed.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers() if each.isfile()}


def plain(node: ast.AST | list | object) -> object:
    """A syntax tree as nested tuples, without what changes no result; the same under every Python."""
    if isinstance(node, list):
        return tuple(plain(each) for each in node if not _says_only(each))
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise):
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ("Raise", plain(kind))
    fields = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment", "type_params") or value is None or value == []:
            continue
        if name == "body" and isinstance(value, list) and isinstance(node, ast.FunctionDef | ast.ClassDef):
            value = value[1:] if ast.get_docstring(node) is not None else value
        fields.append((name, plain(value)))
    return (type(node).__name__, *fields)


def _says_only(node: object) -> bool:
    """Whether a statement is a line of the log."""
    call = node.value if isinstance(node, ast.Expr) else None
    speaker = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    return isinstance(speaker, ast.Name) and speaker.id in ("log", "logger")


@dataclass(frozen=True)
class Module:
    """One module: its definitions and imports by name."""

    name: str
    is_package: bool
    tree: ast.Module

    @cached_property
    def defined(self) -> dict[str, list[ast.stmt]]:
        """Top-level functions, classes and constants; what else stands there is named ``<body>``."""
        found: dict[str, list[ast.stmt]] = {}
        for node in _statements(self.tree.body):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            elif isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node) or _says_only(node):
                continue
            else:
                names = []
            for name in names or ["<body>"]:
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def imported(self) -> dict[str, Place]:
        """Names bound by the module's own imports."""
        return _imports(_statements(self.tree.body))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, those under an ``if``, ``try`` or ``with`` included."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            parts = [node.body, getattr(node, "orelse", []), getattr(node, "finalbody", [])]
            parts += [each.body for each in getattr(node, "handlers", [])]
            for part in parts:
                yield from _statements(part)
        else:
            yield node


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imports(nodes: Iterator[ast.AST]) -> dict[str, Place]:
    found = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                found[alias.asname or whole] = (whole, "")
    return found


class Code:
    """The project's code at some moment, by what reaches what."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self.modules: dict[str, Module] = {}
        self.data: dict[
            str, list[str]
        ] = {}  # by name, and by each end of the path: tms.html.jinja, report/tms.html.jinja
        self.lazy: dict[Place, Place] = {}  # names that a package imports when they are first asked for, by its stub
        self.sources = sources
        for path, content in sources.items():
            if path.endswith(".py"):
                parts = path.removesuffix(".py").split("/")
                package = parts[-1] == "__init__"
                name = ".".join(parts[:-1] if package else parts)
                self.modules[name] = Module(name, package, ast.parse(content))
            elif path.endswith("/__init__.pyi"):
                package_name = path.removesuffix("/__init__.pyi").replace("/", ".")
                for node in ast.parse(content).body:
                    if isinstance(node, ast.ImportFrom):
                        for alias in node.names:
                            self.lazy[package_name, alias.name] = (f"{package_name}.{node.module}", alias.name)
            else:
                parts = path.split("/")
                for k in range(1, len(parts)):
                    self.data.setdefault("/".join(parts[k:]), []).append(path)
        self._known: dict[Place, tuple[str, set[Place]]] = {}

    @cached_property
    def stages(self) -> dict[str, str]:
        """``module:function`` of each function that makes a :class:`Stage`, and its version."""
        found = {}
        for module in self.modules.values():
            if "Stage" not in module.imported:
                continue
            for name, nodes in module.defined.items():
                calls = [each for node in nodes for each in ast.walk(node) if _makes_stage(each)]
                if calls and module.name not in RUNS_STAGES:
                    found[f"{module.name}:{name}"] = ",".join(dict.fromkeys(_version(each) for each in calls))
        return dict(sorted(found.items()))

    def reached(self, stage: str) -> dict[str, str]:
        """Hash of each definition a stage reaches, as ``module: name``."""
        seen: dict[Place, str] = {}
        rest: list[Place] = []
        for start in (stage, *HANDED.get(stage, ())):
            module, _, name = start.partition(":")
            rest.append((module, name))
        while rest:
            place = rest.pop()
            if place in seen or place[0] in RUNS_STAGES:
                continue
            if place[0] in STUDIES:
                seen[place] = ""
                rest += [(module, name) for module, _, name in (each.partition(":") for each in OF_A_STUDY)]
                continue
            seen[place], further = self._looked_at(place)
            rest += further
        return {f"{module}: {name}": digest for (module, name), digest in sorted(seen.items()) if digest}

    def digest(self, stage: str) -> str:
        """One hash of all a stage reaches."""
        return _hash(sorted(self.reached(stage).items()))

    def _looked_at(self, place: Place) -> tuple[str, set[Place]]:
        """Hash of a definition, and the definitions named in it."""
        if place not in self._known:
            self._known[place] = self._look_at(*place)
        return self._known[place]

    def _look_at(self, name: str, what: str) -> tuple[str, set[Place]]:
        if name == "data":
            texts = re.findall(r'"([\w./-]+)"', self.sources[what].decode("utf-8")) if what.endswith(".jinja") else []
            further = {("data", path) for text in texts for path in self.data.get(text, ())}
            return hashlib.sha256(self.sources[what]).hexdigest()[:16], further
        module = self.modules.get(name)
        if module is None:
            return "", set()
        if not what:  # the module itself was handed on
            return "", {(name, each) for each in module.defined}
        nodes: list[ast.stmt] = module.defined.get(what.split(".")[0], [])
        local: dict[str, Place] = {}
        for inner in what.split(".")[1:]:
            local |= _imports(each for node in nodes for each in ast.walk(node))
            nodes = [
                each
                for node in nodes
                for each in ast.walk(node)
                if isinstance(each, ast.FunctionDef) and each.name == inner
            ]
        further: set[Place] = {(name, "<body>")} if "<body>" in module.defined else set()
        for node in nodes:
            inside = list(ast.walk(node))
            names = module.imported | local | _imports(iter(inside))
            for each in inside:
                if isinstance(each, ast.Attribute):
                    further |= self._of_attribute(each, names)
                elif isinstance(each, ast.Name):
                    if each.id in names:
                        further |= self._place(*names[each.id])
                    elif each.id in module.defined and each.id != what:
                        further.add((name, each.id))
                elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                    further |= {("data", path) for path in self.data.get(each.value, ())}
                    where, _, attribute = each.value.partition(":")
                    further |= self._place(where, attribute)
        return (_hash([plain(node) for node in nodes]) if nodes else ""), further

    def _of_attribute(self, node: ast.Attribute, names: Mapping[str, Place]) -> set[Place]:
        """``module.name`` as the place it means; the module's name alone is met again as a Name."""
        value = node.value
        if isinstance(value, ast.Name) and value.id in names:
            where, what = names[value.id]
            whole = f"{where}.{what}" if what else where
            if whole in self.modules and node.attr in self.modules[whole].defined:
                return {(whole, node.attr)}
            if whole in self.modules and node.attr == "__file__":  # a script for a child process
                return {(whole, "")}
        return set()

    def _place(self, module: str, name: str, depth: int = 0) -> set[Place]:
        """Where a name imported from a module is defined; modules stand for nothing here, see :meth:`_of_attribute`."""
        found = self.modules.get(module)
        if found is None or not name or depth > 9:
            return set()
        if name in found.defined:
            return {(module, name)}
        if name in found.imported:
            return self._place(*found.imported[name], depth + 1)
        if (module, name) in self.lazy:
            return self._place(*self.lazy[module, name], depth + 1)
        return set()


def _makes_stage(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Stage"


def _version(call: ast.AST) -> str:
    assert isinstance(call, ast.Call)
    named = {each.arg: each.value for each in call.keywords}
    version = call.args[1] if len(call.args) > 1 else named["version"]
    assert isinstance(version, ast.Constant), (
        f"a stage's version is a number that stands in its call, line {call.lineno}"
    )
    return str(version.value)


def _hash(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """A stage in the table: its version, the hash of its code, and why its results stayed the same, if it was said."""

    version: str
    digest: str
    reason: str = ""


def read_table(text: str) -> dict[str, Row]:
    """The table's rows by stage."""
    rows = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            stage, version, digest, *reason = line.split(maxsplit=3)
            rows[stage] = Row(version, digest, reason[0].lstrip("# ") if reason else "")
    return rows


def told(code: Code, table: Mapping[str, Row]) -> list[str]:
    """:func:`complaints`, with what git knows."""
    if not complaints(code, table, None):
        return []
    before = sources_when_renewed()
    return complaints(code, table, Code(before) if before else None)


def complaints(code: Code, table: Mapping[str, Row], before: Code | None) -> list[str]:
    """A few lines for each stage that is not as the table has it."""
    found = []
    for stage, version in code.stages.items():
        row = table.get(stage)
        if row is None:
            found.append(f"{stage} is a new stage: python tests/stage_code.py --renew")
        elif (differs := row.digest != code.digest(stage)) and row.version == version:
            what = changed(code, before, stage)
            found.append(
                f"{stage} is still version {version}, but code it reaches has changed:\n    "
                + "\n    ".join(what)
                + "\n  results change: raise its version, then python tests/stage_code.py --renew"
                + '\n  results stay the same: python tests/stage_code.py --renew --same-results "WHY"'
            )
        elif differs or row.version != version:
            found.append(f"{stage} is version {version} now: python tests/stage_code.py --renew")
    found += [f"{stage} is gone: python tests/stage_code.py --renew" for stage in table.keys() - code.stages.keys()]
    return found


def changed(code: Code, before: Code | None, stage: str) -> list[str]:
    """The definitions in which a stage's code differs from that of an earlier moment."""
    if before is None or stage not in before.stages:
        return ["(git could say what; here it cannot be asked)"]
    now, then = code.reached(stage), before.reached(stage)
    places = sorted(each for each in now.keys() | then.keys() if now.get(each) != then.get(each))
    return places or ["(something that was not committed when the table was renewed)"]


def renewed(code: Code, table: Mapping[str, Row], same: str, only: str = "") -> tuple[dict[str, Row], list[str]]:
    """The table for the code as it is, and the stages that may not be renewed: changed, but neither raised nor said same."""
    rows, refused = {}, []
    for stage, version in code.stages.items():
        row, digest = table.get(stage), code.digest(stage)
        if row is None or (row.version != version and _raised(row.version, version)):
            rows[stage] = Row(version, digest)
        elif row == Row(version, digest, row.reason):
            rows[stage] = row
        elif same and only in stage and row.version == version:
            rows[stage] = Row(version, digest, " ".join(same.split()))
        else:
            rows[stage] = row
            refused.append(stage)
    return rows, refused


def _raised(before: str, now: str) -> bool:
    return max(map(int, now.split(","))) > max(map(int, before.split(","))) or now.count(",") != before.count(",")


def main() -> int:
    """Say what is not as the table has it, or renew it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="write the table anew")
    parser.add_argument("--same-results", default="", metavar="WHY", help="the changed stages make the same as before")
    parser.add_argument("--only", default="", metavar="STAGE", help="of these stages alone is that said")
    parser.add_argument("--reach", metavar="STAGE", help="list what a stage reaches")
    asked = parser.parse_args()
    code = Code(sources_here())
    table = read_table(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    if asked.reach:
        stage = next(each for each in code.stages if asked.reach in each)
        print(*code.reached(stage), sep="\n")
        return 0
    if asked.renew:
        table, refused = renewed(code, table, asked.same_results, asked.only)
        lines = [
            f"{stage} {row.version} {row.digest}{' # ' + row.reason if row.reason else ''}"
            for stage, row in table.items()
        ]
        head = "# stage, version, hash of the code it reaches: see stage_code.py, which writes this\n"
        TABLE.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
        if not refused:
            return 0
    found = told(code, table)
    print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
