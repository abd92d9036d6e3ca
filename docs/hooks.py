"""Pages of the documentation that are made from the code, each time the site is built."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from click import Command, Parameter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("meshes", "atlases", "targeting")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the commands, the options, the Python reference and the picture of the rooms."""
    sys.path.insert(0, str(ROOT))
    made = {
        "reference/commands.md": commands(),
        "reference/options.md": options(),
        **{f"{name.lower()}.md": of_root(name) for name in ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")},
        **dict(api_pages()),
    }
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def of_root(name: str) -> str:
    """A text that lies in the project's root, with its links as they are from the site."""
    text = (ROOT / f"{name}.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return re.sub(r"\]\(([A-Z]+)\.md\)", lambda link: f"]({link[1].lower()}.md)", text)


def commands() -> str:
    """Every command with its arguments and options, as the command line itself declares them."""
    from cli.commands import app

    lines = ["# Commands", ""]
    for path, command in _walk("target", typer.main.get_command(app)):
        if hasattr(command, "commands"):
            continue
        lines += [f"## {path}", "", _text(command.help or command.short_help or ""), ""]
        shown = [each for each in command.params if not getattr(each, "hidden", False)]
        for panel, members in _in_panels(command, shown):
            rows = [_row(each) for each in members]
            lines += [*([f"### {panel}", ""] if panel else []), "| option | value | default | meaning |"]
            lines += ["|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _in_panels(command: Command, parameters: list[Parameter]) -> list[tuple[str, list[Parameter]]]:
    """The parameters in the panels of the command's help; those of a command with few options in one without a title."""
    from cli.help import common_of
    from targeting.study.options import PANELS

    if not common_of(command):
        return [("", parameters)] if parameters else []
    panels = {
        panel: [each for each in parameters if getattr(each, "rich_help_panel", None) == panel] for panel in PANELS
    }
    rest = [each for each in parameters if getattr(each, "rich_help_panel", None) not in PANELS]
    return [(panel, members) for panel, members in {"Arguments": rest, **panels}.items() if members]


def _walk(path: str, command: Command) -> Iterator[tuple[str, Command]]:
    yield path, command
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _walk(f"{path} {name}", each)


def _row(parameter: Parameter) -> str:
    option = parameter.param_type_name == "option"
    names = parameter.opts if option else [parameter.metavar or parameter.name]
    value = "" if not option or getattr(parameter, "is_flag", False) else parameter.metavar or parameter.type.name
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) or default in ((), []) else str(default)
    meaning = getattr(parameter, "help", "") or ""
    cells = [", ".join(f"`{name}`" for name in names), f"`{value}`" if value else "", shown, meaning]
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "&#124;").replace("<", "&lt;")
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


def _text(text: str) -> str:
    return text.replace("\b", "").split("\f")[0].strip()


def options() -> str:
    """The fields of the requests, from their declarations."""
    from targeting.study.options import option_rows
    from targeting.study.request import HeadOptions
    from targeting.study.tes_request import TesRequest
    from targeting.study.tms_request import TmsRequest

    lines = [
        "# Options of a plan",
        "",
        "Each option is a field of a request and is declared once, in its class; this page, the command line and all checks",
        "follow from that. `plan_tms(subject, request, **options)` and `plan_tes(subject, request, **options)` take a request,",
        "its fields by name, or both.",
        "",
    ]
    for request in (HeadOptions, TmsRequest, TesRequest):
        lines += [f"## {request.__name__}", "", (request.__doc__ or "").strip().split("\n")[0], ""]
        lines += ["| Python | command line | unit | default | limits | meaning |", "|---|---|---|---|---|---|"]
        for row in option_rows(request):
            cells = [f"`{row.name}`", f"`{row.flag}`", row.unit, f"`{row.default}`", row.limits, row.help]
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def api_pages() -> Iterator[tuple[str, str]]:
    """A page for each package and room, with all that is public there."""
    index = ["# Python", "", "Every public module, by package and room.", ""]
    for package in PACKAGES:
        rooms = {"": ROOT / package} | {
            each.name: each for each in sorted((ROOT / package).iterdir()) if (each / "__init__.py").is_file()
        }
        for room, folder in rooms.items():
            paths = sorted(folder.rglob("*.py") if room else folder.glob("*.py"))
            names = [name for path in paths if (name := _public_module(path))]
            title = f"{package}.{room}" if room else package
            about = _first_sentence(folder / "__init__.py")
            index.append(f"- [`{title}`](api/{title}.md): {about}")
            body = "\n\n".join(f"::: {name}" for name in names)
            yield f"reference/api/{title}.md", f"# {title}\n\n{about}\n\n{body}\n"
    yield "reference/api.md", "\n".join(index) + "\n"


def _public_module(path: Path) -> str | None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = any(isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[:1] != "_" for node in tree.body)
    return name if defined else None


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")
