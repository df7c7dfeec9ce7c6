"""AlexNet at the scale of small images, as the reference protocol has it."""

from __future__ import annotations

from torch import nn

from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import Shape, norm_layer, require_side, stem_padding, stem_sides
from ddaudit.models.registry import register


@register("AlexNetBN", "AlexNet with batch norm", norm="batch")
@register("AlexNet", "five convolutions of 128 to 256 channels, three max poolings, no norm")
def alexnet(shape: Shape, classes: int, *, norm: str = "none") -> Classifier:
    """Five convolutions and three max poolings, linear; the hidden layers of the original are left out.

    References
    ----------
    Krizhevsky, Sutskever and Hinton 2012; Zhao, Mopuri and Bilen 2021 (the reference protocol).
    """
    require_side("AlexNet", shape, 8)
    layers: list[nn.Module] = []
    channels = shape[0]
    for width, kernel, pooled in ((128, 5, True), (192, 5, True), (256, 3, False), (192, 3, False), (192, 3, True)):
        padding = kernel // 2 if layers else stem_padding(shape, kernel)
        layers += [nn.Conv2d(channels, width, kernel, padding=padding), norm_layer(norm, width), nn.ReLU(inplace=True)]
        if pooled:
            layers.append(nn.MaxPool2d(2))
        channels = width
    height, breadth = stem_sides(shape)
    return TrunkAndHead(nn.Sequential(*layers), channels * (height // 8) * (breadth // 8), classes)
