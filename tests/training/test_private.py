"""DP-SGD: known epsilons, each example's own clipped gradient, the noise that was asked for, and the same model again."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import build
from ddaudit.training.private import PrivateRecipe, can_be_private, train_private
from ddaudit.training.store import Store

CPU = torch.device("cpu")
Digits = Callable[[int], LabelledImages]


def weights(data: LabelledImages, private: PrivateRecipe, seed: int = 0) -> torch.Tensor:
    model = train_private(data, private, seed, CPU, Store(None))
    return torch.cat([p.flatten() for p in model.network.parameters()])


def initial(data: LabelledImages, seed: int = 0) -> torch.nn.Module:
    return build("ConvNet", shape=data.shape, classes=10, seed=seed).train()


def test_the_epsilon_is_the_known_one() -> None:
    # CIFAR-10, 10 epochs of batches of 256: epsilon 8 at a noise of 0.56.
    assert PrivateRecipe(0.56, steps=1960).epsilon(50_000, 1e-5) == pytest.approx(8, abs=0.15)


def test_the_epsilon_of_whole_batches_has_a_closed_form() -> None:
    # Without sampling, T Gaussian steps are (alpha, T alpha / (2 sigma^2))-Renyi private.
    sigma, steps, delta = 4.0, 10, 1e-5
    orders = np.linspace(1.01, 60, 100_000)
    best = orders * steps / (2 * sigma**2) - (np.log(delta) + np.log(orders)) / (orders - 1) + np.log1p(-1 / orders)
    private = PrivateRecipe(sigma, steps=steps, batch=1000)
    assert private.epsilon(1000, delta) == pytest.approx(best.min(), rel=0.01)


def test_less_noise_costs_more_epsilon_and_none_all_of_it() -> None:
    epsilons = [PrivateRecipe(noise).epsilon(10_000, 1e-5) for noise in (0, 0.05, 0.3, 1, 4, 60)]
    assert epsilons == sorted(epsilons, reverse=True)
    assert epsilons[0] == math.inf
    assert math.isfinite(epsilons[1])


def test_a_step_without_noise_is_the_mean_of_gradients_that_are_clipped_one_by_one(some_digits: Digits) -> None:
    data = some_digits(2)
    private = PrivateRecipe(0, steps=1, batch=20, lr=0.5, clip=0.1)
    network = initial(data)
    start = torch.cat([p.flatten() for p in network.parameters()]).detach()
    clipped = torch.zeros_like(start)
    for image, label in zip(torch.from_numpy(data.images), torch.from_numpy(data.labels), strict=True):
        loss = F.cross_entropy(network(image[None]), label[None])
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])
        clipped += gradient * min(1.0, 0.1 / float(gradient.norm()))
    moved = weights(data, private).detach() - start
    assert torch.allclose(moved, -0.5 * clipped / 20, atol=1e-6)


def test_the_noise_is_as_large_as_was_asked_for(some_digits: Digits) -> None:
    data = some_digits(2)
    quiet, loud = (weights(data, PrivateRecipe(noise, steps=1, batch=20, lr=1.0, clip=0.5)) for noise in (0.0, 3.0))
    # noise * clip * lr / expected batch, in every weight
    assert float((loud - quiet).std()) == pytest.approx(3.0 * 0.5 / 20, rel=0.03)


def test_the_same_seed_gives_the_same_model_and_another_another(some_digits: Digits) -> None:
    data, private = some_digits(2), PrivateRecipe(1.0, steps=6, batch=8)
    first = weights(data, private)
    assert torch.equal(first, weights(data, private))
    assert not torch.equal(first, weights(data, private, seed=1))


def test_models_of_another_noise_or_clip_are_not_taken_from_the_store(some_digits: Digits) -> None:
    data, private, store = some_digits(1), PrivateRecipe(1.0, steps=1, batch=5), Store(None)
    for one in (private, replace(private, noise=2.0), replace(private, clip=0.5), private):
        train_private(data, one, 0, CPU, store)
    assert len(store.made) == 3


def test_it_learns_digits(some_digits: Digits) -> None:
    data = some_digits(40)
    model = train_private(data, PrivateRecipe(0.3, steps=40, batch=64), 0, CPU, Store(None))
    assert (model.logits(data.pixels()).argmax(1) == data.labels).mean() > 0.7


def test_batch_norm_mixes_examples_and_is_told_apart() -> None:
    assert can_be_private("ConvNet", (1, 8, 8), 10)
    assert not can_be_private("ConvNet", (1, 8, 8), 10, norm="batch")
