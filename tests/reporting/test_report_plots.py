"""Figures: data in, the same drawing out, with no colour, id or text that could clash or act."""

from xml.etree import ElementTree

import numpy as np
import pytest

from ddaudit.reporting import plots
from ddaudit.results import Figure, Series


def figure(form="line", **more):
    series = more.pop("series", None) or [
        Series(name="ours", x=[0.0, 1.0, 2.0], y=[1.0, 3.0, 2.0], low=[0.5, 2.0, 1.0], high=[1.5, 4.0, 3.0]),
        Series(name="control", x=[0.0, 1.0, 2.0], y=[1.0, 1.0, None], role="control"),
        Series(name="chance", x=[0.0, 2.0], y=[0.5, 0.5], role="reference"),
    ]
    defaults = {"name": "f", "caption": "c", "x_label": "x", "y_label": "y"}
    return Figure(form=form, series=series, **(defaults | more))


@pytest.mark.parametrize("form", ["line", "bars", "points", "step"])
def test_every_form_draws_in_colours_of_the_page_alone(form):
    svg = plots.draw(figure(form), "f0")
    root = ElementTree.fromstring(svg)
    classes = {c for e in root.iter() for c in e.get("class", "").split()}
    assert any(c.endswith("-s0") for c in classes)
    assert any(c.endswith("-c0") for c in classes)
    assert any(c.endswith("-ref") for c in classes)
    for element in root.iter():
        assert "style" not in element.attrib
        for attribute in ("fill", "stroke"):
            assert element.get(attribute, "none") == "none", (element.tag, element.attrib)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "f: c"


def test_a_line_goes_through_its_points():
    """The drawn coordinates are an affine image of the data, up being up."""
    x, y = [0.0, 1.0, 2.0, 5.0], [1.0, 4.0, 2.0, 3.0]
    svg = plots.draw(figure(series=[Series(name="s", x=x, y=y)]), "f0")
    (path,) = [
        e for e in ElementTree.fromstring(svg).iter("path") if "s-s0" in e.get("class", "") and e.get("clip-path")
    ]
    drawn = np.array([float(t) for t in path.get("d").replace("M", " ").replace("L", " ").split()]).reshape(-1, 2)
    for data, coordinate, sign in ((x, drawn[:, 0], 1), (y, drawn[:, 1], -1)):
        slope, offset = np.polyfit(data, coordinate, 1)
        assert np.sign(slope) == sign
        assert np.allclose(slope * np.array(data) + offset, coordinate, atol=0.02)


def test_ids_of_two_figures_do_not_clash():
    ids = [
        {e.get("id") for e in ElementTree.fromstring(plots.draw(figure(), name)).iter() if e.get("id")}
        for name in ("f0", "f1")
    ]
    assert all(ids)
    assert not ids[0] & ids[1]


def test_the_same_data_give_the_same_drawing():
    assert plots.draw(figure("bars"), "f0") == plots.draw(figure("bars"), "f0")


def test_log_axes_carry_plain_numbers_and_survive_zeros():
    positive = figure(x_scale="log", y_scale="log", series=[Series(name="s", x=[0.001, 0.1, 1.0], y=[0.0, 0.1, 1.0])])
    texts = {e.text for e in ElementTree.fromstring(plots.draw(positive, "f")).iter("text")}
    assert {"0.01", "0.1", "1"} <= texts
    assert not [t for t in texts if "$" in t or "math" in t]
    plots.draw(figure(y_scale="log", series=[Series(name="s", x=[1.0, 2.0], y=[0.0, -1.0])]), "f")


def test_many_or_long_categories_lie_sideways_and_all_are_named():
    names = [f"class number {i}" for i in range(20)]
    svg = plots.draw(figure("bars", series=[Series(name="s", x=names, y=[float(i) for i in range(20)])]), "f")
    root = ElementTree.fromstring(svg)
    texts = [e.text for e in root.iter("text")]
    assert set(names) <= set(texts)
    assert float(root.get("viewBox").split()[3]) > 200


@pytest.mark.parametrize("form", ["line", "bars", "points", "step"])
@pytest.mark.parametrize("values", [[], [None, None], [1.0]])
def test_little_or_nothing_to_draw_is_drawn_without_complaint(form, values):
    plots.draw(figure(form, series=[Series(name="s", x=[float(i) for i in range(len(values))], y=values)]), "f")
    plots.draw(figure(form, series=[Series(name="s", x=[f"c{i}" for i in range(len(values))], y=values)]), "f")


def test_points_without_a_place_are_left_out_and_ragged_series_refused():
    series = Series(name="s", x=[0.0, float("inf"), 1.0], y=[1.0, 2.0, 3.0], low=[0.0, 0.0, 0.0])
    assert series.x == [0.0, 1.0]
    assert series.y == [1.0, 3.0]
    assert series.low == [0.0, 0.0]
    with pytest.raises(ValueError, match="differ in length"):
        Series(name="s", x=[0.0, 1.0], y=[1.0])
