"""ConvNet, the field's standard network: nearly every published accuracy is its."""

from __future__ import annotations

from math import log2

from torch import nn

from ddaudit.errors import AuditError
from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import HalvingPool, Shape, StemConvolution, norm_layer, stem_padding, stem_sides
from ddaudit.models.registry import register


@register("ConvNetBN", "ConvNet with batch norm", norm="batch")
@register("ConvNet", "conv3x3, instance norm, ReLU, average pooling; depth and width by image size")
def convnet(
    shape: Shape,
    classes: int,
    *,
    depth: int | None = None,
    width: int | None = None,
    norm: str = "instance",
    pooling: str = "average",
) -> Classifier:
    """``depth`` blocks of 3x3 convolution, norm, ReLU and 2x2 pooling, then a linear layer.

    Parameters
    ----------
    depth, width : int, optional
        Blocks, and channels of each. By default 3 blocks of 128, and one block more for each doubling beyond 32 pixels:
        4 at 64, 5 at 128, 6 at 224. Images with a side under 16, such as the 8x8 digits, are too small for three
        poolings: there 2 blocks of 32.
    norm : {"instance", "batch", "group", "none"}
    pooling : {"average", "max", "none"}

    References
    ----------
    Gidaris and Komodakis 2018; Zhao, Mopuri and Bilen 2021 (the reference protocol).
    """
    height, breadth = stem_sides(shape)
    small = min(height, breadth) < 16
    if depth is None:
        depth = 2 if small else max(3, round(log2(min(height, breadth))) - 2)
    if width is None:
        width = 32 if small else 128

    layers: list[nn.Module] = []
    for block in range(depth):
        layers += [
            nn.Conv2d(width, width, 3, padding=1)
            if block
            else StemConvolution(shape[0], width, 3, padding=stem_padding(shape, 3)),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
            *_pooling_layers(pooling),
        ]
    if pooling != "none":
        height, breadth = height >> depth, breadth >> depth
    if min(height, breadth) < 1:
        raise AuditError(
            f"ConvNet of depth {depth} cannot take images of {shape[1]}x{shape[2]} pixels: its pooling leaves "
            "nothing of them. Choose a smaller depth."
        )
    return TrunkAndHead(nn.Sequential(*layers), width * height * breadth, classes)


def _pooling_layers(kind: str) -> list[nn.Module]:
    match kind:
        case "average":
            return [HalvingPool()]
        case "max":
            return [nn.MaxPool2d(2)]
        case "none":
            return []
    raise AuditError(f"There is no pooling {kind!r}; choose average, max or none.")
