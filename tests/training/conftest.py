"""A handful of real digits, to train on in a fraction of a second."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import PixelSpace

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def digits() -> Original:
    return load_original("digits")


@pytest.fixture(scope="session")
def some_digits(digits: Original) -> Callable[[int], LabelledImages]:
    """The first ``ipc`` training images of each class, as z-scores."""
    assert digits.constants is not None
    space = PixelSpace.zscore(*digits.constants)

    def make(ipc: int) -> LabelledImages:
        rows = np.concatenate([np.flatnonzero(digits.train.labels == c)[:ipc] for c in range(10)])
        return LabelledImages(space.to_native(digits.train.pixels(rows)), digits.train.labels[rows], 10, space, "some")

    return make
