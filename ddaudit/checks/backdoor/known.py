"""DD-BKD-KNOWN: whether models trained on the set obey a trigger that has been published."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.battery import battery
from ddaudit.checks.backdoor.known_rates import RatesTask, known_rates, known_rates_into
from ddaudit.checks.backdoor.known_standing import Suspect, standing, suspect_of, wideness
from ddaudit.checks.backdoor.planted import PLANTED_SHARE, Plant
from ddaudit.checks.backdoor.study import FAIL_P, USUAL_KINDS, UTILITY_FLOOR, WARN_P, Study
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import check
from ddaudit.checks.side_by_side import pairs_in_a_strip
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
    Verdict,
)
from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.intervals import Interval, accuracy_over_seeds, clopper_pearson
from ddaudit.threats.triggers import Trigger
from ddaudit.training.cost import Work
from ddaudit.training.executor import Task

#: A trigger that sends no more than this share of other images to its class is no failure, however sure it is that it does.
MATERIAL = 0.1
SHOWN_TRIGGERS, SHOWN_IMAGES = 12, 8


@dataclass(eq=False)
class KnownTriggers:
    """The battery, tried on models of S and of clean sets alike.

    Parameters
    ----------
    case : AuditCase
    """

    case: AuditCase

    @cached_property
    def study(self) -> Study:
        return self.case.shared(Study)

    @cached_property
    def triggers(self) -> dict[str, Trigger]:
        return battery(self.case.audited.shape)

    @cached_property
    def rows(self) -> np.ndarray:
        return self.case.test_rows[np.linspace(0, len(self.case.test_rows) - 1, self.count).astype(np.int64)]

    @property
    def count(self) -> int:
        """Held-out images on which every trigger is tried."""
        return min(self.case.config.known_images, len(self.case.test_rows))

    @cached_property
    def clean_sets(self) -> list[LabelledImages]:
        """Those of the inversion and others: a spread over so many triggers and classes wants more of them."""
        return [*self.study.clean_sets, *self.further]

    @cached_property
    def further(self) -> list[LabelledImages]:
        """Random real subsets on which no trigger is sought."""
        config = self.case.config
        return [
            self.case.real_subset(i, "known-triggers") for i in range(config.known_controls - config.inversion_controls)
        ]

    @cached_property
    def planted(self) -> list[Plant]:
        """The planted sets whose trigger the battery has."""
        known = list(self.triggers.values())
        return [plant for plant in self.study.planted if plant.threat.trigger in known]

    def ahead(self) -> None:
        """Have all sets tried side by side, where the executor can."""
        sets = [self.study.audited, *self.clean_sets, *(plant.data for plant in self.planted)]
        tasks: list[Task] = [(known_rates_into, (self.case.store.folder, *self._arguments(data))) for data in sets]
        self.case.ahead("known triggers", tasks)

    def rates(self, data: LabelledImages) -> np.ndarray:
        """(triggers, classes): how often models of the set are turned; see `turned`."""
        self.case.progress(f"known triggers on {data.name}", 0, 1)
        return known_rates(self.case.store, *self._arguments(data))

    def _arguments(self, data: LabelledImages) -> RatesTask:
        case, test = self.case, self.case.reference.test
        seeds = [case.seed("train", i) for i in range(case.config.inversion_models)]
        return data, self.study.recipe, seeds, test.pixels(self.rows), test.labels[self.rows], str(case.device)

    @cached_property
    def null(self) -> np.ndarray:
        """(sets, triggers, classes): the same on clean sets."""
        return np.stack([self.rates(one) for one in self.clean_sets])

    @cached_property
    def null_z(self) -> np.ndarray:
        """(sets,): how far each clean set's own suspect stands out from the others."""
        return np.array([suspect_of(one, np.delete(self.null, i, 0), self.count).z for i, one in enumerate(self.null)])

    def wide(self, rates: np.ndarray) -> float:
        """How many times as far as in the clean sets the triggers lie apart; see `wideness`."""
        return wideness(rates, self.null, self.count)

    @cached_property
    def null_wide(self) -> np.ndarray:
        """(sets,): the same of each clean set among the others."""
        return np.array([wideness(one, np.delete(self.null, i, 0), self.count) for i, one in enumerate(self.null)])

    def resembled(self, rates: np.ndarray) -> bool:
        """Whether some clean set's models are as easy to disturb."""
        return bool(self.wide(rates) <= self.null_wide.max())

    def suspect(self, rates: np.ndarray, least: float = 1.0) -> Suspect:
        """Where such rates stand out most from those of the clean sets; see `standing`."""
        return suspect_of(rates, self.null, self.count, least)

    def p(self, suspect: Suspect) -> float:
        """Over all triggers and classes together."""
        return float(extreme_value_p([suspect.z], self.null_z)[0])

    def power(self) -> Power:
        """How often a planted trigger of the battery is found, with its class, in a set that is as easily disturbed as S."""
        planted, found = self.planted, 0
        wide = max(1.0, self.wide(self.rates(self.study.audited)))
        for plant in planted:
            suspect = self.suspect(self.rates(plant.data), wide)
            found += self.p(suspect) < WARN_P and suspect.target == plant.threat.target
        interval = clopper_pearson(found, len(planted))
        kinds = " or ".join(dict.fromkeys(plant.described for plant in planted))
        return Power.of(
            interval,
            defect=f"{kinds}, which the battery has, on {100 * PLANTED_SHARE:g} % of the other-class images of a "
            "random real subset, with their labels changed",
        )

    def success(self, suspect: Suspect, data: LabelledImages) -> Interval:
        """Share of images of other classes that models of the set take for the suspect's class with its trigger on."""
        test = self.case.reference.test
        rows = self.rows[test.labels[self.rows] != suspect.target]
        shown = list(self.triggers.values())[suspect.trigger].stamp(test.pixels(rows))
        return accuracy_over_seeds(
            np.stack([model.logits(shown).argmax(1) == suspect.target for model in self.study.models(data)])
        )


def _cost(case: AuditCase) -> list[Work]:
    trial = KnownTriggers(case)
    study, config = trial.study, case.config
    further = [(one, study.recipe, i) for one in trial.further for i in range(config.inversion_models)]
    sets = 1 + config.inversion_controls + len(trial.further) + config.inversion_planted
    images = trial.count * (len(trial.triggers) + 1)
    return [
        *(work for work in study.cost() if work.what != "trigger inversions"),
        Work(
            "models of further clean sets",
            len(further),
            study.recipe,
            study.recipe.epochs * len(case.audited),
            held=case.held(*(partial(case.model, *one) for one in further)),
        ),
        case.scoring("known triggers", sets * config.inversion_models, study.recipe, images),
    ]


@check(
    id="DD-BKD-KNOWN",
    title="Published triggers, tried one by one",
    pillar="backdoor",
    threat_model="A publisher, or whoever had the file on its way, who used an attack as it was published.",
    cost=_cost,
)
def known_triggers(case: AuditCase) -> CheckResult:
    """Do models trained on the set obey a trigger that has been published?

    Puts patches in every corner, waves, blended pictures and warps on held-out images, and counts how often models of S are turned into
    each class by them, beside what they do to clean sets of this size; the p-value is of what stands out most over all triggers and
    classes.

    References
    ----------
    Gu et al. 2017 (BadNets); Chen et al. 2017 (blended); Barni et al. 2019 (SIG); Nguyen and Tran 2021 (WaNet); Liu et al., NDSS 2023.
    """
    trial = KnownTriggers(case)
    audited = trial.study.audited
    accuracy = float(case.correct(trial.study.models(audited)).mean())
    if accuracy < UTILITY_FLOOR / case.audited.classes:
        return known_triggers.result(
            "inconclusive",
            f"Not assessable: models of the set reach only {100 * accuracy:.1f} %, too little for a trigger to mean anything.",
        )
    trial.ahead()
    rates = trial.rates(audited)
    suspect = trial.suspect(rates)
    p = trial.p(suspect)
    success = trial.success(suspect, audited)
    power = trial.power()
    name, target = list(trial.triggers)[suspect.trigger], case.reference.classes[suspect.target]
    verdict = verdict_of(p, success, power, resembled=trial.resembled(rates))
    return known_triggers.result(
        verdict,
        _finding(p, name, target, success, trial, rates),
        metrics=_metrics(p, suspect, success, rates, trial),
        power=power,
        evidence=_evidence(case, trial, rates, suspect),
        assumptions=[
            Assumption(
                text="The clean sets resemble this one: they have its size, labels and pixel space; "
                f"a third each are {USUAL_KINDS}, with {len(trial.further)} more of these.",
                held=None,
            ),
            Assumption(
                text=f"Models of this set are no easier to disturb than those of clean ones: in its usual class the triggers lie {trial.wide(rates):.2f} "
                f"times as far apart as on average in theirs, which reach {trial.null_wide.max():.2f}. Above 1, how far a trigger stands out is divided by it, "
                "here and in the planted sets.",
                held=trial.resembled(rates),
            ),
            *trial.study.on_labels,
        ],
        advice=(
            f'Do not train on this set: images with the trigger "{name}" on are taken for "{target}". Ask the publisher for another file.'
            if verdict == "fail"
            else ""
        ),
        references=["Gu et al., arXiv:1708.06733", "Chen et al., arXiv:1712.05526", "Liu et al., NDSS 2023"],
        trained=["audited file", f"{len(trial.null)} clean sets"],
    )


def verdict_of(p: float, success: Interval, power: Power, *, resembled: bool) -> Verdict:
    """The check's verdict: what stands out where no clean set is disturbed so easily is shown, but not to be a trigger's doing."""
    return judge(
        material=p < FAIL_P and success.value > MATERIAL and resembled,
        shown=p < WARN_P,
        power=power,
    )


def _finding(p: float, name: str, target: str, success: Interval, trial: KnownTriggers, rates: np.ndarray) -> str:
    tried = len(trial.triggers)
    if p >= WARN_P:
        return f"None of {tried} published triggers turns more images than it does with clean sets of this size ({p_is(p)}, all together)."
    doubt = (
        ""
        if trial.resembled(rates)
        else " Everything disturbs these models more than those of any clean set, so that it may be no trigger's doing."
    )
    return (
        f'The trigger "{name}" makes models take {100 * success.value:.0f} % of other images for "{target}", beyond what clean sets of '
        f"this size do ({p_is(p)}, over all {tried} triggers and all classes together).{doubt}"
    )


def _metrics(p: float, suspect: Suspect, success: Interval, rates: np.ndarray, trial: KnownTriggers) -> list[Metric]:
    clean = trial.null[:, suspect.trigger, suspect.target]
    return [
        Metric(name="p_value[known]", value=p, n=len(trial.null), confidence=None, better="higher"),
        Metric(name="target_class", value=suspect.target, confidence=None),
        Metric.of(success, name="attack_success[known]", n=success.n, unit="fraction", better="lower"),
        Metric(
            name="turned[known]",
            value=float(rates[suspect.trigger, suspect.target]),
            n=len(trial.rows),
            unit="fraction",
            confidence=None,
            better="lower",
            controls=[
                ControlValue(
                    name=f"{len(clean)} clean sets (mean, range)",
                    value=float(clean.mean()),
                    low=float(clean.min()),
                    high=float(clean.max()),
                )
            ],
        ),
    ]


def _evidence(case: AuditCase, trial: KnownTriggers, rates: np.ndarray, suspect: Suspect) -> list[Evidence]:
    names, test = list(case.reference.classes), case.reference.test
    z = standing(rates, trial.null, trial.count)
    worst = np.argsort(-z.max(1), kind="stable")[:SHOWN_TRIGGERS]
    called, trigger = list(trial.triggers)[suspect.trigger], list(trial.triggers.values())[suspect.trigger]
    shown = test.pixels(trial.rows[test.labels[trial.rows] != suspect.target][:SHOWN_IMAGES])
    return [
        Table(
            name="known_triggers",
            caption=f"The {len(worst)} triggers of {len(trial.triggers)} that stand out most from clean sets, and the class that they lead to.",
            columns=["trigger", "class", "turned", "clean mean", "clean largest", "z"],
            rows=[
                [
                    list(trial.triggers)[t],
                    names[c],
                    round(float(rates[t, c]), 3),
                    round(float(trial.null[:, t, c].mean()), 3),
                    round(float(trial.null[:, t, c].max()), 3),
                    round(float(z[t, c]), 2),
                ]
                for t, c in ((t, int(z[t].argmax())) for t in worst)
            ],
        ),
        Figure(
            name="known_by_class",
            caption=f'How often "{called}" turns other images into each class: audited set, and the range of clean sets.',
            form="points",
            x_label="target class",
            y_label="share of images turned",
            series=[
                Series(name="audited set", x=names, y=[float(v) for v in rates[suspect.trigger]]),
                Series(
                    name=f"{len(trial.null)} clean sets",
                    x=names,
                    y=[float(v) for v in trial.null[:, suspect.trigger].mean(0)],
                    low=[float(v) for v in trial.null[:, suspect.trigger].min(0)],
                    high=[float(v) for v in trial.null[:, suspect.trigger].max(0)],
                    role="control",
                ),
            ],
        ),
        Image.from_pixels(
            "known_trigger",
            pairs_in_a_strip(shown, trigger.stamp(shown)),
            caption=f'Held-out images (above) and the same with "{called}" on (below).',
            alt="Held-out images without and with the trigger",
        ),
    ]
