"""Charts of the report as inline SVG: precision-recall, learning curves, intervals of gains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from anogen.study.results import Gain

Points = tuple[NDArray[np.float64], NDArray[np.float64]]

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 40
# Colours of the style sheet; further lines share the last one, which is a quiet grey.
COLOURS = 6


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: its name in the legend.
        colour: which of the style sheet's colours.
        x: ``(K,)`` ascending.
        y: ``(K,)``.
        low: ``(K,)`` lower border of a band around it, or None.
        high: ``(K,)`` upper border.
        note: a value beside the name in the legend.
    """

    name: str
    colour: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    note: str = ""

    @property
    def style(self) -> str:
        """Class of the style sheet."""
        return f"colour-{min(self.colour, COLOURS - 1)}"


@dataclass(frozen=True)
class Chart:
    """A drawn chart and its legend."""

    title: str
    svg: Markup
    lines: tuple[Line, ...]


def at_recall(curve: Points, recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision of the first point of a precision-recall curve that reaches each ``recall``."""
    reached, precision = curve
    return precision[np.minimum(np.searchsorted(reached, recall - 1e-12), len(precision) - 1)]


def precision_recall_line(name: str, colour: int, curves: Sequence[Points], note: str) -> Line:
    """The mean over seeds of precision at each recall, in a band from lowest to highest."""
    recall = np.linspace(0, 1, 201)
    precision = np.stack([at_recall(curve, recall) for curve in curves])
    several = len(curves) > 1
    return Line(
        name=name,
        colour=colour,
        x=recall,
        y=precision.mean(axis=0),
        low=precision.min(axis=0) if several else None,
        high=precision.max(axis=0) if several else None,
        note=note,
    )


def smoothed(values: Sequence[float], *, span: int) -> NDArray[np.float64]:
    """Mean over a centred window of ``span`` values, shorter at the ends."""
    array = np.asarray(values, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(array)])
    index = np.arange(len(array))
    low = np.maximum(index - span // 2, 0)
    high = np.minimum(index + span // 2 + 1, len(array))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def learning_line(name: str, colour: int, steps: Sequence[float], losses: Sequence[float]) -> Line:
    """A loss over steps, smoothed over a twentieth of its length and thinned for drawing."""
    smooth = smoothed(losses, span=max(1, len(losses) // 20))
    keep = np.unique(np.linspace(0, len(losses) - 1, 160).round().astype(int))
    x = np.asarray(steps, dtype=np.float64)[keep]
    return Line(name, colour, x, smooth[keep], note=f"{smooth[-1]:.3g}")


def precision_recall_chart(title: str, lines: Sequence[Line]) -> Chart:
    """Precision over recall, both from 0 to 1."""
    ticks = [(value / 4, f"{value * 25}") for value in range(5)]
    svg = _draw(title, lines, (0, 1), (0, 1), ticks, ticks, "Recall, %", "Precision, %")
    return Chart(title, svg, tuple(lines))


def learning_chart(title: str, lines: Sequence[Line], *, x_name: str) -> Chart:
    """Loss over steps or checks; a logarithmic axis where the loss falls by more than ten times."""
    values = np.concatenate([line.y for line in lines])
    positive = values[values > 0]
    last = max(float(line.x[-1]) for line in lines)
    logarithmic = len(positive) == len(values) and positive.max() > 10 * positive.min()
    scale: Callable[[NDArray[np.float64]], NDArray[np.float64]] = (
        np.log10 if logarithmic else np.asarray
    )
    shown = [Line(i.name, i.colour, i.x, scale(i.y), note=i.note) for i in lines]
    low, high = float(scale(values).min()), float(scale(values).max())
    room = 0.06 * (high - low) or 0.5
    low, high = low - room, high + room
    y_ticks = [
        (place, f"{10**place if logarithmic else place:.2g}")
        for place in np.linspace(low + room, high - room, 4)
    ]
    x_ticks = [(last * part / 4, f"{round(last * part / 4):,}") for part in range(5)]
    name = "Loss (logarithmic)" if logarithmic else "Loss"
    svg = _draw(title, shown, (0, last), (low, high), x_ticks, y_ticks, x_name, name)
    return Chart(title, svg, tuple(lines))


def _draw(
    title: str,
    lines: Sequence[Line],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    x_name: str,
    y_name: str,
) -> Markup:
    def place_x(x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        share = (np.asarray(x) - x_range[0]) / (x_range[1] - x_range[0] or 1)
        return np.asarray(LEFT + share * (WIDTH - LEFT - RIGHT))

    def place_y(y: NDArray[np.float64] | float) -> NDArray[np.float64]:
        share = (np.asarray(y) - y_range[0]) / (y_range[1] - y_range[0] or 1)
        return np.asarray(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))

    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, _described(title, lines)
        )
    ]
    for value, text in y_ticks:
        y = round(float(place_y(value)), 1)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text class="tick end" x="{}" y="{}">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, text)
        )
    for value, text in x_ticks:
        x = round(float(place_x(value)), 1)
        style = "end" if x > WIDTH - 2 * RIGHT else "middle"
        parts.append(
            Markup('<text class="tick {}" x="{}" y="{}">{}</text>').format(
                style, x, HEIGHT - BOTTOM + 17, text
            )
        )
    parts.append(
        Markup(
            '<text class="axis middle" x="{}" y="{}">{}</text>'
            '<text class="axis middle" transform="translate(11 {}) rotate(-90)">{}</text>'
        ).format(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x_name, (TOP + HEIGHT - BOTTOM) / 2, y_name
        )
    )
    for line in lines:
        if line.low is not None and line.high is not None:
            across = place_x(line.x)
            border = [*zip(across, place_y(line.high), strict=True)]
            border += [*zip(across[::-1], place_y(line.low)[::-1], strict=True)]
            parts.append(
                Markup('<path class="band {}" d="{}z"/>').format(line.style, _path(border))
            )
    for line in lines:
        points = [*zip(place_x(line.x), place_y(line.y), strict=True)]
        parts.append(Markup('<path class="line {}" d="{}"/>').format(line.style, _path(points)))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _described(title: str, lines: Sequence[Line]) -> str:
    return f"{title}: " + ", ".join(f"{line.name} {line.note}".strip() for line in lines)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


@dataclass(frozen=True)
class Interval:
    """A gain on the common scale of its list; places are percentages of the width.

    Attributes:
        gain: the gain.
        low: where the interval starts.
        mean: where the mean lies.
        high: where the interval ends.
    """

    gain: Gain
    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Gains on one scale.

    Attributes:
        rows: the gains, in their order.
        zero: where no difference lies, in percent of the width.
        ticks: places and texts of the scale, in points.
    """

    rows: tuple[Interval, ...]
    zero: float
    ticks: tuple[tuple[float, str], ...]


def intervals(gains: Sequence[Gain]) -> Intervals:
    """Place gains on one scale that holds all intervals and zero."""
    low = min(0.0, *(min(gain.low, gain.mean) for gain in gains))
    high = max(0.0, *(max(gain.high, gain.mean) for gain in gains))
    step = _tick_step(high - low)
    low, high = np.floor(low / step) * step, np.ceil(high / step) * step
    if low == high:
        low, high = -step, step

    def place(value: float) -> float:
        return round(100 * float((value - low) / (high - low)), 2)

    values = np.arange(round(low / step), round(high / step) + 1) * step
    return Intervals(
        rows=tuple(Interval(g, place(g.low), place(g.mean), place(g.high)) for g in gains),
        zero=place(0.0),
        ticks=tuple((place(v), _tick(v)) for v in values.round(6)),
    )


def _tick(value: float) -> str:
    return f"{100 * value:+g}".replace("-", "−") if value else "0"


def _tick_step(span: float) -> float:
    for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        if span / step <= 5:
            return step
    return 0.5
