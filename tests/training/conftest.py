"""A handful of real digits, to train on in a fraction of a second."""

from collections.abc import Callable
from functools import partial

import pytest

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split


@pytest.fixture(scope="session")
def some_digits(
    digits: Original, real_images: Callable[[Split, int], LabelledImages]
) -> Callable[[int], LabelledImages]:
    """The first ``ipc`` training images of each class, as z-scores."""
    return partial(real_images, digits.train)
