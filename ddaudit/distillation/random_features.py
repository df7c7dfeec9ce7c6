"""The loop of the methods that compare sets with real images by the features of random networks and the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.trunk import Pools, random_network, real_features
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.device import repeatable, threads

Loss = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]
"""(features of a set (m, d), its labels (m,), features of its members in the batch (n, d), their labels (n,), step) to a scalar."""


def distil_by_features(
    held: Pools,
    start: Tensor,
    space: PixelSpace,
    optimizer_of: Callable[[Sequence[Tensor]], torch.optim.Optimizer],
    loss: Loss,
    *,
    purpose: str,
    seed: int,
    iterations: int,
    batch_real: int,
    width: int | None,
    cpu_threads: int,
    on_step: Callable[[int, int], None],
) -> list[LabelledImages]:
    """One set a pool, each by its own loss; the random network of a step and its features of real images are shared.

    Parameters
    ----------
    start : Tensor (sets, classes, ipc, c, h, w)
        On the device.
    optimizer_of : callable
        The optimizer of the sets' images.
    purpose : str
        Names the random streams, and with blanks for hyphens the sets.
    """
    split, classes, device = held.split, held.classes, start.device
    sets = [one.flatten(0, 1).requires_grad_(True) for one in start.clone()]
    optimizer = optimizer_of(sets)
    rng = generator(seed, f"{purpose}/batches")
    own = torch.arange(classes, device=device).repeat_interleave(start.shape[2])
    with threads(cpu_threads), repeatable():
        for step in range(iterations):
            network_seed = derive_seed(seed, f"{purpose}/network", step)
            network = random_network(split, classes, width, network_seed, device).requires_grad_(False)
            rows = held.batch(rng, batch_real)
            features = real_features(network, split, space, rows, device)
            drawn = np.concatenate(rows)
            labels = torch.from_numpy(split.labels[drawn]).to(device)
            optimizer.zero_grad(set_to_none=True)
            for members, images in zip(held.members, sets, strict=True):
                mine = torch.from_numpy(np.flatnonzero(members[drawn])).to(device)
                if len(mine):  # a small batch may hold no member of some set
                    loss(network.features(images), own, features[mine], labels[mine], step).backward()
            optimizer.step()
            on_step(step + 1, iterations)
    name = purpose.replace("-", " ")
    return [LabelledImages(one.detach().cpu().numpy(), own.cpu().numpy(), classes, space, name) for one in sets]
