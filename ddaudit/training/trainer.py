"""One model trained on one small set by one recipe: the loop that everything stands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import OnPixels, build
from ddaudit.seeds import derive_seed
from ddaudit.training.augmentation import augment
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint

#: Fixed, not the machine's: sums in another order give other last bits.
EVALUATION_THREADS = 2


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained network as a function of pixels in [0, 1].

    ``network`` holds the pixel space as its first layer, is in evaluation mode and wants float32 (n, c, h, w) on ``device``.
    """

    network: nn.Module
    dataset: str
    recipe: Recipe
    seed: int
    device: torch.device

    @torch.no_grad()
    def logits(self, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        """float32 (n, k) for float32 pixels (n, c, h, w)."""
        with threads(EVALUATION_THREADS):
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
    identity = {
        "data": dataset_fingerprint(data),
        "recipe": recipe.fingerprint(),
        "seed": seed,
        "device": device.type,
    }
    network = build(recipe.architecture, shape=data.shape, classes=data.classes, seed=seed, **recipe.options)
    weights = store.remember("models", identity, lambda: _fit(network.to(device), data, recipe, seed, device, on_epoch))
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    model = OnPixels(network, data.space).to(device).eval()
    return TrainedModel(model.requires_grad_(False), data.name, recipe, seed, device)


def train_into(folder: Path, data: LabelledImages, recipe: Recipe, seed: int, device: str) -> None:
    """Train in a process of one's own: the weights land in the store at ``folder``."""
    train(data, recipe, seed, torch.device(device), Store(folder))


def _fit(
    network: nn.Module,
    data: LabelledImages,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[int, int], None],
) -> Arrays:
    images = torch.from_numpy(data.images).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    loss = _loss(labels)
    order = torch.Generator().manual_seed(derive_seed(seed, "order"))
    # On the CPU, as the order: a generator on a GPU would stop for it at every batch.
    draws = torch.Generator().manual_seed(derive_seed(seed, "augmentation"))
    # The published loop runs over range(epochs + 1), and drops the rate after epoch epochs // 2 + 1.
    epochs = recipe.epochs + 1 if recipe.schedule == "step" else recipe.epochs
    optimizer = _sgd(network, recipe, recipe.lr)
    network.train()
    with threads(recipe.threads), repeatable():
        for epoch in range(epochs):
            if recipe.schedule == "cosine":
                for group in optimizer.param_groups:
                    group["lr"] = recipe.lr * (1 + np.cos(np.pi * epoch / epochs)) / 2
            permutation = torch.randperm(len(images), generator=order).to(device)
            for rows in permutation.split(recipe.batch):
                batch = images[rows]
                if recipe.augmentation != "none":
                    batch = augment(batch, recipe.augmentation, draws)
                optimizer.zero_grad(set_to_none=True)
                loss(network(batch), labels[rows]).backward()
                optimizer.step()
            if recipe.schedule == "step" and epoch == recipe.epochs // 2 + 1:
                optimizer = _sgd(network, recipe, recipe.lr / 10)
            on_epoch(epoch + 1, epochs)
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def _sgd(network: nn.Module, recipe: Recipe, lr: float) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)


def _loss(labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    if labels.ndim == 1:
        return F.cross_entropy
    probabilities = bool((labels >= 0).all()) and bool(
        torch.allclose(labels.sum(1), torch.ones_like(labels[:, 0]), atol=1e-3)
    )
    return F.cross_entropy if probabilities else F.mse_loss
