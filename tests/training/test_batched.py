"""Models trained as one are the models trained one by one, within float tolerance."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.training.batched import fit_together, fits_together
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train, train_together

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
NARROW = Recipe("narrow", options={"width": 16}, epochs=4, lr=0.02, batch=8)
Digits = Callable[[int], LabelledImages]


@pytest.mark.parametrize(
    "recipe",
    [
        NARROW,
        replace(NARROW, schedule="cosine"),
        replace(NARROW, augmentation="dsa"),
        replace(NARROW, augmentation="crop_scale_rotate"),
        NARROW.on("MLP"),
        NARROW.on("LeNet"),
    ],
    ids=["step", "cosine", "dsa", "digits", "mlp", "lenet"],
)
def test_every_model_is_the_one_that_is_trained_alone(some_digits: Digits, recipe: Recipe) -> None:
    data = some_digits(2)
    sets = [data, replace(data, images=data.images[::-1].copy(), labels=data.labels[::-1].copy()), data]
    told = []
    together = fit_together(sets, recipe, [1, 1, 2], CPU, lambda done, of: told.append((done, of)))
    for one, seed, weights in zip(sets, [1, 1, 2], together, strict=True):
        alone = dict(train(one, recipe, seed, CPU, Store(None)).network.named_parameters())
        for name, array in weights.items():
            np.testing.assert_allclose(array, alone[f"model.{name}"], atol=2e-5)
    epochs = recipe.epochs + (recipe.schedule == "step")
    assert told[-1] == (epochs, epochs)
    assert not np.allclose(together[0]["head.weight"], together[2]["head.weight"], atol=1e-3)


def test_soft_labels_train_together_too(some_digits: Digits) -> None:
    data = some_digits(2)
    soft = replace(data, labels=(0.9 * np.eye(10)[data.labels] + 0.01).astype(np.float32))
    (found,) = fit_together([soft], NARROW, [5], CPU)
    alone = dict(train(soft, NARROW, 5, CPU, Store(None)).network.named_parameters())
    np.testing.assert_allclose(found["head.weight"], alone["model.head.weight"], atol=2e-5)


def test_sets_of_other_sizes_and_networks_with_statistics_are_trained_one_by_one(some_digits: Digits) -> None:
    data = some_digits(2)
    assert fits_together([data, data], NARROW)
    assert not fits_together([data, some_digits(3)], NARROW)
    assert not fits_together([data, data], NARROW.on("ConvNetBN"))


def test_models_trained_together_are_found_and_an_interrupted_batch_gives_the_same_again(some_digits: Digits) -> None:
    data, seeds = some_digits(2), [1, 2, 3]
    whole, rest = Store(None), Store(None)
    train_together([data] * 3, NARROW, seeds, CPU, whole)
    models = [train(data, NARROW, seed, CPU, whole) for seed in seeds]
    assert len(whole.made) == 3
    # One of them is there from another time: it is kept, and the others come out as they did.
    alone = train(data, NARROW, 2, CPU, rest)
    train_together([data] * 3, NARROW, seeds, CPU, rest)
    again = [train(data, NARROW, seed, CPU, rest) for seed in seeds]
    assert len(rest.made) == 3
    pixels = data.images[:5]
    for i in (0, 2):
        np.testing.assert_array_equal(again[i].logits(pixels), models[i].logits(pixels))
    np.testing.assert_array_equal(again[1].logits(pixels), alone.logits(pixels))
