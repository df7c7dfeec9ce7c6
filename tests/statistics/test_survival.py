"""The median radius is the one at which half have fallen, with an interval that covers it."""

import numpy as np
import pytest

from ddaudit.statistics.survival import median_radius, median_ratio

GRID = 2.0 ** np.arange(-8, 9)


def gridded(radii: np.ndarray) -> np.ndarray:
    """What bisection over the grid makes of true smallest radii."""
    return np.append(GRID, np.inf)[np.searchsorted(GRID, radii)]


def drawn(rng: np.random.Generator, models: int, images: int, median: float, share_right: float = 1.0) -> np.ndarray:
    """Log-normal radii with effects of images and of models; some images wrong for all."""
    log = (
        np.log(median)
        + rng.normal(0, 1, (1, images))
        + rng.normal(0, 0.3, (models, 1))
        + rng.normal(0, 0.3, (models, images))
    )
    return gridded(np.exp(log)) * (rng.random((1, images)) < share_right)


def test_the_median_lies_between_the_radii_that_hold_it() -> None:
    radii = np.array([[1, 1, 2, 2, 4, 4, 8, 8.0]])
    assert median_radius(radii, [1, 2, 4, 8], np.random.default_rng(0)).value == pytest.approx(2)
    one_more = np.append(radii, [[8, 8]], axis=1)  # at 2 six of ten stand, at 4 four
    assert median_radius(one_more, [1, 2, 4, 8], np.random.default_rng(0)).value == pytest.approx(np.sqrt(8))


def test_images_that_are_wrong_anyway_do_not_count() -> None:
    radii = np.array([[1, 2, 2, 4.0]])
    padded = np.append(radii, np.zeros((1, 9)), axis=1)
    found = [median_radius(r, [1, 2, 4], np.random.default_rng(0)).value for r in (radii, padded)]
    assert found[0] == pytest.approx(found[1])


def test_a_median_beyond_the_grid_or_of_nothing_is_said_to_be_so() -> None:
    rng = np.random.default_rng(0)
    assert median_radius(np.full((2, 5), np.inf), GRID, rng).value == np.inf
    nothing = median_radius(np.zeros((2, 5)), GRID, rng)
    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (None, None)
    assert median_radius(np.ones((1, 5)), GRID, rng).low is None  # one model tells nothing of the next


def test_the_interval_covers_the_true_median_and_ratio_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    runs, covered, ratio_covered = 100, 0, 0
    for _ in range(runs):
        ours, theirs = drawn(rng, 4, 150, 1.0, 0.8), drawn(rng, 4, 150, 1.0, 0.8)
        median, ratio = median_radius(ours, GRID, rng), median_ratio(ours, theirs, GRID, rng)
        covered += not median.excludes(1.0)
        ratio_covered += not ratio.excludes(1.0)
    assert covered >= 88  # 95 of 100 expected; fewer than 88 once in a thousand
    assert ratio_covered >= 88


def test_a_set_that_falls_at_half_the_radius_is_seen() -> None:
    rng = np.random.default_rng(2)
    ratio = median_ratio(drawn(rng, 4, 150, 0.5), drawn(rng, 4, 150, 1.0), GRID, rng)
    assert ratio.high is not None
    assert ratio.high < 1
    assert ratio.low is not None
    assert ratio.low < 0.5 < ratio.high


@pytest.mark.parametrize(
    ("fallen", "median"),
    [
        ((4, 4, 2), 2**1.25),  # 60 % stand at 2 and 20 % at 4: a quarter of the way in the logarithm
        ((8, 0, 2), 0.5 / 0.8),  # 20 % stand at 1: from 0 on the way is straight
        ((0, 0, 5, 5), 4.0),  # half stand at the last radius of the grid
        ((2, 0, 0, 8), np.inf),  # some have fallen, but never half
    ],
)
def test_between_two_radii_the_way_goes_by_the_logarithm_and_from_nothing_straight(
    fallen: tuple[int, ...], median: float
) -> None:
    at = dict(zip(((1.0, 4.0, np.inf) if len(fallen) == 3 else (1.0, 2.0, 4.0, np.inf)), fallen, strict=True))
    radii = np.repeat(list(at), list(at.values()))[None]
    assert median_radius(radii, [1, 2, 4], np.random.default_rng(0)).value == pytest.approx(median)


def test_a_ratio_is_ours_over_theirs() -> None:
    ours, theirs = np.array([[2.0] * 5 + [4.0] * 5]), np.array([[4.0] * 5 + [8.0] * 5])
    assert median_ratio(ours, theirs, [1, 2, 4, 8], np.random.default_rng(0)).value == pytest.approx(0.5)


def test_below_the_first_radius_the_way_from_nothing_is_straight() -> None:
    # All stand at 0 and a quarter at 3: half of them fall at two thirds of the way.
    radii = np.array([[3.0, 3.0, 3.0, np.inf]] * 2)
    assert median_radius(radii, [3, 6], np.random.default_rng(0)).value == pytest.approx(2)
