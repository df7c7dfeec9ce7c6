"""What a check may use, and where checks share their work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TypeVar, cast

import numpy as np
import torch

from ddaudit import controls
from ddaudit.canaries.sealed import SealedTrial
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages
from ddaudit.data.membership import MembershipRecord
from ddaudit.data.originals import Original
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.kernel_ridge import KernelRidge
from ddaudit.progress import Progress, silent
from ddaudit.seeds import derive_seed, generator
from ddaudit.training import recipe as recipes
from ddaudit.training.batched import fits_together
from ddaudit.training.cost import FORWARD, GRADIENT, Work
from ddaudit.training.device import trains_together
from ddaudit.training.executor import Executor, Serial, Task
from ddaudit.training.guided import train_guided, train_guided_into
from ddaudit.training.recipe import Recipe
from ddaudit.training.registry import recipe_named
from ddaudit.training.store import NotHeldError, Store
from ddaudit.training.trainer import (
    TrainedModel,
    dataset_fingerprint,
    identity,
    train,
    train_into,
    train_together,
)

T = TypeVar("T")

#: Real images of a class in a step of our own distillations.
DISTILLATION_BATCH = 64


@dataclass(eq=False)
class AuditCase:
    """S, the original, the controls, a lazily filled store of trained models, the settings and the seeds.

    Parameters
    ----------
    distilled : DistilledSet
        The audited set, its pixel space known.
    original : Original or None
        None where the user has none: checks that need one do not run.
    canaries : SealedTrial, optional
        What the publisher planted; the original's held-out split is then without them.
    membership : MembershipRecord, optional
        Which training images S was made from, where somebody wrote it down.
    """

    distilled: DistilledSet
    original: Original | None
    config: AuditConfig
    device: torch.device
    store: Store
    progress: Progress = silent
    executor: Executor = field(default_factory=Serial)
    canaries: SealedTrial | None = None
    membership: MembershipRecord | None = None
    _models: dict[tuple[str, str, int], TrainedModel] = field(default_factory=dict)
    _logits: dict[TrainedModel, np.ndarray] = field(default_factory=dict)
    _shared: dict[Callable[[AuditCase], object], object] = field(default_factory=dict)

    @property
    def audited(self) -> LabelledImages:
        """S as a set of labelled images."""
        return self.distilled.data

    @property
    def reference(self) -> Original:
        """The original, for checks that declared that they need it."""
        assert self.original is not None, "a check that needs the original ran without one"
        return self.original

    @cached_property
    def recipe(self) -> Recipe:
        """The protocol by which models of S and of its controls are trained."""
        _, height, width = self.audited.shape
        return recipe_named(
            self.config.recipe,
            method=self.distilled.provenance.method,
            original=self.original.name if self.original else "",
            threads=self.config.threads,
            pixels=height * width,
            learning_rate=self.distilled.provenance.learning_rate,
        )

    @cached_property
    def cross_recipe(self) -> Recipe:
        """The protocol of architectures beside the ConvNet."""
        _, height, width = self.audited.shape
        provenance, name = self.distilled.provenance, self.original.name if self.original else ""
        return recipes.for_any_architecture(
            provenance.method,
            name,
            threads=self.config.threads,
            pixels=height * width,
            learning_rate=provenance.learning_rate,
        )

    @cached_property
    def inversion_recipe(self) -> Recipe:
        """The fast protocol on narrow ConvNets: as good a witness of a trigger, and several times cheaper."""
        _, height, width = self.audited.shape
        fast = recipes.fast(threads=self.config.threads, pixels=height * width)
        return fast if height * width <= recipes.SMALL else fast.on("ConvNet", width=self.config.inversion_width)

    def seed(self, purpose: str, index: int = 0) -> int:
        """Seed of a named random stream of this run."""
        return derive_seed(self.config.seed, purpose, index)

    def models(self, data: LabelledImages, recipe: Recipe, count: int) -> list[TrainedModel]:
        """``count`` models of one set that differ by their seeds; each is trained once a scan."""
        return self.train_all([(data, recipe, index) for index in range(count)])

    def model(self, data: LabelledImages, recipe: Recipe, index: int = 0) -> TrainedModel:
        """The model of (data, recipe, seed number ``index``)."""
        key = (dataset_fingerprint(data), recipe.fingerprint(), index)
        if key not in self._models:
            what = f"{recipe.architecture} on {data.name}, seed {index + 1}"
            seed = self.seed("train", index)
            self._models[key] = train(
                data, recipe, seed, self.device, self.store, lambda done, of: self.progress(what, done, of)
            )
        return self._models[key]

    def train_all(self, wanted: Sequence[tuple[LabelledImages, Recipe, int]]) -> list[TrainedModel]:
        """The models of several (data, recipe, seed number), side by side where the executor can."""
        missing = [
            (data, recipe, index)
            for data, recipe, index in wanted
            if not self.store.holds("models", identity(data, recipe, self.seed("train", index), self.device))
        ]
        names = ", ".join(dict.fromkeys(data.name for data, _, _ in missing))
        self.ahead(
            f"training on {names}",
            [
                (train_into, (self.store.folder, data, recipe, self.seed("train", index), str(self.device)))
                for data, recipe, index in missing
            ],
        )
        if missing and trains_together(self.device):
            self._train_together(wanted)
        return [self.model(*one) for one in wanted]

    def guided(self, recipes: Sequence[Recipe], count: int) -> list[list[TrainedModel]]:
        """By recipe, ``count`` models of S guided by its models of the shared recipe."""
        folder, device = self.store.folder, str(self.device)
        self.models(self.audited, self.recipe, count)
        self.ahead(
            "models guided by the ConvNet's features",
            [
                (train_guided_into, (folder, self.audited, recipe, self.recipe, self.seed("train", i), device))
                for recipe in recipes
                for i in range(count)
            ],
        )
        return [
            [
                train_guided(self.audited, recipe, self.recipe, self.seed("train", i), self.device, self.store)
                for i in range(count)
            ]
            for recipe in recipes
        ]

    def _train_together(self, wanted: Sequence[tuple[LabelledImages, Recipe, int]]) -> None:
        for recipe, mine in _by_recipe(wanted):
            sets, seeds = [data for data, _, _ in mine], [self.seed("train", index) for _, _, index in mine]
            if len(mine) > 1 and fits_together(sets, recipe):
                told = partial(self.progress, f"{len(mine)} models of {recipe.architecture}")
                train_together(sets, recipe, seeds, self.device, self.store, told)

    def ahead(self, what: str, tasks: Sequence[Task]) -> None:
        """Have the executor do tasks that leave their results in the store; a GPU is not shared between processes."""
        if self.store.folder is not None and self.device.type == "cpu":
            self.executor.ahead(tasks, lambda done, of: self.progress(what, done, of))

    def shared(self, make: Callable[[AuditCase], T]) -> T:
        """What ``make`` gives for this case, made once: for work that several checks of a pillar stand on."""
        if make not in self._shared:
            self._shared[make] = make(self)
        return cast(T, self._shared[make])

    def held(self, *asked: Callable[[], object]) -> int:
        """How many of these a ``ReadOnlyStore`` can answer."""
        answered = 0
        for ask in asked:
            with suppress(NotHeldError):
                ask()
                answered += 1
        return answered

    def trainings(self, what: str, wanted: Sequence[tuple[LabelledImages, Recipe, int]]) -> list[Work]:
        """What ``train_all(wanted)`` costs, and taking the held-out images through the models; a piece for each recipe."""
        pieces = []
        for recipe, mine in _by_recipe(wanted):
            held = self.held(*(partial(self.model, *one) for one in mine))
            images = recipe.epochs * len(mine[0][0])
            pieces += [
                Work(what, len(mine), recipe, images, held=held),
                self.scoring(what, len(mine), recipe, len(self.test_rows)),
            ]
        return pieces

    def scoring(self, what: str, count: int, recipe: Recipe, images: int) -> Work:
        """What taking ``images`` through each of ``count`` models costs."""
        return Work(f"{what}: {images} images scored", count, recipe, images, FORWARD, side_by_side=False)

    @cached_property
    def test_rows(self) -> np.ndarray:
        """The held-out images on which models are compared: all, or a random sample that the profile can afford."""
        count = len(self.reference.test)
        rng = generator(self.config.seed, "test-rows")
        return np.sort(rng.choice(count, min(count, self.config.test_examples), replace=False))

    @cached_property
    def test_labels(self) -> np.ndarray:
        """int64 (n,): labels of ``test_rows``."""
        return self.reference.test.labels[self.test_rows]

    def test_logits(self, model: TrainedModel) -> np.ndarray:
        """float32 (n, k) on ``test_rows``, computed once a model."""
        if model not in self._logits:
            self.progress(f"{model.dataset}: held-out images", 0, 1)
            self._logits[model] = model.logits(self.reference.test.pixels(self.test_rows))
        return self._logits[model]

    def correct(self, models: Sequence[TrainedModel]) -> np.ndarray:
        """bool (models, n): which of ``test_rows`` each model gets right."""
        return np.stack([self.test_logits(m).argmax(1) == self.test_labels for m in models])

    @cached_property
    def real_subsets(self) -> list[LabelledImages]:
        """Random real subsets of S's size and layout."""
        return [self.real_subset(i) for i in range(self.config.control_draws)]

    def real_subset(self, index: int, purpose: str = "random-real") -> LabelledImages:
        """Random real subset number ``index`` of a purpose of its own."""
        rows = self.real_rows(index, purpose)
        return controls.real_set(self.reference.train, rows, self.audited, f"random real subset {index + 1}")

    def real_rows(self, index: int, purpose: str = "random-real") -> np.ndarray:
        """int64 (m,): the training images in ``real_subset(index, purpose)``."""
        return controls.random_rows(self.reference.train, self.audited, self.config.seed, index, purpose)

    def k_means_subsets(self, count: int) -> list[LabelledImages]:
        """Real images close to the centres of k-means, in S's size and layout."""
        train = self.reference.train
        return [controls.k_means(train, self.audited, self.config.seed, i, self.store) for i in range(count)]

    def k_means_ahead(self, count: int) -> list[Task]:
        """For an executor, what makes ``k_means_subsets``."""
        about = self.store.folder, self.reference.train, self.audited, self.config.seed
        return [(controls.k_means_into, (*about, i)) for i in range(count)]

    def models_of(self, sets: Sequence[LabelledImages]) -> list[TrainedModel]:
        """One model of each set, with the seeds that S's models have."""
        return self.train_all([(one, self.recipe, i) for i, one in enumerate(sets)])

    @cached_property
    def _compared_models(self) -> list[TrainedModel]:
        ours = [(self.audited, self.recipe, i) for i in range(self.config.seeds)]
        return self.train_all(ours + [(one, self.recipe, i) for i, one in enumerate(self.real_subsets)])

    def comparison(self) -> list[Work]:
        """What ``audited_models`` and ``control_models`` cost."""
        ours = [(self.audited, self.recipe, i) for i in range(self.config.seeds)]
        theirs = [(one, self.recipe, i) for i, one in enumerate(self.real_subsets)]
        return [
            *self.trainings("models of the audited file", ours),
            *self.trainings("models of random real subsets", theirs),
        ]

    @property
    def audited_models(self) -> list[TrainedModel]:
        """The models of S that checks share."""
        return self._compared_models[: self.config.seeds]

    @property
    def control_models(self) -> list[TrainedModel]:
        """One model of each random real subset, with the seeds that S's models have."""
        return self._compared_models[self.config.seeds :]

    @property
    def _distilled_as(self) -> tuple[LabelledImages, int, DistributionMatching]:
        """Whose layout our own distillations have, how many there are, and what makes them."""
        distiller = DistributionMatching(
            ipc=max(1, round(self.audited.ipc)),
            iterations=self.config.distillation_steps,
            lr_images=10.0,
            batch_real=DISTILLATION_BATCH,
            width=self.config.inversion_width,
            threads=self.config.threads,  # it runs beside other tasks: a second thread would wait for their core
        )
        return self.audited, self.config.inversion_controls // 3, distiller

    @cached_property
    def clean_distillations(self) -> list[LabelledImages]:
        """Clean sets of our own making, each distilled from noise and a random half of the original."""
        told = partial(self.progress, "clean distillations")
        return controls.own_distillations(
            self.reference, *self._distilled_as, self.config.seed, self.device, self.store, told
        )

    def kernel_distillations(self, count: int, purpose: str) -> list[LabelledImages]:
        """Clean sets of another method, kernel ridge regression, for a set that others do not stand for; other ones for another purpose."""
        config = self.config
        distiller = KernelRidge(
            ipc=max(1, round(self.audited.ipc)),
            iterations=2 * config.distillation_steps,
            lr_images=0.2,
            batch_real=DISTILLATION_BATCH,
            width=config.inversion_width,
            threads=config.threads,
        )
        made = controls.own_distillations(
            self.reference,
            self.audited,
            count,
            distiller,
            self.seed(f"kernel distillations/{purpose}"),
            self.device,
            self.store,
            partial(self.progress, "clean distillations by kernel ridge regression"),
        )
        return [replace(one, name=f"{one.name} by kernel ridge regression") for one in made]

    def distilling_ahead(self) -> Task:
        """For an executor, what makes ``clean_distillations``."""
        arguments = (self.store.folder, self.reference, *self._distilled_as, self.config.seed, str(self.device))
        return controls.own_distillations_into, arguments

    def distilling(self) -> Work:
        """What ``clean_distillations`` costs."""
        config, classes = self.config, self.audited.classes
        sets, trunk = config.inversion_controls // 3, self.inversion_recipe.on("ConvNet", width=config.inversion_width)
        images = config.distillation_steps * (DISTILLATION_BATCH * classes + GRADIENT * sets * len(self.audited))
        held = self.held(lambda: self.clean_distillations)
        return Work("clean distillations", 1, trunk, images, FORWARD, held=held, side_by_side=False)


def _by_recipe(
    wanted: Sequence[tuple[LabelledImages, Recipe, int]],
) -> Iterator[tuple[Recipe, list[tuple[LabelledImages, Recipe, int]]]]:
    """Every recipe with what is wanted by it, in the order of first demand."""
    for fingerprint, recipe in {recipe.fingerprint(): recipe for _, recipe, _ in wanted}.items():
        yield recipe, [one for one in wanted if one[1].fingerprint() == fingerprint]
