"""Resampled means and areas are centred on the plain ones, and their intervals cover."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ddaudit.statistics import pigeonhole
from ddaudit.statistics.intervals import Interval, difference_over_seeds
from ddaudit.statistics.pigeonhole import (
    percentile_interval,
    power_of_shift,
    resampled_auroc,
    resampled_means,
)


def test_means_and_areas_are_the_plain_ones() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((4, 3, 50))
    ((mean, drawn),) = resampled_means([table], rng)
    np.testing.assert_allclose(mean, table.mean((0, 2)))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.02)
    inside, outside = rng.normal(1, 1, (3, 40)), rng.normal(0, 1, (3, 30)).round(1)
    inside = inside.round(1)  # with ties
    ((value, areas),) = resampled_auroc([inside], [outside], rng)
    labels = np.repeat([1, 0], [40, 30])
    expected = [roc_auc_score(labels, np.concatenate(pair)) for pair in zip(inside, outside, strict=True)]
    assert value == pytest.approx(np.mean(expected))
    assert areas.mean() == pytest.approx(value, abs=0.01)


def test_the_difference_of_two_groups_has_an_interval_like_that_of_the_two_way_layout_and_no_narrower() -> None:
    rng = np.random.default_rng(1)
    hardness = rng.random((1, 300))
    a, b = ((hardness + rng.normal(0, 0.1, (5, 300))) < level for level in (0.7, 0.6))
    ((x, x_drawn), (y, y_drawn)) = resampled_means([a[:, None], b[:, None]], rng)
    found = percentile_interval(float((x - y)[0]), (x_drawn - y_drawn)[:, 0], 5, 300)
    exact = difference_over_seeds(a, b)
    assert found.value == pytest.approx(exact.value)
    width = (found.high - found.low) / (exact.high - exact.low)  # type: ignore[operator]
    assert 0.9 < width < 2


def test_the_intervals_cover_new_models_on_new_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pigeonhole, "RESAMPLES", 400)
    rng, runs, covered = np.random.default_rng(2), 250, np.zeros(2)
    truth = stats.norm.cdf(0.5 / np.sqrt(2 + 0.1**2)) - 0.5
    for _ in range(runs):
        hardness = rng.normal(size=(1, 100))
        a, b = (mean + 0.1 * rng.normal(size=(4, 1)) + hardness + rng.normal(size=(4, 100)) for mean in (0.5, 0.0))
        ((x, x_drawn), (y, y_drawn)) = resampled_means([(a > 0)[:, None], (b > 0)[:, None]], rng)
        covered[0] += not percentile_interval(float((x - y)[0]), (x_drawn - y_drawn)[:, 0], 4, 100).excludes(truth)
        ((area, areas),) = resampled_auroc([a[:, :50]], [b[:, 50:]], rng)
        covered[1] += not percentile_interval(area, areas, 4, 100).excludes(stats.norm.cdf(0.5 / 2))
    assert (covered / runs >= 0.93).all()


def test_one_model_has_no_interval() -> None:
    assert percentile_interval(0.5, np.full(10, 0.5), 1, 20) == Interval(0.5, None, None, 0.95, 20)


def test_the_power_of_a_shift_is_that_of_the_normal_test() -> None:
    interval = Interval(0.0, -0.05, 0.05, 0.95, 100)
    rng = np.random.default_rng(0)
    error = 0.05 / 1.959964
    simulated = (rng.normal(-0.08, error, 100_000) + 0.05 < 0).mean()
    assert power_of_shift(interval, 0.08) == pytest.approx(simulated, abs=0.01)
    assert power_of_shift(Interval(0.0, None, None, 0.95, 100), 0.08) is None
