"""Calibration errors and Brier scores against textbook values, and the coverage of their intervals."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from ddaudit.statistics.calibration import BINS, binned, brier_scores, calibration_gaps
from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds


def error(confidence: np.ndarray, right: np.ndarray) -> float:
    confidence, right = confidence[None], right[None]
    return float(calibration_gaps(confidence, right, binned(confidence)).mean())


def test_the_brier_score_is_that_of_scikit_learn_on_two_classes() -> None:
    rng = np.random.default_rng(0)
    p, labels = rng.random(500), rng.integers(0, 2, 500)
    ours = brier_scores(np.stack([1 - p, p], -1)[None], labels).mean()
    # scikit-learn's binary score counts one of the two classes.
    assert ours == pytest.approx(2 * brier_score_loss(labels, p))


def test_the_calibration_error_is_the_mean_gap_over_equal_groups() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(BINS * 40)
    right = rng.random(len(confidence)) < confidence**2
    order = np.argsort(confidence)
    groups = zip(confidence[order].reshape(BINS, -1), right[order].reshape(BINS, -1), strict=True)
    assert error(confidence, right) == pytest.approx(np.mean([abs(c.mean() - r.mean()) for c, r in groups]))


def test_a_well_calibrated_models_groups_are_counted_by_the_size_of_their_gaps_alone() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.random(BINS * 8)
    right = rng.random(len(confidence)) < confidence
    order = np.argsort(confidence)
    gaps = (confidence[order] - right[order]).reshape(BINS, -1).sum(1)
    assert ((gaps > 0) & (gaps < 1)).any()
    assert (gaps < 0).any()
    assert error(confidence, right) == pytest.approx(np.abs(gaps).sum() / len(confidence))


def test_a_model_that_says_90_and_is_right_in_60_of_100_errs_by_30_points() -> None:
    right = np.random.default_rng(2).random(6000) < 0.6
    assert error(np.full(6000, 0.9), right) == pytest.approx(0.3, abs=0.02)


def test_errors_in_both_directions_do_not_cancel() -> None:
    confidence = np.repeat([0.3, 0.9], 3000)
    right = np.random.default_rng(3).random(6000) < 0.6
    assert abs(float((confidence - right).mean())) < 0.02
    assert error(confidence, right) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(("excess", "n"), [((0.1, 0.1), 600), ((0.2, 0.1), 1500)])
def test_the_interval_of_a_difference_of_calibration_errors_covers_it(excess: tuple[float, float], n: int) -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(100):
        truth = 1 / (1 + np.exp(-rng.normal(0.5, 0.7, n)))  # what the images are worth, shared by all models
        tables, errors = [], []
        for more in excess:
            sure = np.clip(truth + more + rng.normal(0, 0.02, (4, 1)), 0, 1)
            right = rng.random((4, n)) < truth
            tables.append(calibration_gaps(sure, right, binned(sure)))
            errors.append(np.clip(truth + more, 0, 1).mean() - truth.mean())
        covered += not score_difference_over_seeds(*tables).excludes(errors[0] - errors[1])
    assert covered >= 90
