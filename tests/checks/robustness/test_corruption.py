"""Corruptions do what their names say, at any size, and CORRUPTION sees a set that bears them worse."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from ddaudit.case import AuditCase
from ddaudit.checks.robustness import corruption as corruption_module
from ddaudit.checks.robustness.corruption import MARGIN, corruption
from ddaudit.checks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]


def textured(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Images whose neighbouring pixels are alike, as those of photographs are."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 0, 1.5, 1.5))
    return np.clip(0.5 + 0.2 * smooth / smooth.std(), 0, 1).astype(np.float32)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28)], ids=str)
def test_a_corruption_keeps_shape_and_range_and_grows_with_its_severity(name: str, shape: tuple[int, int, int]) -> None:
    pixels = textured(20, shape)
    before = pixels.copy()
    shown = [corrupted(pixels, name, s, np.random.default_rng(1)) for s in SEVERITIES]
    np.testing.assert_array_equal(pixels, before)
    for one in shown:
        assert (one.shape, one.dtype) == (pixels.shape, np.float32)
        assert 0 <= one.min() <= one.max() <= 1
    moved = [float(np.square(one - pixels).mean()) for one in shown]
    assert moved[0] > 0
    assert moved[-1] > 1.1 * moved[0]
    if name != "pixelate":  # blocks that do not divide the side fall here or there
        assert moved == sorted(moved)


def test_noise_has_its_deviation_and_contrast_and_brightness_are_what_they_say() -> None:
    grey = np.full((50, 1, 16, 16), 0.5, np.float32)
    rng = np.random.default_rng(0)
    assert (corrupted(grey, "gaussian_noise", 3, rng) - grey).std() == pytest.approx(0.08, rel=0.03)
    assert corrupted(grey, "shot_noise", 4, rng).std() == pytest.approx(np.sqrt(0.5 / 75), rel=0.03)
    struck = corrupted(grey, "impulse_noise", 5, rng)
    assert (struck != 0.5).mean() == pytest.approx(0.07, rel=0.1)
    np.testing.assert_allclose(corrupted(grey, "brightness", 2, rng), 0.6, atol=1e-6)
    pixels = textured(5, (3, 8, 8))
    faint = corrupted(pixels, "contrast", 2, rng)
    np.testing.assert_allclose(faint.std((2, 3)), 0.5 * pixels.std((2, 3)), rtol=1e-3)
    np.testing.assert_allclose(faint.mean((2, 3)), pixels.mean((2, 3)), rtol=1e-4)


def test_the_same_seed_gives_the_same_corruption() -> None:
    pixels = textured(3, (1, 8, 8))
    one, two, other = (corrupted(pixels, "shot_noise", 3, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


FEW = {"seeds": 2, "control_draws": 2, "corruption_examples": 60}


def test_the_check_measures_what_the_models_do_on_corrupted_images(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, **FEW)
    result = corruption.run(case)
    assert result.verdict in ("pass", "inconclusive")
    assert result.power is not None
    gap = result.metric("corrupted_accuracy_difference")
    assert gap.low < 0 < gap.high  # type: ignore[operator]
    error = result.metric("mean_corruption_error")
    assert error.low < 1 < error.high  # type: ignore[operator]
    lost = result.metric("lost_to_corruption")
    assert lost.value is not None
    assert lost.value > 0
    for name in CORRUPTIONS:
        worst = result.metric(f"corrupted_accuracy[{name},5]").value
        assert worst is not None
        assert 0 < worst <= 1


CASES = {"same": (0.0, "pass"), "slightly": (MARGIN / 2, "warn"), "clearly": (3 * MARGIN, "fail")}


@pytest.mark.parametrize("planted", CASES)
def test_verdicts_follow_the_accuracy_under_corruption(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    drop, verdict = CASES[planted]
    rng = np.random.default_rng(0)
    hardness = rng.random((1, 1, 1, 500))

    def table(accuracy: float) -> np.ndarray:
        noise = rng.normal(0, 0.01, (4, len(CORRUPTIONS), len(SEVERITIES), 1))
        return hardness + noise < accuracy

    clean = hardness[0, 0] < np.full((4, 1), 0.9)
    monkeypatch.setattr(corruption_module, "_outcomes", lambda case: (table(0.7 - drop), table(0.7), clean, clean))
    result = corruption.run(case_of(real_images(digits.train, 10), digits, **FEW))
    assert result.verdict == verdict
    assert result.metrics[0].value == pytest.approx(-drop, abs=0.03)
    error = result.metric("mean_corruption_error").value
    assert error == pytest.approx((0.3 + drop) / 0.3, abs=0.1)
