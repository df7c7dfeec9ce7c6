"""What work costs before it is done: the operations of its network, and how many of them this machine does a second."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from ddaudit.models import build
from ddaudit.models.layers import Shape
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe

#: What one image costs, in forward passes: through the network; with the gradient of the image; with that of the weights too.
FORWARD, GRADIENT, TRAINING = 1, 2, 3


@dataclass(frozen=True)
class Work:
    """A piece of work that a check wants done.

    Parameters
    ----------
    what : str
        Pieces of the same name and recipe, wanted by several checks, are one and are done once.
    count : int
        How many times it is done.
    recipe : Recipe
        Of the network that the images pass; only its architecture and its threads count.
    images : float
        Images that pass the network each time.
    passes : int
        FORWARD, GRADIENT or TRAINING.
    held : int
        How many of ``count`` the store is known to hold.
    side_by_side : bool
        Whether an executor may do several at a time.
    """

    what: str
    count: int
    recipe: Recipe
    images: float
    passes: int = TRAINING
    held: int = 0
    side_by_side: bool = True

    def operations(self, shape: Shape, classes: int) -> float:
        """Floating point operations that are still to be done."""
        each = self.images * self.passes * forward_operations(self.recipe, shape, classes)
        return (self.count - self.held) * each


def together(pieces: Iterable[Work]) -> list[Work]:
    """The work of several checks, what they share once."""
    merged: dict[tuple[str, str], Work] = {}
    for piece in pieces:
        key = piece.what, piece.recipe.fingerprint()
        known = merged.get(key, piece)
        merged[key] = replace(known, count=max(known.count, piece.count), held=max(known.held, piece.held))
    return list(merged.values())


def forward_operations(recipe: Recipe, shape: Shape, classes: int) -> float:
    """Of one image through the recipe's network: matrix products and convolutions, a multiplication and an addition each."""
    # Takes triton with it, a third of a second that only a dry run has to spend.
    from torch.utils.flop_counter import FlopCounterMode

    network = build(recipe.architecture, shape=shape, classes=classes, seed=0, **recipe.options).to("meta")
    with FlopCounterMode(display=False) as counter:
        network(torch.empty((2, *shape), device="meta"))  # batch norm wants more than one
    return counter.get_total_flops() / 2


def operations_a_second(
    recipe: Recipe, shape: Shape, classes: int, images: int, device: torch.device, seconds: float
) -> float:
    """Rate of this machine, measured for about ``seconds`` on training steps of the recipe's network on noise.

    Layers that the count leaves out (norms, pooling, the optimizer) take their share of the time, so a rate holds for this network alone.
    The batch doubles up to that of a training on ``images`` images, or what half of the time allows.
    """
    network = build(recipe.architecture, shape=shape, classes=classes, seed=0, **recipe.options).to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=recipe.lr, momentum=recipe.momentum)

    def step(batch: int) -> float:
        noise = torch.rand((batch, *shape), device=device)
        labels = torch.zeros(batch, dtype=torch.int64, device=device)
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(noise), labels)
        loss.backward()
        optimizer.step()
        loss.item()  # a GPU is waited for
        return time.perf_counter() - started

    with threads(recipe.threads), repeatable():
        step(2)  # the first takes the time to set things up
        started = time.perf_counter()
        batch, most = 2, max(2, min(recipe.batch, images))
        while batch < most and time.perf_counter() - started < seconds / 2:
            batch = min(2 * batch, most)
            step(batch)
        taken = [step(batch)]
        while time.perf_counter() - started < seconds:
            taken.append(step(batch))
    return TRAINING * batch * forward_operations(recipe, shape, classes) * len(taken) / sum(taken)
