"""Building is a function of its arguments, and other packages can add architectures."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ddaudit.errors import AuditError
from ddaudit.models import architectures, build, register
from ddaudit.models.registry import GROUP

SHAPE = (3, 32, 32)


Install = Callable[[str, str, str], None]

PLUGIN = '''
from torch import nn
from ddaudit.models import TrunkAndHead

def make(shape, classes, *, width=5):
    """A linear bottleneck.

    More about it.
    """
    channels, height, breadth = shape
    return TrunkAndHead(nn.Sequential(nn.Flatten(), nn.Linear(channels * height * breadth, width)), width, classes)
'''


def test_the_fields_architectures_are_listed() -> None:
    listed = architectures()
    assert {"MLP", "ConvNet", "LeNet", "AlexNet", "VGG11", "ResNet18"} <= set(listed)
    assert {"ConvNetBN", "AlexNetBN", "VGG11BN", "ResNet18BN"} <= set(listed)
    assert all(listed.values())


@pytest.mark.parametrize("name", ["MLP", "ConvNet", "ResNet18BN"])
def test_a_seed_decides_every_weight(name: str) -> None:
    first, again, other = (build(name, shape=SHAPE, classes=10, seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_building_neither_reads_nor_moves_the_random_state() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build("ConvNet", shape=SHAPE, classes=10, seed=2**63 - 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = build("ConvNet", shape=SHAPE, classes=10, seed=2**63 - 1)
    torch.testing.assert_close(first.state_dict(), again.state_dict(), rtol=0, atol=0)


def test_weights_are_torchs_own_initialisation_in_the_order_of_the_layers() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(11)
        plain = [nn.Conv2d(3, 128, 3), nn.Conv2d(128, 128, 3), nn.Conv2d(128, 128, 3), nn.Linear(2048, 10)]
    expected = [weight for layer in plain for weight in layer.parameters()]
    network = build("ConvNet", shape=SHAPE, classes=10, seed=11)
    drawn = [w for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear) for w in m.parameters()]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(drawn, expected, strict=True))


def test_weights_are_drawn_on_the_cpu_whatever_the_default_device() -> None:
    with torch.device("meta"):
        network = build("MLP", shape=SHAPE, classes=10, seed=0)
    assert {weight.device.type for weight in network.parameters()} == {"cpu"}


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AuditError, match=r"no architecture 'convnet'; there are .*ConvNet.*ResNet18"):
        build("convnet", shape=SHAPE, classes=10, seed=0)


@pytest.mark.parametrize(("shape", "classes"), [((3, 0, 32), 10), (SHAPE, 0)])
def test_nothing_to_classify_is_refused(shape: tuple[int, int, int], classes: int) -> None:
    with pytest.raises(AuditError, match="needs images and classes"):
        build("MLP", shape=shape, classes=classes, seed=0)


def test_a_name_keeps_its_published_meaning() -> None:
    with pytest.raises(ValueError, match="'ConvNet' is registered already"):
        register("ConvNet", "another")(lambda shape, classes: build("MLP", shape=shape, classes=classes, seed=0))


def test_another_package_adds_an_architecture(install: Install) -> None:
    install(GROUP, "Bottleneck", PLUGIN)
    assert architectures()["Bottleneck"] == "A linear bottleneck."
    network = build("Bottleneck", shape=(1, 8, 8), classes=4, seed=0, width=3)
    assert network.features(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 4)


def test_another_package_cannot_replace_an_architecture(install: Install) -> None:
    install(GROUP, "ConvNet", PLUGIN)
    assert sum(p.numel() for p in build("ConvNet", shape=SHAPE, classes=10, seed=0).parameters()) == 320_010
    assert architectures()["ConvNet"] != "A linear bottleneck."


def test_a_broken_package_is_named_and_breaks_nothing_else(install: Install) -> None:
    install(GROUP, "Broken", "raise RuntimeError('out of order')")
    assert "out of order" in architectures()["Broken"]
    with pytest.raises(AuditError, match=r"'Broken'.* cannot be loaded: out of order"):
        build("Broken", shape=SHAPE, classes=10, seed=0)
    assert build("MLP", shape=SHAPE, classes=10, seed=0)
