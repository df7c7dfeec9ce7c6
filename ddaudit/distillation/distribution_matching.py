"""Distribution matching (Zhao & Bilen, WACV 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.models import Classifier, build
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.augmentation import augment
from ddaudit.training.device import repeatable, threads


@dataclass(frozen=True)
class DistributionMatching:
    """Moves synthetic images until random networks embed them, class by class, where they embed real ones.

    Each step draws one fresh random ConvNet and lowers, per class, the squared distance between the mean embeddings of
    ``batch_real`` real and ``ipc`` synthetic images. Several sets are distilled on one trunk: the real features are computed
    once a step and turned into every set's class means, so a further set costs only its own images.

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
    augmentation: Literal["none", "dsa"] = "none"
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
        pools = [np.arange(len(split))] if pools is None else list(pools)
        members = np.zeros((len(pools), len(split)), bool)
        for j, pool in enumerate(pools):
            members[j, pool] = True
        by_class = [np.flatnonzero((split.labels == c) & members.any(0)) for c in range(classes)]
        images = torch.stack([self._start(split, classes, space, members[j], seed, j) for j in range(len(pools))])
        images = images.to(device).requires_grad_(True)  # (sets, k, ipc, c, h, w)
        optimizer = torch.optim.SGD([images], lr=self.lr_images, momentum=self.momentum)
        options: dict[str, Any] = {} if self.width is None else {"width": self.width}
        rng = generator(seed, "distribution-matching/batches")
        with threads(self.threads), repeatable():
            for step in range(self.iterations):
                network = build(
                    "ConvNet",
                    shape=split.shape,
                    classes=classes,
                    seed=derive_seed(seed, "distribution-matching/network", step),
                    **options,
                )
                network.to(device).train().requires_grad_(False)
                rows = [rng.choice(r, min(self.batch_real, len(r)), replace=False) for r in by_class]
                real, synthetic = self._embed(network, split, space, rows, images, derive_seed(seed, "dsa", step))
                loss = torch.zeros((), device=device)
                for c, r in enumerate(rows):
                    mine = torch.from_numpy(members[:, r]).to(device, torch.float32)  # (sets, batch)
                    # A small batch may hold no member of some pool: that set has nothing to match in this step.
                    drawn = mine.any(1)
                    means = mine[drawn] @ real[c] / mine[drawn].sum(1, keepdim=True)
                    loss = loss + (means - synthetic[drawn, c].mean(1)).square().sum()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                on_step(step + 1, self.iterations)
        labels = np.repeat(np.arange(classes), self.ipc)
        return [
            LabelledImages(one.flatten(0, 1).cpu().numpy(), labels, classes, space, "distribution matching")
            for one in images.detach()
        ]

    def _start(
        self, split: Split, classes: int, space: PixelSpace, members: np.ndarray, seed: int, index: int
    ) -> Tensor:
        rng = generator(seed, "distribution-matching/init", index)
        if self.init == "noise":
            return torch.from_numpy(rng.standard_normal((classes, self.ipc, *split.shape), dtype=np.float32))
        start = []
        for c in range(classes):
            candidates = np.flatnonzero((split.labels == c) & members)
            if len(candidates) < self.ipc:
                raise AuditError(
                    f"Class {c} has {len(candidates)} real images, too few to start {self.ipc} synthetic ones from: "
                    "use fewer images per class, or noise initialisation."
                )
            start.append(space.to_native(split.pixels(rng.choice(candidates, self.ipc, replace=False))))
        return torch.from_numpy(np.stack(start))

    def _embed(
        self,
        network: Classifier,
        split: Split,
        space: PixelSpace,
        rows: list[np.ndarray],
        images: Tensor,
        draw: int,
    ) -> tuple[list[Tensor], Tensor]:
        """Features of the real rows of each class, and (sets, k, ipc, features) of the synthetic images."""
        real_images = torch.from_numpy(space.to_native(split.pixels(np.concatenate(rows)))).to(images.device)
        synthetic_images = images.flatten(0, 2)
        if self.augmentation == "dsa":
            real_images, synthetic_images = (
                augment(x, "dsa", torch.Generator().manual_seed(draw), siamese=True)
                for x in (real_images, synthetic_images)
            )
        with torch.no_grad():
            real = network.features(real_images)
        synthetic = network.features(synthetic_images)
        return list(real.split([len(r) for r in rows])), synthetic.unflatten(0, images.shape[:3])
