"""Checks share their work through the case: what one trained or computed, the next one finds."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ddaudit.case
from ddaudit.case import AuditCase
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import ReadOnlyStore, Store
from ddaudit.training.trainer import TrainedModel

TINY = Recipe("tiny", architecture="MLP", epochs=2, lr=0.05)
CONFIG = AuditConfig(seeds=3, control_draws=2)


def a_case(digits: Original, *, config: AuditConfig = CONFIG, method: str | None = None, side: int = 8) -> AuditCase:
    images = np.random.default_rng(0).normal(size=(20, 1, side, side)).astype(np.float32)
    data = LabelledImages(images, np.repeat(np.arange(10), 2), 10, PixelSpace.zscore((0.3,), (0.4,)), "audited file")
    distilled = DistilledSet(data, {}, Provenance("x.pt", "0" * 64, "test", method=method))
    case = AuditCase(distilled, digits, config, torch.device("cpu"), Store(None))
    if side == 8:
        case.__dict__["recipe"] = TINY
    return case


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str, int]]:
    """How often each (set, recipe, seed) was trained."""
    counted: Counter[tuple[str, str, int]] = Counter()
    train = ddaudit.case.train

    def noted(data: LabelledImages, recipe: Recipe, seed: int, *rest: object) -> TrainedModel:
        counted[data.name, recipe.architecture, seed] += 1
        return train(data, recipe, seed, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ddaudit.case, "train", noted)
    return counted


def test_a_model_is_trained_once_whatever_its_set_is_called(
    digits: Original, trainings: Counter[tuple[str, str, int]]
) -> None:
    case = a_case(digits)
    first = case.models(case.audited, TINY, 2)
    same_set = replace(case.audited, name="another name", images=case.audited.images.copy())
    again = case.models(same_set, replace(TINY, name="another name"), 3)
    assert [a is b for a, b in zip(first, again, strict=False)] == [True, True]
    assert case.model(case.audited, TINY, 2) is again[2]
    assert sum(trainings.values()) == 3


@pytest.mark.parametrize("changed", ["set", "recipe", "seed"])
def test_another_set_recipe_or_seed_is_another_model(
    digits: Original, trainings: Counter[tuple[str, str, int]], changed: str
) -> None:
    case = a_case(digits)
    one = case.model(case.audited, TINY)
    data = replace(case.audited, images=case.audited.images + 1) if changed == "set" else case.audited
    other = case.model(data, replace(TINY, lr=0.1) if changed == "recipe" else TINY, int(changed == "seed"))
    assert one is not other
    assert sum(trainings.values()) == 2
    assert len({seed for _, _, seed in trainings}) == (2 if changed == "seed" else 1)


def test_controls_train_with_the_seeds_that_the_audited_set_has(
    digits: Original, trainings: Counter[tuple[str, str, int]]
) -> None:
    case = a_case(digits)
    assert len(case.audited_models) == 3
    assert len(case.control_models) == 2
    of = {name: {seed for n, _, seed in trainings if n == name} for name, _, _ in trainings}
    controls = of.pop("random real subset 1") | of.pop("random real subset 2")
    assert controls < of.pop("audited file")
    assert of == {}
    assert len(case.models(case.audited, TINY, 3)) + len(case.control_models) == sum(trainings.values())
    assert case.real_subsets[0].images.tobytes() != case.real_subsets[1].images.tobytes()


def test_held_out_logits_are_computed_once_a_model(digits: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    case = a_case(digits)
    calls: list[int] = []
    logits = TrainedModel.logits

    def noted(model: TrainedModel, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        calls.append(len(pixels))
        return logits(model, pixels, batch)

    monkeypatch.setattr(TrainedModel, "logits", noted)
    model, other = case.models(case.audited, TINY, 2)
    first = case.test_logits(model)
    assert case.test_logits(model) is first
    correct = case.correct([model, other, model])
    assert calls == [899, 899]
    np.testing.assert_array_equal(correct[0], logits(model, digits.test.pixels()).argmax(1) == digits.test.labels)
    np.testing.assert_array_equal(correct[0], correct[2])
    assert (correct[0] != correct[1]).any()


def test_logits_of_a_model_that_is_gone_are_not_taken_for_anothers(digits: Original) -> None:
    # CPython gives the memory of what is gone, and so its id, to the next object of the kind.
    case = a_case(digits)
    networks = [case.model(case.audited, TINY, index).network for index in range(3)]
    for network in networks:
        model = TrainedModel(network, "audited file", TINY, 0, case.device)
        np.testing.assert_array_equal(case.test_logits(model), model.logits(digits.test.pixels()))
        del model


def test_models_are_compared_on_no_more_held_out_images_than_the_profile_affords(digits: Original) -> None:
    case = a_case(digits, config=replace(CONFIG, test_examples=50))
    assert len(np.unique(case.test_rows)) == 50
    np.testing.assert_array_equal(case.test_labels, digits.test.labels[case.test_rows])
    assert case.correct(case.audited_models).shape == (3, 50)
    np.testing.assert_array_equal(a_case(digits).test_rows, np.arange(899))


def test_inversions_use_narrow_networks_except_on_small_images(digits: Original) -> None:
    assert a_case(digits, side=32).inversion_recipe.options == {"width": CONFIG.inversion_width}
    assert a_case(digits).inversion_recipe.options == {}


def test_the_published_profile_takes_the_protocol_of_the_files_method(digits: Original) -> None:
    config = replace(CONFIG, recipe="published")
    assert a_case(digits, config=config, method="DSA", side=32).recipe.augmentation == "dsa"
    assert a_case(digits, config=config, method="DC", side=32).recipe.augmentation == "none"
    mnist = replace(digits, name="mnist")
    assert a_case(mnist, config=config, side=32).recipe.augmentation == "crop_scale_rotate"


def test_progress_says_what_is_trained_and_how_far_it_is(digits: Original) -> None:
    case = a_case(digits)
    told: list[tuple[str, int, int]] = []
    case.progress = lambda what, done, of: told.append((what, done, of))
    case.model(case.audited, TINY, 1)
    assert told == [("MLP on audited file, seed 2", i, 3) for i in (1, 2, 3)]


def test_where_the_device_asks_for_it_models_are_trained_as_one(
    digits: Original, trainings: Counter[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, together = a_case(digits), a_case(digits)
    wanted = [(case.audited, TINY, i) for i in range(3)]
    one_by_one = case.train_all(wanted)
    monkeypatch.setattr(ddaudit.case, "trains_together", lambda device: True)
    as_one = together.train_all(wanted)
    pixels = digits.test.pixels(slice(0, 50))
    assert len(together.store.made) == 3
    for a, b in zip(one_by_one, as_one, strict=True):
        np.testing.assert_allclose(a.logits(pixels), b.logits(pixels), atol=1e-4)


def test_the_learning_rate_that_the_file_brings_reaches_the_published_recipe(digits: Original) -> None:
    case = a_case(digits, side=32)
    case.__dict__.pop("recipe", None)
    case.config = replace(CONFIG, recipe="published")
    case.distilled = replace(case.distilled, provenance=replace(case.distilled.provenance, learning_rate=0.02))
    assert case.recipe.lr == case.cross_recipe.lr == 0.02


def test_clean_sets_that_are_made_ahead_are_those_that_are_then_found(digits: Original, tmp_path: Path) -> None:
    config = replace(CONFIG, inversion_controls=6, distillation_steps=1)
    case = a_case(digits, config=config)
    case.store = Store(tmp_path)
    for function, arguments in [case.distilling_ahead(), *case.k_means_ahead(2)]:
        function(*arguments)
    case.store = ReadOnlyStore(tmp_path)
    assert len(case.clean_distillations) == 2
    assert len(case.k_means_subsets(2)) == 2


def test_clean_sets_of_kernel_ridge_regression_are_others_for_another_purpose(digits: Original) -> None:
    case = a_case(digits, config=replace(CONFIG, distillation_steps=1))
    made = [*case.kernel_distillations(3, "peers"), *case.kernel_distillations(2, "planted")]
    assert all("kernel ridge regression" in one.name for one in made)
    assert all(np.array_equal(one.hard_labels, np.repeat(np.arange(10), 2)) for one in made)
    assert len({one.images.tobytes() for one in made}) == len(made) == 5
