"""Who is asked about, and who may judge them: cross-fitting of membership inference.

Every attack is calibrated on held-out images that are none of the candidates. Where the non-members are the held-out split
itself, its two halves take turns: one is asked about while the other calibrates, and a random half of the members is asked
with it, so that both sides are judged by equally many models. Where membership was recorded, the whole held-out split
calibrates and is never asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.privacy.appearance import Appearance
from ddaudit.checks.privacy.membership_attacks import ATTACKS, Array, Observations
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.splits import chunks
from ddaudit.seeds import generator
from ddaudit.statistics.membership import phi
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

#: Held-out images from which a fold learns at most what images look like, and what scores go with it.
CALIBRATION_IMAGES = 1000
#: Real sets of S's size and layout whose closeness calibrates the nearest synthetic image; they cost no training.
CLOSENESS_SETS = 16


@dataclass(frozen=True, eq=False)
class Images:
    """Some images; what a model says of them, and how close a set comes to them, is computed once.

    ``rows`` are their places in the split that they were taken from, ``logits`` how a model's are had.
    """

    split: Split
    rows: np.ndarray
    logits: Callable[[TrainedModel], np.ndarray]
    _phi: dict[TrainedModel, Array] = field(default_factory=dict)
    _closeness: dict[LabelledImages, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, whole: Split, rows: np.ndarray) -> Images:
        """Those rows of a split."""
        split = whole.take(rows)
        return cls(split, rows, lambda model: np.concatenate([model.logits(pixels) for pixels in chunks(split)]))

    @classmethod
    def held_out(cls, case: AuditCase, places: np.ndarray) -> Images:
        """Those places of ``case.test_rows``, which other checks score as well."""
        rows = case.test_rows[places]
        return cls(case.reference.test.take(rows), rows, lambda model: case.test_logits(model)[places])

    def phi(self, models: list[TrainedModel]) -> Array:
        """float64 (models, n)."""
        for model in models:
            if model not in self._phi:
                self._phi[model] = phi(self.logits(model), self.split.labels)
        return np.stack([self._phi[model] for model in models])

    def closeness(self, appearance: Appearance, sets: list[LabelledImages]) -> np.ndarray:
        """float32 (sets, n)."""
        new = [one for one in sets if one not in self._closeness]
        if new:
            self._closeness.update(zip(new, appearance.closeness(self.split, new), strict=True))
        return np.stack([self._closeness[one] for one in sets])


@dataclass(frozen=True, eq=False)
class Target:
    """What is attacked: models, and the set that they were trained on."""

    models: list[TrainedModel]
    data: LabelledImages


@dataclass(frozen=True, eq=False)
class Scores:
    """The attacks on n candidates: a score each, who is a member, and how easy references find each."""

    attacks: dict[str, Array]
    member: np.ndarray
    ease: Array

    @classmethod
    def joined(cls, parts: list[Scores]) -> Scores:
        """The candidates of several folds as one sample."""
        attacks = {name: np.concatenate([part.attacks[name] for part in parts]) for name in ATTACKS}
        return cls(
            attacks, np.concatenate([part.member for part in parts]), np.concatenate([part.ease for part in parts])
        )

    def sides(self, attack: str, which: np.ndarray | slice = slice(None)) -> tuple[Array, Array]:
        """The scores of members and of non-members, of all candidates or some."""
        scores, member = self.attacks[attack][which], self.member[which]
        return scores[member], scores[~member]


@dataclass(frozen=True, eq=False)
class Fold:
    """Candidates, with what calibrates their scores and has seen none of them.

    Parameters
    ----------
    inside, outside : Images
        Members and non-members.
    calibration : Images
        Held-out.
    references : list of TrainedModel
        Of random subsets of held-out images, of S's size and layout.
    first : int64 array
        Rows of the held-out split that the first of them was trained on.
    sets : list of LabelledImages
        Further such subsets, for the closeness.
    appearance : Appearance
        Of the calibrating images.
    """

    inside: Images
    outside: Images
    calibration: Images
    references: list[TrainedModel]
    first: np.ndarray
    sets: list[LabelledImages]
    appearance: Appearance

    def blind(self) -> tuple[Fold, Target]:
        """The fold with its first reference as the target: it saw no candidate, and what it did see calibrates nothing."""
        whole, kept = self.calibration, np.flatnonzero(~np.isin(self.calibration.rows, self.first))
        unseen = Images(whole.split.take(kept), whole.rows[kept], lambda model: whole.logits(model)[kept])
        rest = replace(self, calibration=unseen, references=self.references[1:], sets=self.sets[1:])
        return rest, Target(self.references[:1], self.sets[0])

    def attacked(self, target: Target) -> Scores:
        """Every attack on every candidate of the fold."""
        parts, look = (self.inside, self.outside), self.appearance
        member = np.repeat([True, False], [len(part.rows) for part in parts])
        close = np.concatenate([part.closeness(look, [target.data, *self.sets]) for part in parts], axis=1)
        seen = Observations(
            target=np.concatenate([part.phi(target.models) for part in parts], axis=1),
            references=np.concatenate([part.phi(self.references) for part in parts], axis=1),
            closeness=close[0],
            control_closeness=close[1:],
            features=np.concatenate([look.features(part.split) for part in parts]),
            population=~member,
            calibration_target=self.calibration.phi(target.models),
            calibration_features=look.features(self.calibration.split),
        )
        return Scores({name: attack(seen) for name, attack in ATTACKS.items()}, member, seen.references.mean(axis=0))


def folds(case: AuditCase) -> list[Fold]:
    """The folds of a case, their references trained."""
    made, pools = [], _pools(case)
    models = case.train_all(wanted_references(case))
    each = len(models) // len(pools)
    for i, (pool, (inside, outside)) in enumerate(zip(pools, _candidates(case, len(pools)), strict=True)):
        rng = generator(case.config.seed, "mia/calibration", i)
        places = np.flatnonzero(np.isin(case.test_rows, pool))
        calibration = Images.held_out(
            case, np.sort(rng.choice(places, min(CALIBRATION_IMAGES, len(places)), replace=False))
        )
        made.append(
            Fold(
                inside,
                outside,
                calibration,
                models[i * each : (i + 1) * each],
                pool[_draw(case, pool, i, 0)],
                [_subset(case, pool, i, each + j) for j in range(CLOSENESS_SETS)],
                Appearance.fit(calibration.split, case.audited.classes),
            )
        )
    return made


def wanted_references(case: AuditCase) -> list[tuple[LabelledImages, Recipe, int]]:
    """The trainings of all folds' references, fold by fold; as many in all whether there are two folds or one."""
    pools = _pools(case)
    each = 2 * case.config.mia_references // len(pools)
    return [(_subset(case, pool, i, j), case.recipe, j) for i, pool in enumerate(pools) for j in range(each)]


def too_few_held_out(case: AuditCase) -> str:
    """Why no reference can be trained on images that are not asked about; empty where they can."""
    wanted = np.bincount(case.audited.hard_labels, minlength=case.audited.classes)
    for pool in _pools(case):
        there = np.bincount(case.reference.test.labels[pool], minlength=len(wanted))
        for label in np.flatnonzero(there < wanted):
            return (
                f"A reference model needs {wanted[label]} held-out images of class {label}, as many as the set has, "
                f"apart from those that are asked about; there are {there[label]}."
            )
    return ""


def _pools(case: AuditCase) -> list[np.ndarray]:
    """For each fold, the rows of the held-out split that calibrate."""
    count = len(case.reference.test)
    if case.membership is not None:
        return [np.arange(count)]
    halves = generator(case.config.seed, "mia/halves").permutation(count) % 2
    return [np.flatnonzero(halves != half) for half in (0, 1)]


def _candidates(case: AuditCase, count: int) -> list[tuple[Images, Images]]:
    """Members and non-members of each fold, no more than the profile affords."""
    train, rng, most = case.reference.train, generator(case.config.seed, "mia/examples"), case.config.mia_examples

    def some(rows: np.ndarray) -> np.ndarray:
        return np.sort(rng.choice(rows, min(most, len(rows)), replace=False))

    if case.membership is not None:
        return [(Images.of(train, some(case.membership.members)), Images.of(train, some(case.membership.nonmembers)))]
    inside = some(np.arange(len(train)))
    turn = rng.permutation(len(inside)) % count
    asked = [np.flatnonzero(~np.isin(case.test_rows, pool)) for pool in _pools(case)]
    return [(Images.of(train, inside[turn == i]), Images.held_out(case, places)) for i, places in enumerate(asked)]


def _draw(case: AuditCase, pool: np.ndarray, fold: int, index: int) -> np.ndarray:
    """Places in a fold's pool of its random subset number ``index``."""
    held_out = case.reference.test.take(pool)
    return controls.random_rows(held_out, case.audited, case.config.seed, index, f"held-out/{fold}")


def _subset(case: AuditCase, pool: np.ndarray, fold: int, index: int) -> LabelledImages:
    """That subset as a set."""
    rows, test = pool[_draw(case, pool, fold, index)], case.reference.test
    return controls.real_set(test, rows, case.audited, f"held-out subset {index + 1} of fold {fold + 1}")
