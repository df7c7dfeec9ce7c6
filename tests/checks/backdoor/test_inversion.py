"""Inversion finds the one pixel that commands a hand-made model, in every family, jointly, and counts the images that it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ddaudit.checks.backdoor import inversion
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import Inversion, invert, invert_set
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel

CPU = torch.device("cpu")
CLASSES, SIDE = 3, 6
SWITCH = (0, 1, 4)  # channel, row and column of the pixel that commands class 0
PATCH, PERTURBATION, BLEND = range(3)
TEMPLATE = (0, 3, 1)


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


def found_in(*networks: nn.Module, steps: int = 80, given: tuple[np.ndarray, np.ndarray] | None = None) -> Inversion:
    pixels, labels = given or images()
    models = [a_model(n) for n in networks]
    return invert(models, pixels, labels, classes=CLASSES, steps=steps, batch=6, seed=0)


@pytest.fixture(scope="module")
def found() -> Inversion:
    return found_in(Switched())


@pytest.mark.parametrize("family", range(len(FAMILIES)), ids=[family.name for family in FAMILIES])
def test_every_family_finds_the_pixel_and_the_class_that_it_commands(found: Inversion, family: int) -> None:
    change = found.trigger(family, 0).stamp(np.zeros((1, 1, SIDE, SIDE), np.float32))[0]
    assert np.unravel_index(change.argmax(), change.shape) == SWITCH
    assert found.success[family, 0] == pytest.approx(1)
    if family != BLEND:  # a picture over the whole image is no cheap way to set one pixel
        assert found.effort[family, 0] < 0.6 * found.effort[family, 1:].min()


def test_a_patch_covers_the_pixel_and_little_else(found: Inversion) -> None:
    mask = 1 - found.scale[PATCH, 0]
    assert mask[SWITCH] > 0.5 * mask.sum()
    assert found.size[PATCH, 0] == pytest.approx(mask.mean(), rel=1e-5)
    assert found.size[PATCH, 0] < 2 / SIDE**2


def test_each_family_changes_images_in_its_own_way(found: Inversion) -> None:
    assert (found.scale[PERTURBATION] == 1).all()
    size = np.sqrt(np.square(found.shift[PERTURBATION]).mean((1, 2, 3)))
    np.testing.assert_allclose(found.size[PERTURBATION], size, rtol=1e-5)
    share = found.size[BLEND][:, None, None, None]
    np.testing.assert_allclose(1 - found.scale[BLEND], np.broadcast_to(share, found.scale[BLEND].shape), atol=1e-6)
    for family in (PATCH, BLEND):  # a picture of pixels in [0, 1], weighted by what is covered
        assert (found.shift[family] >= 0).all()
        assert (found.shift[family] <= 1 - found.scale[family] + 1e-6).all()
    stamped = found.trigger(PERTURBATION, 1).stamp(images()[0])
    assert stamped.dtype == np.float32
    assert stamped.min() >= 0
    assert stamped.max() <= 1


@pytest.mark.parametrize("family", range(len(FAMILIES)), ids=[family.name for family in FAMILIES])
def test_effort_and_success_are_those_of_the_trigger_on_images_of_other_classes(family: int) -> None:
    pixels, labels = images()
    networks = [Switched(), Switched((0, 4, 2))]
    found = found_in(*networks, steps=20)
    for target in range(CLASSES):
        stamped = torch.from_numpy(found.trigger(family, target).stamp(pixels[labels != target]))
        logits = torch.stack([network(stamped) for network in networks]).double()
        entropy = (logits.logsumexp(2) - logits[..., target]).mean().item()
        price = FAMILIES[family].price
        assert found.effort[family, target] == pytest.approx(entropy + price * found.size[family, target], rel=1e-4)
        untouched = torch.stack([network(torch.from_numpy(pixels[labels != target])) for network in networks]).double()
        assert found.bare[target] == pytest.approx(
            (untouched.logsumexp(2) - untouched[..., target]).mean().item(), rel=1e-4
        )
        hit = (logits.argmax(2) == target).double().mean().item()
        assert found.success[family, target] == pytest.approx(hit, abs=1e-6)


def test_the_targets_own_images_do_not_count() -> None:
    # One more image, of class 0, that no small trigger moves there: its blocked pixel would have to be covered as well.
    blocked = (0, 5, 0)
    pixels, labels = images()
    pixels[:, *blocked] = 0
    stubborn = pixels[:1].copy()
    stubborn[:, *blocked] = 1
    every = np.concatenate([pixels, stubborn])
    spared = found_in(Switched(blocked=blocked), given=(every, np.append(labels, 0)))
    counted = found_in(Switched(blocked=blocked), given=(every, np.append(labels, 1)))
    assert spared.success[PATCH, 0] == pytest.approx(1)
    assert spared.effort[PATCH, 0] < 0.7 * counted.effort[PATCH, 0]


def test_a_joint_trigger_commands_every_model() -> None:
    elsewhere = (0, 4, 2)
    pixels, labels = images()
    pixels[:, *elsewhere] = 0
    both = found_in(Switched(), Switched(elsewhere), given=(pixels, labels))
    mask = 1 - both.scale[PATCH, 0]
    assert mask[SWITCH] > 0.3
    assert mask[elsewhere] > 0.3
    assert both.success[PATCH, 0] == pytest.approx(1)
    alone = found_in(Switched(), given=(pixels, labels))
    assert alone.effort[PATCH, 0] < both.effort[PATCH, 0]
    assert 1 - alone.scale[PATCH, 0][elsewhere] < 0.2


def test_a_class_that_nothing_reaches_takes_a_finite_effort_larger_than_the_others() -> None:
    class Deaf(Switched):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + torch.tensor([-1000.0, 0.0, 0.0])

    found = found_in(Deaf(), steps=20)
    assert np.isfinite(found.effort).all()
    assert (found.success[:, 0] == 0).all()
    assert (found.effort[:, 0] > 100).all()
    assert (found.effort[:, 1:] < 100).all()


def test_an_inversion_is_a_function_of_its_seed() -> None:
    pixels, labels = images()
    models = [a_model(Switched())]
    first, again, other = (
        invert(models, pixels, labels, classes=CLASSES, steps=5, batch=6, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.shift, again.shift)
    np.testing.assert_array_equal(first.effort, again.effort)
    assert (first.shift != other.shift).any()


def test_many_classes_are_sought_some_at_a_time(found: Inversion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inversion, "TARGETS_TOGETHER", 2)
    apart = found_in(Switched())
    for name, array in vars(found).items():
        assert getattr(apart, name).shape == array.shape
    np.testing.assert_allclose(apart.effort, found.effort, rtol=0.2)  # other starts, the same classes


def commanded(pixels: dict[tuple[int, int, int], float]) -> nn.Module:
    """Class 0 by each of these pixels with its weight."""
    network = Switched()
    network.weight[0][SWITCH] = 0.0
    for pixel, weight in pixels.items():
        network.weight[0][pixel] = weight
    return network


def test_a_sparing_trigger_is_one_that_other_models_do_not_obey() -> None:
    pixels, labels = images()
    pixels[:, *TEMPLATE] = 0
    # The template stands for the class's own picture, which turns every model.
    own, other = a_model(commanded({SWITCH: 40.0, TEMPLATE: 60.0})), a_model(commanded({TEMPLATE: 150.0}))
    settings = {"classes": CLASSES, "steps": 60, "batch": 6, "seed": 0}
    alone = invert([own], pixels, labels, **settings)  # type: ignore[arg-type]
    beside = invert([own], pixels, labels, references=[other], **settings)  # type: ignore[arg-type]
    pictures = [found.trigger(BLEND, 0).shift for found in (alone, beside)]
    assert pictures[0][TEMPLATE] > 0.9 * pictures[0][SWITCH]  # alone it takes both
    assert pictures[1][TEMPLATE] < 0.3 * pictures[1][SWITCH]
    assert beside.success[BLEND, 0] == pytest.approx(1)
    np.testing.assert_array_equal(alone.effort[PATCH], beside.effort[PATCH])  # the other kinds ask no other model
    # What the reference adds to the effort, by the formula.
    stamped = torch.from_numpy(beside.trigger(BLEND, 0).stamp(pixels[labels != 0]))
    entropy = -own.network(stamped).log_softmax(1)[:, 0].mean().item()
    obeyed = -(1 - other.network(stamped).double().softmax(1)[:, 0]).log().mean().item()
    price = FAMILIES[BLEND].price
    assert beside.effort[BLEND, 0] == pytest.approx(entropy + price * beside.size[BLEND, 0] + obeyed, rel=1e-4)


def test_a_model_that_is_certain_still_says_how_much_it_obeys() -> None:
    x = torch.zeros(1, 1, SIDE, SIDE)
    x[0][SWITCH] = 1.0  # a logit of 30 beside two of 0: as float32 the probability is 1
    scale, shift = torch.ones(1, 1, 1, SIDE, SIDE), torch.zeros(1, 1, 1, SIDE, SIDE)
    found = inversion.obeyed(a_model(Switched()), scale, shift, x, torch.tensor([1]), torch.tensor([0]))
    assert found.item() == pytest.approx(30 - np.log(2), rel=1e-5)


def test_an_inversion_is_kept_and_every_setting_makes_another(tmp_path: Path, digits, real_images) -> None:
    data, recipe = real_images(digits.train, 1), Recipe("tiny", architecture="MLP", epochs=1)
    pixels, labels = digits.test.pixels(np.arange(0, 899, 90)), digits.test.labels[::90]
    settings = {
        "data": data, "references": [], "recipe": recipe, "seeds": [1, 2], "pixels": pixels, "labels": labels, "steps": 3, "batch": 5, "start": 5,
    }  # fmt: skip

    def run(**changes: object) -> tuple[Inversion, int]:
        store = Store(tmp_path)
        found = invert_set(store, **(settings | changes), device="cpu")  # type: ignore[arg-type]
        return found, sum(made.startswith("inversions/") for made in store.made)

    first, made = run()
    assert made == 1
    again, made = run()
    assert made == 0
    for name, array in vars(first).items():
        np.testing.assert_array_equal(array, getattr(again, name))
    for changes in (
        {"references": [real_images(digits.train, 2)]},
        {"seeds": [1]},
        {"steps": 4},
        {"batch": 4},
        {"start": 6},
        {"labels": labels[::-1].copy()},
        {"pixels": 1 - pixels},
    ):
        assert run(**changes)[1] == 1, changes
