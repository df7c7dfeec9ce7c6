"""NEAREST sees sets whose pictures show training images, and measures likeness as its definitions say."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.nearest import resemblance
from ddaudit.checks.privacy.resemblance import SSIM_C1, SSIM_C2, nearest, ssim
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace

Cases = Callable[..., AuditCase]


def a_set(pixels: np.ndarray) -> LabelledImages:
    return LabelledImages(
        pixels.astype(np.float32), np.arange(len(pixels)) % 10, 10, PixelSpace.unit(1), "audited file"
    )


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 1, 8, 8))


def test_a_set_half_made_of_training_images_fails_and_one_of_held_out_images_does_not(
    digits: Original, case_of: Cases
) -> None:
    copied = resemblance.run(case_of(a_set(0.7 * digits.train.pixels(np.arange(100)) + 0.3 * noise(100)), digits))
    assert copied.verdict == "fail"
    assert copied.metric("nearest_is_training_image[pixels]").low > 0.75  # type: ignore[operator]
    assert copied.metric("distance_ratio").high < 1  # type: ignore[operator]
    unused = resemblance.run(case_of(a_set(noise(100)), digits))
    assert unused.verdict in ("pass", "inconclusive")
    assert unused.metric("nearest_is_training_image[pixels]").value == pytest.approx(0.5, abs=0.2)
    pictures = {e.name for e in copied.evidence}
    assert pictures == {"nearest_images", "closest_pairs"}


def test_the_nearest_image_is_the_one_that_a_plain_search_finds(digits: Original) -> None:
    queries = noise(30)
    found = nearest(queries, digits.train)
    apart = np.linalg.norm((queries[:, None] - digits.train.pixels()[None]).reshape(30, -1, 64), axis=2)
    np.testing.assert_array_equal(found.index, apart.argmin(1))
    np.testing.assert_allclose(found.distance, apart.min(1), rtol=1e-4)


def test_values_outside_the_range_are_compared_as_they_are_shown(digits: Original) -> None:
    loud = np.where(digits.train.pixels(np.arange(5)) > 0.5, 9, -9)
    shown = nearest(loud, digits.train)
    assert (shown.distance < 8).all()
    np.testing.assert_array_equal(shown.index, nearest(np.clip(loud, 0, 1), digits.train).index)


def test_structural_similarity_is_its_definition() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 1, 1, 24, 24))
    coordinates = np.arange(-5, 6)
    window = np.exp(-(coordinates[:, None] ** 2 + coordinates**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(x: np.ndarray) -> np.ndarray:
        return signal.convolve2d(np.pad(x[0, 0], 5, "symmetric"), window, "valid")

    mu_a, mu_b = mean(a), mean(b)
    va, vb, cov = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2, mean(a * b) - mu_a * mu_b
    expected = (2 * mu_a * mu_b + SSIM_C1) * (2 * cov + SSIM_C2) / ((mu_a**2 + mu_b**2 + SSIM_C1) * (va + vb + SSIM_C2))
    assert ssim(a, b)[0] == pytest.approx(expected.mean(), abs=1e-9)
    assert ssim(a, a)[0] == pytest.approx(1)
    assert ssim(a, 1 - a)[0] < 0
