"""Each method is evaluated by its authors' protocol, and a recipe is known by everything that changes its result."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ddaudit.data.formats.names import stated_in
from ddaudit.training.recipe import DSA_METHODS, Recipe, fast, published


@pytest.mark.parametrize("method", ["DSA", "DM", "MTT", "dm"])
@pytest.mark.parametrize("original", ["cifar10", "mnist", "svhn"])
def test_methods_made_with_dsa_are_evaluated_with_it_for_1000_epochs(method: str, original: str) -> None:
    recipe = published(method, original, threads=2)
    assert (recipe.augmentation, recipe.epochs) == ("dsa", 1000)


@pytest.mark.parametrize("method", ["DC", "random selection", "KIP", None, ""])
def test_other_methods_are_evaluated_plainly_for_300_epochs(method: str | None) -> None:
    recipe = published(method, "cifar10", threads=2)
    assert (recipe.augmentation, recipe.epochs) == ("none", 300)


@pytest.mark.parametrize("original", ["mnist", "fashion_mnist", "MNIST", "fashion-mnist"])
def test_grey_digits_are_cropped_scaled_or_rotated_for_1000_epochs(original: str) -> None:
    # Gradient matching's main.py: whatever is evaluated with augmentation trains for 1000 epochs.
    recipe = published("DC", original, threads=2)
    assert (recipe.augmentation, recipe.epochs) == ("crop_scale_rotate", 1000)


def test_the_published_optimizer_is_the_papers() -> None:
    for recipe in (published("DC", "cifar10", threads=1), published("DM", "cifar10", threads=1)):
        assert (recipe.lr, recipe.momentum, recipe.weight_decay, recipe.batch) == (0.01, 0.9, 5e-4, 256)
        assert (recipe.schedule, recipe.architecture, recipe.options) == ("step", "ConvNet", {})


@pytest.mark.parametrize(
    ("brought", "used"), [(0.0288, 0.0288), (None, 0.01), (1e9, 0.01), (0.0, 0.01), (float("nan"), 0.01)]
)
def test_a_plausible_learning_rate_that_the_file_brings_is_the_published_one(
    brought: float | None, used: float
) -> None:
    recipe = published("MTT", "cifar10", threads=1, learning_rate=brought)
    assert recipe.lr == used
    assert ("file's learning rate" in recipe.name) == (used != 0.01)


def test_every_dsa_method_is_spelt_as_the_readers_spell_it() -> None:
    for method in DSA_METHODS:
        assert stated_in(Path(f"/{method.lower()}_cifar10.pt")).method == method


def test_every_setting_but_the_name_is_part_of_the_fingerprint() -> None:
    recipe = Recipe("a recipe")
    assert replace(recipe, name="another").fingerprint() == recipe.fingerprint()
    others = {
        "architecture": "MLP", "options": {"width": 8}, "epochs": 301, "lr": 0.02, "momentum": 0.0, "weight_decay": 0.0,
        "batch": 10, "schedule": "cosine", "augmentation": "dsa", "threads": 2,
    }  # fmt: skip
    assert replace(recipe, bias="low").fingerprint() == recipe.fingerprint()
    assert set(others) == {f.name for f in fields(Recipe)} - {"name", "bias"}
    prints = {replace(recipe, **{name: value}).fingerprint() for name, value in others.items()}  # type: ignore[arg-type]
    assert len(prints | {recipe.fingerprint()}) == 1 + len(others)


@pytest.mark.parametrize("pixels", [64, 1024])
def test_the_fast_recipe_takes_at_most_half_the_published_steps(pixels: int) -> None:
    recipe = fast(threads=1, pixels=pixels)
    assert recipe.epochs <= published("DC", "cifar10", threads=1).epochs / 2
    assert recipe.schedule == "cosine"
    assert f"{recipe.epochs} epochs" in recipe.sentence()
    assert "cosine" in recipe.sentence()
    assert "below the published protocol" in recipe.bias
    assert published("DC", "cifar10", threads=1).bias == ""
