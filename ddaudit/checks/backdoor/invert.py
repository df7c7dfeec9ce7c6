"""DD-BKD-INVERT: whether some class is too easily reached by one small trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.inversion import (
    REQUIRED_SUCCESS,
    Inversion,
    InversionTask,
    invert_into,
    invert_set,
)
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import check
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import (
    Assumption,
    CheckResult,
    ControlValue,
    Evidence,
    Figure,
    Image,
    Metric,
    Power,
    Series,
    Table,
)
from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.null_models import CleanComparison, compare_with_clean
from ddaudit.threats.naive_trigger import NaiveTrigger
from ddaudit.training.cost import GRADIENT, Work
from ddaudit.training.executor import Task
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

FAIL_P, WARN_P = 0.01, 0.05
#: Below this many times chance a model has too little to say for a trigger to mean anything.
UTILITY_FLOOR = 2.0
SHOWN_IMAGES = 6


def _cost(case: AuditCase) -> list[Work]:
    study, config, classes = _Study(case), case.config, case.audited.classes
    sets = 1 + config.inversion_controls + config.inversion_planted
    distilling = case.distilling()
    # Which models and inversions of our own distillations are there cannot be known before those are.
    distilled = distilling.held
    known = [case.audited, *(one for _, one in _planted(case)), *(study.clean_sets if distilled else ())]
    models = [(one, study.recipe, i) for one in known[1:] for i in range(config.inversion_models)]
    ours = [(case.audited, study.recipe, i) for i in range(config.inversion_models + 1)]  # one of them unseen
    images = config.inversion_steps * config.inversion_models * len(study.rows) * classes
    return [
        *case.trainings("models of the audited file", ours),
        distilling,
        Work(
            "models of clean and planted sets",
            (sets - 1) * config.inversion_models,
            study.recipe,
            study.recipe.epochs * len(case.audited),
            held=case.held(*(partial(case.model, *one) for one in models)),
        ),
        Work(
            "trigger inversions",
            sets,
            study.recipe,
            images,
            GRADIENT,
            held=case.held(*(partial(study.invert, one) for one in known)),
        ),
    ]


@check(
    id="DD-BKD-INVERT",
    title="Trigger inversion against clean sets",
    pillar="backdoor",
    threat_model="A publisher, or whoever had the file on its way, who wants every image with a trigger on to get one label.",
    cost=_cost,
)
def inversion(case: AuditCase) -> CheckResult:
    """Can some class be reached from all others by a smaller trigger than clean sets of this size allow?

    Inverts a universal mask-and-pattern trigger for every class, jointly over several models of S, and compares the masks' norms
    with those of clean sets (random real subsets and our own distillations) treated alike. The p-value is of the
    largest deviation over the classes. Sees patch-like triggers; blended, warped and invisible ones need other checks.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019; Liu et al., NDSS 2023 (triggers in distilled sets).
    """
    study = _Study(case)
    accuracy = float(case.correct(study.models(case.audited)).mean())
    if accuracy < UTILITY_FLOOR / case.audited.classes:
        return inversion.result(
            "inconclusive",
            f"Not assessable: models of the set reach only {100 * accuracy:.1f} %, too little for a trigger to mean anything.",
        )
    planted = _planted(case)
    study.invert_ahead([case.audited, *study.clean_sets, *(one for _, one in planted)])
    audited = study.invert(case.audited)
    null = np.stack([study.statistic(study.invert(one)) for one in study.clean_sets])
    if (null == null[0]).all():
        return inversion.result(
            "inconclusive",
            "No trigger was found in the clean sets, so there is nothing to compare with: use a profile with more inversion steps.",
        )
    comparison = compare_with_clean(study.statistic(audited), null)
    target = int(comparison.z.argmax())
    p = study.p(comparison)
    power, successes = _power(case, study, planted, null)
    reached = np.isfinite(audited.norm)
    names = case.reference.classes
    success = study.success(audited, target)
    return inversion.result(
        judge(material=p < FAIL_P, shown=p < WARN_P, power=power, sound=bool(reached.any())),
        _finding(p, names[target], audited, target, success.value),
        metrics=_metrics(p, comparison, target, audited, null, success),
        power=power,
        evidence=_evidence(case, audited, null, comparison, target, study),
        assumptions=[
            Assumption(
                text="The clean sets resemble this one: they have its size, labels and pixel space; half are real images, half distilled.",
                held=None,
            ),
            Assumption(
                text="For every class some trigger was found that works on the images it was made on.",
                held=bool(reached.all()),
            ),
            Assumption(
                text=f"The triggers planted for the power work: they send {100 * np.median(successes):.0f} % of other images to their class (median).",
                held=bool(np.median(successes) > 0.5),
            ),
        ],
        advice=(
            f'Do not train on this set: images with the recovered trigger on are taken for "{names[target]}". Ask the publisher for another file.'
            if p < FAIL_P
            else ""
        ),
        references=["Wang et al., IEEE S&P 2019", "Liu et al., NDSS 2023, arXiv:2301.01197"],
        trained=[
            "audited file",
            f"{len(study.clean_sets)} clean sets",
            f"{case.config.inversion_planted} planted sets",
        ],
    )


@dataclass(eq=False)
class _Study:
    """Everything that is inverted, treated alike: the same recipe, images, steps and number of models."""

    case: AuditCase

    @cached_property
    def recipe(self) -> Recipe:
        return self.case.inversion_recipe

    @cached_property
    def rows(self) -> np.ndarray:
        """Held-out images on which triggers are sought, the same number of each class where possible."""
        rng = np.random.default_rng(self.case.seed("inversion/images"))
        labels = self.case.reference.test.labels
        order = rng.permutation(len(labels))
        each = -(-self.case.config.inversion_images // self.case.audited.classes)
        rows = np.concatenate([order[labels[order] == c][:each] for c in range(self.case.audited.classes)])
        return rng.permutation(rows)[: self.case.config.inversion_images]

    @cached_property
    def clean_sets(self) -> list[LabelledImages]:
        """Half random real subsets, half our own distillations from noise."""
        case = self.case
        distilled = case.clean_distillations
        real = [case.real_subset(i) for i in range(case.config.inversion_controls - len(distilled))]
        return [*distilled, *real]

    def models(self, data: LabelledImages) -> list[TrainedModel]:
        return self.case.models(data, self.recipe, self.case.config.inversion_models)

    def invert(self, data: LabelledImages) -> Inversion:
        """The inversion of a set, kept in the store."""
        return invert_set(self.case.store, *self._arguments(data))

    def invert_ahead(self, sets: Sequence[LabelledImages]) -> None:
        """Have the inversions of several sets made side by side, where the executor can."""
        folder = self.case.store.folder
        tasks: list[Task] = [(invert_into, (folder, *self._arguments(data))) for data in sets]
        self.case.ahead("trigger inversion, audited, clean and planted sets", tasks)

    def _arguments(self, data: LabelledImages) -> InversionTask:
        case, test = self.case, self.case.reference.test
        return (
            data,
            self.recipe,
            [case.seed("train", i) for i in range(case.config.inversion_models)],
            test.pixels(self.rows),
            test.labels[self.rows],
            case.config.inversion_steps,
            case.seed("inversion/start"),
            str(case.device),
        )

    def statistic(self, found: Inversion) -> np.ndarray:
        """Logarithm of the norm; a class that no trigger reached counts as needing the whole image."""
        return np.log(np.minimum(found.norm, found.mask[0].size))

    def p(self, comparison: CleanComparison) -> float:
        """Of the largest deviation over the classes, among the clean sets' own largest deviations."""
        return float(extreme_value_p(comparison.z.max(keepdims=True), comparison.null_max_z)[0])

    def success(self, found: Inversion, target: int) -> Interval:
        """Success of the found trigger on held-out images that it was not made on, by a model that it was not made on."""
        case, test = self.case, self.case.reference.test
        unused = np.setdiff1d(np.flatnonzero(test.labels != target), self.rows)[:1000]
        unseen = case.model(case.audited, self.recipe, case.config.inversion_models)
        hit = unseen.logits(found.stamp(test.pixels(unused), target)).argmax(1) == target
        return clopper_pearson(int(hit.sum()), len(hit))


def _planted(case: AuditCase) -> list[tuple[NaiveTrigger, LabelledImages]]:
    """Random real subsets with a patch planted in them."""
    size = max(2, min(case.audited.shape[1:]) // 8)
    planted = []
    for i in range(case.config.inversion_planted):
        trigger = NaiveTrigger(target=i % case.audited.classes, fraction=0.15, size=size, margin=0)
        clean = case.real_subset(i, "inversion-power")
        planted.append((trigger, trigger.poison_set(clean, case.seed("inversion-power", i))))
    return planted


def _power(
    case: AuditCase, study: _Study, planted: list[tuple[NaiveTrigger, LabelledImages]], null: np.ndarray
) -> tuple[Power, list[float]]:
    """Look for the planted patches in the way in which S was judged."""
    found, successes = 0, []
    test = case.reference.test
    for trigger, data in planted:
        hit, tried = trigger.success(study.models(data)[0], test.pixels(study.rows), test.labels[study.rows])
        successes.append(hit / max(1, tried))
        comparison = compare_with_clean(study.statistic(study.invert(data)), null)
        found += study.p(comparison) < WARN_P and int(comparison.z.argmax()) == trigger.target
    interval = clopper_pearson(found, len(planted))
    size = planted[0][0].size
    defect = (
        f"a {size}x{size} patch on 15 % of a real subset's other-class images, with their labels changed "
        f"(attack success {100 * min(successes):.0f} to {100 * max(successes):.0f} %)"
    )
    return Power(value=interval.value, low=interval.low, high=interval.high, defect=defect), successes


def _finding(p: float, name: str, found: Inversion, target: int, success: float) -> str:
    if p < WARN_P:
        return (
            f'A trigger covering {found.norm[target]:.1f} pixels sends other images to "{name}" ({100 * success:.0f} % of them, on an unseen model '
            f"and unseen images); clean sets of this size need more ({p_is(p)}, all classes together)."
        )
    return f"No class is reached by a smaller trigger than clean sets of this size allow ({p_is(p)}, all classes together)."


def _metrics(
    p: float, comparison: CleanComparison, target: int, found: Inversion, null: np.ndarray, success: Interval
) -> list[Metric]:
    quantiles = np.exp(np.quantile(null[:, target], [0.5, 0.025, 0.975]))
    norm = float(found.norm[target]) if np.isfinite(found.norm[target]) else None
    return [
        Metric(name="p_value[inversion]", value=p, n=len(null), confidence=None, better="higher"),
        Metric(name="rank_p_value[inversion]", value=float(comparison.rank_p.min()), n=len(null), confidence=None),
        Metric(
            name="parametric_p_value[inversion]",
            value=float(comparison.parametric_p.min()),
            n=len(null),
            confidence=None,
        ),
        Metric(name="target_class", value=target, confidence=None),
        Metric(
            name="mask_norm",
            value=norm,
            unit="pixels",
            confidence=None,
            better="higher",
            controls=[
                ControlValue(
                    name=f"{len(null)} clean sets (median, 95 % range)",
                    value=float(quantiles[0]),
                    low=float(quantiles[1]),
                    high=float(quantiles[2]),
                )
            ],
        ),
        Metric(
            name="trigger_success",
            value=success.value,
            low=success.low,
            high=success.high,
            n=success.n,
            unit="fraction",
            better="lower",
        ),
    ]


def _evidence(
    case: AuditCase, found: Inversion, null: np.ndarray, comparison: CleanComparison, target: int, study: _Study
) -> list[Evidence]:
    names = list(case.reference.classes)
    norms = np.exp(null)
    ours = np.exp(study.statistic(found))
    test = case.reference.test
    shown = [r for r in study.rows if test.labels[r] != target][:SHOWN_IMAGES]
    clean = test.pixels(np.array(shown))
    return [
        Figure(
            name="mask_norms",
            caption="Norm of the smallest trigger for every class: audited set, and the range of clean sets.",
            form="points",
            x_label="target class",
            y_label="mask norm (pixels)",
            series=[
                Series(name="audited set", x=names, y=[float(v) for v in ours]),
                Series(
                    name=f"{len(null)} clean sets",
                    x=names,
                    y=[float(v) for v in np.median(norms, 0)],
                    low=[float(v) for v in norms.min(0)],
                    high=[float(v) for v in norms.max(0)],
                    role="control",
                ),
            ],
        ),
        Table(
            name="inversion_by_class",
            caption=f"Smallest mask with success of at least {REQUIRED_SUCCESS:g} on the images it was made on.",
            columns=["class", "norm", "clean median", "z", "success"],
            rows=[
                [
                    names[c],
                    round(float(ours[c]), 3),
                    round(float(np.median(norms[:, c])), 3),
                    round(float(comparison.z[c]), 2),
                    round(float(found.success[c]), 3),
                ]
                for c in range(len(names))
            ],
        ),
        Image.from_pixels(
            "recovered_trigger",
            found.mask[target] * found.pattern[target],
            caption=f'The smallest trigger found for "{names[target]}" (only the pixels that it changes).',
            alt=f"Recovered trigger for class {names[target]}",
        ),
        Image.from_pixels(
            "triggered_images",
            _rows(clean, found.stamp(clean, target)),
            caption=f'Held-out images (above) and the same with that trigger on (below), which models take for "{names[target]}".',
            alt="Held-out images without and with the recovered trigger",
        ),
    ]


def _rows(*rows: np.ndarray) -> np.ndarray:
    """Image rows (n, c, h, w) one above the other, with white lines between."""

    def line(images: Sequence[np.ndarray]) -> np.ndarray:
        gap = np.ones((*images[0].shape[:2], 1), np.float32)
        return np.concatenate([part for image in images for part in (image, gap)][:-1], axis=2)

    lines = [line(list(row)) for row in rows]
    gap = np.ones((lines[0].shape[0], 1, lines[0].shape[2]), np.float32)
    return np.concatenate([part for one in lines for part in (one, gap)][:-1], axis=1)
