"""DD-FAI-CLASS: which classes the set serves badly."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.planted_drop import power_of_drop
from ddaudit.checks.registry import check
from ddaudit.checks.verdicts import judge
from ddaudit.results import CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds

#: A class that falls this far below the control, beyond its family-wise interval, is a failure.
MARGIN = 0.10
#: Fewer held-out images of a class than this say nothing about it.
LEAST_EXAMPLES = 10
#: The drop of one class for which the power is stated.
PLANTED_DROP = 0.25


@check(
    id="DD-FAI-CLASS",
    title="Accuracy of every class",
    pillar="fairness",
    threat_model="Nobody attacks: whoever belongs to a neglected class is served badly.",
    cost=AuditCase.comparison,
)
def class_accuracy(case: AuditCase) -> CheckResult:
    """Which classes does the set serve worse than a random real subset of its size does?

    Compares each class's held-out accuracy between models of S and models of random real subsets; the intervals hold for all
    classes together (Bonferroni). Spread is the largest minus the smallest class accuracy.

    References
    ----------
    Chen et al., A comprehensive study on dataset distillation, 2023.
    """
    correct, control = case.correct(case.audited_models), case.correct(case.control_models)
    labels, names = case.test_labels, case.reference.classes
    _require_examples(labels, names)
    differences = _differences(correct, control, labels, case.audited.classes)
    failed = [c for c, d in enumerate(differences) if _below(d, -MARGIN)]
    lower = [c for c, d in enumerate(differences) if _below(d, 0)]
    power = _power(correct, control, labels, case.audited.classes, case.seed("class-power"))

    ours = [accuracy_over_seeds(correct[:, labels == c]) for c in range(case.audited.classes)]
    theirs = [accuracy_over_seeds(control[:, labels == c]) for c in range(case.audited.classes)]
    worst = int(np.argmin([a.value for a in ours]))
    metrics = [_metric(f"class_accuracy[{names[c]}]", a, b) for c, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    metrics.insert(0, _metric("worst_class_accuracy", ours[worst], theirs[int(np.argmin([a.value for a in theirs]))]))
    metrics.insert(1, _spread(correct, control, labels))
    return class_accuracy.result(
        judge(material=bool(failed), shown=bool(lower), power=power),
        _finding(failed or lower, differences, names, worst, ours),
        metrics=metrics,
        power=power,
        evidence=[
            Figure(
                name="class_accuracy",
                caption="Held-out accuracy by class, with 95 % intervals.",
                form="points",
                x_label="class",
                y_label="accuracy",
                series=[
                    curve("audited set", names, ours, "subject"),
                    curve("random real subset", names, theirs, "control"),
                ],
            ),
            Table(
                name="class_differences",
                caption="Audited set minus control; the intervals hold for all classes together.",
                columns=["class", "difference", "low", "high"],
                rows=[[names[c], _r(d.value), _r(d.low), _r(d.high)] for c, d in enumerate(differences)],
            ),
        ],
        advice="Look at the images of the named class, and do not use the set where that class matters."
        if lower
        else "",
        references=["Chen et al. 2023, arXiv:2305.03355"],
        trained=sorted({m.dataset for m in case.audited_models + case.control_models}),
    )


def _require_examples(labels: np.ndarray, names: tuple[str, ...]) -> None:
    counts = np.bincount(labels, minlength=len(names))
    if counts.min() < LEAST_EXAMPLES:
        raise TooFewExamplesError(
            f'"{names[counts.argmin()]}" has {counts.min()} held-out images, and {LEAST_EXAMPLES} are needed a class'
        )


def _differences(a: np.ndarray, b: np.ndarray, labels: np.ndarray, classes: int) -> list[Interval]:
    """Per-class accuracy of A minus B, family-wise 95 %."""
    confidence = 1 - 0.05 / classes
    return [difference_over_seeds(a[:, labels == c], b[:, labels == c], confidence) for c in range(classes)]


def _below(interval: Interval, bound: float) -> bool:
    return interval.high is not None and interval.high < bound


def _power(correct: np.ndarray, control: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> Power:
    ours, theirs = ([table[:, labels == c] for c in range(classes)] for table in (correct, control))
    interval = power_of_drop(ours, theirs, PLANTED_DROP, seed=seed, confidence=1 - 0.05 / classes)
    return Power(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        defect=f"one class {100 * PLANTED_DROP:g} points below the control (made by counting right answers of the set's models as wrong)",
    )


def _spread(correct: np.ndarray, control: np.ndarray, labels: np.ndarray) -> Metric:
    def gap(outcomes: np.ndarray) -> float:
        by_class = [outcomes[:, labels == c].mean() for c in np.unique(labels)]
        return float(max(by_class) - min(by_class))

    return Metric(
        name="class_spread",
        value=gap(correct),
        n=len(labels),
        better="lower",
        confidence=None,
        controls=[ControlValue(name="random real subset", value=gap(control))],
    )


def _metric(name: str, ours: Interval, theirs: Interval) -> Metric:
    return Metric(
        name=name,
        value=ours.value,
        low=ours.low,
        high=ours.high,
        n=ours.n,
        unit="fraction",
        better="higher",
        controls=[ControlValue(name="random real subset", value=theirs.value, low=theirs.low, high=theirs.high)],
    )


def _finding(
    named: list[int], differences: list[Interval], names: tuple[str, ...], worst: int, ours: list[Interval]
) -> str:
    weakest = f'The worst class is "{names[worst]}" at {100 * ours[worst].value:.1f} %'
    if not named:
        return f"{weakest}; no class is shown to lie below a random real subset of the same size."
    listed = ", ".join(f'"{names[c]}" by {-100 * differences[c].value:.0f} points' for c in named)
    return f"{weakest}; below a random real subset of the same size: {listed}."


def _r(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
