"""A guided network learns from the set and from the features of another network, and is itself when it is done."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.models import Classifier
from ddaudit.training import guided
from ddaudit.training.guided import can_be_guided, train_guided, train_guided_into
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

CPU = torch.device("cpu")
GUIDE = Recipe("guide", epochs=60, lr=0.05, schedule="cosine")
STUDENT = Recipe("student", architecture="LeNet", epochs=150, lr=0.02, schedule="cosine")
Digits = Callable[[int], LabelledImages]


def accuracy(model: object, digits: Original) -> float:
    return float((model.logits(digits.test.pixels()).argmax(1) == digits.test.labels).mean())  # type: ignore[attr-defined]


@pytest.mark.slow
def test_features_of_a_better_network_help_one_that_learns_little_from_the_set(
    digits: Original, some_digits: Digits
) -> None:
    data, store = some_digits(10), Store(None)
    plain = [accuracy(train(data, STUDENT, seed, CPU, store), digits) for seed in range(3)]
    helped = [accuracy(train_guided(data, STUDENT, GUIDE, seed, CPU, store), digits) for seed in range(3)]
    assert np.mean(helped) > np.mean(plain) + 0.1


def test_without_the_terms_of_the_guide_it_is_the_model_that_the_recipe_trains(
    some_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guided, "_with_guidance", lambda classify: lambda made, labels: classify(made[0], labels))
    data, brief = some_digits(2), Recipe("brief", architecture="MLP", epochs=5, weight_decay=0)
    ours = train_guided(data, brief, GUIDE, 7, CPU, Store(None)).network.state_dict()
    theirs = train(data, brief, 7, CPU, Store(None)).network.state_dict()
    assert all(torch.allclose(ours[name], tensor, atol=1e-6) for name, tensor in theirs.items())


def test_it_is_kept_by_what_guided_it_and_another_process_makes_the_same(some_digits: Digits, tmp_path: Path) -> None:
    data, brief = some_digits(2), Recipe("brief", architecture="MLP", epochs=3)
    train_guided_into(tmp_path, data, brief, GUIDE, 1, "cpu")
    store = Store(tmp_path)
    found = train_guided(data, brief, GUIDE, 1, CPU, store)
    assert not store.made
    alone = train_guided(data, brief, GUIDE, 1, CPU, Store(None))
    assert all(torch.equal(found.network.state_dict()[n], t) for n, t in alone.network.state_dict().items())
    train_guided(data, brief, Recipe("other", epochs=61, lr=0.05, schedule="cosine"), 1, CPU, store)
    assert store.made


def test_a_network_without_a_head_is_not_guided(some_digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_be_guided(some_digits(1), STUDENT)
    monkeypatch.setattr(guided, "build", lambda *args, **options: Classifier())
    assert not can_be_guided(some_digits(1), STUDENT)
    with pytest.raises(ValueError, match="LeNet has no head"):
        train_guided(some_digits(1), STUDENT, GUIDE, 0, CPU, Store(None))
