"""The command lines and the Python that README and the documentation show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"))]
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path, language):
    """The blocks of a page that are in one language."""
    return [text for kind, text in FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


def commands_of(path):
    """The lines of a page that call ``target``, as they stand there, each once."""
    text = path.read_text(encoding="utf-8")
    indented = re.findall(r"^    (.*)$", FENCE.sub("", text), re.MULTILINE)  # a workflow's own lines are not a shell's
    lines = [*"\n".join(blocks(path, "bash")).splitlines(), *indented]
    parts = [part for line in dict.fromkeys(lines) for part in line.strip().split(" && ")]
    return [part for part in parts if part.startswith("target ")]
