"""ResNet18 with a 3x3 stem, as the reference protocol has it."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import Shape, norm_layer, require_side
from ddaudit.models.registry import register


@register("ResNet18BN", "ResNet18 with batch norm", norm="batch")
@register("ResNet18", "3x3 stem, eight residual blocks of 64 to 512 channels, instance norm")
def resnet18(shape: Shape, classes: int, *, norm: str = "instance") -> Classifier:
    """A 3x3 stem without pooling, four stages of two residual blocks, average pooling over the map, linear.

    The last map of 28x28 and 32x32 images is 4x4, so that the pooling is the reference's. On smaller images the last
    stages keep their size where a stride would leave a single position: instance norm over one position is a constant.

    References
    ----------
    He, Zhang, Ren and Sun 2016; Zhao, Mopuri and Bilen 2021 (the reference protocol).
    """
    require_side("ResNet18", shape, 2)
    layers: list[nn.Module] = [
        nn.Conv2d(shape[0], 64, 3, padding=1, bias=False),
        norm_layer(norm, 64),
        nn.ReLU(inplace=True),
    ]
    channels, side = 64, min(shape[1:])
    for width in (64, 128, 256, 512):
        stride = 2 if width > 64 and side >= 3 else 1
        side = -(-side // stride)
        layers += [ResidualBlock(channels, width, stride, norm), ResidualBlock(width, width, 1, norm)]
        channels = width
    return TrunkAndHead(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), channels, classes)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with norm beside a shortcut, which is a 1x1 convolution where size or channels change."""

    def __init__(self, channels: int, width: int, stride: int, norm: str) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            norm_layer(norm, width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), norm_layer(norm, width)
            )

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(cast(Tensor, self.residual(images)) + cast(Tensor, self.shortcut(images)))
