"""The picture of the rooms, ``rooms.svg``: ``python docs/rooms.py`` draws it again.

What lies higher may import what lies below.  The order of the rooms is that of ``tests/test_architecture.py``, which guards it.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def rooms_picture() -> str:
    """The rooms of the project as a picture: what lies higher may import what lies below."""
    floors = [
        ("cli", ["target"]),
        *reversed(_floors()),
        ("atlases", ["targets", "scalp", "MNI152 ↔ subject"]),
        ("meshes", ["tissues", "tetrahedra", "surfaces", "files"]),
    ]
    wide, high, gap = 940, 46, 12
    parts = []
    for k, (label, rooms) in enumerate(floors):
        y = k * (high + gap)
        parts.append(f'<text x="8" y="{y + high / 2 + 5}" font-weight="bold">{label}</text>')
        each = (wide - 150) / len(rooms)
        for j, room in enumerate(rooms):
            x = 145 + j * each
            parts.append(
                f'<rect x="{x:.0f}" y="{y}" width="{each - 6:.0f}" height="{high}" rx="6" fill="#e8eef7" stroke="#5b7db1"/>'
                f'<text x="{x + (each - 6) / 2:.0f}" y="{y + high / 2 + 5:.0f}" text-anchor="middle">{room}</text>'
            )
    height = len(floors) * (high + gap)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height}" font-family="sans-serif" font-size="13">'
        f'<rect width="{wide}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def _floors() -> list[tuple[str, list[str]]]:
    """The floors of ``targeting``, lowest first, from the test that guards them."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ROOMS":
            return list(ast.literal_eval(node.value).items())
    raise LookupError("tests/test_architecture.py has no ROOMS")


if __name__ == "__main__":
    (ROOT / "docs" / "rooms.svg").write_text(rooms_picture(), encoding="utf-8")
