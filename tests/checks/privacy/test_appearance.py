"""What images look like, against explicit matrices and planted copies."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.checks.privacy.appearance import DIRECTIONS, Appearance
from ddaudit.checks.privacy.matched_filter import RIDGE
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.splits import ArraySplit


def noise(n: int, shape: tuple[int, ...], seed: int = 0) -> ArraySplit:
    """Images whose pixels are correlated, in two classes."""
    rng = np.random.default_rng(seed)
    pixels = int(np.prod(shape))
    mixing = np.random.default_rng(99).normal(size=(pixels, pixels)) / np.arange(1, pixels + 1)
    flat = 128 + 20 * rng.normal(size=(n, pixels)) @ mixing.T
    return ArraySplit(flat.clip(0, 255).astype(np.uint8).reshape(n, *shape), np.arange(n) % 2)


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 9, 9)], ids=["more images than pixels", "more pixels than images"])
def test_the_whitening_is_that_of_the_full_covariance_with_its_ridge(shape: tuple[int, ...]) -> None:
    split, others = noise(150, shape), noise(40, shape, seed=1)
    appearance = Appearance.fit(split, 2)
    flat = split.pixels().reshape(150, -1).astype(np.float64)
    covariance = np.cov(flat.T)
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    x = others.pixels().reshape(40, -1) - flat.mean(0)
    inner = x @ np.linalg.solve(covariance + ridge * np.eye(len(covariance)), x.T)
    length = np.sqrt(np.diag(inner))
    found = appearance.whitened(others.pixels())
    # Directions with less than a tenth of the ridge count as ridge.
    np.testing.assert_allclose(found @ found.T, inner / np.outer(length, length), atol=0.02)


def test_the_closest_image_of_the_class_is_found_and_other_classes_do_not_count(
    digits: Original, real_images: Callable[[Split, int], LabelledImages], space: PixelSpace
) -> None:
    appearance = Appearance.fit(digits.test, 10)
    rows = np.arange(60, 400, 4)
    asked = digits.train.take(rows)
    copies = LabelledImages(space.to_native(asked.pixels()), asked.labels, 10, space, "copies")
    mislabelled = LabelledImages(copies.images, (asked.labels + 1) % 10, 10, space, "mislabelled")
    some = real_images(digits.test, 5)
    close = appearance.closeness(asked, [copies, mislabelled, some])
    np.testing.assert_allclose(close[0], 1, atol=1e-5)
    assert close[1].max() < 0.99
    white, theirs = appearance.whitened(asked.pixels()), appearance.whitened(some.pixels())
    for i, label in enumerate(asked.labels):
        assert close[2, i] == pytest.approx((theirs[some.labels == label] @ white[i]).max(), abs=1e-5)


def test_a_class_without_an_image_is_close_to_nothing(digits: Original, space: PixelSpace) -> None:
    appearance = Appearance.fit(digits.test, 10)
    only_threes = digits.test.take(np.flatnonzero(digits.test.labels == 3)[:4])
    lone = LabelledImages(space.to_native(only_threes.pixels()), only_threes.labels, 10, space, "threes")
    close = appearance.closeness(digits.train, [lone])[0]
    assert (close[digits.train.labels != 3] == 0).all()
    assert (close[digits.train.labels == 3] != 0).all()


def test_the_features_tell_usual_images_from_unusual_ones(digits: Original) -> None:
    appearance = Appearance.fit(digits.test, 10)
    features = appearance.features(digits.train)
    assert features.shape == (len(digits.train), DIRECTIONS + 10 + 2)
    assert features[:, DIRECTIONS : DIRECTIONS + 10].argmax(1).tolist() == digits.train.labels.tolist()
    swapped = ArraySplit(digits.train.pixels() * 16, (digits.train.labels + 1) % 10, 16.0)  # every image mislabelled
    assert (features[:, -1] > appearance.features(swapped)[:, -1]).mean() > 0.9


def test_features_do_not_depend_on_how_the_images_are_chunked(
    digits: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    appearance = Appearance.fit(digits.test, 10)
    whole = appearance.features(digits.train)
    pieces = np.concatenate([appearance.features(digits.train.take(np.arange(i, i + 1))) for i in range(7)])
    np.testing.assert_allclose(whole[:7], pieces, atol=1e-4)
