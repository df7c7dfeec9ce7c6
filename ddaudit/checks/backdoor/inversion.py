"""Universal trigger inversion: all target classes and kinds of trigger at once, jointly over several models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.data.distilled import LabelledImages
from ddaudit.seeds import generator
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays, Store, array_fingerprint
from ddaudit.training.trainer import TrainedModel, dataset_fingerprint, train

#: Of Adam, on parameters that pass through a sigmoid or an exponential; it falls to a tenth in the course of the search.
RATE = 0.2
#: Target classes whose triggers are sought in one batch: bounds the memory where there are a hundred classes.
TARGETS_TOGETHER = 10


@dataclass(frozen=True, eq=False)
class Trigger:
    """A trigger that was found: pixels x become clip(scale x + shift) in [0, 1].

    Parameters
    ----------
    scale : float32 (1, h, w)
        1 where nothing is covered.
    shift : float32 (c, h, w)
    """

    scale: np.ndarray
    shift: np.ndarray

    def stamp(self, pixels: np.ndarray) -> np.ndarray:
        """The images (n, c, h, w) with the trigger on, float32."""
        return np.clip(self.scale * pixels + self.shift, 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Inversion:
    """The trigger of least effort found of each family f for every target class k.

    Parameters
    ----------
    effort : float64 (f, k)
        Mean cross entropy to the target plus the family's price times the trigger's size: what it takes to reach the class. Of a
        family that spares other models, plus the mean of -log(1 - p) over the references, with p the probability that one gives the class.
    size : float64 (f, k)
        Share of the image that is covered (patch), root mean square of the change (perturbation), share of the picture (blend).
    success : float64 (f, k)
        Share of the other classes' images that are taken for the target, the mean over the models.
    bare : float64 (k,)
        Mean cross entropy to the target with no trigger at all: how far other classes' images are from it as they are.
    scale : float32 (f, k, 1, h, w)
    shift : float32 (f, k, c, h, w)
    """

    effort: np.ndarray
    size: np.ndarray
    success: np.ndarray
    bare: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def trigger(self, family: int, target: int) -> Trigger:
        """The one of that family for that class."""
        return Trigger(self.scale[family, target], self.shift[family, target])


def invert(
    models: Sequence[TrainedModel],
    pixels: np.ndarray,
    labels: np.ndarray,
    *,
    references: Sequence[TrainedModel] = (),
    classes: int,
    steps: int,
    batch: int,
    seed: int,
) -> Inversion:
    """For every class and family, the trigger that sends all other classes' images there with the least effort.

    Minimises (cross entropy to the target, averaged over images and models) + price times size. Each step sees one of the models, in
    turn, and ``batch`` of the images: what only one network's quirks allow does not survive the others. The effort at
    the end is of all images and all models. Being the *minimum* of what is minimised, it feels the last steps that are missing only in second
    order, where the smallest valid mask of Neural Cleanse feels them in first: it is stable after a few dozen steps, finite for
    every class, and needs no schedule of the weight.

    Parameters
    ----------
    models : sequence of TrainedModel
    pixels : float32 (n, c, h, w) in [0, 1]
        Held-out images.
    labels : int64 (n,)
        Images of the target class do not count for it.
    references : sequence of TrainedModel
        Models of other sets, which the triggers of a family that is ``sparing`` must not turn; with none there is no such condition.
    steps : int
        Of Adam; a multiple of the number of models treats them alike.
    seed : int
        Decides starts and batches.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019; Moosavi-Dezfooli et al., Universal adversarial perturbations, CVPR 2017.
    """
    with threads(models[0].recipe.threads), repeatable():
        parts = [
            _invert(
                models,
                references,
                pixels,
                labels,
                np.arange(classes)[first : first + TARGETS_TOGETHER],
                steps,
                batch,
                seed,
            )
            for first in range(0, classes, TARGETS_TOGETHER)
        ]
    names = [field.name for field in fields(Inversion)]
    # The axis of classes is the second, but for the bare images, which are of no family.
    return Inversion(
        *(
            np.concatenate(arrays, axis=0 if name == "bare" else 1)
            for name, arrays in zip(names, zip(*parts, strict=True), strict=True)
        )
    )


def _invert(
    models: Sequence[TrainedModel],
    references: Sequence[TrainedModel],
    pixels: np.ndarray,
    labels: np.ndarray,
    targets: np.ndarray,
    steps: int,
    batch: int,
    seed: int,
) -> tuple[np.ndarray, ...]:
    """The fields of the ``Inversion`` for these targets."""
    device = models[0].device
    x, y, t = (torch.from_numpy(array).to(device) for array in (pixels, labels, targets))
    rng = generator(seed, "inversion", int(targets[0]))
    raw = [
        torch.from_numpy(family.start(len(t), pixels.shape[1:], rng).astype(np.float32)).to(device).requires_grad_(True)
        for family in FAMILIES
    ]
    prices = torch.tensor([family.price for family in FAMILIES], device=device)[:, None]
    sparing = [i for i, family in enumerate(FAMILIES) if family.sparing]

    def shaped() -> tuple[Tensor, Tensor, Tensor]:
        parts = zip(*(family.shaped(one) for family, one in zip(FAMILIES, raw, strict=True)), strict=True)
        scale, shift, size = (torch.stack(part) for part in parts)
        return scale, shift, size

    optimizer = torch.optim.Adam(raw, lr=RATE, betas=(0.7, 0.95))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * (1 - 0.9 * step / steps)
        rows = torch.from_numpy(rng.permutation(len(x))[:batch]).to(device)
        scale, shift, size = shaped()
        entropy, _ = reached(models[step % len(models)], scale, shift, x[rows], y[rows], t)
        cost = (entropy + prices * size).sum()
        if references:
            other = references[step % len(references)]
            cost = cost + obeyed(other, scale[sparing], shift[sparing], x[rows], y[rows], t).sum()
        optimizer.zero_grad(set_to_none=True)
        cost.backward()
        optimizer.step()
    with torch.no_grad():
        scale, shift, size = shaped()
        outcomes = [reached(model, scale, shift, x, y, t) for model in models]
        entropy, success = (torch.stack(parts).mean(0) for parts in zip(*outcomes, strict=True))
        bare = torch.stack([_bare(model, x, y, t) for model in models]).mean(0)
        effort = entropy + prices * size
        for other in references:
            effort[sparing] += obeyed(other, scale[sparing], shift[sparing], x, y, t) / len(references)
    numbers = (part.double().cpu().numpy() for part in (effort, size, success, bare))
    return (*numbers, scale.cpu().numpy(), shift.cpu().numpy())


def reached(
    model: TrainedModel, scale: Tensor, shift: Tensor, x: Tensor, y: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross entropy to the target and share taken for it, each (families, targets), over images of other classes.

    Parameters
    ----------
    scale, shift : Tensor (families, targets, 1 or c, h, w)
    x, y : Tensor (n, c, h, w), (n,)
    targets : int64 Tensor (targets,)
    """
    logits = _triggered(model, scale, shift, x)
    wanted = targets[None, :, None].expand(logits.shape[:3])
    entropy = F.cross_entropy(logits.flatten(0, 2), wanted.flatten(), reduction="none").view(wanted.shape)
    weight = _shares(y, targets)
    hit = (logits.argmax(3) == wanted).float()
    return (entropy * weight).sum(2), (hit * weight).sum(2)


def obeyed(model: TrainedModel, scale: Tensor, shift: Tensor, x: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log(1 - p), (families, targets), over images of other classes; p is the probability that the model gives the target.

    Parameters
    ----------
    scale, shift, x, y, targets : Tensor
        As those of ``reached``.
    """
    logits = _triggered(model, scale, shift, x)
    # -log(1 - p) is the log of all less the log of all others, exactly, where p itself would be rounded to 1.
    target = F.one_hot(targets, logits.shape[3]).bool()[None, :, None]
    others = logits.masked_fill(target, -torch.inf).logsumexp(3)
    return ((logits.logsumexp(3) - others) * _shares(y, targets)).sum(2)


def _triggered(model: TrainedModel, scale: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    """Logits (families, targets, images, classes) of the images (images, c, h, w) with each trigger on."""
    stamped = (scale[:, :, None] * x + shift[:, :, None]).clamp(0, 1)
    logits: Tensor = model.network(stamped.flatten(0, 2))
    return logits.unflatten(0, stamped.shape[:3])


def _bare(model: TrainedModel, x: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    """(targets,): the mean cross entropy of ``reached`` with no trigger on, so that every image passes once for all targets."""
    entropy = -F.log_softmax(model.network(x), 1)[:, targets].T
    return (entropy * _shares(y, targets)).sum(1)


def _shares(y: Tensor, targets: Tensor) -> Tensor:
    """(targets, images): what each image counts for each target; equal shares, and none for images of the target itself."""
    others = (y[None] != targets[:, None]).float()
    return others / others.sum(1, keepdim=True).clamp(min=1)


#: Set, other sets, recipe, seeds of its models, held-out images with labels, steps, images a step, seed of the start, device.
InversionTask = tuple[
    LabelledImages, list[LabelledImages], Recipe, list[int], np.ndarray, np.ndarray, int, int, int, str
]


def invert_set(
    store: Store,
    data: LabelledImages,
    references: list[LabelledImages],
    recipe: Recipe,
    seeds: list[int],
    pixels: np.ndarray,
    labels: np.ndarray,
    steps: int,
    batch: int,
    start: int,
    device: str,
) -> Inversion:
    """Train the models of a set, and one of each reference, and invert the former jointly; models and result are kept in the store."""
    identity = {
        "data": dataset_fingerprint(data),
        "references": [dataset_fingerprint(one) for one in references],
        "recipe": recipe.fingerprint(),
        "seeds": seeds,
        "images": array_fingerprint(pixels, labels),
        "steps": steps,
        "batch": batch,
        "start": start,
        "device": torch.device(device).type,
    }

    def compute() -> Arrays:
        models = [train(data, recipe, seed, torch.device(device), store) for seed in seeds]
        others = [train(one, recipe, seeds[0], torch.device(device), store) for one in references]
        found = invert(
            models, pixels, labels, references=others, classes=data.classes, steps=steps, batch=batch, seed=start
        )
        return dict(vars(found))

    return Inversion(**store.remember("inversions", identity, compute))


def invert_into(folder: Path, *task: Any) -> None:
    """``invert_set`` in a process of one's own: the result lands in the store at ``folder``."""
    invert_set(Store(folder), *task)
