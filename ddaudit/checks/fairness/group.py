"""DD-FAI-GROUP: whether models of the set judge by a property that goes with the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.fairness.attribute_share import attribute_share, cost_of_attribute_share
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.stronger_controls import cost_of_further_models, further_models
from ddaudit.checks.verdicts import judge
from ddaudit.data.attributes import Attributes
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.statistics.group_means import Floats, interval_of_spread, means_of_groups
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.two_way_draws import Drawn, interval_of, power_of_shift
from ddaudit.training.cost import Work

#: A gap between aligned and conflicting examples beyond this, with its whole interval, is a failure.
MARGIN = 0.10
#: Held-out examples that are needed on each side of the gap, and of a class with one value for a gap within that class.
LEAST_ON_A_SIDE, LEAST_IN_A_CELL = 30, 10
#: The gap for which the power is stated.
PLANTED_GAP = 0.20
RANDOM = "random real subset"


@dataclass(frozen=True)
class Sides:
    """The held-out images by class and by whether their attribute is the one that goes with it.

    Parameters
    ----------
    used : int64 array (n,)
        Places among the case's held-out images: those of classes that have both sides.
    groups : int64 array (n,)
        Twice the number of the class among those used, and one more where the attribute conflicts.
    classes : list of int
        Those used.
    """

    used: np.ndarray
    groups: np.ndarray
    classes: list[int]

    @classmethod
    def of(cls, labels: np.ndarray, conflicting: np.ndarray) -> Sides:
        both = [c for c in np.unique(labels) if len(np.unique(conflicting[labels == c])) == 2]
        used = np.flatnonzero(np.isin(labels, both))
        groups = 2 * np.searchsorted(both, labels[used]) + conflicting[used]
        return cls(used, groups, [int(c) for c in both])


def gap(by_side: Floats) -> Floats:
    """Accuracy on aligned minus on conflicting examples, every class counting alike, of (..., 2 classes)."""
    difference: Floats = by_side[..., 0::2].mean(-1) - by_side[..., 1::2].mean(-1)
    return difference


def _cost(case: AuditCase) -> list[Work]:
    if case.reference.attributes is None:
        return []
    return [*case.comparison(), *cost_of_further_models(case), *cost_of_attribute_share(case)]


@check(
    id="DD-FAI-GROUP",
    title="Groups within the classes",
    pillar="fairness",
    threat_model="Nobody attacks: whoever does not look like most of a class in the original is served badly.",
    cost=_cost,
)
def group(case: AuditCase) -> CheckResult:
    """Do models of the set serve examples worse whose attribute is not the usual one of their class, and is distilling to blame?

    Accuracy on held-out examples with the attribute that goes with their class (aligned), and on the others (conflicting), for models
    of S and of random real subsets, which carry the original's own bias. Amplification is the difference of the two gaps. Runs where the
    attributes of the original's examples are known.

    References
    ----------
    Lu et al. (Biased-DD), 2024; FairDD (true-positive rates by group).
    """
    known = case.reference.attributes
    if known is None:
        raise SkippedError("No attribute of the original's examples is known: name a file of them with --attributes.")
    names, labels = case.reference.classes, case.test_labels
    aligned = known.aligned_with(case.reference.train.labels, len(names))
    values = known.test[case.test_rows]
    sides = Sides.of(labels, values != aligned[labels])
    counts = [int((sides.groups % 2 == side).sum()) for side in (0, 1)]
    if min(counts) < LEAST_ON_A_SIDE:
        return _too_few(counts, known)

    models = {"": case.audited_models, RANDOM: case.control_models, **further_models(case)}
    correct = {kind: case.correct(these) for kind, these in models.items()}
    rng = np.random.default_rng(case.seed("group"))
    by_side = dict(
        zip(
            correct,
            means_of_groups([table[:, sides.used] for table in correct.values()], sides.groups, rng),
            strict=True,
        )
    )
    gaps = {kind: interval_of(gap, means) for kind, means in by_side.items()}
    more = interval_of(lambda mine, other: gap(mine) - gap(other), by_side[""], by_side[RANDOM])
    share = attribute_share(case, aligned)
    power = Power(
        value=power_of_shift(gaps[""], PLANTED_GAP),
        defect=f"aligned examples recognised {100 * PLANTED_GAP:g} points more often than conflicting ones (from the width of the interval, taken as normal)",
    )
    return group.result(
        judge(material=gaps[""].above(MARGIN), shown=gaps[""].above(0) or more.above(0), power=power),
        _finding(known, by_side[""], gaps, more),
        metrics=[
            _metric("aligned_accuracy", {kind: _side(means, 0) for kind, means in by_side.items()}, "higher"),
            _metric("conflicting_accuracy", {kind: _side(means, 1) for kind, means in by_side.items()}, "higher"),
            _metric("uniform_accuracy", {k: _uniform(m, len(known.values)) for k, m in by_side.items()}, "higher"),
            _metric("bias_gap", gaps, "lower"),
            Metric.of(more, name="bias_amplification", n=more.n, better="lower"),
            *_within_classes(correct, labels, values, len(known.values), rng),
            *share.metrics(),
        ],
        power=power,
        evidence=[_figure(by_side), _by_class(names, sides, by_side), *share.tables(names, known.values)],
        assumptions=[
            Assumption(
                text="The held-out examples of both sides differ by the attribute alone, so that without bias the gap were zero.",
                held=True if known.aligned is not None else None,
            )
        ],
        advice=_advice(gaps, more),
        references=["Lu et al. 2024, arXiv:2403.16028", "FairDD, arXiv:2411.19623"],
        trained=sorted({m.dataset for these in models.values() for m in these} | set(share.trained)),
    )


def _too_few(counts: list[int], known: Attributes) -> CheckResult:
    return group.result(
        "inconclusive",
        f"{counts[0]} held-out examples have the {known.name} that goes with their class and {counts[1]} another, in classes that have both; "
        f"{LEAST_ON_A_SIDE} of each are needed.",
        metrics=[
            Metric(name=f"examples[{side}]", value=count, confidence=None)
            for side, count in zip(("aligned", "conflicting"), counts, strict=True)
        ],
        advice="Hold out more examples of the smaller side.",
    )


def _side(means: Drawn, side: int) -> Interval:
    return interval_of(lambda by_side: by_side[..., side::2].mean(-1), means)


def _uniform(means: Drawn, values: int) -> Interval:
    """Accuracy where every value is as frequent as any other in each class."""

    def accuracy(by_side: Floats) -> Floats:
        return by_side[..., 0::2].mean(-1) / values + by_side[..., 1::2].mean(-1) * (1 - 1 / values)

    return interval_of(accuracy, means)


def _within_classes(
    correct: dict[str, np.ndarray], labels: np.ndarray, values: np.ndarray, number: int, rng: np.random.Generator
) -> list[Metric]:
    """FairDD's gaps: by class the best minus the worst rate of being recognised over the values; their mean and the largest."""
    cells, counts = np.unique(labels * number + values, return_counts=True)
    kept = cells[counts >= LEAST_IN_A_CELL]
    of_class = [np.flatnonzero(kept // number == c) for c in np.unique(labels)]
    of_class = [places for places in of_class if len(places) > 1]
    if not of_class:
        return []
    used = np.flatnonzero(np.isin(labels * number + values, kept))
    groups = np.searchsorted(kept, (labels * number + values)[used])
    means = means_of_groups([table[:, used] for table in correct.values()], groups, rng)

    def gaps(by_cell: Floats) -> Floats:
        return np.stack([np.ptp(by_cell[..., places], axis=-1) for places in of_class], -1)

    def even(by_cell: Floats) -> Floats:
        filled = by_cell.copy()
        for places in of_class:
            filled[places] = by_cell[places].mean()
        return filled

    spreads = {"mean": lambda by_cell: gaps(by_cell).mean(-1), "largest": lambda by_cell: gaps(by_cell).max(-1)}
    return [
        _metric(
            f"tpr_gap[{name}]",
            {kind: interval_of_spread(spread, one, even(one.means)) for kind, one in zip(correct, means, strict=True)},
            "lower",
        )
        for name, spread in spreads.items()
    ]


def _metric(name: str, estimates: dict[str, Interval], better: str) -> Metric:
    ours = estimates[""]
    return Metric.model_validate(
        {
            "name": name,
            "value": ours.value,
            "low": ours.low,
            "high": ours.high,
            "n": ours.n,
            "better": better,
            "controls": [ControlValue.of(one, name=kind) for kind, one in estimates.items() if kind],
        }
    )


def _figure(by_side: dict[str, Drawn]) -> Figure:
    return Figure(
        name="accuracy_by_side",
        caption="Held-out accuracy on examples whose attribute goes with their class, and on the others; 95 % intervals.",
        form="points",
        x_label="examples",
        y_label="accuracy",
        series=[
            curve(
                kind or "audited set",
                ["aligned", "conflicting"],
                [_side(means, 0), _side(means, 1)],
                "control" if kind else "subject",
            )
            for kind, means in by_side.items()
        ],
    )


def _by_class(names: tuple[str, ...], sides: Sides, by_side: dict[str, Drawn]) -> Table:
    ours, theirs = by_side[""].means, by_side[RANDOM].means
    return Table(
        name="sides_by_class",
        caption="Accuracy by class on aligned and conflicting held-out examples, and how many there are; without intervals.",
        columns=[
            "class",
            "aligned",
            "conflicting",
            "aligned, control",
            "conflicting, control",
            "n aligned",
            "n conflicting",
        ],
        rows=[
            [
                names[c],
                *(round(float(means[2 * i + side]), 4) for means in (ours, theirs) for side in (0, 1)),
                *(int((sides.groups == 2 * i + side).sum()) for side in (0, 1)),
            ]
            for i, c in enumerate(sides.classes)
        ],
    )


def _finding(known: Attributes, ours: Drawn, gaps: dict[str, Interval], more: Interval) -> str:
    on_aligned, on_others = (100 * _side(ours, side).value for side in (0, 1))
    return (
        f"Models of the set recognise {on_aligned:.1f} % of the examples whose {known.name} goes with their class and {on_others:.1f} % of the "
        f"others: a gap of {_points(gaps[''])}, where a random real subset has {_points(gaps[RANDOM])}; distilling changes it by {_points(more)}."
    )


def _points(found: Interval) -> str:
    bounds = "" if found.low is None or found.high is None else f" [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return f"{100 * found.value:+.1f} points{bounds}"


def _advice(gaps: dict[str, Interval], more: Interval) -> str:
    if more.above(0):
        return "Distilling amplifies the bias: weigh conflicting examples up before distilling, or do not distil this original."
    if gaps[""].above(0) and gaps[RANDOM].above(0):
        return "The original itself is to blame: real images of it carry the gap too. Balance it before distilling."
    if gaps[""].above(0):
        return "Do not use the set where the smaller group matters."
    return ""
