"""Drawn means and areas are centred on the plain ones, models move them as Student says, and the intervals cover."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ddaudit.statistics import two_way_draws
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds
from ddaudit.statistics.two_way_draws import (
    drawn_auroc,
    drawn_means,
    model_shifts,
    percentile_interval,
    power_of_shift,
)


def test_means_and_areas_are_the_plain_ones() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((4, 3, 50))
    ((mean, drawn),) = drawn_means([table], rng)
    np.testing.assert_allclose(mean, table.mean((0, 2)))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.02)
    inside, outside = rng.normal(1, 1, (3, 40)), rng.normal(0, 1, (3, 30)).round(1)
    inside = inside.round(1)  # with ties
    other = rng.normal(-1, 1, (3, 20))
    ((values, areas),) = drawn_auroc([inside], [[outside, other]], rng)
    labels = np.repeat([1, 0], [40, 30])
    expected = [roc_auc_score(labels, np.concatenate(pair)) for pair in zip(inside, outside, strict=True)]
    assert values[0] == pytest.approx(np.mean(expected))
    np.testing.assert_allclose(np.median(areas, 0), values, atol=0.01)


def test_percentiles_of_means_over_models_alone_are_students_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_way_draws, "RESAMPLES", 100_000)
    rng = np.random.default_rng(3)
    by_model = rng.normal(size=(4, 2))
    shifts = model_shifts(by_model, np.zeros(2), rng)
    half = stats.t.isf(0.025, 3) * stats.sem(by_model)
    np.testing.assert_allclose(np.quantile(shifts, [0.025, 0.975], axis=0), [-half, half], rtol=0.03)
    images_alone = by_model.var(0, ddof=1) / 4  # explain all of it
    assert (model_shifts(by_model, images_alone, rng) == 0).all()


def test_kinds_of_images_are_drawn_together_since_one_set_of_models_and_familiar_images_meets_them_all() -> None:
    rng = np.random.default_rng(4)
    inside, outside = rng.normal(1, 1, (4, 60)), rng.normal(0, 1, (4, 60))
    ((_, areas),) = drawn_auroc([inside], [[outside, outside + 0.1 * rng.normal(size=(4, 60))]], rng)
    assert np.corrcoef(areas.T)[0, 1] > 0.3


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_difference_of_two_groups_has_on_average_the_width_that_it_has_in_the_two_way_layout(spread: float) -> None:
    rng, widths = np.random.default_rng(1), []
    for _ in range(20):
        hardness = rng.random((1, 300))
        a, b = (
            (hardness + rng.normal(0, spread, (5, 1)) + rng.normal(0, 0.1, (5, 300))) < level for level in (0.7, 0.6)
        )
        ((x, x_drawn), (y, y_drawn)) = drawn_means([a[:, None], b[:, None]], rng)
        found = percentile_interval(float((x - y)[0]), (x_drawn - y_drawn)[:, 0], 5, 300)
        exact = score_difference_over_seeds(a, b)
        assert found.value == pytest.approx(exact.value)
        widths.append([one.high - one.low for one in (found, exact)])  # type: ignore[operator]
    ours, theirs = np.mean(widths, 0)
    assert ours == pytest.approx(theirs, rel=0.15)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_the_intervals_cover_new_models_on_new_images(monkeypatch: pytest.MonkeyPatch, spread: float) -> None:
    monkeypatch.setattr(two_way_draws, "RESAMPLES", 400)
    rng, runs, covered = np.random.default_rng(2), 250, np.zeros(2)
    truth = stats.norm.cdf(0.5 / np.sqrt(2 + spread**2)) - 0.5
    for _ in range(runs):
        hardness = rng.normal(size=(1, 100))
        a, b = (mean + spread * rng.normal(size=(4, 1)) + hardness + rng.normal(size=(4, 100)) for mean in (0.5, 0.0))
        ((x, x_drawn), (y, y_drawn)) = drawn_means([(a > 0)[:, None], (b > 0)[:, None]], rng)
        covered[0] += not percentile_interval(float((x - y)[0]), (x_drawn - y_drawn)[:, 0], 4, 100).excludes(truth)
        ((area, areas),) = drawn_auroc([a[:, :50]], [[b[:, 50:]]], rng)
        truth_of_area = stats.norm.cdf(0.5 / np.sqrt(4 + 2 * spread**2))
        covered[1] += not percentile_interval(float(area[0]), areas[:, 0], 4, 100).excludes(truth_of_area)
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
