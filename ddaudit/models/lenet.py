"""LeNet-5 with ReLU and max pooling, as the reference protocol has it."""

from __future__ import annotations

from torch import nn

from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.layers import Shape, require_side
from ddaudit.models.registry import register


@register("LeNet", "two 5x5 convolutions of 6 and 16 channels, two hidden layers of 120 and 84")
def lenet(shape: Shape, classes: int) -> Classifier:
    """LeNet-5 without norm.

    Images of 32 pixels enter as they are, and those of 28 padded to 32, as in the paper. Under 28 pixels both
    convolutions are padded to keep the size, since the second would leave nothing of an 8x8 image.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner 1998.
    """
    require_side("LeNet", shape, 4)
    side = min(shape[1:])
    first, second = 2 if side < 32 else 0, 2 if side < 28 else 0
    height, width = (((side + 2 * first - 4) // 2 + 2 * second - 4) // 2 for side in shape[1:])
    trunk = nn.Sequential(
        nn.Conv2d(shape[0], 6, 5, padding=first),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, padding=second),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * height * width, 120),
        nn.ReLU(inplace=True),
        nn.Linear(120, 84),
        nn.ReLU(inplace=True),
    )
    return TrunkAndHead(trunk, 84, classes)
