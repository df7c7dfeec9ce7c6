"""The power of a comparison of accuracies is how often sets that really lie below are called so."""

import numpy as np
import pytest

from ddaudit.checks import planted_drop
from ddaudit.checks.planted_drop import SIMULATIONS, power_of_drop
from ddaudit.statistics.intervals import difference_over_seeds

MODELS, IMAGES = 4, 300


def outcomes(rng: np.random.Generator, accuracy: float) -> np.ndarray:
    """bool (models, images) whose images are equally hard for all models."""
    return rng.random((MODELS, IMAGES)) < accuracy


@pytest.mark.parametrize("drop", [0.05, 0.07])
def test_it_is_how_often_fresh_models_that_are_worse_by_the_drop_are_told_from_fresh_controls(
    drop: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted_drop, "SIMULATIONS", 40)
    rng = np.random.default_rng(0)
    told = []
    for _ in range(500):
        # Broken alike for all models, as by a class that a set leaves out.
        worse = outcomes(rng, 0.8) & (rng.random(IMAGES) < 1 - drop / 0.8)
        told.append(difference_over_seeds(worse, outcomes(rng, 0.8)).high < 0)  # type: ignore[operator]
    found = [power_of_drop([outcomes(rng, 0.8)], [outcomes(rng, 0.8)], drop, seed=i).value for i in range(40)]
    assert np.mean(found) == pytest.approx(np.mean(told), abs=0.06)


def test_no_drop_is_seldom_called_one_and_the_whole_accuracy_always() -> None:
    rng = np.random.default_rng(2)
    ours, control = outcomes(rng, 0.9), outcomes(rng, 0.8)
    assert power_of_drop([ours], [control], 0.0, seed=0).value < 0.06
    assert power_of_drop([ours], [control], 0.9, seed=0).value == 1
    assert power_of_drop([ours], [control], 0.9, seed=0).n == SIMULATIONS


def test_a_set_that_lies_below_already_is_not_broken_further_and_pairs_take_turns() -> None:
    rng = np.random.default_rng(3)
    good, bad, control = outcomes(rng, 0.9), outcomes(rng, 0.3), outcomes(rng, 0.8)
    nothing = np.zeros((MODELS, IMAGES), bool)
    assert power_of_drop([bad], [control], 0.05, seed=0).value == 1
    assert power_of_drop([nothing], [control], 0.05, seed=0).value == 1
    # One pair that always shows, one that never can: the control cannot be undercut.
    assert power_of_drop([good, nothing], [nothing, control], 0.05, seed=0).value == 0.5


def test_one_model_has_no_interval_and_so_no_power() -> None:
    rng = np.random.default_rng(4)
    assert power_of_drop([outcomes(rng, 0.8)[:1]], [outcomes(rng, 0.8)], 0.5, seed=0).value == 0


def test_a_stricter_level_has_less_power() -> None:
    rng = np.random.default_rng(5)
    ours, control = outcomes(rng, 0.8), outcomes(rng, 0.8)
    assert power_of_drop([ours], [control], 0.04, seed=0, confidence=0.999).value < (
        power_of_drop([ours], [control], 0.04, seed=0).value - 0.2
    )
