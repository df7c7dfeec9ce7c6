"""DD-UTL-ACCURACY: what a model reaches that trains on the set."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.claims import verify
from ddaudit.checks.registry import check
from ddaudit.checks.stronger_controls import better_controls, cost_of_better_controls
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Metric, Power, Table
from ddaudit.statistics.comparison import prediction_t
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, clopper_pearson, difference_over_seeds
from ddaudit.training.device import way_of_training
from ddaudit.training.trainer import TrainedModel


@check(
    id="DD-UTL-ACCURACY",
    title="Accuracy of models trained on the set",
    pillar="utility",
    threat_model="A publisher who overstates what the set is worth.",
    cost=lambda case: [*case.comparison(), *cost_of_better_controls(case)],
)
def accuracy(case: AuditCase) -> CheckResult:
    """Do models trained on the set reach what its file claims, and more than a random real subset gives?

    Trains ConvNets on S and on random real subsets of the same size by one recipe, counts the last epoch, and
    compares on the whole held-out split. Intervals speak of new seeds and new test images. Where the profile affords it, k-means
    subsets and our own distillations stand beside; the verdict rests on the random subsets.

    References
    ----------
    Zhao, Mopuri & Bilen, Dataset condensation with gradient matching, ICLR 2021 (the protocol).
    """
    correct = case.correct(case.audited_models)
    control = case.correct(case.control_models)
    reached = accuracy_over_seeds(correct)
    baseline = accuracy_over_seeds(control)
    gain = difference_over_seeds(correct, control)
    better = {kind: case.models_of(sets) for kind, sets in better_controls(case).items()}
    power = _power(control.mean(1))
    name = case.recipe.architecture
    metrics = [
        Metric.of(
            reached,
            name=f"accuracy[{name}]",
            n=len(correct),
            unit="fraction",
            better="higher",
            controls=[
                ControlValue.of(one, name=kind)
                for kind, one in [("random real subset", baseline), *_reached_by(better, case)]
            ],
        ),
        Metric.of(gain, name="gain_over_random", n=len(correct), better="higher"),
    ]
    claim = case.distilled.claims.get(name)
    verdict_on_claim, sentence = verify(claim, correct.mean(1), published=case.recipe.name.startswith("published"))
    if claim:
        metrics.append(Metric(name=f"claimed_accuracy[{name}]", value=claim.mean, n=claim.n, confidence=None))
    no_better = gain.low is None or gain.low <= 0
    worse = gain.below(0)
    bias = f" (the {case.recipe.name} recipe reads {case.recipe.bias})" if case.recipe.bias else ""
    against = f"{100 * abs(gain.value):.1f} points {'above' if gain.value >= 0 else 'below'} a random real subset of the same size"
    return accuracy.result(
        judge(material=worse or verdict_on_claim == "overstated", shown=no_better, power=power),
        f"{name} reaches {_percent(reached)} on held-out images{bias}, {against}; {sentence}.",
        metrics=metrics,
        power=power,
        evidence=[
            Table(
                name="accuracy_by_model",
                caption=f"Held-out accuracy of every model. Recipe: {case.recipe.sentence()}; trained {way_of_training(case.device)}.",
                columns=["trained on", "seed", "accuracy"],
                rows=[
                    [m.dataset, i + 1, round(float(c.mean()), 4)]
                    for models in (case.audited_models, case.control_models, *better.values())
                    for i, (m, c) in enumerate(zip(models, case.correct(models), strict=True))
                ],
            )
        ],
        assumptions=[
            Assumption(text="No epoch, learning rate or seed was chosen on the held-out split.", held=True),
            Assumption(text="The recipe is the one by which the claim was measured.", held=_comparable(case)),
        ],
        advice=_advice(verdict_on_claim, no_better),
        references=["Zhao, Mopuri & Bilen, ICLR 2021", "Cui et al., DC-BENCH, NeurIPS 2022"],
        trained=sorted({m.dataset for m in sum(better.values(), case.audited_models + case.control_models)}),
    )


def _reached_by(better: dict[str, list[TrainedModel]], case: AuditCase) -> list[tuple[str, Interval]]:
    return [(kind, accuracy_over_seeds(case.correct(models))) for kind, models in better.items()]


def _comparable(case: AuditCase) -> bool | None:
    return case.recipe.name.startswith("published") if case.distilled.claims else None


def _percent(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return f"{100 * interval.value:.1f} %"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _power(accuracies: np.ndarray) -> Power | None:
    """Offer each control as if it were S: how often is it told from something better than the other controls?"""
    if len(accuracies) < 3:
        return None
    others = [np.delete(accuracies, i) for i in range(len(accuracies))]
    found = sum(a <= prediction_t(rest).high for a, rest in zip(accuracies, others, strict=True))
    interval = clopper_pearson(found, len(accuracies))
    return Power.of(interval, defect="a random real subset offered as a distilled set")


def _advice(claim: str, no_better: bool) -> str:
    if claim == "overstated":
        return "Ask the publisher for the exact training protocol; the claim does not hold under the published one."
    if no_better:
        return "A random real subset of the same size serves as well: check the pixel space, or do without the set."
    return ""
