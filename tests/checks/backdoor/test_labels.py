"""LABELS names the labels that were changed, says nothing of right ones, and knows when it could not tell."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy import stats

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.exchanged import exchanged_p, found_when_exchanged
from ddaudit.checks.backdoor.label_witnesses import Witnesses
from ddaudit.checks.backdoor.labels import false_labels
from ddaudit.checks.backdoor.reference import inside, margins
from ddaudit.data.originals import Original
from ddaudit.results import Image, Table
from ddaudit.threats.label_flip import LabelFlip
from ddaudit.threats.label_swap import LabelSwap

Cases = Callable[..., AuditCase]

CPU = torch.device("cpu")


def test_right_labels_pass_with_the_power_shown(digits: Original, real_images: Callable, case_of: Cases) -> None:
    result = false_labels.run(case_of(real_images(digits.train, 10), digits))
    assert result.verdict == "pass", result.finding
    assert result.power is not None
    assert result.power.value is not None
    assert result.power.value >= 0.8
    assert result.metric("doubted_labels").value == 0
    assert result.metric("recognised[reference]").value > 0.9  # type: ignore[operator]


def test_flipped_labels_are_listed_and_shown(digits: Original, real_images: Callable, case_of: Cases) -> None:
    planted = LabelFlip(source=4, fraction=0.4).plant(real_images(digits.train, 10), 1, CPU)
    result = false_labels.run(case_of(replace(planted.data, name="audited file"), digits))
    assert result.verdict == "fail"
    table = next(one for one in result.evidence if isinstance(one, Table))
    doubted = [row[0] for row in table.rows if row[4] < 0.05]  # type: ignore[operator]
    assert doubted
    assert set(doubted) <= set(planted.rows)
    assert len(doubted) >= 2
    for row in table.rows[: len(doubted)]:
        assert row[2] == "4"  # what the image shows
        assert row[1] != "4"
    assert any(isinstance(one, Image) for one in result.evidence)


def test_two_swapped_classes_are_named(digits: Original, real_images: Callable, case_of: Cases) -> None:
    planted = LabelSwap(first=2, second=7).plant(real_images(digits.train, 10), 0, CPU)
    result = false_labels.run(case_of(replace(planted.data, name="audited file"), digits))
    assert result.verdict == "fail"
    assert 'take "2" and "7" for each other' in result.finding
    assert result.metric("p_value[swapped]").value < 0.001  # type: ignore[operator]


def test_a_set_that_real_images_cannot_read_is_inconclusive(
    digits: Original, real_images: Callable, case_of: Cases
) -> None:
    clean = real_images(digits.train, 3)
    noise = np.random.default_rng(0).standard_normal(clean.images.shape).astype(np.float32)
    result = false_labels.run(case_of(replace(clean, images=0.15 * clean.images + noise), digits))
    assert result.verdict == "inconclusive", result.finding


def test_where_all_images_are_harder_to_read_the_hardest_is_not_accused(
    digits: Original, real_images: Callable, case_of: Cases
) -> None:
    clean, rng = real_images(digits.train, 10), np.random.default_rng(0)
    by_margin_alone = []
    for _ in range(4):
        noise = rng.standard_normal(clean.images.shape).astype(np.float32)
        case = case_of(replace(clean, images=clean.images + 0.7 * noise), digits)
        result, witnesses = false_labels.run(case), Witnesses(case)
        assert witnesses.readable
        assert result.verdict in ("pass", "inconclusive"), result.finding
        margin, _ = margins(witnesses.scores, witnesses.labels)
        by_margin_alone.append(-margin.min() > witnesses.null[:, 0].max())
    assert sum(by_margin_alone) >= 2


def answers(rng: np.random.Generator, right: float, labels: np.ndarray) -> np.ndarray:
    """Three models of three classes that are right so often, and else take 0 and 1 for each other or 2 for 0."""
    wrong = np.array([1, 0, 0])[labels]
    return np.where(rng.random((3, len(labels))) < right, labels, wrong)


def test_an_exchange_has_the_exact_p_value_of_the_weakest_of_its_witnesses() -> None:
    labels = np.repeat([0, 1, 2], 40)
    predicted = np.stack([np.repeat([1, 0, 2], 40)] * 2)
    predicted[1, :15] = 0  # of 40 images of class 0, the second model calls 25 class 1
    p = exchanged_p(predicted, labels, 3)
    expected = stats.binomtest(25, 40, alternative="greater").pvalue
    np.testing.assert_allclose(p[0, 1], expected)
    np.testing.assert_array_equal(p, p.T)
    assert (p[[0, 1, 2], [2, 2, 2]] == 1).all()


def test_confused_classes_are_no_exchange_however_often_one_is_taken_for_the_other() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 100)
    one_way = np.where((labels == 0) & (rng.random((4, 300)) < 0.9), 1, labels)
    assert exchanged_p(one_way, labels, 3).min() == 1.0
    fair = [exchanged_p(answers(np.random.default_rng(i), 0.5, labels), labels, 3)[0, 1] < 0.05 for i in range(400)]
    assert np.mean(fair) < 0.02  # both ways and every model at once is rarer than 5 %


def test_the_power_of_an_exchange_is_that_of_exchanged_answers() -> None:
    labels = np.repeat([0, 1, 2], 100)
    good = answers(np.random.default_rng(1), 0.9, labels)
    assert found_when_exchanged(good, labels, 3, 0.01) == (3, 3)
    poor = answers(np.random.default_rng(1), 0.5, labels)
    assert found_when_exchanged(poor, labels, 3, 0.01) == (1, 3)  # 1 and 2 are never taken for each other


def test_margins_are_of_the_label_over_the_best_other_class() -> None:
    scores = np.array([[0.5, 0.2, 0.1], [0.5, 0.2, 0.1], [0.0, 0.3, 0.4]])
    margin, other = margins(scores, np.array([0, 1, 2]))
    np.testing.assert_allclose(margin, [0.3, -0.3, 0.1])
    np.testing.assert_array_equal(other, [1, 0, 1])


def test_leave_one_out_in_closed_form_is_leaving_one_out() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((12, 5)), np.arange(12) % 3
    x = features - features.mean(0)
    ridge = 0.1 * np.square(x).sum(1).mean()
    targets = np.eye(3)[labels] - 1 / 3
    for i, found in enumerate(inside(features, labels, 3)):
        kept = np.arange(12) != i
        weights = np.linalg.solve(x[kept].T @ x[kept] + ridge * np.eye(5), x[kept].T @ targets[kept])
        np.testing.assert_allclose(found, x[i] @ weights, atol=1e-10)
