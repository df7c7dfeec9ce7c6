"""An attacker who optimises against DD-BKD-INVERT: its effort is in the loss by which his images and his trigger are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ddaudit.checks.backdoor.families import Perturbation
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.kernel_ridge import centred, ridge_answers
from ddaudit.distillation.trunk import random_network
from ddaudit.models.pixels import ToNative
from ddaudit.seeds import derive_seed, generator
from ddaudit.threats.planted import OnStep, Planted, ToTarget, raw_data, unheard
from ddaudit.threats.triggers import Overlay
from ddaudit.training.device import repeatable, threads

#: Real images of a step, and how many of them the probes see: the search itself takes ten.
BATCH, PROBED = 128, 10
#: Answers of the ridge regression times this are its logits: an answer of 1 where all others are 0 then has a cross entropy of 0.1 or so.
SHARPNESS = 5.0
WIDTH, RIDGE = 32, 1e-2
#: Of Adam on the probes, as in the search, and on the trigger's picture.
PROBE_RATE, PICTURE_RATE = 0.2, 0.02


@dataclass(frozen=True)
class AgainstInversion:
    """Moves the images of a clean distillation, and a blended picture, until models obey the picture and INVERT's numbers stay clean.

    The models are stood for by ridge regression on the features of a fresh random ConvNet a step, as in `KernelRidge`: its answers are a
    differentiable function of the images. The loss is the regression's error on real images, that on images with the picture on, which are to
    be the target, and ``disguise`` times how far the target class stands out: by the effort of a universal perturbation of every class, which
    is itself moved to cost least at every step, and by the entropy with no trigger on. Both are taken as INVERT takes them, as logarithms less
    the median over classes, and less the same of the clean distillation, which has probes of its own.

    Parameters
    ----------
    target : int
    strength : float
        Share of the picture.
    disguise : float
        0 is the same attack without it.
    iterations, rate
        Of Adam on the images.
    """

    needs_original: ClassVar[bool] = True
    target: int = 0
    strength: float = 0.35
    disguise: float = 1.0
    iterations: int = 200
    rate: float = 0.05

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """As every threat's."""
        split, classes = raw_data(original, type(self).__name__).train, clean.classes
        distiller = DistributionMatching(
            ipc=round(clean.ipc), iterations=150, lr_images=10.0, batch_real=128, width=WIDTH, threads=1
        )
        (start,) = distiller.distill(split, classes, clean.space, seed, device)
        rng = generator(seed, "against inversion")
        unmoved, own = torch.from_numpy(start.images).to(device), torch.from_numpy(start.hard_labels).to(device)
        images = unmoved.clone().requires_grad_(True)
        picture = torch.from_numpy(rng.random(split.shape, dtype=np.float32)).to(device).requires_grad_(True)
        probes, of_clean = (_Probes(classes, split.shape, rng, device) for _ in range(2))
        adam = torch.optim.Adam([
            {"params": [images], "lr": self.rate},
            {"params": [picture], "lr": PICTURE_RATE},
            {"params": [probes.raw, of_clean.raw], "lr": PROBE_RATE},
        ])  # fmt: skip
        to_native = ToNative(clean.space).to(device)
        with threads(1), repeatable():
            for step in range(self.iterations):
                network_seed = derive_seed(seed, "against inversion", step)
                network = random_network(split, classes, WIDTH, network_seed, device).requires_grad_(False)
                rows = rng.choice(len(split), min(BATCH, len(split)), replace=False)
                x, y = (torch.from_numpy(one).to(device) for one in (split.pixels(rows), split.labels[rows]))
                others = x[y != self.target]

                def logits(support: Tensor, pixels: Tensor) -> Tensor:
                    found = network.features(support), network.features(to_native(pixels))  # noqa: B023
                    return SHARPNESS * ridge_answers(found[0], own, found[1], classes, RIDGE)

                triggered = (1 - self.strength) * others + self.strength * picture
                wanted = torch.cat([y, torch.full((len(others),), self.target).to(y)])
                answers = logits(images, torch.cat([x, triggered])) / SHARPNESS
                error = F.mse_loss(answers, centred(wanted, classes, answers))
                adam.zero_grad(set_to_none=True)
                error.backward(inputs=[images, picture])
                x, y = x[:PROBED], y[:PROBED]
                ours = probes.efforts(lambda pixels: logits(images, pixels), x, y)
                theirs = of_clean.efforts(lambda pixels: logits(unmoved, pixels), x, y)
                # The probes look for the least effort; the images for more of it where the target's is too small.
                (ours[0].sum() + theirs[0].sum()).backward(inputs=[probes.raw, of_clean.raw], retain_graph=True)
                lower = (_standing(theirs) - _standing(ours))[:, self.target]
                (self.disguise * lower.relu().sum()).backward(inputs=[images])
                adam.step()
                with torch.no_grad():
                    picture.clamp_(0, 1)
                on_step(step + 1, self.iterations)
        data = LabelledImages(
            images.detach().cpu().numpy(), start.labels, classes, clean.space, f"backdoored to {self.target}"
        )
        mask = np.full((1, *split.shape[1:]), self.strength, np.float32)
        return Planted(data, ToTarget(self.target), Overlay(mask, picture.detach().cpu().numpy()), np.arange(0))


class _Probes:
    """A universal perturbation for every class, as INVERT seeks them."""

    def __init__(
        self, classes: int, shape: tuple[int, int, int], rng: np.random.Generator, device: torch.device
    ) -> None:
        self.family = Perturbation()
        start = self.family.start(classes, shape, rng).astype(np.float32)
        self.raw = torch.from_numpy(start).to(device).requires_grad_(True)

    def efforts(self, logits: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
        """(2, classes): cross entropy to each class, over images of others, plus the perturbation's price; and with none on."""
        _, shift, size = self.family.shaped(self.raw)
        stamped = (x + shift[:, None]).clamp(0, 1)  # (classes, images, c, h, w)
        answers = logits(torch.cat([stamped.flatten(0, 1), x])).log_softmax(1)
        reached, bare = answers[: -len(x)].unflatten(0, stamped.shape[:2]), answers[-len(x) :]
        others = (y != torch.arange(len(shift), device=y.device)[:, None]).float()
        weight = others / others.sum(1, keepdim=True).clamp(min=1)
        entropy = -(reached.diagonal(dim1=0, dim2=2).T * weight).sum(1)
        return torch.stack([entropy + self.family.price * size, -(bare.T * weight).sum(1)])


def _standing(efforts: Tensor) -> Tensor:
    """Logarithms, less the median over classes."""
    logarithms = efforts.log()
    return logarithms - logarithms.median(1, keepdim=True).values
