"""DD-FAI-CLASS: which classes the set serves badly."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.fairness.class_evidence import class_images, confusions, label_mass
from ddaudit.checks.planted_drop import power_of_drop
from ddaudit.checks.registry import check
from ddaudit.checks.stronger_controls import cost_of_further_models, further_models
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Table
from ddaudit.statistics.class_spread import SpreadComparison, compare_spread
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds

#: A class that falls this far below the control, beyond its family-wise interval, is a failure.
MARGIN = 0.10
#: Fewer held-out images of a class than this say nothing about it.
LEAST_EXAMPLES = 10
#: The drop of one class for which the power is stated.
PLANTED_DROP = 0.25
#: The check asks two questions, which share a false-alarm rate of 5 %: about all classes together, and about their spread.
CLASS_LEVEL, SPREAD_LEVEL = 0.04, 0.01
#: The measure of spread that may warn; the others are reported.
DECIDING = "standard deviation"
RANDOM = "random real subset"

_SPREAD_METRICS = {
    "range": "class_spread",
    "standard deviation": "class_deviation",
    "coefficient of variation": "class_variation",
}


@check(
    id="DD-FAI-CLASS",
    title="Accuracy of every class",
    pillar="fairness",
    threat_model="Nobody attacks: whoever belongs to a neglected class is served badly.",
    cost=lambda case: [*case.comparison(), *cost_of_further_models(case)],
)
def class_accuracy(case: AuditCase) -> CheckResult:
    """Which classes does the set serve worse than a random real subset of its size does?

    Compares each class's held-out accuracy between models of S and models of random real subsets; the intervals hold for all
    classes together (Bonferroni). Amplification is the spread over classes beyond the control's at the same accuracy. Where the profile
    affords them, k-means subsets, our own distillations and the whole original stand beside; the verdict rests on the random subsets.

    References
    ----------
    Chen et al., A comprehensive study on dataset distillation, 2023.
    """
    labels, names = case.test_labels, case.reference.classes
    _require_examples(labels, names)
    models = {"": case.audited_models, RANDOM: case.control_models, **further_models(case)}
    correct = {kind: case.correct(these) for kind, these in models.items()}
    differences = _differences(correct[""], correct[RANDOM], labels, len(names))
    failed = [c for c, d in enumerate(differences) if d.below(-MARGIN)]
    lower = [c for c, d in enumerate(differences) if d.below(0)]
    rng = np.random.default_rng(case.seed("class-spread"))
    spreads = compare_spread(correct[""], correct[RANDOM], labels, rng, confidence=1 - SPREAD_LEVEL)
    amplified = spreads[DECIDING].amplification.above(0)
    power = _power(correct[""], correct[RANDOM], labels, len(names), case.seed("class-power"))

    by_class = {
        kind: [accuracy_over_seeds(table[:, labels == c]) for c in range(len(names))] for kind, table in correct.items()
    }
    worst = _worst(by_class[""])
    return class_accuracy.result(
        judge(material=bool(failed), shown=bool(lower) or amplified, power=power),
        _finding(failed or lower, differences, names, by_class[""], spreads[DECIDING]),
        metrics=[
            _metric("worst_class_accuracy", {kind: these[_worst(these)] for kind, these in by_class.items()}),
            *_spread_metrics(spreads),
            *(
                _metric(f"class_accuracy[{name}]", {kind: these[c] for kind, these in by_class.items()})
                for c, name in enumerate(names)
            ),
        ],
        power=power,
        evidence=[
            _figure(names, by_class),
            Table(
                name="class_differences",
                caption="Audited set minus random real subset; the intervals hold for all classes together.",
                columns=["class", "difference", "low", "high"],
                rows=[[names[c], _r(d.value), _r(d.low), _r(d.high)] for c, d in enumerate(differences)],
            ),
            confusions(case),
            *label_mass(case),
            *class_images(case, worst),
        ],
        assumptions=[
            Assumption(text="The held-out images stand for those on which models of the set will be used.", held=None)
        ],
        advice=_advice(bool(lower), amplified),
        references=["Chen et al. 2023, arXiv:2305.03355"],
        trained=sorted({m.dataset for these in models.values() for m in these}),
    )


def _require_examples(labels: np.ndarray, names: tuple[str, ...]) -> None:
    counts = np.bincount(labels, minlength=len(names))
    if counts.min() < LEAST_EXAMPLES:
        raise TooFewExamplesError(
            f'"{names[counts.argmin()]}" has {counts.min()} held-out images, and {LEAST_EXAMPLES} are needed a class'
        )


def _differences(a: np.ndarray, b: np.ndarray, labels: np.ndarray, classes: int) -> list[Interval]:
    """Per-class accuracy of A minus B, for all classes together."""
    confidence = 1 - CLASS_LEVEL / classes
    return [difference_over_seeds(a[:, labels == c], b[:, labels == c], confidence) for c in range(classes)]


def _worst(by_class: list[Interval]) -> int:
    return int(np.argmin([one.value for one in by_class]))


def _power(correct: np.ndarray, control: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> Power:
    ours, theirs = ([table[:, labels == c] for c in range(classes)] for table in (correct, control))
    interval = power_of_drop(ours, theirs, PLANTED_DROP, seed=seed, confidence=1 - CLASS_LEVEL / classes)
    return Power.of(
        interval,
        defect=f"one class {100 * PLANTED_DROP:g} points below the control (made by counting right answers of the set's models as wrong)",
    )


def _metric(name: str, estimates: dict[str, Interval]) -> Metric:
    """An accuracy of S, whose kind is "", with the same of every control."""
    ours = estimates[""]
    return Metric.of(
        ours,
        name=name,
        n=ours.n,
        unit="fraction",
        better="higher",
        controls=[ControlValue.of(one, name=kind) for kind, one in estimates.items() if kind],
    )


def _spread_metrics(spreads: dict[str, SpreadComparison]) -> list[Metric]:
    metrics = []
    for kind, found in spreads.items():
        ours, theirs, more = found.subject, found.control, found.amplification
        metrics += [
            Metric.of(
                ours,
                name=_SPREAD_METRICS[kind],
                confidence=ours.confidence,
                n=ours.n,
                better="lower",
                controls=[
                    ControlValue.of(theirs, name=RANDOM),
                    ControlValue(name=f"{RANDOM} at the set's accuracy", value=found.matched),
                ],
            ),
            Metric.of(more, name=f"spread_amplification[{kind}]", confidence=more.confidence, n=more.n, better="lower"),
        ]
    return metrics


def _figure(names: tuple[str, ...], by_class: dict[str, list[Interval]]) -> Figure:
    return Figure(
        name="class_accuracy",
        caption="Held-out accuracy by class, with 95 % intervals.",
        form="points",
        x_label="class",
        y_label="accuracy",
        series=[
            curve(kind or "audited set", names, these, "control" if kind else "subject")
            for kind, these in by_class.items()
        ],
    )


def _finding(
    named: list[int],
    differences: list[Interval],
    names: tuple[str, ...],
    ours: list[Interval],
    spread: SpreadComparison,
) -> str:
    worst = _worst(ours)
    weakest = f'The worst class is "{names[worst]}" at {100 * ours[worst].value:.1f} %'
    more = spread.amplification
    bounds = "" if more.low is None or more.high is None else f" [{100 * more.low:+.1f}, {100 * more.high:+.1f}]"
    unequal = (
        f"the classes differ by {100 * spread.subject.value:.1f} points (standard deviation), "
        f"{100 * more.value:+.1f}{bounds} against the control at the same accuracy"
    )
    if not named:
        return f"{weakest}; no class is shown to lie below a random real subset of the same size; {unequal}."
    listed = ", ".join(f'"{names[c]}" by {-100 * differences[c].value:.0f} points' for c in named)
    return f"{weakest}; below a random real subset of the same size: {listed}; {unequal}."


def _advice(lower: bool, amplified: bool) -> str:
    if lower:
        return "Look at the images of the named class, and do not use the set where that class matters."
    if amplified:
        return "Report accuracy by class, not only on average: distilling has made the classes more unequal."
    return ""


def _r(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
