"""One model trained on one small set by one recipe: the loop that everything stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import Classifier, OnPixels, build
from ddaudit.training.batched import fit_together
from ddaudit.training.course import Course
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint

#: Fixed, not the machine's: sums in another order give other last bits.
EVALUATION_THREADS = 2

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits, labels) to a scalar."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained network as a function of pixels in [0, 1].

    ``network`` holds the pixel space as its first layer, is in evaluation mode and wants float32 (n, c, h, w) on ``device``; it answers
    with ``threads`` threads.
    """

    network: nn.Module
    dataset: str
    recipe: Recipe
    seed: int
    device: torch.device
    threads: int = EVALUATION_THREADS

    @torch.no_grad()
    def logits(self, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        """float32 (n, k) for float32 pixels (n, c, h, w)."""
        with threads(self.threads):
            parts = [
                self.network(torch.from_numpy(pixels[i : i + batch]).to(self.device)).cpu()
                for i in range(0, len(pixels), batch)
            ]
        return torch.cat(parts).numpy()


def dataset_fingerprint(data: LabelledImages) -> str:
    """sha256 of images, labels and the space they are in."""
    space = data.space
    extra = [a for a in (space.mean, space.std, space.matrix, space.offset) if a is not None]
    return array_fingerprint(data.images, data.labels, np.array([data.classes]), *extra)


def train(
    data: LabelledImages,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    store: Store,
    on_epoch: Callable[[int, int], None] = lambda done, of: None,
) -> TrainedModel:
    """Train, or take from the store, the model of (data, recipe, seed).

    Parameters
    ----------
    data : LabelledImages
        Hard labels train with cross entropy; soft labels that are probabilities with cross entropy, other
        soft labels (kernel methods regress on them) with the mean squared error.
    seed : int
        Decides initial weights, order and augmentation.
    on_epoch : callable
        Called with (epochs done, epochs in all).
    """
    network = build(recipe.architecture, shape=data.shape, classes=data.classes, seed=seed, **recipe.options)

    def compute() -> Arrays:
        fit(network.to(device), data, recipe, seed, device, on_epoch=on_epoch)
        return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}

    weights = store.remember("models", identity(data, recipe, seed, device), compute)
    return loaded(network, weights, data, recipe, seed, device)


def loaded(
    network: Classifier, weights: Arrays, data: LabelledImages, recipe: Recipe, seed: int, device: torch.device
) -> TrainedModel:
    """The network with these weights, as a function of pixels."""
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    model = OnPixels(network, data.space).to(device).eval()
    return TrainedModel(model.requires_grad_(False), data.name, recipe, seed, device)


def train_into(folder: Path, data: LabelledImages, recipe: Recipe, seed: int, device: str) -> None:
    """Train in a process of one's own: the weights land in the store at ``folder``."""
    train(data, recipe, seed, torch.device(device), Store(folder))


def train_together(
    sets: Sequence[LabelledImages],
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    store: Store,
    on_epoch: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Leave in the store the models of several (data, seed), trained as one; ``train`` then finds them.

    Where some are there already, all are trained again for those that are not: a model's last bits depend on how many others it is
    trained with, and shall not depend on where an earlier run was interrupted.
    """

    @cache
    def fitted() -> list[Arrays]:
        return fit_together(sets, recipe, seeds, device, on_epoch)

    for i, (data, seed) in enumerate(zip(sets, seeds, strict=True)):
        store.remember("models", identity(data, recipe, seed, device), lambda i=i: fitted()[i])  # type: ignore[misc]


def identity(data: LabelledImages, recipe: Recipe, seed: int, device: torch.device) -> dict[str, Any]:
    """What decides a trained model, and so its place in the store."""
    return {
        "data": dataset_fingerprint(data),
        "recipe": recipe.fingerprint(),
        "seed": seed,
        "device": device.type,
    }


def fit(
    network: nn.Module,
    data: LabelledImages,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    *,
    loss_from: Callable[[Loss], Callable[[Any, Tensor], Tensor]] = lambda loss: loss,
    on_epoch: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Train a network in place.

    Parameters
    ----------
    loss_from : callable
        From the loss of logits that suits the labels to that of what ``network`` makes of a batch, where this is not logits.
    """
    course = Course(data, recipe, seed, device)
    loss = loss_from(course.loss)
    network.train()
    with threads(recipe.threads), repeatable():
        for epoch in range(course.epochs):
            rate = course.rate(epoch)
            if course.starts_afresh(epoch):
                optimizer = torch.optim.SGD(
                    network.parameters(),
                    lr=rate,
                    momentum=recipe.momentum,
                    weight_decay=recipe.weight_decay,
                    fused=True,
                )
            for group in optimizer.param_groups:
                group["lr"] = rate
            for images, labels in course.batches():
                optimizer.zero_grad(set_to_none=True)
                loss(network(images), labels).backward()
                optimizer.step()
            on_epoch(epoch + 1, course.epochs)
