"""Means of scores over seeds and images: Student's where seeds do not matter, and intervals that cover."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.statistics.scores_over_seeds import score_difference_over_seeds, score_over_seeds


@pytest.mark.parametrize(
    ("seeds", "images", "seed_spread"), [(2, 200, 0.05), (3, 300, 0.05), (5, 200, 0.3), (10, 200, 0.1)]
)
def test_the_intervals_cover_new_seeds_and_new_images(seeds: int, images: int, seed_spread: float) -> None:
    # Skewed difficulties, shared by both sides; the truths are 2 and 0.5.
    rng = np.random.default_rng(seeds)
    covered, runs = np.zeros(2), 1200
    for _ in range(runs):
        difficulty = rng.exponential(1, (1, images))
        a, b = (
            mean + difficulty + seed_spread * rng.normal(size=(count, 1)) + rng.normal(size=(count, images))
            for mean, count in ((1.0, seeds), (0.5, seeds + 1))
        )
        covered += [not score_over_seeds(a).excludes(2.0), not score_difference_over_seeds(a, b).excludes(0.5)]
    assert (covered / runs >= 0.93).all()
    assert (covered / runs <= 0.97).all()


def test_scores_over_seeds_agree_with_student_where_seeds_do_not_matter() -> None:
    values = np.random.default_rng(5).normal(3, 1, 400)
    found = score_over_seeds(np.stack([values, values]))
    low, high = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high), rel=1e-9)


def test_one_seed_tells_nothing_of_the_next() -> None:
    table = np.random.default_rng(6).random((1, 50))
    assert score_over_seeds(table).low is None
    assert score_difference_over_seeds(table, np.vstack([table, table])).low is None


def test_tables_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="both need the same ones"):
        score_difference_over_seeds(np.zeros((2, 5)), np.zeros((2, 6)))
    with pytest.raises(ValueError, match="finite numbers"):
        score_over_seeds(np.array([[0.0, np.nan]]))


def test_two_images_are_enough_for_a_score() -> None:
    assert score_over_seeds(np.array([[0.0, 1.0], [0.5, 1.0]])).value == pytest.approx(0.625)


def test_a_confidence_in_percent_is_refused() -> None:
    table = np.random.default_rng(7).random((2, 5))
    for call in (lambda: score_over_seeds(table, 95), lambda: score_difference_over_seeds(table, table, 95)):
        with pytest.raises(ValueError, match=r"such as 0\.95"):
            call()


def test_a_table_without_seeds_is_refused():
    with pytest.raises(ValueError, match="two or more images"):
        score_over_seeds(np.zeros((0, 5)))
