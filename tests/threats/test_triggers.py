"""Each family of triggers does to an image what its formula says, and nothing else."""

import numpy as np
import pytest

from ddaudit.errors import AuditError
from ddaudit.threats.triggers import PLACES, Blended, Overlay, Patch, Sinusoidal, Trigger, Warped, usual

FAMILIES = ("patch", "blended", "sinusoidal", "warped")


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 224, 224)])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_suits_every_size_keeps_pixels_in_range_and_leaves_the_images_alone(
    family: str, shape: tuple[int, int, int]
) -> None:
    images = pixels(3, *shape)
    before = images.copy()
    stamped = usual(family, shape).stamp(images)
    np.testing.assert_array_equal(images, before)
    assert stamped.shape == images.shape
    assert stamped.dtype == np.float32
    assert 0 <= stamped.min() <= stamped.max() <= 1
    assert (stamped != images).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(usual(family, shape).stamp(images[1:2]), stamped[1:2])  # each image for itself


def test_an_unknown_family_is_answered_with_those_there_are() -> None:
    with pytest.raises(AuditError, match=r"'halo'.*patch, blended, sinusoidal, warped"):
        usual("halo", (1, 8, 8))


@pytest.mark.parametrize(
    ("place", "rows", "columns"),
    [
        ("lower right", (4, 5), (7, 8)),
        ("lower left", (4, 5), (1, 2)),
        ("upper right", (1, 2), (7, 8)),
        ("upper left", (1, 2), (1, 2)),
        ("middle", (2, 3), (4, 5)),
    ],
)
def test_a_patch_sits_where_it_is_told(place: str, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    assert place in PLACES
    stamped = Patch(2, 1, 0.5, place).stamp(np.zeros((1, 1, 7, 10), np.float32))[0, 0]
    expected = np.zeros((7, 10))
    expected[np.ix_(rows, columns)] = 0.5
    np.testing.assert_array_equal(stamped, expected)


def test_a_patch_knows_no_other_place() -> None:
    with pytest.raises(AuditError, match=r"no place 'left'.*lower right"):
        Patch(place="left").stamp(pixels(1, 1, 8, 8))


def test_blending_mixes_the_same_picture_into_every_image() -> None:
    images = pixels(5, 3, 8, 8)
    stamped = Blended(strength=0.25, picture=1).stamp(images)
    pictures = (stamped - 0.75 * images) / 0.25
    np.testing.assert_allclose(pictures, np.broadcast_to(pictures[:1], pictures.shape), atol=1e-5)
    assert pictures.min() > -1e-5
    assert pictures.max() < 1 + 1e-5
    assert not np.allclose(Blended(0.25, picture=2).stamp(images), stamped, atol=0.01)


@pytest.mark.parametrize(("upright", "axis"), [(False, -1), (True, -2)])
def test_a_sinusoid_is_one_wave_of_its_amplitude_and_frequency(upright: bool, axis: int) -> None:
    grey = np.full((1, 1, 24, 24), 0.5, np.float32)
    added = Sinusoidal(amplitude=0.1, frequency=3, upright=upright).stamp(grey) - grey
    spectrum = np.abs(np.fft.rfft(added, axis=axis)) * 2 / 24
    wave = np.take(spectrum, 3, axis=axis)
    np.testing.assert_allclose(wave, 0.1, atol=1e-6)
    assert np.delete(spectrum, 3, axis=axis).max() < 1e-6
    assert np.ptp(added, axis=-1 if upright else -2).max() < 1e-6  # the other way nothing changes


def test_a_wave_of_less_than_four_pixels_is_stretched_to_four() -> None:
    images = pixels(2, 1, 8, 8)
    np.testing.assert_array_equal(Sinusoidal(frequency=6).stamp(images), Sinusoidal(frequency=2).stamp(images))


def test_a_sinusoid_clips_to_the_displayable_range_but_pulls_nothing_back_into_it() -> None:
    images = np.array([[[[-0.5, 1.7, 0.95, 0.02] * 2]]], np.float32)
    stamped = Sinusoidal(amplitude=0.2, frequency=2).stamp(images)  # +0, +0.2, 0, -0.2 over and over
    np.testing.assert_allclose(stamped[0, 0, 0, :4], [-0.5, 1.7, 0.95, 0.0], atol=1e-6)


def test_a_warp_fetches_pixels_from_as_far_off_as_its_strength_says() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 33, dtype=np.float32), (1, 1, 33, 33))
    moved = [32 * (Warped(strength, field=3).stamp(ramp) - ramp)[0, 0, 8:-8, 8:-8] for strength in (0.0, 0.5, 1.0)]
    assert np.abs(moved[0]).max() < 1e-4
    np.testing.assert_allclose(moved[2], 2 * moved[1], atol=1e-4)
    assert 0.2 < np.abs(moved[2]).mean() < 2  # of a mean displacement of one pixel, on a part of the image
    flat = np.full((1, 3, 33, 33), 0.3, np.float32)
    np.testing.assert_allclose(Warped(2.0).stamp(flat), flat, atol=1e-6)


def test_an_overlay_is_its_formula_and_known_by_its_content() -> None:
    mask, pattern, images = pixels(1, 8, 8), pixels(3, 8, 8), pixels(4, 3, 8, 8)
    overlay = Overlay(mask, pattern)
    np.testing.assert_allclose(overlay.stamp(images), (1 - mask) * images + mask * pattern, atol=1e-7)
    assert repr(overlay) == repr(Overlay(mask.copy(), pattern.copy()))
    assert repr(overlay) != repr(Overlay(mask, pattern + 1e-3))


def test_triggers_print_their_settings() -> None:
    shown: list[Trigger] = [Patch(3), Blended(0.1), Sinusoidal(0.3), Warped(2.0)]
    assert repr(shown[0]) == "Patch(size=3, margin=1, value=1.0, place='lower right')"
    assert len({repr(one) for one in shown}) == 4
