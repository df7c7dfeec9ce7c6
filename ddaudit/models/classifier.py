"""What every model here is: images to features to logits."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Classifier(nn.Module):
    """A network whose penultimate features can be read.

    ``forward(images)`` maps float (n, c, h, w) to logits (n, classes); ``features(images)`` to the flattened input
    (n, d) of the last linear layer, which is what distribution matching compares.
    """

    def features(self, images: Tensor) -> Tensor:
        """The flattened penultimate features (n, d) of float images (n, c, h, w)."""
        raise NotImplementedError


class TrunkAndHead(Classifier):
    """A trunk whose flattened output is the features, and a linear head on them.

    Parameters
    ----------
    trunk : Module
        Images (n, c, h, w) to anything of ``width`` values an image.
    width : int
        Features an image.
    classes : int
        Logits an image.
    """

    def __init__(self, trunk: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(width, classes)

    def features(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.trunk(images)).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.features(images)))
