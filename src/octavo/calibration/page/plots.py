"""The pictures of the quality report: inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element

from octavo.calibration.page.markup import Child, element, number, significant
from octavo.calibration.report.bars import Bars
from octavo.calibration.report.data import Drop, SiteReport

_WIDTH: Final = 256
_HEIGHT: Final = 72
_MOST_BINS: Final = 256


def histogram(site: SiteReport) -> Element:
    """Logarithmic counts over the values; what lies outside the chosen range is shaded."""
    bars = site.bars.coarsened(_MOST_BINS)
    low = min([bars.low, 0.0, *(interval.low for interval in site.ranges)])
    high = max([bars.high, 0.0, *(interval.high for interval in site.ranges)])
    extent = (high - low) or 1.0

    def x(value: float) -> float:
        return (value - low) / extent * _WIDTH

    parts = [_line(x(0.0), "zero")]
    if site.ranges:
        left = x(min(interval.low for interval in site.ranges))
        right = x(max(interval.high for interval in site.ranges))
        parts += [_shade(0.0, left), _shade(right, _WIDTH)]
    parts.append(element("path", kind="counts", attributes={"d": _outline(bars, x(bars.low), x(bars.high))}))
    edges = {edge for interval in site.ranges for edge in (interval.low, interval.high) if edge}
    kind = "threshold" if len(site.ranges) == 1 else "head threshold"
    parts += [_line(x(edge), kind) for edge in sorted(edges)]
    picture = _svg(_WIDTH, _HEIGHT, f"Histogram of {site.site}", parts, stretched=True)
    ends = element("div", element("span", significant(low)), element("span", significant(high)), kind="ends")
    return element("div", picture, ends, kind="plot")


def _outline(bars: Bars, left: float, right: float) -> str:
    """A closed path of steps."""
    largest = math.log1p(max(bars.counts)) or 1.0
    width = (right - left) / len(bars.counts)
    steps = [f"M{left:.1f} {_HEIGHT}"]
    before = 0.0
    for i, count in enumerate(bars.counts):
        height = math.log1p(count) / largest * (_HEIGHT - 4)
        if height != before:
            steps.append(f"H{left + i * width:.1f}V{_HEIGHT - height:.1f}")
            before = height
    return "".join([*steps, f"H{right:.1f}V{_HEIGHT}Z"])


def _line(x: float, kind: str) -> Element:
    place = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": "0", "y2": str(_HEIGHT)}
    return element("line", kind=kind, attributes=place)


def _shade(left: float, right: float) -> Element:
    width = max(right - left, 0.0)
    place = {"x": f"{left:.1f}", "y": "0", "width": f"{width:.1f}", "height": str(_HEIGHT)}
    return element("rect", kind="clipped", attributes=place)


def _svg(width: float, height: float, title: str, parts: Sequence[Element], *, stretched: bool) -> Element:
    attributes = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img"}
    if stretched:
        attributes["preserveAspectRatio"] = "none"
    return element("svg", element("title", title), *parts, attributes=attributes)


def interval_picture(drop: Drop, budget: float) -> Element:
    """The confidence interval of the loss on a line with no loss and the budget."""
    width, height, middle, margin = 480.0, 64.0, 30.0, 40.0
    low, high = min(drop.low, 0.0), max(drop.high, budget)
    extent = (high - low) or 1.0

    def x(value: float) -> float:
        return margin + (value - low) / extent * (width - 2 * margin)

    def line(x1: float, x2: float, y1: float, y2: float, kind: str) -> Element:
        ends = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
        return element("line", kind=kind, attributes={key: f"{value:.1f}" for key, value in ends.items()})

    point = {"cx": f"{x(drop.points):.1f}", "cy": f"{middle:g}", "r": "5"}
    parts = [
        line(margin / 2, width - margin / 2, middle, middle, "axis"),
        line(x(0.0), x(0.0), middle - 14, middle + 10, "zero"),
        line(x(budget), x(budget), middle - 14, middle + 10, "budget"),
        line(x(drop.low), x(drop.high), middle, middle, "interval"),
        element("circle", kind="estimate", attributes=point),
        _label(x(0.0), height - 8, "no loss", "middle"),
        _label(x(budget), middle - 18, f"budget {number(budget)}", "middle"),
    ]
    picture = _svg(
        width, height, "Loss with its 95 % confidence interval, and the budget", parts, stretched=False
    )
    picture.set("class", "interval-plot")
    return picture


def _label(x: float, y: float, text: str, anchor: str) -> Element:
    return element("text", text, attributes={"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})


def bar_rows(rows: Sequence[tuple[Child, float, float | None, str]], largest: float) -> Element:
    """A row each: a label, the values of a bar and of a thinner one, a class. ``largest`` fills the width."""
    lines = []
    for label, value, second, kind in rows:
        drawn = [_bar(value, largest, "first")]
        if second is not None:
            drawn.append(_bar(second, largest, "second"))
        figures = element("span", significant(value, 2), kind="figure")
        row = (element("span", label, kind="label"), element("span", *drawn, kind="track"), figures)
        lines.append(element("div", *row, kind=f"bar-row {kind}".strip()))
    return element("div", *lines, kind="bars")


def _bar(value: float, largest: float, kind: str) -> Element:
    share = min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0
    return element("i", kind=kind, attributes={"style": f"width:{share:.2%}"})
