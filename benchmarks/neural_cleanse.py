"""Neural Cleanse as its paper has it, on one model: what the audit is compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from ddaudit.training.device import repeatable, threads
from ddaudit.training.trainer import TrainedModel

#: Share of images of other classes that a mask must turn over to count, and the anomaly index above which a class is called backdoored.
REQUIRED_SUCCESS, ANOMALY = 0.99, 2.0
#: The paper's: weight of the norm at first, steps after which it changes, by which factor.
FIRST_COST, PATIENCE, FACTOR = 1e-3, 5, 2.0


def anomalies(norms: np.ndarray) -> np.ndarray:
    """The paper's anomaly index of each class, positive where the norm is below the median."""
    median = np.median(norms)
    spread = 1.4826 * np.median(np.abs(norms - median))
    index: np.ndarray = (median - norms) / max(spread, 1e-9)
    return index


def mask_norms(model: TrainedModel, pixels: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> np.ndarray:
    """L1 norm of the smallest mask found for every class that works on ``REQUIRED_SUCCESS`` of the images; the whole image where none does.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019.
    """
    x, targets = torch.from_numpy(pixels), torch.arange(classes).repeat_interleave(len(pixels))
    others = torch.from_numpy(labels)[None] != torch.arange(classes)[:, None]
    weight = others / others.sum(1, keepdim=True)
    start = np.random.default_rng(0).uniform(-1, 1, (classes, 1 + pixels.shape[1], *pixels.shape[2:]))
    raw = torch.from_numpy(start.astype(np.float32)).requires_grad_(True)
    optimizer = torch.optim.Adam([raw], lr=0.1, betas=(0.5, 0.9))
    cost = torch.full((classes,), FIRST_COST)
    good, bad = torch.zeros(2, classes, dtype=torch.int64)
    smallest = torch.full((classes,), float(np.prod(pixels.shape[2:])))
    with threads(1), repeatable():
        for _ in range(steps):
            shaped = (torch.tanh(raw) + 1) / 2
            mask, pattern = shaped[:, None, :1], shaped[:, None, 1:]
            logits = model.network(((1 - mask) * x + mask * pattern).flatten(0, 1))
            entropy = F.cross_entropy(logits, targets, reduction="none").view(classes, -1)
            norm = mask.sum((1, 2, 3, 4))
            optimizer.zero_grad(set_to_none=True)
            ((entropy * weight).sum(1) + cost * norm).sum().backward()
            optimizer.step()
            success = ((logits.argmax(1) == targets).view(classes, -1) * weight).sum(1)
            valid = success >= REQUIRED_SUCCESS
            smallest = torch.where(valid, torch.minimum(smallest, norm.detach()), smallest)
            good, bad = torch.where(valid, good + 1, 0), torch.where(valid, 0, bad + 1)
            cost = torch.where(good >= PATIENCE, cost * FACTOR, cost)
            cost = torch.where(bad >= PATIENCE, cost / FACTOR**1.5, cost)
            good, bad = torch.where(good >= PATIENCE, 0, good), torch.where(bad >= PATIENCE, 0, bad)
    return smallest.double().numpy()
