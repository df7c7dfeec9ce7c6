"""Parts of a variance against the ones that were planted."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.statistics.variance_components import (
    Component,
    combine,
    error_of_difference,
    residual_variance,
    seed_component,
)


@pytest.mark.parametrize(("seeds", "spread"), [((4, 4), 0.3), ((10, 3), 0.5), ((2, 2), 0.4)])
def test_the_error_of_a_difference_is_that_of_new_seeds_and_images(seeds: tuple[int, int], spread: float) -> None:
    rng, images = np.random.default_rng(0), 200
    squares, differences = [], []
    for _ in range(1500):
        shared = rng.normal(size=(1, images))  # how hard an image is for all does not move the difference
        a, b = (shared + spread * rng.normal(size=(n, 1)) + rng.normal(size=(n, images)) for n in seeds)
        squares.append(error_of_difference(a, b) ** 2)
        differences.append(a.mean() - b.mean())
    planted = sum(spread**2 / n + 1 / (n * images) for n in seeds)
    assert np.mean(squares) == pytest.approx(planted, rel=0.06)
    assert np.var(differences) == pytest.approx(planted, rel=0.1)


def test_one_seed_adds_nothing_of_its_own() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((1, 50)), rng.random((1, 50))
    assert error_of_difference(a, b) == pytest.approx(np.std((a - b)[0], ddof=1) / 50**0.5)


def test_the_residual_is_that_of_the_least_squares_fit_of_seeds_and_images() -> None:
    table = np.random.default_rng(2).normal(size=(3, 5))
    rows, columns = np.indices(table.shape)
    design = np.hstack([np.eye(3)[rows.ravel()], np.eye(5)[columns.ravel()]])
    fit = design @ np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    assert residual_variance(table) == pytest.approx(np.square(table.ravel() - fit).sum() / (2 * 4) / 15)


def test_a_mean_of_values_has_students_interval() -> None:
    values = np.random.default_rng(3).normal(size=7)
    variance, quantile = combine([Component.of_mean(values)], 0.9)
    low, high = stats.t.interval(0.9, 6, values.mean(), stats.sem(values))
    assert 2 * quantile * np.sqrt(variance) == pytest.approx(high - low)


def test_degrees_of_freedom_are_satterthwaites_and_nothing_is_added_by_what_does_not_vary() -> None:
    table = np.add.outer([0.0, 1.0, 5.0], np.random.default_rng(4).normal(size=6))
    table += np.random.default_rng(5).normal(0, 0.1, table.shape)
    found = seed_component(table)
    between = table.mean(1).var(ddof=1) / 3
    within = residual_variance(table)
    assert found.variance == pytest.approx(between - within)
    freedom = found.variance**2 / (between**2 / 2 + within**2 / 10)
    assert combine([found], 0.95)[1] == pytest.approx(stats.t.ppf(0.975, freedom))
    alike = seed_component(np.add.outer(np.zeros(3), np.arange(6.0)) + 0.1 * np.eye(3, 6))
    assert alike.variance == 0
    assert combine([found, alike], 0.95) == pytest.approx(combine([found], 0.95))


def test_the_mean_squares_have_the_degrees_of_freedom_of_the_two_way_layout():
    table = np.random.default_rng(4).normal(size=(3, 5)) + 3 * np.arange(3)[:, None]
    found = seed_component(table)
    between, within = table.mean(1).var(ddof=1) / 3, residual_variance(table)
    assert found.squares == ((pytest.approx(between), 2), (pytest.approx(within), 8))
    assert found.variance == pytest.approx(between - within)


def test_of_two_seeds_and_two_images_the_residual_has_one_degree_of_freedom():
    # The interaction of a 2 x 2 table: (a - b - c + d) / 2, squared, over the four cells of the mean.
    assert residual_variance(np.array([[1.0, 2.0], [5.0, 3.0]])) == pytest.approx(((1 - 2 - 5 + 3) / 2) ** 2 / 4)


def test_what_adds_no_variance_takes_no_degrees_of_freedom():
    found = combine([Component(1.0, ((1.0, 4),)), Component(0.0, ((1.0, 2),))], 0.95)
    assert found == pytest.approx((1.0, stats.t.isf(0.025, 4)))
