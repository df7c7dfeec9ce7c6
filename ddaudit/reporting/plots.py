"""Figures drawn as SVG that lives inside a page: colours from its style sheet, no ids of its own, no dates.

Colour is not drawn but named: matplotlib gets one placeholder colour for every role, which becomes a CSS
class, so that the same drawing is right in light, in dark and on paper, and a page needs no inline style.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, ScalarFormatter

from ddaudit.reporting.untrusted import brief, visible
from ddaudit.reporting.wording import number
from ddaudit.results import Figure, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Series longer than this are thinned evenly; a page of fifty thousand markers would not open.
MOST_POINTS = 600

_LONGEST_LABEL = 24
_WIDTH = 4.8  # inches, 72 units of the drawing each
_HEIGHT = 2.7

_SUBJECTS, _CONTROLS = 5, 3
#: CSS class by placeholder colour. "ink" is text, "rule" the grid and the axes.
_CLASSES = ["ink", "rule", "ref", *(f"s{i}" for i in range(_SUBJECTS)), *(f"c{i}" for i in range(_CONTROLS))]
_PLACEHOLDER = {name: f"#0000{index + 16:02x}" for index, name in enumerate(_CLASSES)}
_CLASS_OF = {colour: name for name, colour in _PLACEHOLDER.items()}

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ddaudit",
    "text.parse_math": False,  # a class may be called "$x"
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the layout is the same everywhere
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.unicode_minus": True,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Key:
    """One entry of a figure's legend, which the page writes itself."""

    name: str
    css: str
    role: str


def legend(figure: Figure) -> list[Key]:
    """Name and colour class of every series, in the order in which they are drawn."""
    counts = {"subject": 0, "control": 0, "reference": 0}
    keys = []
    for series in figure.series:
        index = counts[series.role]
        counts[series.role] += 1
        css = {"subject": f"s{index % _SUBJECTS}", "control": f"c{index % _CONTROLS}", "reference": "ref"}[series.role]
        keys.append(Key(series.name, css, series.role))
    return keys


def draw(figure: Figure, name: str) -> Markup:
    """The figure as an ``<svg>`` element.

    Parameters
    ----------
    figure : Figure
        The data.
    name : str
        What the page calls it; ids inside the drawing begin with it.

    Returns
    -------
    Markup
        Deterministic, without metadata, scripts, styles or references to anything outside.
    """
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Class names may use any script; the reader's browser has the letters even where our font has not.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        canvas = Canvas(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        FigureCanvasSVG(canvas)
        axes = canvas.add_subplot()
        categories = _categories(figure)
        sideways = figure.form == "bars" and _labels_are_long(categories)
        if sideways:
            canvas.set_figheight(min(12.0, 0.9 + 0.13 * len(categories) * (len(figure.series) + 0.6)))
        _frame(axes, figure, categories, sideways)
        for key, series in zip(legend(figure), figure.series, strict=True):
            _draw_series(axes, figure, _Points(series, categories), key, sideways)
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_a_page(text.getvalue(), figure, name)


def _categories(figure: Figure) -> list[str]:
    names = [str(x) for series in figure.series for x in series.x if isinstance(x, str)]
    return list(dict.fromkeys(names))


def _labels_are_long(categories: list[str]) -> bool:
    return len(categories) > 12 or (len(categories) > 3 and max(map(len, categories)) > 8)


class _Points:
    """A series as arrays (n,), thinned, with category names replaced by their positions."""

    def __init__(self, series: Series, categories: list[str]) -> None:
        self.named = bool(categories)
        position = {name: float(index) for index, name in enumerate(categories)}
        x = [position[value] if isinstance(value, str) else value for value in series.x]
        count = min(len(x), len(series.y))
        kept = np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_POINTS)).round().astype(int))
        self.x = _numbers(x, kept)
        self.y = _numbers(series.y, kept)
        self.low = _numbers(series.low, kept) if series.low else None
        self.high = _numbers(series.high, kept) if series.high else None

    @property
    def errors(self) -> np.ndarray | None:
        """Distances (2, n) from the value down to ``low`` and up to ``high``."""
        if self.low is None or self.high is None:
            return None
        return np.nan_to_num(np.clip(np.stack([self.y - self.low, self.high - self.y]), 0, None))


def _numbers(values: list[float] | list[float | None], kept: np.ndarray) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in values], dtype=float)[kept]


def _frame(axes: Axes, figure: Figure, categories: list[str], sideways: bool) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_PLACEHOLDER["rule"])
    axes.tick_params(length=0, colors=_PLACEHOLDER["ink"], which="both")
    value_axis, name_axis = (axes.xaxis, axes.yaxis) if sideways else (axes.yaxis, axes.xaxis)
    value_axis.grid(visible=True, color=_PLACEHOLDER["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    x_label, y_label = brief(figure.x_label, 56), brief(figure.y_label, 36)
    axes.set_xlabel(y_label if sideways else x_label, color=_PLACEHOLDER["ink"])
    axes.set_ylabel(x_label if sideways else y_label, color=_PLACEHOLDER["ink"])
    _scale(axes, "x" if sideways else "y", figure.y_scale, [v for s in figure.series for v in s.y])
    if not categories:
        _scale(axes, "x", figure.x_scale, [v for s in figure.series for v in s.x])
        return
    every = math.ceil(len(categories) / 60)
    name_axis.set_ticks(
        range(0, len(categories), every), [brief(c, _LONGEST_LABEL) or " " for c in categories[::every]]
    )
    if sideways:
        axes.set_ylim(len(categories) - 0.4, -0.6)


def _scale(axes: Axes, which: str, scale: str, values: list[Any]) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if scale == "log" and any(isinstance(v, (int, float)) and v > 0 for v in values):
        (axes.set_xscale if which == "x" else axes.set_yscale)("log", nonpositive="mask")
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(6))
        axis.set_major_formatter(ScalarFormatter(useOffset=False, useMathText=False))


def _draw_series(axes: Axes, figure: Figure, points: _Points, key: Key, sideways: bool) -> None:
    colour = _PLACEHOLDER[key.css]
    if key.role == "reference" and figure.form != "bars":
        axes.plot(points.x, points.y, color=colour, linewidth=1, dashes=(3, 3))
    elif figure.form == "bars":
        _draw_bars(axes, figure, points, key, sideways)
    elif figure.form == "points":
        # Names leave room to put series side by side, so that their error bars do not cover each other.
        beside = 0.16 * _offset(figure, key) if points.named else 0.0
        axes.errorbar(
            points.x + beside, points.y, yerr=points.errors, color=colour, fmt="o", markersize=4.5, linewidth=1.3
        )
    elif figure.form == "step":
        axes.step(points.x, points.y, where="mid", color=colour, linewidth=1.4)
        axes.fill_between(points.x, 0, points.y, step="mid", color=colour, alpha=0.16, linewidth=0)
    else:
        if points.low is not None and points.high is not None:
            axes.fill_between(points.x, points.low, points.high, color=colour, alpha=0.16, linewidth=0)
        marker = "o" if len(points.x) <= 24 else ""
        axes.plot(points.x, points.y, color=colour, linewidth=1.7, marker=marker, markersize=3.6)


def _draw_bars(axes: Axes, figure: Figure, points: _Points, key: Key, sideways: bool) -> None:
    width = 0.76 / len(figure.series)
    at = points.x + _offset(figure, key) * width
    error: dict[str, Any] = {"ecolor": _PLACEHOLDER["ink"], "error_kw": {"linewidth": 0.9}}
    if sideways:
        axes.barh(at, points.y, height=width * 0.9, color=_PLACEHOLDER[key.css], xerr=points.errors, **error)
    else:
        axes.bar(at, points.y, width=width * 0.9, color=_PLACEHOLDER[key.css], yerr=points.errors, **error)


def _offset(figure: Figure, key: Key) -> float:
    """Places from the middle at which a series stands beside the others."""
    return legend(figure).index(key) - (len(figure.series) - 1) / 2


_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_DRAWN = frozenset({"svg", "g", "defs", "path", "use", "text", "tspan", "clipPath", "rect"})
_KEPT_STYLE = frozenset(
    {
        "fill",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "stroke-linecap",
        "stroke-linejoin",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "text-anchor",
    }
)


def _for_a_page(svg: str, figure: Figure, name: str) -> Markup:
    root = ElementTree.fromstring(svg)
    _keep_what_is_drawn(root)
    _shorten_ids(root, name)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        _style_to_classes(element)
        for attribute in ("d", "x", "y", "width", "height", "transform"):
            if attribute in element.attrib and element is not root:
                element.set(attribute, _two_decimals(element.get(attribute, "")))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("class", "drawing")
    root.set("role", "img")
    root.set("aria-label", visible(f"{figure.name}: {figure.caption}"))
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _keep_what_is_drawn(parent: ElementTree.Element) -> None:
    for child in list(parent):
        if not isinstance(child.tag, str) or child.tag.removeprefix(_SVG) not in _DRAWN:
            parent.remove(child)
        else:
            child.tail = None
            _keep_what_is_drawn(child)
    if parent.tag != f"{_SVG}text":
        parent.text = None


def _shorten_ids(root: ElementTree.Element, name: str) -> None:
    """Ids that something refers to get the page's own name; the others go, they would clash between figures."""
    used = {element.attrib[_HREF][1:] for element in root.iter() if _HREF in element.attrib}
    used |= {m[1] for e in root.iter() if (m := re.match(r"url\(#(.+)\)", e.get("clip-path", "")))}
    short: dict[str, str] = {}
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in used and old is not None:
            short[old] = f"{name}-{len(short)}"
            element.set("id", short[old])
    for element in root.iter():
        if _HREF in element.attrib:
            element.set("href", f"#{short[element.attrib.pop(_HREF)[1:]]}")
        if match := re.match(r"url\(#(.+)\)", element.get("clip-path", "")):
            element.set("clip-path", f"url(#{short[match[1]]})")


def _style_to_classes(element: ElementTree.Element) -> None:
    """``style="stroke: #000013"`` becomes ``class="s-s0"``; other properties become attributes."""
    classes = []
    for declaration in filter(None, element.attrib.pop("style", "").split(";")):
        prop, _, value = (part.strip() for part in declaration.partition(":"))
        if prop in ("fill", "stroke") and value in _CLASS_OF:
            classes.append(f"{prop[0]}-{_CLASS_OF[value]}")
        elif prop == "font" and (size := re.search(r"([\d.]+)px", value)):
            element.set("font-size", size[1])
        elif prop == "font-size":
            element.set("font-size", value.removesuffix("px"))
        elif prop in _KEPT_STYLE:
            element.set(prop, value)
    if classes:
        element.set("class", " ".join(classes))


def _two_decimals(coordinates: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip(".") or "0", coordinates)
