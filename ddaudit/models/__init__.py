"""The architectures of the field behind one registry, and the pixel space as their first layer.

Adding one takes a file here, or a package elsewhere with an entry point in the group ``ddaudit.architectures`` whose
object is a factory ``(shape, classes, **options) -> Classifier``.
"""

from ddaudit.models import alexnet, convnet, lenet, mlp, resnet, vgg  # noqa: F401  each enters itself
from ddaudit.models.classifier import Classifier, TrunkAndHead
from ddaudit.models.pixels import OnPixels, Space, ToNative
from ddaudit.models.registry import architectures, build, register

__all__ = [
    "Classifier",
    "OnPixels",
    "Space",
    "ToNative",
    "TrunkAndHead",
    "architectures",
    "build",
    "register",
]
