"""The page of a map: its verdict for staff, the certainty on the cortex, the responses against the field, and the facts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Circle
from numpy.typing import NDArray

from targeting.mapping.motor_map import MotorMap
from targeting.mapping.recruitment import FLOOR_UV, THRESHOLD_UV, best_curve
from targeting.report.figures import Figure
from targeting.report.page import render_page
from targeting.report.picture import COMPASS, STRIP
from targeting.scene.colors import COIL, GREY_MATTER, INK, QUIET, STEPS, TARGET
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import Surface, compose, render
from targeting.tms.orientation import handle_deg
from targeting.words.fact import Fact
from targeting.words.numbers import number, point, three_digits

WIDTH, HEIGHT, ACROSS_MM = 900, 770, 110.0
FADED_BELOW = 0.2  # where the probability is spread over the cortex, nothing is to stand out
QUANTITY_WORDS = {
    "magnitude": "size of the field",
    "normal": "part of the field along the cortex’ normal",
    "tangential": "part of the field along the cortex",
}


@dataclass(frozen=True, eq=False)
class MapPage:
    """What ``mapping/page.html.jinja`` shows."""

    verdict: str
    kind: str
    boxes: list[Fact]
    pictures: list[Figure]
    curve: Figure
    facts: list[Fact]
    next_rows: list[list[str]]


def map_page(found: MotorMap) -> str:
    """The whole page."""
    hotspot = found.hotspot
    running = [f"{hotspot.subject}", f"map of the {hotspot.muscle}, {hotspot.side}", hotspot.session]
    return render_page("mapping/page.html.jinja", page=page_of(found), hotspot=hotspot, running=running)


def page_of(found: MotorMap) -> MapPage:
    """The parts of the page."""
    hotspot = found.hotspot
    return MapPage(
        verdict=verdict(found),
        kind="calm" if hotspot.found else "red",
        boxes=_boxes(found),
        pictures=[certainty_picture(found)],
        curve=curve_picture(found),
        facts=_facts(found),
        next_rows=[
            [
                f"map-{i}",
                point(np.array(each)[:3, 3].round(1).tolist()),
                f"{number(handle_deg(np.array(each), hotspot.side), 0)}°",
            ]
            for i, each in enumerate(hotspot.next_poses, 1)
        ],
    )


def verdict(found: MotorMap) -> str:
    """What staff are told, in one or two sentences."""
    hotspot = found.hotspot
    if not hotspot.found:
        return f"No hotspot was found: {'; '.join(hotspot.faults)}. To find it, {hotspot.remedy}."
    areas = areas_words(hotspot.areas)
    return (
        f"The hotspot of the {hotspot.muscle} lies at {point(hotspot.point_mm)} mm"
        f"{f', in {areas}' if areas else ''}: with a probability of 95 % within {number(hotspot.radius_mm, 0)} mm of it."
    )


def areas_words(areas: dict[str, float]) -> str:
    """Areas with their probabilities, the likeliest three.

    Examples
    --------
    >>> areas_words({"4": 0.81, "3a": 0.15})
    'area 4 (81 %) or area 3a (15 %)'
    """
    return " or ".join(f"area {name} ({number(100 * share, 0)} %)" for name, share in list(areas.items())[:3])


def certainty_picture(found: MotorMap) -> Figure:
    """The cortex near the hotspot, coloured by the probability of each place."""
    hotspot, whole = found.hotspot, found.cortical.cortex.whole
    spot = np.array(hotspot.hotspot_mm)
    outwards = -found.pulses.poses[:, :3, 2].mean(axis=0)
    view = View.looking_from(outwards, spot, ACROSS_MM, WIDTH, HEIGHT)
    density = 100 * found.probability / found.places.areas_mm2  # per cm²
    share = np.zeros(len(whole.points_mm))
    from scipy.spatial import cKDTree

    share[cKDTree(whole.points_mm).query(found.places.points_mm)[1]] = np.minimum(density, 1.0)
    colors = np.asarray(_scale().colors)[np.round(share * (STEPS - 1)).astype(int)]
    seen = render(Surface.of(whole.points_mm, whole.triangles), colors, view, crevices=True)
    canvas = Canvas(compose(view, (seen, 1.0)), STRIP)
    centers = view.project(found.pulses.poses[:, :3, 3])
    canvas.axes.scatter(centers[:, 0], centers[:, 1], s=9, color=COIL, edgecolors="white", linewidths=0.4, alpha=0.8)
    if hotspot.found:
        column, row, _ = view.project(spot)
        radius = max(hotspot.radius_mm / view.mm_per_pixel, 6.0)
        for color, width in (("white", 5.0), (TARGET, 2.6)):
            canvas.axes.add_patch(Circle((column, row), radius, fill=False, edgecolor=color, linewidth=width))
        canvas.axes.plot([column], [row], marker="+", color=TARGET, markersize=11, markeredgewidth=2.4)
    canvas.scale_bar(view, 20)
    canvas.compass(view, (COMPASS + 26, canvas.height - canvas.strip / 2), COMPASS)
    canvas.color_bar(0.0, 1.0, _scale(), "probability per cm² (dark: 1 and more)", ticks=(0.0, 0.5, 1.0))
    ring = f"; the pink ring, {number(hotspot.radius_mm, 0)} mm, holds 95 %" if hotspot.found else ""
    return Figure(
        canvas.rgb(),
        "Where the responses come from",
        f"The middle of the cortex, seen from over the pulses (their coil centres are the small dots){ring}.",
        f"The cortex of the {hotspot.side} side near the hotspot, coloured by how likely each place is the source of the "
        f"muscle’s responses{ring}.",
    )


def curve_picture(found: MotorMap) -> Figure:
    """The responses against the field at the hotspot, with the curve that fits."""
    hotspot, e, log_mep = found.hotspot, found.e_at_spot_v_per_m.astype(np.float64), found.log_mep
    drawing = Drawing((9.0, 5.2), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(drawing)
    axes = drawing.add_axes((0.1, 0.13, 0.87, 0.83))
    axes.scatter(e, 10**log_mep / 1000, s=22, color=COIL, edgecolors="white", linewidths=0.5, label="a pulse")
    ahead = np.linspace(e.min(), e.max(), 200)
    top = found.e_at_spot_v_per_m.max(keepdims=True)
    best = best_curve(found.e_at_spot_v_per_m, log_mep, hotspot.curve)
    axes.plot(
        ahead,
        10 ** best.log_mep(ahead[:, None], top)[:, 0] / 1000,
        color=INK,
        linewidth=2.2,
        label="the curve that fits",
    )
    axes.axhline(THRESHOLD_UV / 1000, color=QUIET, linewidth=1.0, linestyle=(0, (4, 3)), label="0.05 mV")
    within = hotspot.threshold_v_per_m
    if within is not None:
        axes.axvspan(within.low, within.high, color=TARGET, alpha=0.15, linewidth=0)
        axes.axvline(within.value, color=TARGET, linewidth=1.8, label="the field at threshold, with its 95 %")
    axes.set_yscale("log")
    axes.set_xlim(0.95 * float(e.min()), 1.03 * float(e.max()))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(f"{_quantity(hotspot.quantity)} at the hotspot, V/m", color=INK, fontsize=12)
    axes.set_ylabel("response, peak to peak, mV", color=INK, fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.legend(frameon=False, fontsize=11, loc="lower right")
    canvas.draw()
    where = "the hotspot" if hotspot.found else "the likeliest place"
    turned = "" if hotspot.current_toward is None else ", brought to the direction that the muscle prefers"
    return Figure(
        np.asarray(canvas.buffer_rgba())[..., :3].copy(),
        "Responses against the field",
        f"Each pulse’s response{turned}, against its field at {where}; R² {number(hotspot.r2, 2)} of the logarithm. Below "
        f"{number(FLOOR_UV / 1000, 2)} mV is no response.",
        f"Scatter of {hotspot.pulses} responses against the field at {where}, with the fitted curve.",
    )


def _scale() -> ListedColormap:
    share = np.linspace(0, 1, STEPS)
    fade = np.clip(share / FADED_BELOW, 0, 1)[:, None]
    colors: NDArray[np.float64] = fade * colormaps["YlOrRd"](share)[:, :3] + (1 - fade) * GREY_MATTER
    return ListedColormap(colors, name="target-probability")


def _quantity(name: str) -> str:
    words = QUANTITY_WORDS[name]
    return words[0].upper() + words[1:]


def _boxes(found: MotorMap) -> list[Fact]:
    hotspot = found.hotspot
    spot = point(hotspot.point_mm) if hotspot.found else "not found"
    boxes = [
        Fact("Hotspot", spot, "mm" if hotspot.found else "", f"95 % within {number(hotspot.radius_mm, 0)} mm"),
        Fact(
            "Pulses",
            str(hotspot.pulses),
            "",
            f"{hotspot.responses} responses of 50 µV and more; R² {number(hotspot.r2, 2)}",
        ),
    ]
    if hotspot.found and (within := hotspot.threshold_v_per_m) is not None:
        interval = f"95 %: {three_digits(within.low)} to {three_digits(within.high)}"
        boxes.append(Fact("Field at threshold", three_digits(within.value), "V/m", interval))
    if hotspot.found and (rmt := hotspot.rmt_percent) is not None:
        interval = f"95 %: {rmt.low:.0f} to {rmt.high:.0f}; measure it"
        boxes.append(Fact("Expected motor threshold", f"{rmt.value:.0f}", "% MSO", interval))
    return boxes


def _facts(found: MotorMap) -> list[Fact]:
    hotspot = found.hotspot
    shares = ", ".join(
        f"{QUANTITY_WORDS[name]} {number(100 * share, 0)} %" for name, share in hotspot.quantities.items()
    )
    facts = [
        Fact("Session", hotspot.session, more=hotspot.emg and f"responses of {hotspot.emg}"),
        Fact("Coil", hotspot.coil),
        Fact("Mean distance of the truth from the hotspot", number(hotspot.expected_off_mm, 1), "mm"),
        Fact("Cortex that holds 95 %", number(hotspot.region_cm2, 1), "cm²"),
        Fact("Areas", areas_words(hotspot.areas) or "not known", more="HCP-MMP 1.0, by the person’s folds"),
        Fact("What the muscle follows", shares),
        Fact(
            "R² of the best place",
            number(hotspot.r2, 2),
            more=f"shuffled responses reach {number(hotspot.chance_r2, 2)}",
        ),
    ]
    if hotspot.handle_deg is not None:
        facts.append(
            Fact(
                "Preferred angle", number(hotspot.handle_deg, 0), "°", "of the handle to the midline, positive outwards"
            )
        )
    else:
        facts.append(Fact("Preferred angle", "not told by these responses"))
    facts += [Fact("Left out", each) for each in hotspot.left_out]
    return facts + [Fact("Warning", each) for each in hotspot.warnings]
