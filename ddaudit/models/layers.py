"""The pieces that the convolutional architectures share: norms, the reference's stem padding, the least image size."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ddaudit.errors import AuditError

Shape = tuple[int, int, int]
"""Channels, height, width."""


def norm_layer(kind: str, channels: int) -> nn.Module:
    """The norm after a convolution: "instance", "batch", "group" (4 groups) or "none", all with scale and shift.

    Instance norm is a group norm of one channel a group, as in the reference protocol: no running statistics, so that
    training and evaluation are the same function.
    """
    match kind:
        case "instance":
            return nn.GroupNorm(channels, channels)
        case "group":
            return nn.GroupNorm(4, channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()
    raise AuditError(f"There is no norm {kind!r}; choose instance, batch, group or none.")


class HalvingPool(nn.Module):
    """Average of each 2x2 block; an odd last row or column is left out, as by ``nn.AvgPool2d(2)``.

    On the CPU as a depthwise convolution by quarters: the same bits, since a quarter is a power of two, in half the time, forwards and
    backwards.
    """

    def forward(self, images: Tensor) -> Tensor:
        if images.device.type != "cpu":
            return F.avg_pool2d(images, 2)
        channels = images.shape[-3]
        return F.conv2d(images, images.new_full((channels, 1, 2, 2), 0.25), stride=2, groups=channels)


def stem_padding(shape: Shape, kernel: int) -> tuple[int, int]:
    """Padding of the first convolution, so that its output is as large as its input, and 32 where that is 28.

    The reference protocol runs MNIST-like images through the networks of CIFAR by padding the first layer by two more.
    """
    same = kernel // 2
    height, width = (same + 2 if side == 28 else same for side in shape[1:])
    return height, width


def stem_sides(shape: Shape) -> tuple[int, int]:
    """Height and width after a first convolution padded by ``stem_padding``."""
    height, width = (32 if side == 28 else side for side in shape[1:])
    return height, width


def require_side(name: str, shape: Shape, least: int) -> None:
    """Refuse images that the network's pooling would shrink to nothing.

    Raises
    ------
    AuditError
        Where a side is under ``least`` pixels.
    """
    if min(shape[1:]) < least:
        raise AuditError(
            f"{name} cannot take images of {shape[1]}x{shape[2]} pixels: its pooling leaves nothing of a side under "
            f"{least}. Leave it out for this dataset, or enlarge the images."
        )
