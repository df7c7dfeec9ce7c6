"""DD-BKD-TRANSFER: whether the trigger that was found belongs to the data or to the networks that it was found on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.standing import standout
from ddaudit.checks.backdoor.study import FAIL_P, UTILITY_FLOOR, WARN_P, Study, Suspect
from ddaudit.checks.backdoor.unseen import Outcome, TrialTask, try_into, try_set
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, ControlValue, Metric, Power, Table
from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.multiplicity import holm
from ddaudit.statistics.null_models import compare_families
from ddaudit.training.cost import FORWARD, Work
from ddaudit.training.executor import Task
from ddaudit.training.recipe import Recipe


@dataclass(frozen=True)
class Witness:
    """Models on which no trigger was sought: of a name, a recipe and seed numbers."""

    name: str
    recipe: Recipe
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class _Standing:
    """How far a set's suspect stands out on the models of a witness, and how far those of the clean sets do."""

    z: float
    null: np.ndarray

    @property
    def p(self) -> float:
        return float(extreme_value_p([self.z], self.null)[0])


@dataclass(eq=False)
class Trial:
    """The triggers of every set on models of that set that they were not made on."""

    case: AuditCase

    def __post_init__(self) -> None:
        self.study = self.case.shared(Study)
        config, recipe = self.case.config, self.study.recipe
        first = config.inversion_models
        seeds = tuple(range(first, first + config.transfer_seeds))
        self.witnesses = [
            Witness("unseen seeds", recipe, seeds),
            *(Witness(name, recipe.on(name), seeds[:1]) for name in config.transfer_architectures),
        ]

    @property
    def sets(self) -> list[LabelledImages]:
        return [self.study.audited, *self.study.peers, *(plant.data for plant in self.study.plants)]

    def ahead(self) -> None:
        """Have everything tried side by side, where the executor can."""
        tasks: list[Task] = [
            (try_into, (self.case.store.folder, *self._arguments(data, witness)))
            for witness in self.witnesses
            for data in self.sets
        ]
        self.case.ahead("triggers on unseen models", tasks)

    def outcome(self, data: LabelledImages, witness: Witness) -> Outcome:
        return try_set(self.case.store, *self._arguments(data, witness))

    def _arguments(self, data: LabelledImages, witness: Witness) -> TrialTask:
        case, rows = self.case, self.study.tried_rows
        seeds = [case.seed("train", i) for i in witness.seeds]
        test = case.reference.test
        found = self.study.invert(data)
        return data, found, witness.recipe, seeds, test.pixels(rows), test.labels[rows], str(case.device)

    def standing(self, data: LabelledImages, witness: Witness) -> _Standing:
        """A set's suspect was chosen on the models of the search; so is that of each clean set, and all are looked at on others."""
        searched = self.study.compare(data)
        null = np.stack([np.log(self.outcome(one, witness).effort) for one in self.study.peers])
        seen = compare_families(np.log(self.outcome(data, witness).effort), null)
        theirs = [one[standout(chosen)] for one, chosen in zip(seen.null_z, searched.null_z, strict=True)]
        return _Standing(float(seen.z[standout(searched.z)]), np.array(theirs))

    def p(self, data: LabelledImages) -> np.ndarray:
        """By witness, adjusted for their number."""
        return holm([self.standing(data, witness).p for witness in self.witnesses])

    def suspect(self, data: LabelledImages) -> Suspect:
        return self.study.suspect(data, self.study.compare(data))

    def success(self, data: LabelledImages, witness: Witness) -> float:
        """Of the suspect, on unseen images."""
        suspect = self.suspect(data)
        return float(self.outcome(data, witness).success[suspect.family, suspect.target])

    def interval(self, success: float, target: int) -> Interval:
        """Of a share of the other classes' images that were tried."""
        others = int((self.case.reference.test.labels[self.study.tried_rows] != target).sum())
        return clopper_pearson(round(success * others), others)

    def power(self) -> Power:
        """How often a planted trigger carries over, with its class."""
        planted = self.study.plants
        found = sum(
            self.p(plant.data).min() < WARN_P and self.suspect(plant.data).target == plant.threat.target
            for plant in planted
        )
        interval = clopper_pearson(found, len(planted))
        defect = self.study.power.defect
        return Power.of(interval, defect=defect)


def _cost(case: AuditCase) -> list[Work]:
    trial = Trial(case)
    study, config = trial.study, case.config
    sets = 1 + config.inversion_controls + config.inversion_planted
    images = len(FAMILIES) * case.audited.classes * len(study.tried_rows)
    known = study.known_sets
    work = study.cost()
    for witness in trial.witnesses:
        held = case.held(*(partial(trial.outcome, data, witness) for data in known))
        count, epochs = len(witness.seeds), witness.recipe.epochs
        work += [
            Work(
                f"models of {witness.name}", sets * count, witness.recipe, epochs * len(case.audited), held=held * count
            ),
            Work(f"triggers on {witness.name}", sets * count, witness.recipe, images, FORWARD, held=held * count),
        ]
    return work


@check(
    id="DD-BKD-TRANSFER",
    title="The trigger on networks that it was not made on",
    pillar="backdoor",
    threat_model="A publisher, or whoever had the file on its way, whose victims train networks that he does not know.",
    cost=_cost,
)
def transfer(case: AuditCase) -> CheckResult:
    """Does the trigger that stands out most also work on networks and images that it was not made on, more than those of clean sets do?

    Tries what INVERT found on models of unseen seeds and of another architecture, all trained on S, and on held-out images that the search
    did not use. Every clean set's most suspicious trigger goes through the same, on models of that set. A backdoor lies
    in the data, so every network learns it; what only the networks of the search allow does not carry over.

    References
    ----------
    Papernot, McDaniel and Goodfellow, Transferability in machine learning, 2016; Wang et al., Neural Cleanse, IEEE S&P 2019.
    """
    trial = Trial(case)
    study = trial.study
    accuracy = float(case.correct(study.models(study.audited)).mean())
    if accuracy < UTILITY_FLOOR / case.audited.classes:
        return transfer.result("inconclusive", f"Not assessable: models of the set reach only {100 * accuracy:.1f} %.")
    study.invert_all()
    searched = study.p(study.compare(study.audited))
    if searched >= WARN_P and not case.config.transfer_unsuspected:
        raise SkippedError(
            f"No trigger stands out on the networks of the search ({p_is(searched)}); standard and thorough try the largest all the same."
        )
    if searched < WARN_P:
        study.require_alike()
    trial.ahead()
    suspect, p, power = trial.suspect(study.audited), trial.p(study.audited), trial.power()
    successes = [trial.success(study.audited, witness) for witness in trial.witnesses]
    clean = [[trial.success(one, witness) for one in study.peers] for witness in trial.witnesses]
    name = case.reference.classes[suspect.target]
    carried = [witness.name for witness, value in zip(trial.witnesses, p, strict=True) if value < WARN_P]
    best = float(p.min())
    return transfer.result(
        judge(material=best < FAIL_P, shown=best < WARN_P, power=power),
        (
            f'The {FAMILIES[suspect.family].name} to "{name}" works on networks that it was not made on ({", ".join(carried)}) with less effort '
            f"than those of clean sets ({p_is(best)}): the set teaches it, not one network."
            if carried
            else f"The trigger that stands out most works on unseen networks no better than those of clean sets ({p_is(best)})."
        ),
        metrics=[
            metric
            for witness, value, reached, theirs in zip(trial.witnesses, p, successes, clean, strict=True)
            for metric in _metrics(witness, float(value), trial.interval(reached, suspect.target), theirs)
        ],
        power=power,
        evidence=[
            Table(
                name="success_by_network",
                caption=f'The {FAMILIES[suspect.family].name} to "{name}" on networks and held-out images that it was not made on; beside it '
                "each clean set's most suspicious trigger on networks of that set. z is of the effort, p is adjusted for the number of rows.",
                columns=["network", "models", "success", "clean median", "z", "p"],
                rows=[
                    [
                        f"{witness.name} ({witness.recipe.architecture})",
                        len(witness.seeds),
                        round(reached, 3),
                        round(float(np.median(theirs)), 3),
                        round(trial.standing(study.audited, witness).z, 2),
                        round(float(value), 4),
                    ]
                    for witness, value, reached, theirs in zip(trial.witnesses, p, successes, clean, strict=True)
                ],
            )
        ],
        assumptions=[
            Assumption(
                text="The clean sets resemble this one: they have its size, labels and pixel space, and are of three kinds.",
                held=None,
            )
        ],
        references=["Papernot et al. 2016, arXiv:1605.07277", "Wang et al., IEEE S&P 2019"],
        trained=[f"{witness.name} ({len(witness.seeds)} a set)" for witness in trial.witnesses],
    )


def _metrics(witness: Witness, p: float, success: Interval, clean: list[float]) -> list[Metric]:
    middle, low, high = (float(v) for v in np.quantile(clean, [0.5, 0.025, 0.975]))
    name = f"{len(clean)} clean sets (median, 95 % range)"
    return [
        Metric(name=f"p_value[transfer,{witness.name}]", value=p, n=len(clean), confidence=None, better="higher"),
        Metric.of(
            success,
            name=f"trigger_success[{witness.name}]",
            n=success.n,
            unit="fraction",
            better="lower",
            controls=[ControlValue(name=name, value=middle, low=low, high=high)],
        ),
    ]
