"""Which images of a set carry a trigger: models are trained again and again without some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.inversion import Trigger
from ddaudit.checks.backdoor.study import Study, Suspect
from ddaudit.data.distilled import LabelledImages
from ddaudit.seeds import generator
from ddaudit.statistics.attribution import Attribution, attribute
from ddaudit.training.trainer import TrainedModel

#: Groups that the first round tells apart; a fifth of them are of the target class, where a trigger that relabels leaves its images.
GROUPS, OF_TARGET = 20, 4
#: Images that the second round tells apart at most.
NAMED = 20
#: Family-wise level at which a group, and then an image, is named.
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Carriers:
    """What leaving images out said.

    Parameters
    ----------
    groups : list of int arrays
        Rows of the set, together all of it.
    by_group : Attribution
        Of the trigger's gain to the groups.
    rows : int array (n,)
        The images of the groups that add to it.
    by_image : Attribution or None
        Of the gain to these images, each by itself; None where no group was named, or it was not asked for.
    """

    groups: list[np.ndarray]
    by_group: Attribution
    rows: np.ndarray
    by_image: Attribution | None

    @property
    def named(self) -> np.ndarray:
        """Rows of the images that carry the trigger by themselves."""
        return self.rows[self.by_image.p < LEVEL] if self.by_image else self.rows


def find_carriers(case: AuditCase, data: LabelledImages, suspect: Suspect, *, by_image: bool = True) -> Carriers:
    """Leave out random halves of the groups of a set, then, if asked, random halves of the images in the groups that turned out to matter.

    What is explained is the *gain*: the mean log odds of the target on held-out images of other classes with the trigger on, less
    that without. Leaving out images of the target makes the target rarer with and without the trigger, and is no gain.
    """
    rng = generator(case.config.seed, "carriers", suspect.target)
    groups = _groups(data, suspect.target, rng)
    runs = case.config.samples_trainings
    kept = rng.random((runs, len(groups))) < 0.5
    by_group = attribute(kept, _gains(case, data, suspect, [_rows(groups, row) for row in kept]))
    order = by_group.effect.argsort()[::-1]
    guilty = [g for g in order if by_group.p[g] < LEVEL]
    rows = np.concatenate([np.arange(0), *(groups[g] for g in guilty)]).astype(np.int64)[:NAMED]
    if not by_image or not len(rows):
        return Carriers(groups, by_group, rows, None)
    kept = rng.random((runs, len(rows))) < 0.5
    everything = np.arange(len(data))
    without = [np.setdiff1d(everything, rows[~row]) for row in kept]
    return Carriers(groups, by_group, rows, attribute(kept, _gains(case, data, suspect, without)))


def _groups(data: LabelledImages, target: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random groups of the target's images, and of all others."""
    own = rng.permutation(np.flatnonzero(data.hard_labels == target))
    others = rng.permutation(np.flatnonzero(data.hard_labels != target))
    split = [
        *np.array_split(own, min(OF_TARGET, len(own))),
        *np.array_split(others, min(GROUPS - OF_TARGET, len(others))),
    ]
    return [np.sort(group) for group in split if len(group)]


def _rows(groups: list[np.ndarray], kept: np.ndarray) -> np.ndarray:
    return np.sort(np.concatenate([np.arange(0), *(group for group, keep in zip(groups, kept, strict=True) if keep)]))


def _gains(case: AuditCase, data: LabelledImages, suspect: Suspect, subsets: list[np.ndarray]) -> np.ndarray:
    """float64 (subsets,): the trigger's gain on a model of each."""
    study = case.shared(Study)
    parts = [
        replace(data, images=data.images[rows], labels=data.labels[rows], name=f"{data.name}, some left out")
        for rows in (rows.astype(np.int64) for rows in subsets)
    ]
    models = case.train_all([(part, study.recipe, i) for i, part in enumerate(parts)])
    return np.array([_gain(case, study, suspect.trigger, suspect.target, model) for model in models])


def _gain(case: AuditCase, study: Study, trigger: Trigger, target: int, model: TrainedModel) -> float:
    test = case.reference.test
    others = study.tried_rows[test.labels[study.tried_rows] != target]
    pixels = test.pixels(others)
    return float(
        (_log_odds(model.logits(trigger.stamp(pixels)), target) - _log_odds(model.logits(pixels), target)).mean()
    )


def _log_odds(logits: np.ndarray, target: int) -> np.ndarray:
    """Of the target against all other classes together, float64 (n,)."""
    wide = logits.astype(np.float64)
    rest = np.delete(wide, target, axis=1)
    odds: np.ndarray = wide[:, target] - np.logaddexp.reduce(rest, axis=1)
    return odds
