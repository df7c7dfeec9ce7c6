"""Parts of a variance against the ones that were planted."""

import numpy as np
import pytest

from ddaudit.statistics.variance_components import error_of_difference


@pytest.mark.parametrize(("seeds", "spread"), [((4, 4), 0.3), ((10, 3), 0.5)])
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
