"""The multilayer perceptron of the reference protocol."""

from __future__ import annotations

from math import prod

from torch import nn

from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import Shape
from ddaudit.models.registry import register


@register("MLP", "two hidden layers of 128")
def mlp(shape: Shape, classes: int, *, width: int = 128) -> Classifier:
    """Flattened pixels, two hidden layers of ``width`` with ReLU, linear."""
    trunk = nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(shape), width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
    )
    return TrunkAndHead(trunk, width, classes)
