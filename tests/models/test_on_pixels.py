"""A model with a pixel space in front is the same function, of pixels."""

import numpy as np
import pytest
import torch

from ddaudit.data.pixelspace import PixelSpace
from ddaudit.models import OnPixels, ToNative, build

SHAPE = (3, 8, 8)
CIFAR = (np.array([0.4914, 0.4822, 0.4465], np.float32), np.array([0.2023, 0.1994, 0.2010], np.float32))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((5, *SHAPE), np.float32)


@pytest.fixture(scope="module")
def zca() -> PixelSpace:
    """A ZCA space fitted on random images, as the field's trajectory matching uses it."""
    rng = np.random.default_rng(1)
    normalised = (rng.random((500, 192)) - 0.5) @ rng.standard_normal((192, 192))
    offset = normalised.mean(0)
    values, vectors = np.linalg.eigh(np.cov(normalised - offset, rowvar=False))
    matrix = vectors @ np.diag((values + 0.1) ** -0.5) @ vectors.T
    return PixelSpace("zca", *CIFAR, *(a.astype(np.float32) for a in (matrix, np.linalg.inv(matrix), offset)))


def test_normalisation_is_the_first_layer(pixels: np.ndarray) -> None:
    space = PixelSpace("zscore", *CIFAR)
    native = build("ConvNet", shape=SHAPE, classes=10, seed=0)
    on_pixels = build("ConvNet", shape=SHAPE, classes=10, seed=0, space=space)
    manual = torch.from_numpy((pixels - CIFAR[0].reshape(3, 1, 1)) / CIFAR[1].reshape(3, 1, 1))
    torch.testing.assert_close(on_pixels(torch.from_numpy(pixels)), native(manual))
    torch.testing.assert_close(on_pixels.features(torch.from_numpy(pixels)), native.features(manual))


def test_zca_agrees_with_the_data_side(pixels: np.ndarray, zca: PixelSpace) -> None:
    native = torch.from_numpy(zca.to_native(pixels))
    torch.testing.assert_close(ToNative(zca)(torch.from_numpy(pixels)), native, rtol=1e-4, atol=1e-4)
    model = build("ConvNet", shape=SHAPE, classes=10, seed=0)
    torch.testing.assert_close(OnPixels(model, zca)(torch.from_numpy(pixels)), model(native), rtol=1e-3, atol=1e-4)


def test_gradients_reach_the_pixels_through_zca(pixels: np.ndarray, zca: PixelSpace) -> None:
    x = torch.from_numpy(pixels).requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal(pixels.shape).astype(np.float32))
    (ToNative(zca)(x) * weights).sum().backward()
    assert zca.matrix is not None
    closed_form = (weights.flatten(1).numpy() @ zca.matrix.T).reshape(pixels.shape) / CIFAR[1].reshape(3, 1, 1)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), closed_form, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["MLP", "ConvNet", "LeNet", "AlexNet", "VGG11", "ResNet18", "ResNet18BN"])
def test_gradients_reach_the_pixels_and_every_weight(name: str, pixels: np.ndarray) -> None:
    model = build(name, shape=SHAPE, classes=10, seed=0, space=PixelSpace("zscore", *CIFAR))
    x = torch.from_numpy(pixels).requires_grad_()
    torch.nn.functional.cross_entropy(model(x), torch.arange(5)).backward()
    assert x.grad is not None
    assert x.grad.abs().flatten(1).amax(1).min() > 0
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


def test_the_space_shares_the_models_weights_and_enters_no_state(zca: PixelSpace) -> None:
    model = build("MLP", shape=SHAPE, classes=10, seed=0)
    on_pixels = OnPixels(model, zca)
    assert {id(weight) for weight in on_pixels.parameters()} == {id(weight) for weight in model.parameters()}
    assert len(on_pixels.state_dict()) == len(model.state_dict())


def test_frozen_constants_are_accepted(pixels: np.ndarray) -> None:
    mean, std = (constant.copy() for constant in CIFAR)
    mean.flags.writeable = std.flags.writeable = False
    space = PixelSpace("zscore", mean, std)
    native = ToNative(space)(torch.from_numpy(pixels))
    torch.testing.assert_close(native, torch.from_numpy(space.to_native(pixels)))
