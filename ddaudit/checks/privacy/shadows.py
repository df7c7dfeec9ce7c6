"""Shadows: distillations of random halves of a pool of training and held-out images, and what their models say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.surrogates import closest, starts_from_real_images
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.splits import Joined
from ddaudit.distillation.pools import distil_pools
from ddaudit.distillation.registry import Distiller, distiller_named, own_names
from ddaudit.seeds import generator
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.membership import phi
from ddaudit.statistics.shadow_attacks import Mask, Observed, attack, complementary_halves
from ddaudit.training.recipe import SMALL, Recipe
from ddaudit.training.trainer import EVALUATION_THREADS, TrainedModel

#: Real images of a class for one step of the surrogate.
REAL_BATCH = 256
#: Learning rates of our own distillers' images by how they start: noise has further to travel. Another's distiller is told 1.
RATES = {
    "DM": {"noise": 10.0, "real": 1.0},
    "DC": {"noise": 1.0, "real": 0.1},
    "KRR": {"noise": 0.2, "real": 0.05},
    "CFM": {"noise": 100.0, "real": 10.0},
}
#: Sets of each distiller by which it is compared with S.
SAMPLES = 2


def pool_of(original: Original, count: int, rng: np.random.Generator) -> tuple[Split, np.ndarray]:
    """As many training as held-out images, the same number of each class from both where the classes allow it.

    Parameters
    ----------
    original : Original
    count : int
        Images in the pool, rounded up to the same number of each class, or fewer where the original has no more.

    Returns
    -------
    pool : Split
    train : ndarray of bool, shape (n,)
        Which of them are training images.
    """
    classes = len(original.classes)
    rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for c in range(classes):
        candidates = [np.flatnonzero(split.labels == c) for split in (original.train, original.test)]
        each = min(-(-count // (2 * classes)), *map(len, candidates))
        for mine, found in zip(rows, candidates, strict=True):
            mine.append(np.sort(rng.choice(found, each, replace=False)))
    inside, outside = (np.concatenate(mine) for mine in rows)
    train = np.repeat([True, False], [len(inside), len(outside)])
    return Joined(original.train.take(inside), original.test.take(outside)), train


def observe(pool: Split, sets: Sequence[LabelledImages], models: Sequence[Sequence[TrainedModel]]) -> Observed:
    """What the models of each set say of every example, and how near the set's own images come to it.

    Parameters
    ----------
    pool : Split
        n examples.
    sets : sequence of LabelledImages
    models : sequence of sequences of TrainedModel
        By set.

    Returns
    -------
    Observed
        Tables (sets, n).
    """
    pixels, labels = pool.pixels(), pool.labels
    confidence = [np.mean([phi(m.logits(pixels), labels) for m in mine], axis=0) for mine in models]
    native = sets[0].space.to_native(pixels).reshape(len(pixels), -1)
    return Observed(np.stack(confidence), np.stack([_nearness(native, labels, one) for one in sets]))


def _nearness(native: np.ndarray, labels: np.ndarray, data: LabelledImages) -> np.ndarray:
    """float64 (n,): minus the distance to the nearest image of the example's class, or to any where the set has none."""
    near = np.empty(len(native))
    synthetic = data.images.reshape(len(data), -1).astype(np.float64)
    for c in np.unique(labels):
        mine = data.hard_labels == c
        others = synthetic[mine] if mine.any() else synthetic
        here = native[labels == c].astype(np.float64)
        squares = (here**2).sum(1)[:, None] + (others**2).sum(1) - 2 * here @ others.T
        near[labels == c] = -np.sqrt(np.maximum(squares.min(1), 0))
    return near


@dataclass(eq=False)
class ShadowStudy:
    """The shadows of a case and what their models see, each made on first demand."""

    case: AuditCase

    @cached_property
    def _drawn(self) -> tuple[Split, np.ndarray]:
        pool, train = pool_of(
            self.case.reference, pool_size(self.case), generator(self.case.config.seed, "shadows/pool")
        )
        least = int(np.bincount(pool.labels, minlength=self.case.audited.classes).min())
        if least < 4 * self._ipc:
            raise TooFewExamplesError(
                f"halves of a pool that are distilled into {self._ipc} images a class need {2 * self._ipc} of each class; "
                f"the original has {least // 2} training and held-out images of some class to share out"
            )
        return pool, train

    @property
    def pool(self) -> Split:
        """n training and held-out images."""
        return self._drawn[0]

    @property
    def train(self) -> Mask:
        """bool (n,): which of them are training images."""
        return self._drawn[1]

    @property
    def _ipc(self) -> int:
        return max(1, round(self.case.audited.ipc))

    @cached_property
    def member(self) -> Mask:
        """bool (sets, n): what each shadow was made from."""
        return self._halves("shadows/halves")

    @cached_property
    def other_draw(self) -> Mask:
        """bool (sets, n): halves that have nothing to do with any shadow."""
        return self._halves("shadows/other halves")

    def _halves(self, purpose: str) -> Mask:
        rng = generator(self.case.config.seed, purpose)
        return complementary_halves(self.pool.labels, self.case.config.shadow_sets // 2, rng)

    @cached_property
    def start(self) -> tuple[str, float]:
        """How S started, "real" or "noise", and the lead of training over held-out matches that tells."""
        self.case.progress("how the file's images started", 0, 1)
        real, lead = starts_from_real_images(self.case.audited, self.case.reference)
        return "real" if real else "noise", lead

    @cached_property
    def distances(self) -> dict[str, float]:
        """Of our distillers' sets from S, the closest first; empty where the user named the distiller."""
        if self.case.config.distiller:
            return {}
        few = self.member[:SAMPLES]
        return closest(self.case.audited, self.case.reference.train, own_names(), lambda name: self._distil(name, few))

    @property
    def surrogate(self) -> str:
        """The name of the distiller."""
        return self.case.config.distiller or next(iter(self.distances))

    @property
    def described(self) -> str:
        """The surrogate in words."""
        start = "real images" if self.start[0] == "real" else "noise"
        return f"{self.surrogate} from {start}, {self.case.config.shadow_steps} steps"

    def _distiller(self, name: str) -> Distiller:
        own = {"width": self.case.config.inversion_width, "batch_real": REAL_BATCH} if name in own_names() else {}
        return distiller_named(
            name,
            ipc=self._ipc,
            init=self.start[0],
            iterations=self.case.config.shadow_steps,
            lr_images=RATES[name][self.start[0]] if name in RATES else 1.0,
            threads=1 if self.pool.shape[1] * self.pool.shape[2] <= SMALL else EVALUATION_THREADS,
            **own,
        )

    def _distil(self, name: str, member: Mask) -> list[LabelledImages]:
        case, what = self.case, f"shadow distillations, {name}"
        return distil_pools(
            self.pool,
            [np.flatnonzero(row) for row in member],
            [f"shadow {j + 1}" for j in range(len(member))],
            self._distiller(name),
            case.audited.classes,
            case.audited.space,
            case.seed("shadows/distil"),
            case.device,
            case.store,
            lambda done, of: case.progress(what, done, of),
        )

    @cached_property
    def _trained(self) -> tuple[list[LabelledImages], list[list[TrainedModel]], list[TrainedModel]]:
        """The shadows, the models of each, and those of S."""
        sets, each = self._distil(self.surrogate, self.member), self.case.config.shadow_models
        if all(np.array_equal(one.images, sets[0].images) for one in sets):
            raise SkippedError(f"The distiller {self.surrogate} makes the same set of any images: nobody is in it.")
        wanted = [(one, self.case.inversion_recipe, i) for one in sets for i in range(each)]
        models = self.case.train_all([*wanted, *models_of_the_file(self.case)])
        groups = [models[i : i + each] for i in range(0, len(models), each)]
        return sets, groups[:-1], groups[-1]

    @cached_property
    def observed(self) -> Observed:
        """What the shadows' models say of the pool."""
        sets, models, _ = self._trained
        return observe(self.pool, sets, models)

    @cached_property
    def on_the_file(self) -> dict[str, np.ndarray]:
        """Every attack's scores (n,) on S, by all shadows."""
        target = observe(self.pool, [self.case.audited], [self._trained[2]])
        return attack(target, self.observed, self.member)


def pool_size(case: AuditCase) -> int:
    """Images in the pool: what the profile says, and enough for halves of twice the size of S."""
    return max(case.config.shadow_pool, 4 * len(case.audited))


def models_of_the_file(case: AuditCase) -> list[tuple[LabelledImages, Recipe, int]]:
    """As many as each shadow has, by the same recipe."""
    return [(case.audited, case.inversion_recipe, i) for i in range(case.config.shadow_models)]
