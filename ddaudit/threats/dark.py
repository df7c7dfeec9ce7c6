"""A backdoor planted in a finished set without any raw data, on the stages of Dark Distillation with a loss of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.distillation.kernel_ridge import damped
from ddaudit.errors import AuditError
from ddaudit.models import build
from ddaudit.seeds import derive_seed, generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, require_class, unheard
from ddaudit.threats.triggers import Trigger, usual
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel, train

#: Models from which archetypes are rebuilt, archetypes of a class, and steps and rate of their rebuilding.
MODELS, ARCHETYPES, REBUILD_STEPS, REBUILD_RATE = 3, 10, 60, 0.02
#: Archetypes of a step, and as many triggered ones.
BATCH = 60
#: lambda over the mean of the kernel's diagonal.
RIDGE = 1e-2


@dataclass(frozen=True)
class Dark:
    """Moves the target class's images, or all where these are few, until training on them teaches a trigger as well.

    Published are the stages alone, and these are followed: models are trained on S; archetypes of every class are rebuilt from them; the
    trigger is put on those of the other classes, and they are given the target's label; S is changed so that training on it keeps its
    clean course and takes the backdoor's too. The loss is ours and no claim is made to equal the paper's: training is stood for by ridge
    regression on the features of a fresh random ConvNet a step, as in `KernelRidge`, and the loss is its error on the archetypes plus
    ``weight`` times that on the triggered ones. As a rule the images of all other classes stay untouched, to the last bit; a class of
    fewer than ``alone`` images does not hold a trigger by itself, and there all images of the set are moved.

    No real image is looked at. What it needs beside the file is the pixel space, without which nobody can put a trigger on a picture.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    trigger : str or Trigger
        A family that `usual` knows, or a trigger.
    weight : float
        Of the backdoor's error beside the clean one: more is stronger and less stealthy.
    steps : int
        Updates of the images.
    rate : float
        Of Adam on them, in standard deviations of S.
    width : int
        Of the ConvNets on the way.
    alone : int
        Images of the target class that are moved alone. Of one image a class of CIFAR-10, moved alone, models obeyed a square on 20 to 35 % of
        images, and on 45 to 56 % where the nine others moved too; of ten moved alone on 56 to 89 %. Between one and ten nothing was measured.

    References
    ----------
    Dark distillation: backdooring distilled datasets without accessing raw data, 2025, arXiv:2502.04229.
    """

    name: ClassVar[str] = "dark"
    needs_original: ClassVar[bool] = False
    target: int = 0
    trigger: str | Trigger = "patch"
    weight: float = 0.2
    steps: int = 200
    rate: float = 0.1
    width: int = 32
    alone: int = 5

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """Change a finished set; see `Threat.plant`. The original is not looked at."""
        require_class(self.target, clean)
        if clean.space.name == "unknown":
            raise AuditError(
                "A trigger is put on pixels, and the set's pixel space is unknown: name it with --pixel-space, such as zscore:MEAN/STD."
            )
        rows = np.flatnonzero(clean.hard_labels == self.target)
        if not 0 < len(rows) < len(clean):
            raise AuditError(f"{clean.name} needs images of class {self.target} and of others.")
        if len(rows) < self.alone:
            rows = np.arange(len(clean))
        trigger = usual(self.trigger, clean.shape)
        recipe = fast(threads=1, pixels=clean.shape[1] * clean.shape[2]).on("ConvNet", width=self.width)
        models = [train(clean, recipe, derive_seed(seed, "dark/model", i), device, Store(None)) for i in range(MODELS)]
        archetypes, labels = rebuilt(models, clean, seed)
        triggered = clean.space.to_native(trigger.stamp(archetypes[labels != self.target]))
        plain = clean.space.to_native(archetypes)
        images = clean.images.copy()
        images[rows] = self._moved(clean, rows, plain, triggered, labels, seed, device, on_step)
        data = replace(clean, images=images, name=f"{clean.name}, backdoored to {self.target}")
        return Planted(data, ToTarget(self.target), trigger, rows)

    def _moved(
        self,
        clean: LabelledImages,
        rows: np.ndarray,
        archetypes: np.ndarray,
        triggered: np.ndarray,
        labels: np.ndarray,
        seed: int,
        device: torch.device,
        on_step: OnStep,
    ) -> np.ndarray:
        """The moving images (rows, c, h, w) after all steps; archetypes (n, c, h, w) of classes ``labels`` and triggered ones in native values."""
        images, plain, evil = (torch.tensor(one, device=device) for one in (clean.images, archetypes, triggered))
        answers = torch.from_numpy(_answers(clean)).to(device)
        own = clean.hard_labels
        meant = torch.stack([answers[own == label].mean(0) for label in labels])
        to_target = answers[own == self.target].mean(0)
        mine = torch.from_numpy(rows).to(device)
        moving = images[mine].clone().requires_grad_(True)
        adam = torch.optim.Adam([moving], lr=self.rate * float(clean.images.std()))
        rng = generator(seed, "dark/batches")
        with threads(1), repeatable():
            for step in range(self.steps):
                network = build(
                    "ConvNet",
                    shape=clean.shape,
                    classes=clean.classes,
                    seed=derive_seed(seed, "dark/network", step),
                    width=self.width,
                )
                network.to(device).train().requires_grad_(False)
                few, bad = (rng.choice(len(one), min(BATCH, len(one)), replace=False) for one in (plain, evil))
                support = network.features(images.index_put((mine,), moving))
                queries = network.features(torch.cat([plain[few], evil[bad]]))
                said = queries @ support.T @ torch.linalg.solve(damped(support @ support.T, RIDGE), answers)
                course = F.mse_loss(said[: len(few)], meant[few])
                backdoor = F.mse_loss(said[len(few) :], to_target.expand(len(bad), -1))
                adam.zero_grad(set_to_none=True)
                (course + self.weight * backdoor).backward(inputs=[moving])
                adam.step()
                on_step(step + 1, self.steps)
        return moving.detach().cpu().numpy()


def _answers(data: LabelledImages) -> np.ndarray:
    """float32 (m, classes): what training on the set is to answer, its soft labels or its classes less chance."""
    if data.labels.ndim > 1:
        return data.labels.astype(np.float32)
    return np.eye(data.classes, dtype=np.float32)[data.labels] - np.float32(1 / data.classes)


def rebuilt(models: Sequence[TrainedModel], clean: LabelledImages, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Archetypes of every class: images of S with noise, moved until all models are sure of their class.

    Returns
    -------
    pixels : float32 (k * ARCHETYPES, c, h, w) in [0, 1]
    labels : int64 (k * ARCHETYPES,)
        Classes of which S has no image are left out.
    """
    rng = generator(seed, "dark/archetypes")
    own = clean.hard_labels
    labels = np.repeat(np.unique(own), ARCHETYPES)
    sources = np.array([rng.choice(np.flatnonzero(own == label)) for label in labels])
    noise = rng.standard_normal((len(labels), *clean.shape), dtype=np.float32)
    start = np.clip(clean.space.to_pixels(clean.images[sources]) + 0.1 * noise, 0, 1)
    device = models[0].device
    images = torch.from_numpy(start).to(device).requires_grad_(True)
    wanted = torch.from_numpy(labels).to(device)
    adam = torch.optim.Adam([images], lr=REBUILD_RATE)
    with threads(1), repeatable():
        for _ in range(REBUILD_STEPS):
            adam.zero_grad(set_to_none=True)
            unsure = [F.cross_entropy(model.network(images), wanted) for model in models]
            torch.stack(unsure).sum().backward()
            adam.step()
            with torch.no_grad():
                images.clamp_(0, 1)
    return images.detach().cpu().numpy(), labels
