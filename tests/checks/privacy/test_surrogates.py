"""The surrogate is chosen by how the file's images started and by how they look."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ddaudit.checks.privacy.surrogates import Look, closest, starts_from_real_images
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.inspection.opening import open_set

Sets = Callable[[Split, int], LabelledImages]
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(("example", "real"), [("clean", False), ("backdoor", False), ("leak", True)])
def test_how_an_example_started_is_recognised(digits: Original, example: str, real: bool) -> None:
    audited = open_set(EXAMPLES / f"digits_ipc10_{example}.safetensors", digits).data
    assert starts_from_real_images(audited, digits)[0] is real


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "real"),
    [("dc_cifar10_ipc10", False), ("dm_cifar10_ipc1", False), ("mtt_cifar10_ipc10", True), ("dsa_cifar10_ipc1", True)],
)
def test_how_a_published_set_started_is_recognised(real_data: Path, name: str, real: bool) -> None:
    original = load_original("cifar10", data_root=real_data / "originals")
    audited = open_set(real_data / "distilled" / name, original).data
    assert starts_from_real_images(audited, original)[0] is real


def test_a_look_is_the_energy_in_the_originals_own_directions_and_the_share_outside(digits: Original) -> None:
    unit = PixelSpace.unit(1)
    pixels = digits.train.pixels()
    whole = LabelledImages(pixels, digits.train.labels, 10, unit, "whole")
    look = Look.of(whole, digits.train)
    np.testing.assert_allclose(look.spectrum, 0, atol=2e-3)  # as the original itself, but for n - 1
    assert look.outside == 0
    mean = pixels.mean(0)
    stretched = LabelledImages(mean + 10 * (pixels - mean), digits.train.labels, 10, unit, "stretched")
    np.testing.assert_allclose(Look.of(stretched, digits.train).spectrum, 2, atol=2e-3)
    outside = ((stretched.images < 0) | (stretched.images > 1)).mean()
    assert look.distance(Look.of(stretched, digits.train)) == pytest.approx(2 + outside, abs=5e-3)


def test_the_distiller_whose_sets_look_alike_is_the_closest(digits: Original, real_images: Sets) -> None:
    audited = real_images(digits.train, 10)
    noise = np.random.default_rng(0).normal(size=audited.images.shape).astype(np.float32)
    made = {
        "noisy": [LabelledImages(noise, audited.labels, 10, audited.space, "noise")],
        "copies": [real_images(digits.test, 10)],
    }
    distances = closest(audited, digits.train, ["noisy", "copies"], lambda name: made[name])
    assert list(distances) == ["copies", "noisy"]
    assert distances["copies"] < 0.2 < 0.5 < distances["noisy"]
