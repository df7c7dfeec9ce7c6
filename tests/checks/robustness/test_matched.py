"""The control of equal accuracy is found on training images alone, in the direction in which it lies."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.robustness import matched
from ddaudit.checks.robustness.matched import Matched, matched_group, matched_size
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
AFFORDED = {"seeds": 1, "control_draws": 1, "attack_models": 2, "matched_pixels": 10**9}


class Untouchable:
    """A held-out split that nobody may look at."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the held-out split was asked for {name}")


def walked(
    case: AuditCase, monkeypatch: pytest.MonkeyPatch, accuracy: dict[float, float], wanted: float
) -> list[float]:
    """The sizes that are tried where models of such sizes have these accuracies and S's models have ``wanted``."""
    tried: list[float] = []
    rows = matched._rows

    def noted(case: AuditCase, times: float, index: int) -> np.ndarray:
        tried.append(times)
        return rows(case, times, index)

    monkeypatch.setattr(matched, "_rows", noted)
    monkeypatch.setattr(matched, "_set", lambda case, times, index: case.audited)
    monkeypatch.setattr(matched, "_accuracy", lambda logits, labels: accuracy[tried[-1]] if tried else wanted)
    size = matched_size(case)
    assert size is not None
    return [*tried, size.times]


@pytest.mark.parametrize(
    ("accuracy", "wanted", "tried_and_taken"),
    [
        ({1: 0.8, 2: 0.88, 4: 0.95}, 0.9, [1, 2, 4, 2]),  # passed at four times; twice is closer
        ({1: 0.8, 2: 0.84, 4: 0.91}, 0.9, [1, 2, 4, 4]),
        ({1: 0.8, 0.5: 0.6, 0.25: 0.4}, 0.72, [1, 0.5, 1]),
        ({1: 0.8, 0.5: 0.6, 0.25: 0.4}, 0.1, [1, 0.5, 0.25, 0.25]),
    ],
)
def test_the_walk_ends_where_the_accuracy_is_passed_and_takes_the_closest(
    digits: Original,
    real_images: Sets,
    case_of: Cases,
    monkeypatch: pytest.MonkeyPatch,
    accuracy: dict[float, float],
    wanted: float,
    tried_and_taken: list[float],
) -> None:
    case = case_of(real_images(digits.train, 10), replace(digits, test=Untouchable()), **AFFORDED)
    assert walked(case, monkeypatch, accuracy, wanted) == tried_and_taken


def test_no_held_out_image_is_looked_at_and_a_worse_set_is_matched_by_a_smaller_one(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    data = real_images(digits.train, 10)
    noisy = np.random.default_rng(0).permutation(100)[:50]
    labels = data.labels.copy()
    labels[noisy] = np.random.default_rng(1).permutation(labels[noisy])  # about half of the labels are wrong
    case = case_of(replace(data, labels=labels), replace(digits, test=Untouchable()), **AFFORDED)
    size = matched_size(case)
    assert size is not None
    assert size.times < 1
    group = matched_group(case, size)
    assert [len(one) for one, _, _ in group.models] == [10 * round(10 * size.times)] * 2
    assert [sorted(set(one.labels)) for one, _, _ in group.models] == [list(range(10))] * 2
    assert (group.models[0][0].images[0] != group.models[1][0].images[0]).any()


def test_a_profile_that_affords_no_other_size_has_no_such_control(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    data = real_images(digits.train, 10)
    assert matched_size(case_of(data, digits, matched_pixels=0)) is None
    few = case_of(
        data, digits, seeds=1, control_draws=1, matched_pixels=100 * 64 * 40
    )  # S's own size, and smaller ones
    size = matched_size(few)
    assert size is None or size.times <= 1


def test_the_name_says_the_size(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 10), digits, **AFFORDED)
    names = [one.name for one, _, _ in matched_group(case, Matched(2.0, 0.9, 0.9)).models]
    assert names == ["2 times as many real images, 1", "2 times as many real images, 2"]
