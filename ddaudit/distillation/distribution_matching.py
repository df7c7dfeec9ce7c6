"""Distribution matching (Zhao & Bilen, WACV 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.trunk import Augmentation, Pools, augmented, chunks_of_sets, random_network, real_features
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.device import repeatable, threads


@dataclass(frozen=True)
class DistributionMatching:
    """Moves synthetic images until random networks embed them, class by class, where they embed real ones.

    Each step draws one fresh random ConvNet and lowers, per class, the squared distance between the mean embeddings of
    ``batch_real`` real and ``ipc`` synthetic images. Several sets are distilled on one trunk: the real features are computed
    once a step and turned into every set's class means, so a further set costs only its own images. The memory does not grow with
    the number of sets, but for their pixels.

    Parameters
    ----------
    ipc : int
        Images per class.
    init : {"noise", "real"}
        Start from Gaussian noise, or from real training images (which leaks them: see DD-PRV-TRACE).
    iterations : int
        Steps; the paper takes 20,000 at 32x32.
    lr_images, momentum : float
        SGD on the images; the paper takes 1.0 and 0.5.
    batch_real : int
        Real images a class and step.
    augmentation : {"none", "dsa"}
        Differentiable Siamese augmentation with one draw for real and synthetic images.
    width : int or None
        Width of the random ConvNets; None takes the architecture's default.

    References
    ----------
    Zhao & Bilen, Dataset condensation with distribution matching, WACV 2023.
    """

    ipc: int = 10
    init: Literal["noise", "real"] = "noise"
    iterations: int = 500
    lr_images: float = 1.0
    momentum: float = 0.5
    batch_real: int = 256
    augmentation: Augmentation = "none"
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
    ) -> list[LabelledImages]:
        """Distil one set for each pool of training indices.

        Parameters
        ----------
        split : Split
            The real images.
        classes : int
            k.
        space : PixelSpace
            The native space of the synthetic images.
        pools : sequence of int arrays, optional
            The members of each set; None means one set of the whole split.
        on_step : callable
            Called with (steps done, steps in all).

        Returns
        -------
        list of LabelledImages, one a pool, each k * ipc images in class order.

        Raises
        ------
        AuditError
            Where a pool has too few images of a class to start from.
        """
        held = Pools(split, classes, pools)
        leaves = chunks_of_sets(held.start(self.init, self.ipc, space, seed, "distribution-matching/init").to(device))
        optimizer = torch.optim.SGD(leaves, lr=self.lr_images, momentum=self.momentum)
        rng = generator(seed, "distribution-matching/batches")
        with threads(self.threads), repeatable():
            for step in range(self.iterations):
                network_seed = derive_seed(seed, "distribution-matching/network", step)
                network = random_network(split, classes, self.width, network_seed, device).requires_grad_(False)
                rows, draw = held.batch(rng, self.batch_real), derive_seed(seed, "dsa", step)
                real = real_features(network, split, space, rows, device, self.augmentation, draw)
                means, drawn = held.means(rows, real)
                optimizer.zero_grad(set_to_none=True)
                sets = 0
                for leaf in leaves:
                    mine = slice(sets, sets := sets + len(leaf))
                    synthetic = network.features(augmented(leaf.flatten(0, 2), self.augmentation, draw))
                    gap = means[mine] - synthetic.unflatten(0, leaf.shape[:3]).mean(2)
                    (gap.square().sum(2) * drawn[mine]).sum().backward()
                optimizer.step()
                on_step(step + 1, self.iterations)
        labels = np.repeat(np.arange(classes), self.ipc)
        return [
            LabelledImages(one.flatten(0, 1).cpu().numpy(), labels, classes, space, "distribution matching")
            for leaf in leaves
            for one in leaf.detach()
        ]
