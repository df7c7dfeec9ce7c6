"""Members and held-out images, each judged with the help of models that never saw it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.privacy.released import Released
from ddaudit.data.distilled import LabelledImages
from ddaudit.statistics.membership import calibrated, phi
from ddaudit.training.private import PrivateRecipe
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

#: Of the accountant's epsilon.
DELTA = 1e-5

Wanted = list[tuple[LabelledImages, Recipe, int]]


class Judges:
    """Members, non-members, and for each the reference models that never saw it.

    Parameters
    ----------
    members : int array (n_in,)
        Rows of the train split; the non-members are the case's ``test_rows``.
    """

    def __init__(self, case: AuditCase, members: np.ndarray) -> None:
        self._case = case
        self._pixels, self._labels = case.reference.train.pixels(members), case.reference.train.labels[members]
        self.n_in, self.n_out = len(members), len(case.test_rows)
        count = case.config.mia_references
        models = case.train_all(wanted_references(case))
        # Members get a half as well, so that both sides are judged by equally many models.
        half_in = np.random.default_rng(case.seed("dpsgd/members-halves")).integers(0, 2, self.n_in)
        half_out = halves(case)[case.test_rows]
        # (halves, models, n): by models of half 0 and of half 1
        by_in, by_out = (np.stack(s).reshape(2, count, -1) for s in zip(*map(self._phi, models), strict=True))
        self._unseen_in = np.where(half_in == 0, by_in[1], by_in[0])
        self._unseen_out = np.where(half_out == 0, by_out[1], by_out[0])

    def _phi(self, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
        """float64 (n_in,) and (n_out,)."""
        inside = phi(model.logits(self._pixels), self._labels)
        return inside, phi(self._case.test_logits(model), self._case.test_labels)

    def attacked(
        self, name: str, models: Sequence[TrainedModel], *, as_one: bool, private: PrivateRecipe | None = None
    ) -> Released:
        """Both attacks on models that were released: each by itself, or as one where it was the set behind them."""
        scores = [self._phi(model) for model in models]
        inside, outside = (np.stack(side) for side in zip(*scores, strict=True))
        right = self._case.correct(models).astype(float)
        if as_one:
            inside, outside, right = (array.mean(0, keepdims=True) for array in (inside, outside, right))
        return Released(
            name,
            right,
            {"loss": inside, "calibrated": np.stack([calibrated(one, self._unseen_in) for one in inside])},
            {"loss": outside, "calibrated": np.stack([calibrated(one, self._unseen_out) for one in outside])},
            private.noise if private else None,
            private.epsilon(self.n_in, DELTA) if private else None,
        )


def halves(case: AuditCase) -> np.ndarray:
    """0 or 1 for each held-out image of the original: whose references may not judge it."""
    return np.random.default_rng(case.seed("dpsgd/halves")).permutation(len(case.reference.test)) % 2


def wanted_references(case: AuditCase) -> Wanted:
    """For each half of the held-out split, models of random subsets of it that have S's size and layout."""
    test, wanted = case.reference.test, []
    for half in (0, 1):
        pool = test.take(np.flatnonzero(halves(case) == half))
        for i in range(case.config.mia_references):
            name = f"held-out subset {i + 1} of half {half + 1}"
            subset = controls.random_real(pool, case.audited, case.config.seed, i, f"dpsgd-half-{half}", name)
            wanted.append((subset, case.recipe, i))
    return wanted
