"""The small range plots beside the metrics: this set and its controls on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from ddaudit.reporting.metrics import MetricWords, metric_parts, metric_words, object_words
from ddaudit.reporting.wording import interval, interval_name, quantity, tick_label
from ddaudit.results import ControlValue, Metric

#: Units of a plot from left to right; the margins keep markers at the ends whole.
WIDTH = 240.0
_MARGIN = 12.0


@dataclass(frozen=True)
class Row:
    """This set's value, or a control's; positions in units of the plot, None where there is no value."""

    name: str
    value: str
    interval: str
    n: int | None
    is_control: bool
    at: float | None
    low: float | None
    high: float | None
    beside: float | None
    """Where this set's value lies, to compare a control with."""


@dataclass(frozen=True)
class Tick:
    """A mark of the axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Group:
    """Metrics of one kind, drawn on one axis."""

    kind: str
    words: MetricWords
    metrics: int
    better: str
    interval_name: str
    rows: list[Row]
    ticks: list[Tick]

    @property
    def is_bare(self) -> bool:
        """Nothing but values: no interval and no control to compare with."""
        return not any(row.is_control or row.interval for row in self.rows)


def groups(metrics: Sequence[Metric]) -> list[Group]:
    """Metrics that differ only in their object, such as ``auc[loss]`` and ``auc[lira]``, share one axis."""
    kinds: dict[tuple[str, str, str], list[Metric]] = {}
    for metric in metrics:
        kinds.setdefault((metric_parts(metric.name)[0], metric.unit, metric.better), []).append(metric)
    return [_group(kind, members) for (kind, _, _), members in kinds.items()]


def _group(kind: str, metrics: list[Metric]) -> Group:
    axis = _Axis([*metrics, *(control for metric in metrics for control in metric.controls)])
    rows = []
    for metric in metrics:
        rows.append(_row(object_words(metric.name) or "this set", metric, metric, axis, None))
        beside = axis.at(metric.value)
        rows += [_row(control.name, control, metric, axis, beside) for control in metric.controls]
    first = metrics[0]
    return Group(
        kind=kind,
        metrics=len(metrics),
        words=metric_words(first.name),
        better={"higher": "higher is better", "lower": "lower is better", "": ""}[first.better],
        interval_name=interval_name(metrics),
        rows=rows,
        ticks=[Tick(at, tick_label(value, first)) for value, at in axis.ticks],
    )


def _row(name: str, bounds: Metric | ControlValue, metric: Metric, axis: _Axis, beside: float | None) -> Row:
    is_control = isinstance(bounds, ControlValue)
    return Row(
        name=name,
        value=quantity(bounds.value, metric),
        interval=interval(bounds, metric),
        n=None if isinstance(bounds, ControlValue) else bounds.n,
        is_control=is_control,
        at=axis.at(bounds.value),
        low=axis.at(bounds.low),
        high=axis.at(bounds.high),
        beside=beside,
    )


class _Axis:
    """A linear axis that holds every value and bound; not drawn where there is nothing to compare."""

    def __init__(self, bounds: Sequence[Metric | ControlValue]) -> None:
        values = [v for b in bounds for v in (b.value, b.low, b.high) if v is not None and math.isfinite(v)]
        self.drawn = len(set(values)) > 1
        self.ticks: list[tuple[float, float]] = []
        if not self.drawn:
            return
        steps = [float(step) for step in MaxNLocator(4).tick_values(min(values), max(values))]
        if min(values) >= 0 and max(values) <= 1:
            # No share is below 0 or above 1, so no axis of shares should be.
            steps = sorted({min(max(step, 0.0), 1.0) for step in steps})
        self.start, self.end = steps[0], steps[-1]
        # Even steps, of which as many are labelled as there is room for.
        self.ticks = [(value, self._place(value)) for value in steps[:: math.ceil(len(steps) / 4)]]

    def at(self, value: float | None) -> float | None:
        """Where the value lies, in units of the plot."""
        return self._place(value) if self.drawn and value is not None and math.isfinite(value) else None

    def _place(self, value: float) -> float:
        share = (value - self.start) / (self.end - self.start)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)
