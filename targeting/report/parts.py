"""What the pages of all plans have in common: escaped text, figures with captions, boxes of warnings, tables of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from targeting.records.places import PlanTarget
from targeting.records.warnings import DANGER, NOTE, WARNING, PlanWarning, of_kind
from targeting.report.figures import Figure, slice_keys


def esc(text: object) -> str:
    """Text that a browser shows as it is."""
    return escape(str(text), quote=True)


def figure_block(figure: Figure) -> str:
    """A picture with its title and caption."""
    height, width = figure.rgb.shape[:2]
    return (
        f'<figure><img src="{figure.data_uri()}" width="{width}" height="{height}" alt="{esc(figure.alt)}">'
        f"<figcaption><b>{esc(figure.title)}.</b> {esc(figure.caption)}</figcaption></figure>"
    )


def figure_blocks(figures: Sequence[Figure]) -> str:
    """Pictures one after another."""
    return "\n".join(figure_block(figure) for figure in figures)


def slices_legend(target: PlanTarget) -> str:
    """What the colours of the slices mean."""
    keys = "".join(
        f'<li><span class="key" style="background:{color}"></span>{esc(name)}</li>'
        for name, color in slice_keys(target)
    )
    return (
        f'<ul class="keys">{keys}</ul><p class="legend">Left is shown on the left (neurological convention); L and R '
        "are printed on the pictures. Where the outlines do not follow the image, the head model is wrong there.</p>"
    )


def notices(warnings: Sequence[PlanWarning]) -> str:
    """A red box of dangers, an amber one of warnings (or a calm one without either), and a quiet one of notes."""
    boxes: list[str] = []
    for kind, color, title in (
        (DANGER, "red", "✕ Do not use before this is solved"),
        (WARNING, "amber", "! Warnings"),
        (NOTE, "quiet", "Notes"),
    ):
        if kind == NOTE and not boxes:
            boxes.append('<p class="notice calm"><strong>✓ No warnings.</strong></p>')
        if lines := of_kind(warnings, kind):
            items = "".join(f"<li>{esc(sentence(each.text))}</li>" for each in lines)
            heading = f'<h2 id="{color}">{title}</h2>'
            boxes.append(
                f'<section class="notice {color}" aria-labelledby="{color}">{heading}<ul>{items}</ul></section>'
            )
    inside = "\n".join(boxes)
    return f'<div id="warnings">{inside}</div>'


def guide_parts(parts: Sequence[tuple[str, str]]) -> str:
    """Titles with their explanations (HTML)."""
    return "".join(f"<div><h3>{title}</h3><p>{words}</p></div>" for title, words in parts)


def number_rows(rows: Sequence[tuple[str, str]]) -> str:
    """Names with their values (HTML) as a list of definitions."""
    return "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)


def row(head: str, *cells: str) -> str:
    """A row of a table, of HTML."""
    return f'<tr><th scope="row">{head}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def small_table(title: str, rows: Mapping[str, str]) -> str:
    """A titled table of two columns of text."""
    body = "".join(row(esc(name), esc(value)) for name, value in rows.items())
    return f"<div><h3>{title}</h3><table><tbody>{body}</tbody></table></div>"


def when(created: str) -> str:
    """When a plan was made, to be put after its subject."""
    return f" · {esc(created.replace('T', ' ').replace('+00:00', ' UTC').replace('Z', ' UTC'))}" if created else ""


def sentence(line: str) -> str:
    """A line with a capital."""
    return line[:1].upper() + line[1:]
