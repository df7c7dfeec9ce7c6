"""What the checks of this pillar share: clean and planted sets treated like S, the triggers found in all of them, and how S stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import Inversion, InversionTask, Trigger, invert_into, invert_set
from ddaudit.checks.backdoor.planted import PLANTED_SHARE, Plant, planted_sets
from ddaudit.checks.backdoor.standing import UNLIKE_P, Standing, of_the_other_kind, standout
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, Power
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.null_models import CleanComparison, compare_families, level_p
from ddaudit.threats import triggers
from ddaudit.training.cost import GRADIENT, Work
from ddaudit.training.course import learns_probabilities
from ddaudit.training.executor import Task
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

FAIL_P, WARN_P = 0.01, 0.05
#: Below this many times chance a model has too little to say for a trigger to mean anything.
UTILITY_FLOOR = 2.0
#: A trigger that turns fewer of the images that it was made on is none.
VALID_SUCCESS = 0.5
#: How clean sets are made.
USUAL_KINDS = "distilled from noise, close to the centres of k-means, and random real images"
#: Random real subsets, of no other use, whose models a sparing trigger must not turn.
REFERENCES = 3
#: Held-out images at most, beside those on which triggers are sought, on which they are tried.
TRIED_IMAGES = 200


@dataclass(frozen=True)
class Suspect:
    """The trigger of a set that stands out most from clean sets.

    Parameters
    ----------
    family : int
        Its place in ``FAMILIES``.
    target : int
        The class that it leads to.
    z : float
        How far its effort lies below that on clean sets.
    trigger : Trigger
    """

    family: int
    target: int
    z: float
    trigger: Trigger


@dataclass(eq=False)
class Study:
    """Everything that is inverted, treated alike: the same recipe, images, steps and number of models; checks have ``case.shared(Study)``."""

    case: AuditCase
    _inverted: bool = False

    @cached_property
    def audited(self) -> LabelledImages:
        """The audited set as its models learn it here: of scores that are no probabilities, such as KIP's, the class with the highest.

        In so few steps models that regress on KIP's scores reach 14 % of CIFAR-10, and 24 % by their classes, which is what those of clean sets learn.
        """
        data = self.case.audited
        return data if learns_probabilities(data.labels) else replace(data, labels=data.hard_labels)

    @property
    def on_labels(self) -> list[Assumption]:
        """What it takes for granted of labels that models do not learn as they are; nothing of others."""
        if self.audited is self.case.audited:
            return []
        return [
            Assumption(
                text="The labels are scores and no probabilities: models learn the class with the highest, as those of the clean sets do, "
                "and a trigger that only the other scores carry is not seen.",
                held=None,
            )
        ]

    @cached_property
    def recipe(self) -> Recipe:
        """The fast protocol cut short: models of 22 clean sets of digits still reached 0.88 to 0.94 after 60 epochs."""
        return replace(self.case.inversion_recipe, name="brief", epochs=self.case.config.inversion_epochs)

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
    def tried_rows(self) -> np.ndarray:
        """Other held-out images, on which found triggers are tried."""
        rng = np.random.default_rng(self.case.seed("inversion/tried"))
        others = np.setdiff1d(np.arange(len(self.case.reference.test)), self.rows)
        return np.sort(rng.permutation(others)[:TRIED_IMAGES])

    @cached_property
    def _real_subsets(self) -> list[LabelledImages]:
        third = self.case.config.inversion_controls // 3
        return [self.case.real_subset(i) for i in range(self.case.config.inversion_controls - 2 * third)]

    @cached_property
    def _made_sets(self) -> list[LabelledImages]:
        case = self.case
        return [*case.clean_distillations, *case.k_means_subsets(case.config.inversion_controls // 3)]

    @cached_property
    def clean_sets(self) -> list[LabelledImages]:
        """Sets that are known to be clean: our own distillations from noise, k-means subsets and random real subsets, a third each."""
        return [*self._made_sets, *self._real_subsets]

    @cached_property
    def references(self) -> list[LabelledImages]:
        """Sets whose models a trigger of S must not turn; the same for S and for all that it is compared with, and none of these."""
        return [self.case.real_subset(i, "inversion-references") for i in range(REFERENCES)]

    @cached_property
    def planted(self) -> list[Plant]:
        """Random real subsets with a trigger planted in them."""
        return planted_sets(self.case)

    def models(self, data: LabelledImages) -> list[TrainedModel]:
        """The models of a set on which its triggers are sought."""
        return self.case.models(data, self.recipe, self.case.config.inversion_models)

    def invert(self, data: LabelledImages) -> Inversion:
        """The inversion of a set, kept in the store."""
        return invert_set(self.case.store, *self._arguments(data))

    def invert_all(self) -> None:
        """Have all inversions made side by side, where the executor can; what has to be made first is made beside the others."""
        if self._inverted:
            return
        self._inverted, case = True, self.case
        case.train_all(self._of_references())  # before the others, which would each train them
        there = [self.audited, *self._real_subsets, *(plant.data for plant in self.planted)]
        making = [case.distilling_ahead(), *case.k_means_ahead(case.config.inversion_controls // 3)]
        self.invert_ahead(there, *making)
        self.invert_ahead(self._made_sets)

    def invert_ahead(self, sets: Sequence[LabelledImages], *others: Task) -> None:
        """Have the inversions of some sets made side by side, with other tasks, where the executor can."""
        tasks: list[Task] = [(invert_into, (self.case.store.folder, *self._arguments(data))) for data in sets]
        self.case.ahead("trigger inversions", [*others, *tasks])

    def _of_references(self) -> list[tuple[LabelledImages, Recipe, int]]:
        return [(one, self.recipe, 0) for one in self.references]

    def _arguments(self, data: LabelledImages) -> InversionTask:
        case, test, config = self.case, self.case.reference.test, self.case.config
        return (
            data,
            self.references,
            self.recipe,
            [case.seed("train", i) for i in range(config.inversion_models)],
            test.pixels(self.rows),
            test.labels[self.rows],
            config.inversion_steps,
            config.inversion_batch,
            case.seed("inversion/start"),
            str(case.device),
        )

    def statistics(self, data: LabelledImages) -> np.ndarray:
        """Log efforts of a set, (families + 1, classes); the last row is the entropy with no trigger on."""
        found = self.invert(data)
        return np.log(np.concatenate([found.effort, found.bare[None]]))

    @property
    def null(self) -> np.ndarray:
        """The same of the clean sets that the audited one is compared with, (sets, families + 1, classes)."""
        return self.kernel_null if self.otherwise else self.usual_null

    @cached_property
    def usual_null(self) -> np.ndarray:
        """Of those of three kinds."""
        return self._statistics(self.clean_sets)

    def _statistics(self, sets: Sequence[LabelledImages]) -> np.ndarray:
        return np.stack([self.statistics(one) for one in sets])

    def compare(self, data: LabelledImages) -> CleanComparison:
        """How a set's efforts stand beside those of the clean sets."""
        return compare_families(self.statistics(data), self.null)

    def p(self, comparison: CleanComparison) -> float:
        """Of the class that stands out most, among the clean sets' own."""
        return Standing.of(comparison).p

    @cached_property
    def level_p(self) -> float:
        """Of the audited set as a whole, among the clean sets that it is compared with."""
        return level_p(self.statistics(self.audited), self.null)

    @cached_property
    def otherwise(self) -> bool:
        """Whether the audited set is compared with clean sets of another method: it is unlike those of three kinds, and less so the former."""
        return of_the_other_kind(self.statistics(self.audited), self.usual_null, lambda: self.kernel_null)

    @property
    def peers(self) -> list[LabelledImages]:
        """The clean sets that the audited one is compared with."""
        return self.kernel_sets if self.otherwise else self.clean_sets

    @cached_property
    def kernel_sets(self) -> list[LabelledImages]:
        """Clean sets that were distilled by kernel ridge regression."""
        return self.case.kernel_distillations(self.case.config.inversion_controls, "peers")

    @property
    def made(self) -> str:
        """How the peers were made, in words."""
        if self.otherwise:
            return (
                f"they were distilled by kernel ridge regression, since the set is unlike those that are {USUAL_KINDS}"
            )
        return f"a third each are {USUAL_KINDS}"

    @cached_property
    def kernel_null(self) -> np.ndarray:
        """Their statistics, (sets, families + 1, classes)."""
        self.invert_ahead(self.kernel_sets)
        return self._statistics(self.kernel_sets)

    @cached_property
    def plants(self) -> list[Plant]:
        """The planted sets on which the power is measured: of the peers' kind."""
        if not self.otherwise:
            return self.planted
        planted = planted_sets(self.case, self.case.kernel_distillations(self.case.config.inversion_planted, "planted"))
        self.invert_ahead([plant.data for plant in planted])
        return planted

    @property
    def planted_in(self) -> str:
        """What kind of set those were."""
        return "clean set distilled by kernel ridge regression" if self.otherwise else "random real subset"

    @property
    def unlike(self) -> bool:
        """Whether the clean sets do not stand for sets like the audited one."""
        return self.level_p < UNLIKE_P

    def require_alike(self) -> None:
        """Where a class stands out only because the set is of another kind there is no trigger to look into.

        Raises
        ------
        SkippedError
        """
        if self.unlike:
            raise SkippedError(
                f"The set as a whole is unlike the clean sets ({p_is(self.level_p)}), so that a class may stand out without a trigger: see DD-BKD-INVERT."
            )

    def suspect(self, data: LabelledImages, comparison: CleanComparison) -> Suspect:
        """The set's trigger that stands out most."""
        family, target = standout(comparison.z)
        found = self.invert(data).trigger(family, target)
        return Suspect(family, target, float(comparison.z[family, target]), found)

    @cached_property
    def power(self) -> Power:
        """How often a planted trigger is found, with its class, when its set is judged as S is."""
        found = 0
        for plant in self.plants:
            comparison = self.compare(plant.data)
            suspect = self.suspect(plant.data, comparison)
            found += self.p(comparison) < WARN_P and suspect.target == plant.threat.target
        interval = clopper_pearson(found, len(self.plants))
        return Power.of(interval, defect=self.defect)

    @cached_property
    def defect(self) -> str:
        """What was planted, in words."""
        low, high = 100 * min(self.planted_success), 100 * max(self.planted_success)
        kinds = " or ".join(dict.fromkeys(plant.described for plant in self.plants))
        return (
            f"{kinds} on {100 * PLANTED_SHARE:g} % of the other-class images of a {self.planted_in}, with their labels changed "
            f"(attack success {low:.0f} to {high:.0f} %)"
        )

    @cached_property
    def planted_success(self) -> list[float]:
        """Share of held-out images of other classes that each planted trigger sends to its class."""
        tried = [(plant.threat.trigger, plant.threat.target, self.models(plant.data)[0]) for plant in self.plants]
        return [float(self.success(*one).mean()) for one in tried]

    def success(self, trigger: triggers.Trigger, target: int, model: TrainedModel) -> np.ndarray:
        """bool (n,): which held-out images of other classes, unseen in the search, a model takes for the target with the trigger on."""
        test = self.case.reference.test
        others = self.tried_rows[test.labels[self.tried_rows] != target]
        return np.asarray(model.logits(trigger.stamp(test.pixels(others))).argmax(1) == target)

    @property
    def known_sets(self) -> list[LabelledImages]:
        """The sets that are there, or are made in no time: in a dry run not those that would first have to be distilled or clustered."""
        clean = self.clean_sets if self.case.held(lambda: self.clean_sets) else []
        return [self.audited, *(plant.data for plant in self.planted), *clean]

    def cost(self) -> list[Work]:
        """What ``invert_all`` wants done."""
        case, config = self.case, self.case.config
        known = self.known_sets
        models = [(one, self.recipe, i) for one in known[1:] for i in range(config.inversion_models)]
        models += self._of_references()
        sets = 1 + config.inversion_controls + config.inversion_planted
        seen = (len(FAMILIES) + sum(family.sparing for family in FAMILIES)) * case.audited.classes
        images = seen * (config.inversion_steps * config.inversion_batch * GRADIENT + len(self.rows))
        return [
            *case.trainings(
                "models of the audited file",
                [(self.audited, self.recipe, i) for i in range(config.inversion_models + 1)],
            ),
            case.distilling(),
            Work(
                "models of clean and planted sets",
                (sets - 1) * config.inversion_models + REFERENCES,
                self.recipe,
                self.recipe.epochs * len(case.audited),
                held=case.held(*(partial(case.model, *one) for one in models)),
            ),
            Work(
                "trigger inversions",
                sets,
                self.recipe,
                images / GRADIENT,
                GRADIENT,
                held=case.held(*(partial(self.invert, one) for one in known)),
            ),
        ]
