"""The pieces that the convolutional architectures share: norms, the reference's stem padding, the least image size."""

from __future__ import annotations

from typing import Any, cast

import torch
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

    On the CPU forwards as sums of rows and then of columns, which takes a fifth of the time of ``avg_pool2d``, and backwards as the
    gradient of a depthwise convolution by quarters, which takes half of it.
    """

    def forward(self, images: Tensor) -> Tensor:
        if images.device.type != "cpu":
            return F.avg_pool2d(images, 2)
        return cast(Tensor, _Halved.apply(images))


class _Halved(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(images: Tensor) -> Tensor:
        height, width = (side // 2 * 2 for side in images.shape[-2:])
        rows = images[..., 0:height:2, :] + images[..., 1:height:2, :]
        return (rows[..., 0:width:2] + rows[..., 1:width:2]).mul_(0.25)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.channels, *sides = inputs[0].shape[-3:]
        ctx.odd = [side % 2 for side in sides]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        quarters = gradient.new_full((ctx.channels, 1, 2, 2), 0.25)
        return F.conv_transpose2d(gradient, quarters, stride=2, output_padding=ctx.odd, groups=ctx.channels)


class StemConvolution(nn.Conv2d):
    """A convolution of stride one for the few channels of images.

    On the CPU, where the weights want no gradient (attacks, trigger inversion, distillation), that of the images is a matrix product for
    each of the kernel's places and the shifted sum of these: 7 ms where oneDNN takes 27, for 42 images of 3x32x32 and 128 filters.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or not input.requires_grad or self.weight.requires_grad:
            return super().forward(input)
        return cast(Tensor, _Stem.apply(input, self.weight, self.bias, self.padding))


class _Stem(torch.autograd.Function):
    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        return F.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None, tuple[int, int]], output: Tensor) -> None:
        images, weight, _, ctx.padding = inputs
        ctx.sides = images.shape[-2:]
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        channels, *kernel = weight.shape[1:]
        count, _, *sides = gradient.shape
        products = weight.permute(2, 3, 1, 0).flatten(0, 2) @ gradient.flatten(2)
        places = products.view(count, *kernel, channels, *sides)
        rows, columns = (side + wide - 1 for side, wide in zip(sides, kernel, strict=True))
        padded = gradient.new_zeros(count, channels, rows, columns)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                padded[..., i : i + sides[0], j : j + sides[1]] += places[:, i, j]
        top, left = ctx.padding
        return padded[..., top : top + ctx.sides[0], left : left + ctx.sides[1]], None, None, None


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
