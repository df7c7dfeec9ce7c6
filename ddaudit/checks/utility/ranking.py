"""DD-UTL-RANKING: how much of the accuracy the images themselves bring, in numbers that compare methods."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.curves import curve
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.stronger_controls import Training, cost_of_whole_original, whole_original
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, Figure, Metric, Table
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, difference_over_seeds
from ddaudit.statistics.ranking import mean_score, negative, worth
from ddaudit.training.cost import Work
from ddaudit.training.recipe import Recipe, fast

#: Each of the two differences that a score is made of, so that the score's interval holds at 95 %.
CONFIDENCE = 0.975


def _recipes(case: AuditCase) -> dict[str, Recipe]:
    """The case's recipe without augmentation and with DSA."""
    return {name: replace(case.recipe, augmentation=name) for name in ("none", "dsa")}


def _pairs(case: AuditCase) -> list[Training]:
    """By augmentation: models of S, then models of random real subsets."""
    count = case.config.ranking_seeds
    sets = [(case.audited, i) for i in range(count)] + [(case.real_subset(i), i) for i in range(count)]
    return [(data, recipe, i) for recipe in _recipes(case).values() for data, i in sets]


def _hard(case: AuditCase) -> list[Training]:
    """Models of S with hard labels."""
    hard = replace(case.audited, labels=case.audited.hard_labels) if case.audited.soft else case.audited
    return [(hard, case.recipe, i) for i in range(case.config.ranking_seeds)]


def _growing(case: AuditCase) -> dict[int, list[Training]]:
    """By multiple of S's size: models of S (0) and of random real sets, by the fast recipe."""
    _, height, width = case.audited.shape
    quick = fast(threads=case.config.threads, pixels=height * width)
    available = np.bincount(case.reference.train.labels, minlength=case.audited.classes)
    needed = np.bincount(case.audited.hard_labels, minlength=case.audited.classes)
    count = case.config.ranking_seeds
    wanted = {0: [(case.audited, quick, i) for i in range(count)]}
    for times in case.config.ranking_times:
        if (times * needed <= available).all():
            sets = [_real(case, times, i) for i in range(count)]
            wanted[times] = [(data, quick, i) for i, data in enumerate(sets)]
    return wanted


def _real(case: AuditCase, times: int, index: int) -> LabelledImages:
    if times == 1:
        return case.real_subset(index)
    name = f"{times} times as many real images, {index + 1}"
    return controls.random_real(
        case.reference.train, case.audited, case.config.seed, index, f"random-real-{times}", name, times
    )


def _cost(case: AuditCase) -> list[Work]:
    if not case.config.ranking_seeds:
        return []
    growing = [one for trainings in _growing(case).values() for one in trainings]
    return [
        *case.trainings("ranking: S and real images, plain and augmented", _pairs(case) + _hard(case)),
        *(work for one in growing for work in case.trainings(f"ranking: {one[0].name}", [one])),
        *cost_of_whole_original(case),
    ]


@check(
    id="DD-UTL-RANKING",
    title="What the images are worth beside random ones and the whole original",
    pillar="utility",
    threat_model="A publisher whose accuracy comes from soft labels or augmentation rather than from the images.",
    cost=_cost,
)
def ranking(case: AuditCase) -> CheckResult:
    """How much of the accuracy do the images themselves bring, and how many real images are they worth?

    DD-Ranking's scores, in fractions: HLR is the accuracy lost against the whole original with hard labels, IOR the gain over
    random real images by the same recipe; LRS joins them, ARS joins the gain with and without augmentation, both from 0 to 1. No epoch
    or learning rate is chosen on the test split, as DD-Ranking's own code does, so its scores are somewhat higher.

    References
    ----------
    Li et al., DD-Ranking: rethinking the evaluation of dataset distillation, 2025.
    """
    if not case.config.ranking_seeds:
        raise SkippedError(f"The profile {case.config.profile} does not spend on it; standard and thorough do.")
    count = case.config.ranking_seeds
    growing, whole = _growing(case), whole_original(case)
    case.train_all([*_pairs(case), *_hard(case), *(one for wanted in growing.values() for one in wanted), *whole])

    outcomes = case.correct(case.train_all(_pairs(case))).reshape(2, 2, count, -1)
    gains = [difference_over_seeds(ours, theirs, CONFIDENCE) for ours, theirs in outcomes]
    own = list(_recipes(case)).index(case.recipe.augmentation) if case.recipe.augmentation in _recipes(case) else 0
    ior, ars = gains[own], mean_score(*gains)
    scores: dict[str, Interval] = {"ior": ior, "ars": ars}
    if whole:
        hard = case.correct(case.train_all(_hard(case)))
        hlr = difference_over_seeds(case.correct(case.train_all(whole)), hard, CONFIDENCE)
        scores |= {"hlr": hlr, "lrs": mean_score(ior, negative(hlr))}

    accuracies = {times: accuracy_over_seeds(case.correct(case.train_all(one))) for times, one in growing.items()}
    sizes = {times: times * len(case.audited) for times in growing if times}
    value, low, high = worth(accuracies[0], list(sizes.values()), [accuracies[times] for times in sizes])
    return ranking.result(
        judge(material=False, shown=ior.low is None or ior.low <= 0, power=None),
        _finding(case, ior, value, low, high, max(sizes.values())),
        metrics=[
            Metric.of(
                score,
                name=name,
                confidence=round(score.confidence, 3),
                n=outcomes.shape[-1],
                better="lower" if name == "hlr" else "higher",
            )
            for name, score in scores.items()
        ]
        + [
            Metric(
                name="worth_in_real_images",
                value=value,
                low=low,
                high=None if math.isinf(high) else high,
                unit="images",
                better="higher",
            )
        ],
        evidence=[_figure(case, sizes, accuracies), _table(case, outcomes)],
        assumptions=[
            Assumption(text="No epoch, learning rate or augmentation was chosen on the held-out split.", held=True),
            Assumption(
                text="The whole original was trained on, so that HLR and LRS could be measured.",
                held=True if whole else None,
            ),
        ],
        advice="Take as many random real images instead: the set is not shown to be better."
        if (ior.low or 0) <= 0
        else "",
        references=["Li et al. 2025, DD-Ranking", "Cui et al., DC-BENCH, NeurIPS 2022"],
        trained=sorted({one[0].name for wanted in (*growing.values(), _pairs(case), whole) for one in wanted}),
    )


def _finding(case: AuditCase, ior: Interval, value: float | None, low: float, high: float, most: int) -> str:
    images = len(case.audited)
    gain = f"{100 * ior.value:+.1f} points over as many random real images by the same recipe"
    if value is not None:
        above = f"{high:.0f}" if math.isfinite(high) else f"more than {most}"
        return f"The {images} images are worth about {value:.0f} random real ones [{low:.0f}, {above}]; {gain}."
    if low == 0:
        return f"The {images} images are worth fewer than {images} random real ones; {gain}."
    return f"The {images} images are worth more than {most} random real ones; {gain}."


def _figure(case: AuditCase, sizes: dict[int, int], accuracies: dict[int, Interval]) -> Figure:
    numbers = [float(size) for size in sizes.values()]
    return Figure(
        name="accuracy_by_number_of_real_images",
        caption="Held-out accuracy from the set, as a level, and from growing random real sets; fast recipe, 95 % intervals.",
        form="line",
        x_label="real images",
        y_label="accuracy",
        x_scale="log",
        series=[
            curve("audited set", numbers, [accuracies[0]] * len(numbers), "subject"),
            curve("random real images", numbers, [accuracies[times] for times in sizes], "control"),
        ],
    )


def _table(case: AuditCase, outcomes: np.ndarray) -> Table:
    return Table(
        name="accuracy_with_and_without_augmentation",
        caption=f"Held-out accuracy of every model. Recipe: {case.recipe.sentence()}, but for the augmentation.",
        columns=["augmentation", "trained on", "seed", "accuracy"],
        rows=[
            [augmentation, trained_on, i + 1, round(float(row.mean()), 4)]
            for augmentation, pair in zip(_recipes(case), outcomes, strict=True)
            for trained_on, rows in zip(("audited set", "random real subset"), pair, strict=True)
            for i, row in enumerate(rows)
        ],
    )
