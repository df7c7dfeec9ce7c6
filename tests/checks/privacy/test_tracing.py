"""A training image is traced where a synthetic one shows it mirrored, shifted, cropped into a quarter or enlarged."""

import numpy as np
import pytest
from scipy import ndimage

from ddaudit.checks.privacy.tracing import Traced, trace_images
from ddaudit.checks.privacy.ways import ways
from ddaudit.data.originals import Original
from ddaudit.data.resized import Resized, resized
from ddaudit.data.splits import ArraySplit

PLAIN, EVERY = (ways((1, 32, 32), parts=parts) for parts in (False, True))


def pictures(count: int, side: int, seed: int) -> ArraySplit:
    """Smooth random pictures: as in photographs, neighbouring pixels are alike."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((count, 1, side, side))
    smooth = sum(ndimage.gaussian_filter(noise, (0, 0, s, s)) * s for s in (0.7, 1.5, 3))
    scaled = (smooth - smooth.min()) / np.ptp(smooth)
    return ArraySplit(np.round(255 * scaled).astype(np.uint8), np.arange(count) % 10)


@pytest.fixture(scope="module")
def original() -> Original:
    return Original("pictures", pictures(600, 32, 0), pictures(400, 32, 1), tuple("0123456789"))


def noisy(pixels: np.ndarray, seed: int = 2) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1 * pixels.std(), pixels.shape)
    return (pixels + noise).astype(np.float32)


def flagged(traced: list[Traced], family: str) -> dict[int, int]:
    """Synthetic image to the training image to which this family traces it."""
    (one,) = (t for t in traced if t.family == family)
    return {int(i): int(k) for i, k, f in zip(one.image, one.match.index[:, 0], one.flagged, strict=True) if f}


@pytest.mark.parametrize("move", ["mirrored", "shifted"])
def test_a_mirrored_or_shifted_training_image_is_traced(original: Original, move: str) -> None:
    starts = np.arange(0, 600, 20)
    pixels = original.train.pixels(starts)
    seen = pixels[..., ::-1] if move == "mirrored" else np.pad(pixels, ((0, 0),) * 3 + ((1, 0),), "edge")[..., :-1]
    traced, _, _ = trace_images(noisy(seen), original, PLAIN, rate=0.01, seed=0, plant=False)
    assert flagged(traced, "moved") == dict(enumerate(starts))
    if move == "mirrored":
        assert flagged(traced, "whole") == {}


@pytest.mark.slow
def test_held_out_images_are_traced_in_no_way(original: Original) -> None:
    others = Original("others", original.train, original.test.take(np.arange(200)), original.classes)
    pixels = original.test.pixels(np.arange(200, 300))
    traced, _, _ = trace_images(noisy(pixels), others, EVERY, rate=0.01, seed=0, plant=False)
    assert [flagged(traced, family) for family in ("whole", "moved", "part")] == [{}, {}, {}]


@pytest.mark.slow
def test_every_quarter_of_a_mosaic_is_traced_to_the_image_that_it_was_cropped_from(original: Original) -> None:
    rng = np.random.default_rng(3)
    starts = rng.choice(600, (12, 4), replace=False)
    crops = original.train.pixels(starts.ravel())[:, :, 4:28, 4:28]
    quarters = resized(crops, 16).reshape(12, 4, 1, 16, 16)
    mosaics = np.concatenate(
        [np.concatenate([quarters[:, 0], quarters[:, 1]], -1), np.concatenate([quarters[:, 2], quarters[:, 3]], -1)], -2
    )
    traced, _, _ = trace_images(noisy(mosaics), original, EVERY, rate=0.01, seed=0, plant=False)
    part = next(t for t in traced if t.family == "part")
    named = {row: part.match.index[(part.row == row) & part.flagged, 0] for row in np.unique(part.row)}
    for number, row in enumerate(["top left", "top right", "bottom left", "bottom right"]):
        np.testing.assert_array_equal(np.sort(named[row]), np.sort(starts[:, number]))
    assert flagged(traced, "whole") == {}
    plain, _, _ = trace_images(noisy(mosaics), original, PLAIN, rate=0.01, seed=0, plant=False)
    assert [t.family for t in plain] == ["whole", "moved"]


@pytest.mark.slow
def test_what_is_planted_in_every_way_is_found_and_faint_traces_are_not(original: Original) -> None:
    pixels = pictures(40, 32, 5).pixels()
    _, found, _ = trace_images(pixels, original, EVERY, rate=0.01, seed=0)
    shares = {(one.family, one.strength): one.share.value for one in found}
    assert shares["whole", 0.75] >= 0.95
    assert shares["whole", 0.1] <= 0.2
    assert shares["moved", 0.75] >= 0.9
    assert ("part", 0.75) in shares


def test_large_images_are_compared_at_32_pixels_a_side() -> None:
    large = Original("large", pictures(300, 64, 6), pictures(300, 64, 7), tuple("0123456789"))
    starts = np.arange(0, 300, 10)
    assert [way.side for way in ways((3, 224, 224), parts=True)] == [32, 16]
    assert Resized(large.train, 32).pixels(starts).shape == (30, 1, 32, 32)
    traced, _, _ = trace_images(noisy(large.train.pixels(starts)), large, PLAIN, rate=0.01, seed=0, plant=False)
    assert flagged(traced, "whole") == dict(enumerate(starts))


def test_small_images_are_only_looked_at_whole() -> None:
    assert [list(way.rows) for way in ways((1, 8, 8), parts=True)] == [["whole"]]
