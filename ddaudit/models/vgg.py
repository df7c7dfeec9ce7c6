"""VGG11 at the scale of small images, as the reference protocol has it."""

from __future__ import annotations

from torch import nn

from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import Shape, norm_layer, require_side, stem_padding, stem_sides
from ddaudit.models.registry import register

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Widths of the 3x3 convolutions; a max pooling follows each stage."""


@register("VGG11BN", "VGG11 with batch norm", norm="batch")
@register("VGG11", "eight 3x3 convolutions of 64 to 512 channels, instance norm, five max poolings")
def vgg11(shape: Shape, classes: int, *, norm: str = "instance") -> Classifier:
    """Eight 3x3 convolutions in five stages, each followed by max pooling, linear.

    The hidden layers of the original are left out. On images under 32 pixels a pooling between stages is left out where
    it would leave a single position: instance norm over one position is a constant, and the network would see nothing.

    References
    ----------
    Simonyan and Zisserman 2015; Zhao, Mopuri and Bilen 2021 (the reference protocol).
    """
    require_side("VGG11", shape, 4)
    layers: list[nn.Module] = []
    channels = shape[0]
    height, breadth = stem_sides(shape)
    for number, stage in enumerate(STAGES, 1):
        for width in stage:
            padding = 1 if layers else stem_padding(shape, 3)
            layers += [nn.Conv2d(channels, width, 3, padding=padding), norm_layer(norm, width), nn.ReLU(inplace=True)]
            channels = width
        if number == len(STAGES) or min(height, breadth) >= 4:
            layers.append(nn.MaxPool2d(2))
            height, breadth = height // 2, breadth // 2
    return TrunkAndHead(nn.Sequential(*layers), channels * height * breadth, classes)
