"""A blur takes fine detail away, sharpening adds it, and neither touches what has no detail."""

import numpy as np
import pytest

from ddaudit.threats.frequency_filter import FrequencyFilter


def power_by_frequency(pixels: np.ndarray) -> np.ndarray:
    """Mean power of the coarse and of the fine half of the frequencies."""
    spectrum = np.square(np.abs(np.fft.rfft(pixels, axis=-1))).mean((0, 1, 2))
    return np.array([spectrum[1 : len(spectrum) // 2].mean(), spectrum[len(spectrum) // 2 :].mean()])


@pytest.mark.parametrize(("kind", "more"), [("low-pass", False), ("high-pass", True)])
def test_fine_detail_is_taken_away_or_added(kind: str, more: bool) -> None:
    pixels = np.random.default_rng(0).random((20, 3, 32, 32)).astype(np.float32)
    filtered = FrequencyFilter(kind).apply(pixels)  # type: ignore[arg-type]
    assert filtered.dtype == np.float32
    assert filtered.shape == pixels.shape
    ratio = power_by_frequency(filtered) / power_by_frequency(pixels)
    assert (ratio[1] > 4) if more else (ratio[1] < 0.05)
    assert (ratio[1] > ratio[0]) == more


@pytest.mark.parametrize("kind", ["low-pass", "high-pass"])
def test_a_plain_surface_stays_as_it_is(kind: str) -> None:
    grey = np.full((2, 1, 8, 8), 0.4, np.float32)
    np.testing.assert_allclose(FrequencyFilter(kind).apply(grey), grey, atol=1e-6)  # type: ignore[arg-type]
