"""Inversion finds the one pixel that commands a hand-made model, jointly, and counts the images that it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ddaudit.checks.backdoor.inversion import REQUIRED_SUCCESS, Inversion, invert, invert_set
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel

CPU = torch.device("cpu")
CLASSES, SIDE = 3, 6
SWITCH = (0, 1, 4)  # channel, row and column of the pixel that commands class 0


class Switched(nn.Module):
    """Linear: class 0 by the switch pixel alone; between 1 and 2 by which half of the image is brighter."""

    def __init__(self, switch: tuple[int, int, int] = SWITCH, blocked: tuple[int, int, int] | None = None) -> None:
        super().__init__()
        self.weight = torch.zeros(CLASSES, 1, SIDE, SIDE)
        self.weight[0][switch] = 40.0
        self.weight[1, :, :, :3], self.weight[2, :, :, 3:] = 1.0, 1.0
        for other in (1, 2):
            self.weight[other][switch] = 0.0
        if blocked:
            self.weight[0][blocked] = -100.0

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.flatten(1).T + torch.tensor([-10.0, 0.0, 0.0])


def a_model(network: nn.Module) -> TrainedModel:
    return TrainedModel(network.requires_grad_(False), "hand-made", Recipe("none", threads=1), 0, CPU)


def images(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Images of classes 1 and 2 by their brighter half, with the switch off."""
    rng = np.random.default_rng(0)
    labels = 1 + np.arange(count) % 2
    pixels = 0.3 * rng.random((count, 1, SIDE, SIDE), dtype=np.float32)
    pixels[labels == 1, :, :, :3] += 0.4
    pixels[labels == 2, :, :, 3:] += 0.4
    pixels[:, *SWITCH] = 0
    return pixels, labels


def found_in(*networks: nn.Module, steps: int = 250, given: tuple[np.ndarray, np.ndarray] | None = None) -> Inversion:
    pixels, labels = given or images()
    return invert([a_model(n) for n in networks], pixels, labels, classes=CLASSES, steps=steps, seed=0)


def test_the_mask_concentrates_on_the_pixel_that_commands_the_class() -> None:
    found = found_in(Switched())
    mask = found.mask[0]
    assert np.unravel_index(mask.argmax(), mask.shape) == SWITCH
    assert mask[SWITCH] > 0.8 * mask.sum()
    assert found.pattern[0][SWITCH] > 0.8
    assert found.norm[0] == pytest.approx(mask.sum(), rel=1e-5)
    assert found.norm[0] < 2 < found.norm[1:].min()
    assert found.success[0] >= REQUIRED_SUCCESS


def test_masks_and_patterns_are_pixels_and_stamping_mixes_them() -> None:
    found = found_in(Switched(), steps=30)
    assert (found.mask.shape, found.pattern.shape) == ((3, 1, SIDE, SIDE), (3, 1, SIDE, SIDE))
    for part in (found.mask, found.pattern):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    pixels, _ = images()
    expected = pixels + found.mask[1] * (found.pattern[1] - pixels)
    np.testing.assert_allclose(found.stamp(pixels, 1), expected, atol=1e-6)


def test_what_is_kept_has_the_success_that_is_told() -> None:
    pixels, labels = images()
    network = Switched()
    found = found_in(network)
    for target in range(CLASSES):
        others = labels != target
        predicted = network(torch.from_numpy(found.stamp(pixels[others], target))).argmax(1).numpy()
        assert found.success[target] == pytest.approx((predicted == target).mean(), abs=1e-6)


def test_the_targets_own_images_do_not_count() -> None:
    # One more image, of class 0, that no small trigger moves there: its blocked pixel would have to be covered as well.
    blocked = (0, 5, 0)
    pixels, labels = images()
    pixels[:, *blocked] = 0
    stubborn = pixels[:1].copy()
    stubborn[:, *blocked] = 1
    own = np.concatenate([pixels, stubborn]), np.append(labels, 0)
    found = found_in(Switched(blocked=blocked), given=own)
    assert found.success[0] >= REQUIRED_SUCCESS
    assert found.mask[0][blocked] < 0.1
    counted = found_in(Switched(blocked=blocked), given=(own[0], np.append(labels, 1)))
    assert counted.mask[0][blocked] > 0.5


def test_a_joint_trigger_commands_every_model() -> None:
    elsewhere = (0, 4, 2)
    pixels, labels = images()
    pixels[:, *elsewhere] = 0
    found = found_in(Switched(), Switched(elsewhere), given=(pixels, labels))
    assert found.mask[0][SWITCH] > 0.3
    assert found.mask[0][elsewhere] > 0.3
    assert found.success[0] >= REQUIRED_SUCCESS
    alone = found_in(Switched(), given=(pixels, labels))
    assert alone.norm[0] < found.norm[0]
    assert alone.mask[0][elsewhere] < 0.1


def test_a_class_that_nothing_reaches_has_an_infinite_norm_and_keeps_its_best_attempt() -> None:
    class Deaf(Switched):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + torch.tensor([-1000.0, 0.0, 0.0])

    found = found_in(Deaf(), steps=30)
    assert np.isinf(found.norm[0])
    assert found.success[0] == 0
    assert found.mask[0].max() > 0
    assert np.isfinite(found.norm[1:]).all()


def test_an_inversion_is_a_function_of_its_seed() -> None:
    pixels, labels = images()
    models = [a_model(Switched())]
    first, again, other = (
        invert(models, pixels, labels, classes=CLASSES, steps=10, seed=seed).mask for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_an_inversion_is_kept_and_every_setting_makes_another(tmp_path: Path, digits, real_images) -> None:
    data, recipe = real_images(digits.train, 1), Recipe("tiny", architecture="MLP", epochs=1)
    pixels, labels = digits.test.pixels(np.arange(0, 899, 90)), digits.test.labels[::90]
    settings = {
        "data": data, "recipe": recipe, "seeds": [1, 2], "pixels": pixels, "labels": labels, "steps": 3, "start": 5,
    }  # fmt: skip

    def run(**changes: object) -> tuple[Inversion, int]:
        store = Store(tmp_path)
        found = invert_set(store, **(settings | changes), device="cpu")  # type: ignore[arg-type]
        return found, sum(made.startswith("inversions/") for made in store.made)

    first, made = run()
    assert made == 1
    again, made = run()
    assert made == 0
    np.testing.assert_array_equal(first.mask, again.mask)
    np.testing.assert_array_equal(first.norm, again.norm)
    for changes in (
        {"seeds": [1]},
        {"steps": 4},
        {"start": 6},
        {"labels": labels[::-1].copy()},
        {"pixels": 1 - pixels},
    ):
        assert run(**changes)[1] == 1, changes
