"""What distillations of several pools share: where they start, and the features of real images, computed once for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.models import Classifier, build
from ddaudit.seeds import generator
from ddaudit.training.augmentation import augment

#: Images that pass a network at a time. Bounds the memory: a ConvNet of width 128 keeps about 2 MB of activations for an image at
#: 32x32 whose gradient is wanted, so 0.6 GB whatever the number of pools.
CHUNK = 256

Augmentation = Literal["none", "dsa"]


class Pools:
    """The members of several sets to be distilled from one split.

    Parameters
    ----------
    pools : sequence of int arrays, or None
        Indices into the split; None is one pool of all of it.
    """

    def __init__(self, split: Split, classes: int, pools: Sequence[np.ndarray] | None) -> None:
        pools = [np.arange(len(split))] if pools is None else pools
        self.split, self.classes = split, classes
        self.members = np.zeros((len(pools), len(split)), bool)
        for member, pool in zip(self.members, pools, strict=True):
            member[pool] = True
        used = self.members.any(0)
        self.by_class = [np.flatnonzero((split.labels == c) & used) for c in range(classes)]

    def __len__(self) -> int:
        return len(self.members)

    def batch(self, rng: np.random.Generator, each: int) -> list[np.ndarray]:
        """Rows of the split, by class, at most ``each``."""
        return [rng.choice(rows, min(each, len(rows)), replace=False) for rows in self.by_class]

    def means(self, rows: Sequence[np.ndarray], features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean features of each set's own members in a batch.

        Parameters
        ----------
        rows : sequence of int arrays
            The batch, by class.
        features : Tensor (batch, d)
            Of its images, class after class.

        Returns
        -------
        means : Tensor (sets, classes, d)
        drawn : bool Tensor (sets, classes)
            False, and the mean zero, where the batch holds no member of the set: it has nothing to match in this step.
        """
        means, drawn = [], []
        for r, found in zip(rows, features.split([len(r) for r in rows]), strict=True):
            mine = torch.from_numpy(self.members[:, r]).to(features)
            counts = mine.sum(1, keepdim=True)
            means.append(mine @ found / counts.clamp(min=1))
            drawn.append(counts[:, 0] > 0)
        return torch.stack(means, 1), torch.stack(drawn, 1)

    def start(self, init: Literal["noise", "real"], ipc: int, space: PixelSpace, seed: int, purpose: str) -> Tensor:
        """Where the synthetic images start, float32 (sets, classes, ipc, c, h, w) in native space.

        Raises
        ------
        AuditError
            Where a pool has too few images of a class to start from.
        """
        return torch.stack([
            self._start(init, ipc, space, members, generator(seed, purpose, j)) for j, members in enumerate(self.members)
        ])  # fmt: skip

    def _start(self, init: str, ipc: int, space: PixelSpace, members: np.ndarray, rng: np.random.Generator) -> Tensor:
        if init == "noise":
            return torch.from_numpy(rng.standard_normal((self.classes, ipc, *self.split.shape), dtype=np.float32))
        start = []
        for c in range(self.classes):
            candidates = np.flatnonzero((self.split.labels == c) & members)
            if len(candidates) < ipc:
                raise AuditError(
                    f"Class {c} has {len(candidates)} real images, too few to start {ipc} synthetic ones from: "
                    "use fewer images per class, or noise initialisation."
                )
            start.append(space.to_native(self.split.pixels(rng.choice(candidates, ipc, replace=False))))
        return torch.from_numpy(np.stack(start))


def random_network(split: Split, classes: int, width: int | None, seed: int, device: torch.device) -> Classifier:
    """A fresh random ConvNet for images of the split; ``width`` None takes the architecture's default."""
    options: dict[str, Any] = {} if width is None else {"width": width}
    network = build("ConvNet", shape=split.shape, classes=classes, seed=seed, **options)
    return network.to(device).train()


def augmented(images: Tensor, augmentation: Augmentation, draw: int) -> Tensor:
    """Images under the Siamese augmentation of that draw: the same for every call with it."""
    if augmentation == "none":
        return images
    return augment(images, augmentation, torch.Generator().manual_seed(draw), siamese=True)


@torch.no_grad()
def real_features(
    network: Classifier,
    split: Split,
    space: PixelSpace,
    rows: Sequence[np.ndarray],
    device: torch.device,
    augmentation: Augmentation = "none",
    draw: int = 0,
) -> Tensor:
    """(batch, d): penultimate features of a batch by class, class after class, a chunk at a time."""
    images = space.to_native(split.pixels(np.concatenate(rows)))
    return torch.cat([
        network.features(augmented(part.to(device), augmentation, draw)) for part in torch.from_numpy(images).split(CHUNK)
    ])  # fmt: skip


def chunks_of_sets(images: Tensor) -> list[Tensor]:
    """(sets, k, ipc, c, h, w) in leaves of as many sets as make ``CHUNK`` images (one at least), each wanting its gradient."""
    each = max(1, CHUNK // (images.shape[1] * images.shape[2]))
    return [part.clone().requires_grad_(True) for part in images.split(each)]
