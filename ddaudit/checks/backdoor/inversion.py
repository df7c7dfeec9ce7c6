"""Universal trigger inversion, all target classes at once, jointly over several models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train

#: Share of images of other classes that an inverted trigger must turn to its target (Wang et al. 2019).
REQUIRED_SUCCESS = 0.99


@dataclass(frozen=True, eq=False)
class Inversion:
    """The smallest trigger found for every target class.

    Parameters
    ----------
    norm : float64 (k,)
        L1 norm of the smallest mask that reached ``REQUIRED_SUCCESS`` on all models; inf where none did.
    success : float64 (k,)
        Success of the trigger that is kept: of the valid one, or of the most successful one where none was valid.
    mask : float32 (k, 1, h, w) in [0, 1]
    pattern : float32 (k, c, h, w) in [0, 1]
    """

    norm: np.ndarray
    success: np.ndarray
    mask: np.ndarray
    pattern: np.ndarray

    def stamp(self, pixels: np.ndarray, target: int) -> np.ndarray:
        """The images (n, c, h, w) with the recovered trigger of ``target`` on."""
        mask = self.mask[target]
        return ((1 - mask) * pixels + mask * self.pattern[target]).astype(np.float32)


def invert(
    models: Sequence[TrainedModel],
    pixels: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    steps: int,
    seed: int,
) -> Inversion:
    """For every class, the smallest patch that sends all other classes' images there.

    x' = (1 - m) x + m p with m and p in [0, 1] by a tanh; minimises the cross entropy to the target, averaged over the models,
    plus lambda |m|_1; Adam with rate 0.1, betas 0.5 and 0.9. Lambda starts at 1e-3, doubles after five steps in which
    all models obey, and shrinks by 2^1.5 after five in which they do not, for each class by itself.

    Parameters
    ----------
    models : sequence of TrainedModel
        Attacked together: what only one network's quirks allow drops out.
    pixels : float32 (n, c, h, w) in [0, 1]
        Held-out images.
    labels : int64 (n,)
        Images of the target class do not count for it.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019.
    """
    device = models[0].device
    x = torch.from_numpy(pixels).to(device)
    others = torch.from_numpy(labels)[None, :] != torch.arange(classes)[:, None]  # (k, n)
    weight = (others / others.sum(1, keepdim=True)).to(device)
    targets = torch.arange(classes, device=device).repeat_interleave(len(pixels))
    start = np.random.default_rng(seed).uniform(-1, 1, (classes, 1 + pixels.shape[1], *pixels.shape[2:]))
    start[:, 0] -= 1.0  # masks start faint: about 0.15
    raw = torch.from_numpy(start.astype(np.float32)).to(device).requires_grad_(True)
    optimizer = torch.optim.Adam([raw], lr=0.1, betas=(0.5, 0.9))
    patience, factor = 5, 2.0
    cost = torch.full((classes,), 1e-3, device=device)
    good, bad = (torch.zeros(classes, dtype=torch.int64, device=device) for _ in range(2))
    best = _Best(classes, raw)
    with threads(models[0].recipe.threads), repeatable():
        for _ in range(steps):
            shaped = (torch.tanh(raw) + 1) / 2
            mask, pattern = shaped[:, :1], shaped[:, 1:]
            stamped = ((1 - mask[:, None]) * x[None] + mask[:, None] * pattern[:, None]).flatten(0, 1)
            entropy = torch.zeros(classes, device=device)
            obeyed = torch.ones(classes, device=device)
            for model in models:
                logits = model.network(stamped)
                each = F.cross_entropy(logits, targets, reduction="none").view(classes, -1)
                entropy = entropy + (each * weight).sum(1) / len(models)
                hit = (logits.argmax(1) == targets).view(classes, -1)
                obeyed = torch.minimum(obeyed, (hit * weight).sum(1))
            norm = mask.sum((1, 2, 3))
            optimizer.zero_grad(set_to_none=True)
            (entropy + cost * norm).sum().backward()
            best.offer(norm.detach(), obeyed.detach(), shaped.detach())
            optimizer.step()
            valid = obeyed >= REQUIRED_SUCCESS
            good, bad = torch.where(valid, good + 1, 0), torch.where(valid, 0, bad + 1)
            cost = torch.where(good >= patience, cost * factor, cost)
            cost = torch.where(bad >= patience, cost / factor**1.5, cost)
            good, bad = torch.where(good >= patience, 0, good), torch.where(bad >= patience, 0, bad)
    return best.inversion()


#: Set, recipe, seeds of its models, held-out images with labels, steps, seed of the start, device.
InversionTask = tuple[LabelledImages, Recipe, list[int], np.ndarray, np.ndarray, int, int, str]


def invert_set(
    store: Store,
    data: LabelledImages,
    recipe: Recipe,
    seeds: list[int],
    pixels: np.ndarray,
    labels: np.ndarray,
    steps: int,
    start: int,
    device: str,
) -> Inversion:
    """Train the models of a set and invert them jointly; models and result are kept in the store."""
    identity = {
        "data": dataset_fingerprint(data),
        "recipe": recipe.fingerprint(),
        "seeds": seeds,
        "images": array_fingerprint(pixels, labels),
        "steps": steps,
        "start": start,
        "device": torch.device(device).type,
    }

    def compute() -> Arrays:
        models = [train(data, recipe, seed, torch.device(device), store) for seed in seeds]
        found = invert(models, pixels, labels, classes=data.classes, steps=steps, seed=start)
        return {"norm": found.norm, "success": found.success, "mask": found.mask, "pattern": found.pattern}

    return Inversion(**store.remember("inversions", identity, compute))


def invert_into(folder: Path, *task: Any) -> None:
    """``invert_set`` in a process of one's own: the result lands in the store at ``folder``."""
    invert_set(Store(folder), *task)


class _Best:
    """Keeps, for every class, the smallest valid trigger, or else the most successful one."""

    def __init__(self, classes: int, like: Tensor) -> None:
        self.norm = torch.full((classes,), torch.inf, device=like.device)
        self.success = torch.full((classes,), -1.0, device=like.device)
        self.shaped = torch.zeros_like(like, requires_grad=False)

    def offer(self, norm: Tensor, success: Tensor, shaped: Tensor) -> None:
        valid = success >= REQUIRED_SUCCESS
        better = torch.where(valid, norm < self.norm, torch.isinf(self.norm) & (success > self.success))
        self.norm = torch.where(better & valid, norm, self.norm)
        self.success = torch.where(better, success, self.success)
        self.shaped = torch.where(better[:, None, None, None], shaped, self.shaped)

    def inversion(self) -> Inversion:
        shaped = self.shaped.cpu().numpy()
        return Inversion(
            self.norm.double().cpu().numpy(), self.success.double().cpu().numpy(), shaped[:, :1], shaped[:, 1:]
        )
