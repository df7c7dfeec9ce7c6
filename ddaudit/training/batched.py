"""Several models trained as one: on a GPU, small networks one by one leave most of it idle."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from ddaudit.data.distilled import LabelledImages
from ddaudit.models import build
from ddaudit.training.course import Course
from ddaudit.training.device import repeatable, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Arrays


def fits_together(sets: Sequence[LabelledImages], recipe: Recipe) -> bool:
    """Whether models of these sets can be trained as one: sets of one size, networks that keep no statistics (batch norm does)."""
    first = sets[0]
    alike = {(one.images.shape, one.labels.shape, one.labels.dtype, one.classes) for one in sets}
    network = build(recipe.architecture, shape=first.shape, classes=first.classes, seed=0, **recipe.options)
    return len(alike) == 1 and not any(True for _ in network.buffers())


def fit_together(
    sets: Sequence[LabelledImages],
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    on_epoch: Callable[[int, int], None] = lambda done, of: None,
) -> list[Arrays]:
    """The weights of one model of each set, trained side by side by ``torch.func``.

    Each model has the initial weights, order and augmentation that it has when it is trained alone; the sums are made in another
    order, so the weights agree within float tolerance and not bit by bit.

    Parameters
    ----------
    sets, seeds : sequences of the same length
        For which ``fits_together`` holds.

    Returns
    -------
    list of Arrays
        By model, the state of its network.
    """
    networks = [
        build(recipe.architecture, shape=one.shape, classes=one.classes, seed=seed, **recipe.options).to(device).train()
        for one, seed in zip(sets, seeds, strict=True)
    ]
    courses = [Course(one, recipe, seed, device) for one, seed in zip(sets, seeds, strict=True)]
    weights, _ = stack_module_state(networks)
    gradients = _gradients(networks[0], courses[0].loss)
    parameters = list(weights.values())
    with threads(recipe.threads), repeatable():
        for epoch in range(courses[0].epochs):
            rate = courses[0].rate(epoch)
            if courses[0].starts_afresh(epoch):
                optimizer = torch.optim.SGD(
                    parameters, lr=rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
                )
            for group in optimizer.param_groups:
                group["lr"] = rate
            for batches in zip(*(course.batches() for course in courses), strict=True):
                images, labels = (torch.stack(parts) for parts in zip(*batches, strict=True))
                found = gradients(weights, images, labels)
                for name, parameter in weights.items():
                    parameter.grad = found[name]
                optimizer.step()
            on_epoch(epoch + 1, courses[0].epochs)
    return [
        {name: stacked[i].detach().cpu().numpy() for name, stacked in weights.items()} for i in range(len(networks))
    ]


def _gradients(
    network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor]
) -> Callable[[dict[str, Tensor], Tensor, Tensor], dict[str, Tensor]]:
    """(stacked weights, images (models, b, c, h, w), labels (models, b, ...)) to stacked gradients."""
    skeleton = copy.deepcopy(network).to("meta")

    def of_one(weights: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return loss(functional_call(skeleton, weights, (images,)), labels)

    return vmap(grad(of_one))
