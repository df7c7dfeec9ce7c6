"""A backdoor planted in a finished set without any raw data, on the stages of Dark Distillation with a loss of our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.distillation.gradient_matching import gradient_distance
from ddaudit.errors import AuditError
from ddaudit.models import build
from ddaudit.seeds import derive_seed, generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, require_class, unheard
from ddaudit.threats.triggers import Trigger, usual
from ddaudit.training.course import Course
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe, fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import TrainedModel, train

#: Models from which archetypes are rebuilt, archetypes of a class, and steps and rate of their rebuilding.
MODELS, ARCHETYPES, REBUILD_STEPS, REBUILD_RATE = 3, 10, 60, 0.02
#: Images are updated so often for each network, which is trained on them for so many steps between two updates.
UPDATES, NETWORK_STEPS = 10, 5


@dataclass(frozen=True)
class Dark:
    """Moves the target class's images until training on them teaches a trigger as well.

    Published are the stages alone, and these are followed: models are trained on S; archetypes of every class are rebuilt from them; the
    trigger is put on those of the other classes, and they are given the target's label; S is changed so that its gradients keep their
    clean course and add the backdoor's. The loss is ours and no claim is made to equal the paper's: over networks that the changed set
    itself partly trains, the gradient of the target class's images is brought to g + weight |g| / |b| b, layer by layer, where g is the
    gradient of these images as they were and b that of the triggered archetypes, by the distance of `GradientMatching`. The images of all other
    classes stay untouched, to the last bit.

    No real image is looked at. What it needs beside the file is the pixel space, without which nobody can put a trigger on a picture.

    Parameters
    ----------
    target : int
        The class that the trigger commands.
    trigger : str or Trigger
        A family that `usual` knows, or a trigger.
    weight : float
        Of the backdoor's gradient, relative to the clean one: more is stronger and less stealthy.
    steps : int
        Updates of the images.
    rate : float
        Of Adam on them, in standard deviations of S.
    width : int
        Of the ConvNets that are trained on the way.

    References
    ----------
    Dark distillation: backdooring distilled datasets without accessing raw data, 2025, arXiv:2502.04229.
    """

    name: ClassVar[str] = "dark"
    needs_original: ClassVar[bool] = False
    target: int = 0
    trigger: str | Trigger = "patch"
    weight: float = 1.0
    steps: int = 200
    rate: float = 0.1
    width: int = 32

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
        trigger = usual(self.trigger, clean.shape)
        recipe = fast(threads=1, pixels=clean.shape[1] * clean.shape[2]).on("ConvNet", width=self.width)
        models = [train(clean, recipe, derive_seed(seed, "dark/model", i), device, Store(None)) for i in range(MODELS)]
        archetypes, labels = rebuilt(models, clean, seed)
        triggered = clean.space.to_native(trigger.stamp(archetypes[labels != self.target]))
        images = clean.images.copy()
        images[rows] = self._moved(clean, rows, triggered, recipe, seed, device, on_step)
        data = replace(clean, images=images, name=f"{clean.name}, backdoored to {self.target}")
        return Planted(data, ToTarget(self.target), trigger, rows)

    def _moved(
        self,
        clean: LabelledImages,
        rows: np.ndarray,
        triggered: np.ndarray,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        on_step: OnStep,
    ) -> np.ndarray:
        """The target's images (rows, c, h, w) after all steps."""
        loss = Course(clean, recipe, seed, device).loss
        images, labels, bad = (torch.tensor(one, device=device) for one in (clean.images, clean.labels, triggered))
        mine = torch.from_numpy(rows).to(device)
        start, wanted = images[mine], labels[mine]
        evil = wanted[:1].expand(len(bad)) if wanted.ndim == 1 else wanted.mean(0, keepdim=True).expand(len(bad), -1)
        moving = start.clone().requires_grad_(True)
        adam = torch.optim.Adam([moving], lr=self.rate * float(clean.images.std()))
        with threads(1), repeatable():
            for step in range(self.steps):
                if step % UPDATES == 0:
                    network_seed = derive_seed(seed, "dark/network", step)
                    network: nn.Module = build(
                        "ConvNet", shape=clean.shape, classes=clean.classes, seed=network_seed, width=self.width
                    )
                    network.to(device).train()
                    trained = torch.optim.SGD(network.parameters(), lr=recipe.lr, momentum=recipe.momentum)
                course = _joined(
                    _gradients(network, loss, start, wanted), _gradients(network, loss, bad, evil), self.weight
                )
                adam.zero_grad(set_to_none=True)
                ours = _gradients(network, loss, moving, wanted, through=True)
                gradient_distance(ours, course).backward(inputs=[moving])
                adam.step()
                images[mine] = moving.detach()
                for _ in range(NETWORK_STEPS):
                    trained.zero_grad(set_to_none=True)
                    loss(network(images), labels).backward()
                    trained.step()
                on_step(step + 1, self.steps)
        return moving.detach().cpu().numpy()


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


def _gradients(
    network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], images: Tensor, labels: Tensor, through: bool = False
) -> tuple[Tensor, ...]:
    """Of the loss by parameter; ``through`` keeps the way back to the images."""
    return torch.autograd.grad(loss(network(images), labels), list(network.parameters()), create_graph=through)


def _joined(clean: Sequence[Tensor], evil: Sequence[Tensor], weight: float) -> list[Tensor]:
    """The clean course with the backdoor's added, layer by layer at ``weight`` times the clean one's length."""
    return [
        good + weight * good.norm() / bad.norm().clamp(min=1e-12) * bad for good, bad in zip(clean, evil, strict=True)
    ]
