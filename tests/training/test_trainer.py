"""The trainer does what the published loop does, and its result is a function of data, recipe and seed alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.models import build
from ddaudit.seeds import derive_seed
from ddaudit.training.augmentation import augment
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SEED = 11
STEP = Recipe("step", epochs=4, lr=0.05, batch=8)

Loss = Callable[[Tensor, Tensor], Tensor]
Digits = Callable[[int], LabelledImages]


def rates(recipe: Recipe) -> list[tuple[float, bool]]:
    """The learning rate of every epoch, and whether momentum starts again with it, from the protocols' definitions."""
    if recipe.schedule == "cosine":
        return [
            (recipe.lr / 2 * (1 + np.cos(np.pi * t / recipe.epochs)), t == 0)  # momentum goes on
            for t in range(recipe.epochs)
        ]
    last_at_full_rate = recipe.epochs // 2 + 1
    return [
        (recipe.lr if t <= last_at_full_rate else recipe.lr / 10, t in (0, last_at_full_rate + 1))
        for t in range(recipe.epochs + 1)
    ]


def by_hand(data: LabelledImages, recipe: Recipe, loss: Loss, seed: int = SEED) -> list[Tensor]:
    """The weights after a loop without an optimizer: momentum and weight decay written out."""
    network = build(recipe.architecture, shape=data.shape, classes=data.classes, seed=seed).train()
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    weights = list(network.parameters())
    momentum = [torch.zeros_like(w) for w in weights]
    order = torch.Generator().manual_seed(derive_seed(seed, "order"))
    draws = torch.Generator().manual_seed(derive_seed(seed, "augmentation"))
    for rate, fresh in rates(recipe):
        shuffled = torch.randperm(len(images), generator=order)
        for start in range(0, len(images), recipe.batch):
            rows = shuffled[start : start + recipe.batch]
            batch = augment(images[rows], recipe.augmentation, draws)
            gradients = torch.autograd.grad(loss(network(batch), labels[rows]), weights)
            with torch.no_grad():
                for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
                    decayed = g + recipe.weight_decay * w
                    first = fresh and start == 0
                    momentum[i] = decayed if first else recipe.momentum * momentum[i] + decayed
                    w -= rate * momentum[i]
    return [w.detach() for w in weights]


def trained(data: LabelledImages, recipe: Recipe, seed: int = SEED, store: Store | None = None) -> TrainedModel:
    return train(data, recipe, seed, CPU, store or Store(None))


def weights_of(model: TrainedModel) -> list[Tensor]:
    return list(model.network.parameters())


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    "recipe",
    [
        STEP,
        replace(STEP, epochs=5),
        replace(STEP, schedule="cosine"),
        replace(STEP, batch=256),
        replace(STEP, augmentation="dsa"),
        replace(STEP, augmentation="crop_scale_rotate"),
        replace(STEP, architecture="MLP", momentum=0.5, weight_decay=0.1),
    ],
    ids=["even", "odd", "cosine", "one-batch", "dsa", "digits", "mlp"],
)
def test_the_trainer_is_the_published_loop(some_digits: Digits, recipe: Recipe) -> None:
    data = some_digits(3)  # 30 images: the last batch of 8 is a short one
    for found, expected in zip(
        weights_of(trained(data, recipe)), by_hand(data, recipe, functional.cross_entropy), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_soft_probabilities_take_cross_entropy(some_digits: Digits) -> None:
    data = some_digits(2)
    soft = replace(data, labels=(0.9 * np.eye(10)[data.labels] + 0.01).astype(np.float32))

    def entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return -(labels * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean()

    for found, expected in zip(weights_of(trained(soft, STEP)), by_hand(soft, STEP, entropy), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("labels", ["regression", "negative", "not-summing"])
def test_other_soft_labels_take_the_mean_squared_error(some_digits: Digits, labels: str) -> None:
    data = some_digits(2)
    targets = np.random.default_rng(0).normal(size=(20, 10))
    if labels == "negative":  # sums to 1, as kernel ridge's labels may
        targets += (1 - targets.sum(1, keepdims=True)) / 10
    if labels == "not-summing":
        targets = np.abs(targets)
    soft = replace(data, labels=targets.astype(np.float32))

    def squared(logits: Tensor, labels: Tensor) -> Tensor:
        return ((logits - labels) ** 2).sum() / logits.numel()

    for found, expected in zip(weights_of(trained(soft, STEP)), by_hand(soft, STEP, squared), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_weights_are_a_function_of_data_recipe_and_seed(some_digits: Digits) -> None:
    data = some_digits(2)
    first = weights_of(trained(data, STEP))
    torch.manual_seed(99)
    np.random.seed(99)
    torch.set_num_threads(2)  # the recipe's count holds, whatever the process's
    assert same(first, weights_of(trained(data, STEP)))
    assert not same(first, weights_of(trained(data, STEP, seed=SEED + 1)))
    assert not same(first, weights_of(trained(replace(data, images=data.images + 0.01), STEP)))
    assert not same(first, weights_of(trained(data, replace(STEP, weight_decay=0.0))))


def test_training_leaves_the_process_as_it_was(some_digits: Digits) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    trained(some_digits(1), STEP)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == 1
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_training_runs_on_the_recipes_threads(some_digits: Digits) -> None:
    seen: set[int] = set()
    told: list[tuple[int, int]] = []

    def on_epoch(done: int, of: int) -> None:
        seen.add(torch.get_num_threads())
        told.append((done, of))

    train(some_digits(1), Recipe("two", architecture="MLP", epochs=2, threads=2), SEED, CPU, Store(None), on_epoch)
    assert seen == {2}
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("architecture", ["ConvNet", "ConvNetBN"])
def test_a_stored_model_is_the_trained_model(some_digits: Digits, tmp_path: Path, architecture: str) -> None:
    data, recipe = some_digits(2), STEP.on(architecture)
    fresh = trained(data, recipe, store=Store(tmp_path))
    again = Store(tmp_path)

    def never(done: int, of: int) -> None:
        raise AssertionError("trained again")

    found = train(replace(data, name="another name"), recipe, SEED, CPU, again, never)
    assert again.made == []
    assert found.dataset == "another name"
    for name, tensor in fresh.network.state_dict().items():
        assert torch.equal(tensor, found.network.state_dict()[name]), name
        assert tensor.shape == found.network.state_dict()[name].shape
    np.testing.assert_array_equal(fresh.logits(data.pixels()), found.logits(data.pixels()))


def test_a_trained_model_is_a_fixed_function_of_pixels(digits: Original, some_digits: Digits) -> None:
    data = some_digits(2)
    model = trained(data, STEP.on("ConvNetBN"))
    pixels = digits.test.pixels(np.arange(30))
    logits = model.logits(pixels)
    assert (logits.shape, logits.dtype) == ((30, 10), np.float32)
    np.testing.assert_allclose(model.logits(pixels, batch=7), logits, atol=1e-5)
    network = build("ConvNetBN", shape=data.shape, classes=10, seed=0).eval()
    network.load_state_dict(model.network.model.state_dict())  # type: ignore[union-attr]
    with torch.no_grad():
        native = (pixels - data.space.mean[0]) / data.space.std[0]
        np.testing.assert_allclose(network(torch.from_numpy(native)).numpy(), logits, atol=1e-5)
    assert not any(p.requires_grad for p in model.network.parameters())
    assert not any(m.training for m in model.network.modules())


def test_a_set_is_known_by_its_content_not_by_its_name(some_digits: Digits) -> None:
    data = some_digits(2)
    known = dataset_fingerprint(data)
    assert dataset_fingerprint(replace(data, name="other")) == known
    space, zca = data.space, np.eye(64, dtype=np.float32)
    changed = [
        replace(data, images=data.images + 1e-6),
        replace(data, labels=np.roll(data.labels, 1)),
        replace(data, labels=np.eye(10, dtype=np.float32)[data.labels]),
        replace(data, classes=11),
        replace(data, space=replace(space, mean=space.mean + 1)),
        replace(data, space=replace(space, std=space.std * 2)),
        replace(data, space=replace(space, matrix=zca, inverse=zca, offset=np.zeros(64, np.float32))),
        replace(data, space=replace(space, matrix=zca, inverse=zca, offset=np.ones(64, np.float32))),
        replace(data, space=PixelSpace.unit(1)),
    ]
    assert len({known, *map(dataset_fingerprint, changed)}) == 1 + len(changed)
