"""The cost of a piece of work follows from its network, and what checks share is counted once."""

import pytest
import torch
from torch import nn

from ddaudit.models import build
from ddaudit.training.cost import FORWARD, TRAINING, Work, forward_operations, operations_a_second, together
from ddaudit.training.recipe import Recipe

MLP = Recipe("fast", architecture="MLP", epochs=3)
SHAPE = (1, 8, 8)


def test_the_operations_of_a_perceptron_are_those_of_its_matrices():
    assert forward_operations(MLP, SHAPE, 10) == 2 * (64 * 128 + 128 * 128 + 128 * 10)


def test_the_operations_of_a_convnet_are_those_of_its_windows():
    convolutions = [
        m for m in build("ConvNet", shape=(3, 32, 32), classes=10, seed=0).modules() if isinstance(m, nn.Conv2d)
    ]
    # Every weight meets every position once; each of the three blocks halves the sides after that.
    products = sum(m.weight.numel() * side**2 for m, side in zip(convolutions, (32, 16, 8), strict=True))
    assert forward_operations(Recipe("fast"), (3, 32, 32), 10) == 2 * (products + 128 * 4 * 4 * 10)


def test_what_the_store_holds_costs_nothing():
    work = Work("models", 4, MLP, images=300, held=1)
    assert work.operations(SHAPE, 10) == 3 * 300 * TRAINING * forward_operations(MLP, SHAPE, 10)
    assert Work("models", 4, MLP, images=300, passes=FORWARD, held=4).operations(SHAPE, 10) == 0


def test_what_two_checks_want_is_counted_once_and_another_recipe_is_other_work():
    mine, yours = Work("models", 4, MLP, 300, held=2), Work("models", 5, MLP, 300, held=1)
    other = Work("models", 1, MLP.on("LeNet"), 300)
    assert together([mine, other, yours]) == [Work("models", 5, MLP, 300, held=2), other]


def test_the_rate_is_that_of_real_steps_within_what_a_machine_can_do():
    rate = operations_a_second(MLP, SHAPE, 10, 100, torch.device("cpu"), seconds=0.05)
    assert 1e5 < rate < 1e12


@pytest.mark.parametrize("architecture", ["ConvNet", "ConvNetBN", "LeNet", "VGG11", "ResNet18"])
def test_every_architecture_is_counted_without_memory(architecture):
    assert forward_operations(Recipe("fast", architecture=architecture), (3, 32, 32), 10) > 1e6
