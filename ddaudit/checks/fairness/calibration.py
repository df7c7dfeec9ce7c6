"""DD-FAI-CALIBRATION: whether models of the set are as sure as they are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import softmax

from ddaudit.case import AuditCase
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.results import CheckResult, ControlValue, Figure, Metric, Power, Series, Table
from ddaudit.statistics.calibration import BINS, binned, brier_scores, calibration_gaps
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds, score_over_seeds
from ddaudit.statistics.variance_components import error_of_difference
from ddaudit.training.course import learns_probabilities
from ddaudit.training.trainer import TrainedModel

#: An expected calibration error so far above the control's, beyond its interval, is a failure.
MARGIN = 0.10
#: By how much more than the control's accuracy lies off its confidence, where the power is stated.
PLANTED = 0.10
#: Fewer held-out images in each of the groups of the calibration error say nothing of it.
LEAST_IN_A_GROUP = 20
SIMULATIONS = 200
CONTROL = "random real subset"


@dataclass(frozen=True)
class Answers:
    """What several models say of the held-out images.

    Parameters
    ----------
    probabilities : float array (models, n, k)
    labels : int64 array (n,)
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, case: AuditCase, models: list[TrainedModel]) -> Answers:
        """The softmax of the logits of models on the case's held-out images."""
        logits = np.stack([case.test_logits(model) for model in models]).astype(np.float64)
        return cls(softmax(logits, axis=-1), case.test_labels)

    @property
    def confidence(self) -> np.ndarray:
        """(models, n): probability of the class that the model decides for."""
        return self.probabilities.max(-1)

    @property
    def right(self) -> np.ndarray:
        """bool (models, n)."""
        return self.probabilities.argmax(-1) == self.labels

    @property
    def overconfidence(self) -> np.ndarray:
        """(models, n): confidence, less 1 where the answer is right."""
        return self.confidence - self.right

    def overconfidence_on(self, label: int) -> np.ndarray:
        """(models, images of that class)."""
        return self.overconfidence[:, self.labels == label]

    @property
    def gaps(self) -> np.ndarray:
        """(models, n), whose mean is the expected calibration error."""
        return calibration_gaps(self.confidence, self.right, binned(self.confidence))

    def gaps_of_class(self, label: int) -> np.ndarray:
        """(models, n), whose mean is the calibration error of the probability given to one class."""
        given = self.probabilities[..., label]
        return calibration_gaps(given, np.broadcast_to(self.labels == label, given.shape), binned(given))

    @property
    def brier(self) -> np.ndarray:
        """(models, n)."""
        return brier_scores(self.probabilities, self.labels)


@check(
    id="DD-FAI-CALIBRATION",
    title="Whether models of the set are as sure as they are right",
    pillar="fairness",
    threat_model="Nobody attacks: whoever acts on a model's confidence is misled.",
    cost=AuditCase.comparison,
)
def calibration(case: AuditCase) -> CheckResult:
    """Are models of the set as sure of their answers as they are right, or less so than models of a random real subset?

    Expected calibration error (15 equally large groups) and Brier score on held-out images, over all and by class, for models of S
    and of random real subsets. No temperature is fitted. Intervals speak of new seeds and new images.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017; Brier 1950; Kull et al., NeurIPS 2019 (by class).
    """
    if not learns_probabilities(case.audited.labels):
        raise SkippedError(
            "The labels are regression targets, no probabilities: what models learn from them states no confidence."
        )
    if len(case.test_rows) < BINS * LEAST_IN_A_GROUP:
        raise TooFewExamplesError(
            f"there are {len(case.test_rows)} held-out images, and {BINS * LEAST_IN_A_GROUP} are needed"
        )
    ours, theirs = Answers.of(case, case.audited_models), Answers.of(case, case.control_models)
    worse = score_difference_over_seeds(ours.gaps, theirs.gaps)
    power = _power(ours, theirs, np.random.default_rng(case.seed("calibration-power")))
    sure = score_over_seeds(ours.overconfidence)
    return calibration.result(
        judge(material=worse.above(MARGIN), shown=worse.above(0), power=power),
        _finding(ours, theirs, worse, sure),
        metrics=[
            _metric("calibration_error", lambda answers: answers.gaps, ours, theirs),
            _difference("calibration_error_difference", worse),
            _metric("brier_score", lambda answers: answers.brier, ours, theirs),
            _difference("brier_score_difference", score_difference_over_seeds(ours.brier, theirs.brier)),
            _metric("overconfidence", lambda answers: answers.overconfidence, ours, theirs),
            *(
                _metric(f"overconfidence[{name}]", partial(Answers.overconfidence_on, label=c), ours, theirs)
                for c, name in enumerate(case.reference.classes)
                if (case.test_labels == c).sum() >= LEAST_IN_A_GROUP
            ),
        ],
        power=power,
        evidence=[_figure(ours, theirs), _by_class(ours, theirs, case.reference.classes)],
        advice="Before anybody acts on the confidence of such models, divide their logits by a temperature fitted on held-out real images."
        if worse.above(0)
        else "",
        references=["Guo et al., ICML 2017", "Brier 1950", "Kull et al., NeurIPS 2019"],
        trained=sorted({m.dataset for m in case.audited_models + case.control_models}),
    )


def _power(ours: Answers, theirs: Answers, rng: np.random.Generator) -> Power:
    """How often models as sure as S's own are called worse if their accuracy lay so far further from it, on the side on which the control errs."""
    confidence, right, groups = ours.confidence, ours.right, binned(ours.confidence)
    control, leaning = theirs.gaps, float(theirs.overconfidence.mean())
    wanted = leaning + (PLANTED if leaning >= 0 else -PLANTED) - ours.overconfidence.mean()
    error = error_of_difference(ours.gaps, theirs.gaps)
    found = 0
    for _ in range(SIMULATIONS):
        excess = wanted + error * rng.normal()  # what other seeds and images would make of it, as in `power_of_drop`
        drawn = rng.random(right.shape[1])  # image by image and alike for all models
        if excess > 0:
            planted = right & (drawn >= excess / max(right.mean(), 1e-9))
        else:
            planted = right | (drawn < -excess / max(1 - right.mean(), 1e-9))
        found += score_difference_over_seeds(calibration_gaps(confidence, planted, groups), control).above(0)
    interval = clopper_pearson(found, SIMULATIONS)
    return Power.of(
        interval,
        defect=f"accuracy {100 * PLANTED:g} points further from the confidence than the control's (made by counting right answers of the set's models as "
        "wrong, or wrong ones as right)",
    )


def _metric(name: str, table: Callable[[Answers], np.ndarray], ours: Answers, theirs: Answers) -> Metric:
    found, control = score_over_seeds(table(ours)), score_over_seeds(table(theirs))
    return Metric.of(
        found,
        name=name,
        n=found.n,
        better="" if name.startswith("overconfidence") else "lower",
        controls=[ControlValue.of(control, name=CONTROL)],
    )


def _difference(name: str, found: Interval) -> Metric:
    return Metric.of(found, name=name, n=found.n, better="lower")


def _finding(ours: Answers, theirs: Answers, worse: Interval, sure: Interval) -> str:
    bounds = "" if worse.low is None or worse.high is None else f" [{100 * worse.low:+.1f}, {100 * worse.high:+.1f}]"
    direction = "surer than they are right" if sure.value > 0 else "less sure than they are right"
    return (
        f"Models of the set miss by {100 * ours.gaps.mean():.1f} points what their confidence says, those of a random real subset "
        f"by {100 * theirs.gaps.mean():.1f}: a difference of {100 * worse.value:+.1f} points{bounds}; on average they are "
        f"{100 * abs(sure.value):.1f} points {direction}."
    )


def _figure(ours: Answers, theirs: Answers) -> Figure:
    return Figure(
        name="reliability",
        caption="Held-out images in 15 groups from the least to the surest answer: on the dotted line models are as sure as they are "
        "right, below it they are too sure. 95 % intervals.",
        form="line",
        x_label="confidence",
        y_label="accuracy",
        series=[
            _reliability("audited set", ours, "subject"),
            _reliability(CONTROL, theirs, "control"),
            Series(name="as sure as right", x=[0.0, 1.0], y=[0.0, 1.0], role="reference"),
        ],
    )


def _reliability(name: str, answers: Answers, role: str) -> Series:
    groups = binned(answers.confidence)
    points = []
    for group in range(BINS):
        inside = groups == group
        right = answers.right[inside]
        # Of the answers of all models together: the figure shows the shape, the metrics carry the intervals over seeds.
        points.append((answers.confidence[inside].mean(), clopper_pearson(int(right.sum()), len(right))))
    return Series.model_validate(
        {
            "name": name,
            "x": [float(x) for x, _ in points],
            "y": [accuracy.value for _, accuracy in points],
            "low": [accuracy.low for _, accuracy in points],
            "high": [accuracy.high for _, accuracy in points],
            "role": role,
        }
    )


def _by_class(ours: Answers, theirs: Answers, names: tuple[str, ...]) -> Table:
    """Calibration error of each class's probability, and the Brier score of its images."""
    rows: list[list[str | float | None]] = []
    for c, name in enumerate(names):
        mine, control = score_over_seeds(ours.gaps_of_class(c)), score_over_seeds(theirs.gaps_of_class(c))
        row: list[str | float | None] = [name, *_rounded(mine), round(control.value, 4)]
        of = ours.labels == c
        if of.sum() >= LEAST_IN_A_GROUP:
            more = score_difference_over_seeds(ours.brier[:, of], theirs.brier[:, of], 1 - 0.05 / len(names))
            row += [round(float(ours.brier[:, of].mean()), 4), *_rounded(more)]
        else:
            row += [None] * 4
        rows.append(row)
    return Table(
        name="calibration_by_class",
        caption="Calibration error of the probability given to each class (95 %), and the Brier score of its held-out images with its difference from a "
        "random real subset (intervals for all classes together).",
        columns=["class", "error", "low", "high", "control", "Brier score", "minus control", "low", "high"],
        rows=rows,
    )


def _rounded(found: Interval) -> list[float | None]:
    return [None if x is None else round(x, 4) for x in (found.value, found.low, found.high)]
