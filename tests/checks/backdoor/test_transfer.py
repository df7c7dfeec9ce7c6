"""TRANSFER tells what the set teaches from what the networks of the search happened to allow."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import invert
from ddaudit.checks.backdoor.study import Study
from ddaudit.checks.backdoor.transfer import Trial, transfer
from ddaudit.checks.backdoor.unseen import tried
from ddaudit.checks.registry import SkippedError
from ddaudit.data.originals import Original
from ddaudit.results import Table
from ddaudit.threats.naive_trigger import NaiveTrigger

TARGET = 4


def test_a_trigger_that_carries_over_fails_by_name(staged: Callable[..., AuditCase]) -> None:
    result = transfer.run(staged({TARGET: 2.0}))
    assert result.verdict == "fail"
    assert f'"{TARGET}"' in result.finding
    assert "unseen seeds" in result.finding
    assert "MLP" in result.finding
    (table,) = (e for e in result.evidence if isinstance(e, Table))
    assert [row[0] for row in table.rows] == ["unseen seeds (ConvNet)", "MLP (MLP)"]


def test_a_quirk_of_the_networks_that_were_searched_is_no_backdoor(staged: Callable[..., AuditCase]) -> None:
    result = transfer.run(staged({TARGET: 2.0}, unseen={}))
    assert result.verdict == "pass"
    assert "no better than" in result.finding


def test_an_audit_whose_planted_triggers_do_not_carry_over_does_not_pass(staged: Callable[..., AuditCase]) -> None:
    result = transfer.run(staged({}, planted_unseen=1.0))
    assert result.verdict == "inconclusive"
    assert result.power is not None
    assert result.power.value == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_most_suspicious_trigger_of_a_clean_set_is_not_accused_for_being_that(
    staged: Callable[..., AuditCase], seed: int
) -> None:
    assert transfer.run(staged({}, seed=seed)).verdict == "pass"


def test_the_quick_profile_tries_no_trigger_that_does_not_stand_out(staged: Callable[..., AuditCase]) -> None:
    with pytest.raises(SkippedError, match="No trigger stands out"):
        transfer.run(staged({}, unsuspected=False))
    assert transfer.run(staged({TARGET: 2.0}, unsuspected=False)).verdict == "fail"


def test_in_a_set_unlike_the_clean_ones_no_trigger_is_tried(staged: Callable[..., AuditCase]) -> None:
    with pytest.raises(SkippedError, match="unlike the clean sets"):
        transfer.run(staged(dict.fromkeys(range(10), 2.0) | {TARGET: 8.0}))


def test_a_trigger_in_a_set_of_another_method_is_tried_beside_clean_sets_of_that_method(
    staged: Callable[..., AuditCase],
) -> None:
    whole = dict.fromkeys(range(10), 2.0)
    planted = whole | {TARGET: 4.0}
    assert transfer.run(staged(planted, kernel=2.0)).verdict == "fail"
    assert transfer.run(staged(planted, unseen=whole, kernel=2.0)).verdict == "pass"


def test_what_is_tried_on_other_models_and_images_is_the_trigger_with_its_price(
    digits: Original, real_images, case_of
) -> None:
    planted = NaiveTrigger(target=TARGET, fraction=0.3, margin=0).poison_set(real_images(digits.train, 10), seed=1)
    case = case_of(planted, digits, inversion_models=1, inversion_epochs=40, inversion_steps=10, inversion_images=20)
    study = Study(case)
    test = digits.test
    pixels, labels = test.pixels(study.rows), test.labels[study.rows]
    found = invert(study.models(planted), pixels, labels, classes=10, steps=10, batch=10, seed=0)
    unseen = case.model(planted, study.recipe, 1)
    others, their_labels = test.pixels(study.tried_rows), test.labels[study.tried_rows]
    outcome = tried(found, [unseen], others, their_labels)
    for family, target in ((0, TARGET), (1, 7), (2, 0)):
        counted = their_labels != target
        logits = unseen.logits(found.trigger(family, target).stamp(others[counted])).astype(np.float64)
        assert outcome.success[family, target] == pytest.approx((logits.argmax(1) == target).mean(), abs=1e-6)
        entropy = (np.logaddexp.reduce(logits, axis=1) - logits[:, target]).mean()
        price = FAMILIES[family].price * found.size[family, target]
        assert outcome.effort[family, target] == pytest.approx(entropy + price, rel=1e-4)


@pytest.mark.slow
def test_a_planted_trigger_carries_over_to_another_seed_and_another_architecture(
    digits: Original, real_images, case_of
) -> None:
    planted = NaiveTrigger(target=TARGET, fraction=0.3, margin=0).poison_set(real_images(digits.train, 10), seed=1)
    case = case_of(
        planted, digits, inversion_controls=6, inversion_planted=1, inversion_models=2, inversion_epochs=40,
        inversion_images=30, inversion_steps=20, distillation_steps=20,
    )  # fmt: skip
    trial = Trial(case)
    assert trial.suspect(planted).target == TARGET
    for witness in trial.witnesses:
        standing = trial.standing(planted, witness)
        assert standing.z > standing.null.max()
        assert trial.success(planted, witness) > 0.7
