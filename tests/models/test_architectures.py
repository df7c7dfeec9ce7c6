"""The architectures are those of the reference protocol, at every size that the field uses."""

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from ddaudit.errors import AuditError
from ddaudit.models import Classifier, build
from ddaudit.models.layers import HalvingPool, StemConvolution

SIX = ("MLP", "ConvNet", "LeNet", "AlexNet", "VGG11", "ResNet18")
BATCH_NORM = ("ConvNetBN", "AlexNetBN", "VGG11BN", "ResNet18BN")

# Counted by hand from the published layouts. ConvNet's is the number that the papers print; VGG11's and ResNet18's are
# those of the widely used CIFAR versions.
PUBLISHED_PARAMETERS = {
    ("MLP", 3, 32): 411_146,
    ("ConvNet", 3, 32): 320_010,
    ("ConvNetBN", 3, 32): 320_010,
    ("LeNet", 3, 32): 62_006,
    ("AlexNet", 3, 32): 1_872_202,
    ("AlexNetBN", 3, 32): 1_872_202 + 2 * (128 + 192 + 256 + 192 + 192),
    ("VGG11", 3, 32): 9_231_114,
    ("VGG11BN", 3, 32): 9_231_114,
    ("ResNet18", 3, 32): 11_173_962,
    ("ResNet18BN", 3, 32): 11_173_962,
    ("MLP", 1, 28): 118_282,
    ("ConvNet", 1, 28): 320_010 - 2 * 9 * 128,
    ("LeNet", 1, 28): 61_706,
    ("AlexNet", 1, 28): 1_872_202 - 2 * 25 * 128,
    ("VGG11", 1, 28): 9_231_114 - 2 * 9 * 64,
    ("ResNet18", 1, 28): 11_173_962 - 2 * 9 * 64,
    ("ConvNet", 1, 8): 9 * 32 + 32 + 64 + 9 * 32 * 32 + 32 + 64 + 4 * 32 * 10 + 10,
    ("ConvNet", 3, 64): 320_010 + 9 * 128 * 128 + 128 + 256,
    ("ConvNet", 3, 128): 320_010 + 2 * (9 * 128 * 128 + 128 + 256),
    ("ConvNet", 3, 224): 320_010 + 3 * (9 * 128 * 128 + 128 + 256) - (16 - 9) * 128 * 10,
}


def model(name: str, channels: int, side: int, **options: object) -> Classifier:
    return build(name, shape=(channels, side, side), classes=10, seed=3, **options)


def images(channels: int, side: int, count: int = 2) -> Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def load_in_order(target: nn.Module, source: nn.Module) -> None:
    """Copies weights between networks whose layers come in the same order under other names."""
    ours, theirs = target.state_dict(), source.state_dict()
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


@pytest.mark.parametrize(("name", "channels", "side"), PUBLISHED_PARAMETERS)
def test_parameters_number_as_published(name: str, channels: int, side: int) -> None:
    counted = sum(p.numel() for p in model(name, channels, side).parameters())
    assert counted == PUBLISHED_PARAMETERS[name, channels, side]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 28, 32, 64, 128])
@pytest.mark.parametrize("name", SIX)
def test_every_architecture_takes_every_size_and_sees_the_image(name: str, side: int, channels: int) -> None:
    network = model(name, channels, side)
    with torch.no_grad():
        logits = network(images(channels, side))
    assert logits.shape == (2, 10)
    # A norm over a single position would make the output the same for every image.
    assert (logits[0] - logits[1]).abs().max() > 1e-6


@pytest.mark.parametrize("name", BATCH_NORM)
def test_batch_norm_variants_take_the_smallest_images(name: str) -> None:
    network = model(name, 1, 8)
    assert network(images(1, 8)).shape == (2, 10)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def test_convnet_grows_with_the_image() -> None:
    expected = {8: (2, 32), 16: (3, 128), 28: (3, 128), 32: (3, 128), 64: (4, 128), 128: (5, 128), 224: (6, 128)}
    for side, depth_and_width in expected.items():
        convolutions = [layer for layer in model("ConvNet", 3, side).modules() if isinstance(layer, nn.Conv2d)]
        assert (len(convolutions), convolutions[0].out_channels) == depth_and_width, side
    assert model("ConvNet", 3, 224)(images(3, 224)).shape == (2, 10)


def test_images_need_not_be_square() -> None:
    for name in SIX:
        network = build(name, shape=(3, 28, 40), classes=7, seed=0)
        assert network(torch.randn(2, 3, 28, 40)).shape == (2, 7), name


@pytest.mark.parametrize("name", SIX)
def test_logits_are_linear_in_the_features(name: str) -> None:
    network, batch = model(name, 3, 32), images(3, 32)
    features = network.features(batch)
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    assert features.shape == (2, linear.in_features)
    torch.testing.assert_close(features @ linear.weight.T + linear.bias, network(batch))


@pytest.mark.parametrize(("channels", "side", "padding"), [(3, 32, 1), (1, 28, 3)])
def test_convnet_is_convolution_instance_norm_relu_pooling(channels: int, side: int, padding: int) -> None:
    network, x = model("ConvNet", channels, side), images(channels, side)
    weights = list(network.parameters())
    for block in range(3):
        kernel, bias, scale, shift = weights[4 * block : 4 * block + 4]
        x = functional.conv2d(x, kernel, bias, padding=1 if block else padding)
        x = functional.avg_pool2d(functional.instance_norm(x, weight=scale, bias=shift).relu(), 2)
    assert x.shape == (2, 128, 4, 4)
    torch.testing.assert_close(network(images(channels, side)), functional.linear(x.flatten(1), *weights[12:]))


@pytest.mark.parametrize(("channels", "side", "padding"), [(3, 32, 0), (1, 28, 2)])
def test_lenet_is_the_reference(channels: int, side: int, padding: int) -> None:
    network, x = model("LeNet", channels, side), images(channels, side)
    weights = list(network.parameters())
    x = functional.max_pool2d(functional.conv2d(x, *weights[:2], padding=padding).relu(), 2)
    x = functional.max_pool2d(functional.conv2d(x, *weights[2:4]).relu(), 2).flatten(1)
    x = functional.linear(functional.linear(x, *weights[4:6]).relu(), *weights[6:8]).relu()
    torch.testing.assert_close(network(images(channels, side)), functional.linear(x, *weights[8:]))


@pytest.mark.parametrize(("channels", "side", "padding"), [(3, 32, 2), (1, 28, 4)])
def test_alexnet_is_the_reference(channels: int, side: int, padding: int) -> None:
    network, x = model("AlexNet", channels, side), images(channels, side)
    weights = list(network.parameters())
    for layer, (pad, pooled) in enumerate([(padding, True), (2, True), (1, False), (1, False), (1, True)]):
        x = functional.conv2d(x, *weights[2 * layer : 2 * layer + 2], padding=pad).relu()
        x = functional.max_pool2d(x, 2) if pooled else x
    assert x.shape == (2, 192, 4, 4)
    torch.testing.assert_close(network(images(channels, side)), functional.linear(x.flatten(1), *weights[10:]))


def test_vgg11_has_the_convolutions_of_torchvision() -> None:
    theirs = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["A"], batch_norm=True)
    ours = model("VGG11BN", 3, 32)
    load_in_order(ours.get_submodule("trunk"), theirs)
    torch.testing.assert_close(ours.eval().features(images(3, 32)), theirs.eval()(images(3, 32)).flatten(1))


def test_resnet18_is_torchvisions_with_a_small_stem() -> None:
    theirs = torchvision.models.resnet18(num_classes=10)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    ours = model("ResNet18BN", 3, 32)
    load_in_order(ours, theirs)
    torch.testing.assert_close(ours.eval()(images(3, 32)), theirs.eval()(images(3, 32)))


@pytest.mark.parametrize("name", ["VGG11", "ResNet18"])
def test_instance_norm_is_the_default(name: str) -> None:
    norms = [layer for layer in model(name, 3, 32).modules() if isinstance(layer, nn.GroupNorm | nn.BatchNorm2d)]
    assert norms
    assert all(isinstance(norm, nn.GroupNorm) and norm.num_groups == norm.num_channels for norm in norms)


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"norm": "batch"}, nn.BatchNorm2d), ({"norm": "group"}, nn.GroupNorm), ({"pooling": "max"}, nn.MaxPool2d)],
)
def test_convnet_varies_as_in_the_ablations(options: dict[str, str], kind: type[nn.Module]) -> None:
    network = model("ConvNet", 3, 32, depth=2, width=16, **options)
    assert sum(isinstance(layer, kind) for layer in network.modules()) == 2
    assert network(images(3, 32)).shape == (2, 10)


def test_convnet_without_norm_and_pooling_keeps_the_size() -> None:
    bare = model("ConvNet", 3, 32, depth=2, width=8, norm="none", pooling="none")
    assert bare.features(images(3, 32)).shape == (2, 8 * 32 * 32)


@pytest.mark.parametrize(
    ("name", "side", "options"),
    [
        ("ConvNet", 8, {"depth": 4}),
        ("ConvNet", 3, {}),
        ("LeNet", 3, {}),
        ("AlexNet", 7, {}),
        ("VGG11", 3, {}),
        ("ResNet18", 1, {}),
    ],
)
def test_impossible_sizes_are_refused_with_the_size(name: str, side: int, options: dict[str, int]) -> None:
    with pytest.raises(AuditError, match=f"{name}.* cannot take images of {side}x{side} pixels"):
        model(name, 3, side, **options)


@pytest.mark.parametrize("option", ["norm", "pooling"])
def test_unknown_options_are_refused_with_the_choices(option: str) -> None:
    with pytest.raises(AuditError, match=f"no {option} 'silly'; choose"):
        model("ConvNet", 3, 32, **{option: "silly"})


@pytest.mark.parametrize("side", [8, 15, 32])
def test_pooling_by_halves_is_average_pooling(side: int) -> None:
    ours, theirs = (images(5, side).requires_grad_() for _ in range(2))
    pooled, expected = HalvingPool()(ours), functional.avg_pool2d(theirs, 2)
    torch.testing.assert_close(pooled, expected, rtol=1e-6, atol=1e-6)
    pooled.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("side", [4, 5])
def test_pooling_has_the_derivatives_that_gradient_matching_takes_of_it(side: int) -> None:
    values = torch.randn(2, 3, side, side, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(HalvingPool(), values)
    assert torch.autograd.gradgradcheck(HalvingPool(), values)


@pytest.mark.parametrize(("channels", "side", "padding"), [(3, 32, 1), (1, 28, 3), (1, 8, 1), (3, 9, 0)])
def test_images_get_the_gradient_of_a_convolution_from_the_stem(channels: int, side: int, padding: int) -> None:
    plain, stem = nn.Conv2d(channels, 16, 3, padding=padding), StemConvolution(channels, 16, 3, padding=padding)
    stem.load_state_dict(plain.state_dict())
    stem.requires_grad_(False)
    ours, theirs = (images(channels, side).requires_grad_() for _ in range(2))
    found, expected = stem(ours), plain(theirs)
    assert torch.equal(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
