"""Gradient matching (DC; Zhao, Mopuri & Bilen, ICLR 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.trunk import Pools, random_network
from ddaudit.models import Classifier
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.device import repeatable, threads


@dataclass(frozen=True)
class GradientMatching:
    """Moves synthetic images until training on them pushes a network's weights where real images push them.

    An outer loop draws a random ConvNet; an inner one updates the images by the distance of real and synthetic gradients, class by
    class, and then trains the network on the images for some steps. The network depends on the images that trained it, so sets of
    several pools have no trunk in common beyond its first step: they are distilled one after the other.

    Parameters
    ----------
    ipc, init, iterations, momentum, batch_real, width, threads
        As `DistributionMatching`; an iteration is one update of the images.
    lr_images : float
        The paper takes 0.1.
    inner : int
        Updates of the images for each network; the paper takes 10 at ten images a class.
    network_steps : int
        Full-batch steps on the images between two updates; the paper trains for 50 epochs, this is short.
    lr_network : float
        The paper's 0.01.

    References
    ----------
    Zhao, Mopuri and Bilen, Dataset condensation with gradient matching, ICLR 2021.
    """

    ipc: int = 10
    init: Literal["noise", "real"] = "noise"
    iterations: int = 500
    lr_images: float = 0.1
    momentum: float = 0.5
    batch_real: int = 256
    inner: int = 10
    network_steps: int = 10
    lr_network: float = 0.01
    width: int | None = None
    threads: int = 2

    def distill(
        self,
        split: Split,
        classes: int,
        space: PixelSpace,
        seed: int,
        device: torch.device,
        *,
        pools: Sequence[np.ndarray] | None = None,
        on_step: Callable[[int, int], None] = lambda done, of: None,
        on_network: Callable[[Classifier], None] = lambda network: None,
    ) -> list[LabelledImages]:
        """Distil one set for each pool of training indices; see `DistributionMatching.distill`.

        Parameters
        ----------
        on_network : callable
            Called with each network but the last when its inner loop is over and the images have trained it; later batches are read afterwards.
        """
        pools = [np.arange(len(split))] if pools is None else pools
        made = []
        with threads(self.threads), repeatable():
            for number, pool in enumerate(pools):
                told = partial(_told, on_step, number * self.iterations, len(pools) * self.iterations)
                images = self._one(
                    split,
                    pool,
                    classes,
                    space,
                    derive_seed(seed, "gradient-matching", number),
                    device,
                    told,
                    on_network,
                )
                labels = np.repeat(np.arange(classes), self.ipc)
                made.append(LabelledImages(images, labels, classes, space, "gradient matching"))
        return made

    def _one(
        self,
        split: Split,
        pool: np.ndarray,
        classes: int,
        space: PixelSpace,
        seed: int,
        device: torch.device,
        on_step: Callable[[int], None],
        on_network: Callable[[Classifier], None],
    ) -> np.ndarray:
        held = Pools(split, classes, [pool])
        images = held.start(self.init, self.ipc, space, seed, "init")[0].to(device).requires_grad_(True)
        optimizer = torch.optim.SGD([images], lr=self.lr_images, momentum=self.momentum)
        rng = generator(seed, "batches")
        own = torch.arange(classes, device=device).repeat_interleave(self.ipc)
        for step in range(self.iterations):
            if step % self.inner == 0:
                network = random_network(split, classes, self.width, derive_seed(seed, "network", step), device)
                trained = torch.optim.SGD(network.parameters(), lr=self.lr_network)
            optimizer.zero_grad(set_to_none=True)
            for c, rows in enumerate(held.batch(rng, self.batch_real)):
                real = torch.from_numpy(space.to_native(split.pixels(rows))).to(device)
                wanted = [g.detach() for g in _gradients(network, real, c)]
                gradient_distance(_gradients(network, images[c], c, through=True), wanted).backward(inputs=[images])
            optimizer.step()
            for _ in range(self.network_steps):
                trained.zero_grad(set_to_none=True)
                F.cross_entropy(network(images.detach().flatten(0, 1)), own).backward()
                trained.step()
            if step % self.inner == self.inner - 1 and step + 1 < self.iterations:
                on_network(network)
            on_step(step + 1)
        return images.detach().flatten(0, 1).cpu().numpy()


def _told(on_step: Callable[[int, int], None], before: int, of: int, step: int) -> None:
    on_step(before + step, of)


def _gradients(network: Classifier, images: Tensor, label: int, through: bool = False) -> tuple[Tensor, ...]:
    """Of the mean cross entropy of images of one class, by parameter; ``through`` keeps the way back to the images."""
    labels = torch.full((len(images),), label, device=images.device)
    loss = F.cross_entropy(network(images), labels)
    return torch.autograd.grad(loss, list(network.parameters()), create_graph=through)


def gradient_distance(synthetic: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Sum over layers and output units of one minus the cosine of the two gradients of that unit's weights.

    As published, biases and the norms' scales (one-dimensional) do not count.

    Parameters
    ----------
    synthetic, real : sequences of Tensor
        By parameter, (units, ...) each.
    """
    total = synthetic[0].new_zeros(())
    for ours, theirs in zip(synthetic, real, strict=True):
        if ours.ndim > 1:
            total = total + (1 - F.cosine_similarity(ours.flatten(1), theirs.flatten(1), dim=1, eps=1e-6)).sum()
    return total
