"""Spread over classes: noise is taken out of the intervals, and being better as a whole is no inequality."""

import numpy as np
import pytest
from scipy.special import expit, logit

from ddaudit.statistics.class_spread import at_accuracy, compare_spread

K, EACH, MODELS = 10, 90, 4
LABELS = np.repeat(np.arange(K), EACH)


def outcomes(odds: np.ndarray, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """bool (models, n): a class is as hard as its odds say, an image as ``images``, and every model has its own whims."""
    whims = rng.normal(0, 0.3, (MODELS, K))[:, LABELS] + rng.normal(0, 1, (MODELS, len(LABELS)))
    return odds[LABELS] + images + whims > 0


def population(odds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Accuracy by class of endless models on endless images."""
    return (odds[:, None] + rng.normal(0, np.sqrt(4 + 1 + 0.09), (K, 100_000)) > 0).mean(1)


@pytest.mark.parametrize("steepness", [1.0, 2.0])
def test_intervals_cover_the_spread_and_the_amplification(steepness: float) -> None:
    rng = np.random.default_rng(0)
    control = 3 + np.linspace(-1, 1, K)
    subject = 3 + steepness * np.linspace(-1, 1, K)
    ours, theirs = population(subject, rng), population(control, rng)
    amplification = ours.std() - at_accuracy(theirs, ours.mean()).std()
    runs = 25
    covered = np.zeros(2)
    false = 0
    for _ in range(runs):
        images = rng.normal(0, 2, len(LABELS))
        tables = outcomes(subject, images, rng), outcomes(control, images, rng)
        found = compare_spread(*tables, LABELS, rng)["standard deviation"]
        covered += [not found.subject.excludes(ours.std()), not found.amplification.excludes(amplification)]
        false += found.amplification.low > 0  # type: ignore[operator]
    assert (covered >= 0.85 * runs).all()
    assert false <= 2 if steepness == 1 else false >= 0.8 * runs


def test_a_set_that_is_better_as_a_whole_amplifies_nothing() -> None:
    by_class = expit(np.linspace(-1, 1, K))
    better = expit(logit(by_class) + 1.5)
    assert np.ptp(better) < np.ptp(by_class)
    np.testing.assert_allclose(at_accuracy(by_class, better.mean()), better, rtol=1e-6)


def test_moving_accuracies_reaches_the_mean_that_was_asked_for_and_keeps_their_order() -> None:
    by_class = np.array([0.0, 0.2, 0.9, 1.0])
    for mean in (0.1, 0.5, 0.95):
        moved = at_accuracy(by_class, np.array(mean))
        assert moved.mean() == pytest.approx(mean, abs=1e-3)
        assert (np.diff(moved) > 0).all()


def test_the_coefficient_of_variation_is_the_deviation_as_a_share_of_the_mean() -> None:
    rng = np.random.default_rng(1)
    table = rng.random((MODELS, len(LABELS))) < 0.7
    found = compare_spread(table, table, LABELS, rng)
    mean = table.reshape(MODELS, K, EACH).mean((0, 2)).mean()
    assert found["coefficient of variation"].subject.value == pytest.approx(
        found["standard deviation"].subject.value / mean
    )


def test_one_model_has_a_spread_but_no_interval() -> None:
    rng = np.random.default_rng(2)
    table = rng.random((1, len(LABELS))) < 0.7
    assert compare_spread(table, table, LABELS, rng)["range"].amplification.low is None
