"""Work done ahead changes when results are made, never what they are."""

import os

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.training.executor import Processes, Serial
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train, train_into

RECIPE = Recipe("short", architecture="MLP", epochs=3, threads=1)
CPU = torch.device("cpu")


@pytest.fixture
def data() -> LabelledImages:
    images = np.random.default_rng(0).standard_normal((20, 1, 8, 8), dtype=np.float32)
    return LabelledImages(images, np.repeat(np.arange(2), 10), 2, PixelSpace.unit(1), "noise")


def nothing(done: int, of: int) -> None:
    pass


def tasks(folder, data, seeds):
    return [(train_into, (folder, data, RECIPE, seed, "cpu")) for seed in seeds]


@pytest.mark.slow
def test_models_trained_in_other_processes_are_found_and_equal_those_trained_here(data, tmp_path):
    told = []
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1, 2, 3]), lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    store = Store(tmp_path)
    pixels = data.images
    for seed in (1, 2, 3):
        found = train(data, RECIPE, seed, CPU, store).logits(pixels)
        made_here = train(data, RECIPE, seed, CPU, Store(None)).logits(pixels)
        np.testing.assert_array_equal(found, made_here)
    assert store.made == []


@pytest.mark.slow
def test_a_worker_that_dies_costs_nothing_but_its_own_results(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead([(os._exit, (1,)), *tasks(tmp_path, data, [1])], nothing)
        executor.ahead(tasks(tmp_path, data, [2, 3]), nothing)
    store = Store(tmp_path)
    for seed in (1, 2, 3):
        train(data, RECIPE, seed, CPU, store)
    # The task beside the dying one may be lost; those handed to the next pool are not.
    assert len(store.made) <= 1


@pytest.mark.slow
def test_a_task_that_fails_is_left_to_the_scan(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead([(int, ("no number",)), *tasks(tmp_path, data, [1])], nothing)
    store = Store(tmp_path)
    train(data, RECIPE, 1, CPU, store)
    assert store.made == []


def test_a_single_task_starts_no_process(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1]), nothing)
    assert list(tmp_path.iterdir()) == []


def test_serial_does_nothing_ahead(data, tmp_path):
    Serial().ahead(tasks(tmp_path, data, [1, 2]), nothing)
    assert list(tmp_path.iterdir()) == []
