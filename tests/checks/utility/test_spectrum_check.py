"""SPECTRUM tells a set that was low-passed on purpose from one that was high-passed, and both from real images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.checks.utility.spectral_profile import CHUNK
from ddaudit.checks.utility.spectrum import spectrum
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.splits import ArraySplit
from ddaudit.inspection.opening import open_set
from ddaudit.models import OnPixels, build
from ddaudit.results import CheckResult
from ddaudit.statistics.spectrum import Spectrum, tilt
from ddaudit.threats.frequency_filter import FrequencyFilter
from ddaudit.training.recipe import Recipe

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]


def filtered(data: LabelledImages, kind: str, strength: float = 2.0) -> LabelledImages:
    pixels = FrequencyFilter(kind, strength).apply(data.space.to_pixels(data.images))  # type: ignore[arg-type]
    return replace(data, images=data.space.to_native(pixels))


@pytest.fixture(scope="module")
def result_of(digits: Original, real_images: Sets, case_of: Cases) -> Callable[[str], CheckResult]:
    known: dict[str, CheckResult] = {}

    def run(kind: str) -> CheckResult:
        if kind not in known:
            data = real_images(digits.train, 10)
            known[kind] = spectrum.run(case_of(data if kind == "real" else filtered(data, kind), digits))
        return known[kind]

    return run


def test_a_low_passed_and_a_high_passed_set_are_told_apart_and_named(result_of: Callable[[str], CheckResult]) -> None:
    low, real, high = (result_of(kind) for kind in ("low-pass", "real", "high-pass"))
    assert "its pixels are smooth, as blurred images are" in low.finding
    assert "its pixels are as detailed as real images" in real.finding
    assert "its pixels are grainy, as sharpened or noisy images are" in high.finding
    tilts = {kind: result_of(kind).metric("spectral_tilt[pixels]") for kind in ("low-pass", "real", "high-pass")}
    of_real = tilts["real"].controls[0]
    assert tilts["low-pass"].value < of_real.low < tilts["real"].value < of_real.high < tilts["high-pass"].value  # type: ignore[operator]


def test_sharpening_shows_in_the_features_of_networks_and_the_methods_like_it_are_named(
    result_of: Callable[[str], CheckResult],
) -> None:
    high = result_of("high-pass")
    assert "To networks the set shows fine patterns" in high.finding
    assert "MTT, FRePo" in high.finding


def test_averages_of_images_show_networks_coarse_patterns(digits: Original, real_images: Sets, case_of: Cases) -> None:
    data = real_images(digits.train, 30)
    images = data.images.reshape(10, 10, 3, *data.shape).mean(2).reshape(-1, *data.shape)
    average = replace(data, images=images, labels=np.repeat(np.arange(10), 10))
    assert "To networks the set shows coarse patterns" in spectrum.run(case_of(average, digits)).finding


def test_real_images_lie_between_the_filtered_ones_in_every_view(result_of: Callable[[str], CheckResult]) -> None:
    for view in ("pixels", "trained networks", "random networks"):
        controls = {c.name: c.value for c in result_of("real").metric(f"spectral_tilt[{view}]").controls}
        low, real, high = (
            controls[name] for name in ("real images, blurred", "random real subset", "real images, sharpened")
        )
        assert real < high  # type: ignore[operator]
        assert low < real or view != "pixels"  # type: ignore[operator]


def test_the_power_is_that_of_telling_filtered_real_images(result_of: Callable[[str], CheckResult]) -> None:
    power = result_of("real").power
    assert power is not None
    assert power.value is not None
    assert power.value > 0.95
    assert "blurred" in power.defect
    assert result_of("real").verdict == "pass"


def test_mirrored_labels_show_in_the_tie_to_the_classes_and_not_in_the_energy(
    digits: Original, real_images: Sets, case_of: Cases, result_of: Callable[[str], CheckResult]
) -> None:
    data = real_images(digits.train, 10)
    wrong = spectrum.run(case_of(replace(data, labels=(data.labels + 5) % 10), digits))
    right = result_of("real")
    assert wrong.metric("label_correlation_error[coarse]").value > 1  # type: ignore[operator]
    assert right.metric("label_correlation_error[coarse]").value < 0.7  # type: ignore[operator]
    assert wrong.metric("band_energy[fine]").value == pytest.approx(right.metric("band_energy[fine]").value)


def test_large_images_are_looked_at_in_a_smaller_size(case_of: Cases) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1200, 1, 40, 40), dtype=np.uint8)
    split = ArraySplit(images, np.arange(1200) % 2)
    original = Original("noise", split, split, ("a", "b"), ((0.5,), (0.3,)))
    space = PixelSpace.zscore(*original.constants)  # type: ignore[misc]
    data = LabelledImages(space.to_native(split.pixels(np.arange(20))), split.labels[:20], 2, space, "audited file")
    narrow = Recipe("narrow", options={"width": 4}, epochs=1, lr=0.05, schedule="cosine")
    case = case_of(data, original, narrow, control_draws=1, spectrum_images=200)
    assert spectrum.run(case).metric("spectral_tilt[pixels]").value is not None


@pytest.mark.slow
@pytest.mark.realdata
def test_published_sets_fall_on_the_sides_that_the_page_says(real_data: Path) -> None:
    """DC on the coarse side and MTT on the fine one, in random networks, which need no training."""

    original = load_original("cifar10", data_root=real_data / "originals")
    folder = real_data / "distilled"
    dc = open_set(folder / "dc_cifar10_ipc10" / "res_DC_CIFAR10_ConvNet_10ipc.pt", original)
    mtt = open_set(folder / "mtt_cifar10_ipc10", original)
    network = OnPixels(build("ConvNet", shape=(3, 32, 32), classes=10, seed=0, width=32), dc.data.space).eval()

    @torch.no_grad()
    def features(pixels: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [network.features(torch.from_numpy(pixels[i : i + CHUNK])).numpy() for i in range(0, len(pixels), CHUNK)]
        )

    rows = np.random.default_rng(0).choice(50_000, 1600, replace=False)
    seen = Spectrum.fit([(features(original.train.pixels(rows[:1500])), original.train.labels[rows[:1500]])], 10)
    lean = [
        float(tilt(seen.energy(seen.project(features(pixels))).mean(0)))
        for pixels in (dc.data.pixels(), original.train.pixels(rows[1500:]), mtt.data.pixels())
    ]
    assert lean[0] < lean[1] - 0.03
    assert lean[2] > lean[1] + 0.03
