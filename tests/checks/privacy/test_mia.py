"""Membership inference finds members where models saw them, and nothing where they did not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.membership_attacks import ATTACKS
from ddaudit.checks.privacy.membership_evidence import NAMES
from ddaudit.checks.privacy.mia import MATERIAL_AUC, mia
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.formats import open_distilled
from ddaudit.data.membership import MembershipRecord
from ddaudit.data.originals import Original, Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.results import CheckResult, ControlValue, Figure, Table
from ddaudit.training.recipe import Recipe, fast

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
EXAMPLES = Path(__file__).parents[3] / "examples"
FEW = {"seeds": 2, "control_draws": 2}
#: A narrow network tells members as well and takes a tenth of the time.
NARROW = Recipe("narrow", options={"width": 16}, epochs=40, lr=0.05, schedule="cosine")
#: Long enough to learn 60 images by heart.
BY_HEART = Recipe("by heart", options={"width": 16}, epochs=100, lr=0.05, schedule="cosine")


@pytest.fixture(scope="module")
def few_members(digits: Original) -> Original:
    """Digits of which only six a class were in the original's train split."""
    rows = np.concatenate([np.flatnonzero(digits.train.labels == c)[:6] for c in range(10)])
    return replace(digits, train=digits.train.take(rows))


@pytest.fixture(scope="module")
def trained_on_members(few_members: Original, real_images: Sets, case_of: Cases) -> CheckResult:
    """The set is the whole train split: its models saw every member."""
    return mia.run(case_of(real_images(few_members.train, 6), few_members, BY_HEART, **FEW))


def controls_of(result: CheckResult, attack: str) -> dict[str, ControlValue]:
    return {control.name: control for control in result.metric(f"auc[{attack}]").controls}


def table_of(result: CheckResult, name: str) -> Table:
    return next(e for e in result.evidence if isinstance(e, Table) and e.name == name)


def test_models_that_trained_on_members_give_them_away(trained_on_members: CheckResult) -> None:
    assert trained_on_members.verdict == "fail"
    for attack in ATTACKS:
        found = trained_on_members.metric(f"auc[{attack}]")
        assert found.low is not None
        assert found.low > 0.5
    assert trained_on_members.metric("auc[loss]").low > MATERIAL_AUC  # type: ignore[operator]
    # Every member lies in the set itself.
    assert trained_on_members.metric("auc[nearest]").value > 0.99  # type: ignore[operator]


def test_every_positive_control_is_found_and_every_blind_baseline_is_at_chance(trained_on_members: CheckResult) -> None:
    for attack in ATTACKS:
        controls, scored = controls_of(trained_on_members, attack), "sets" if attack == "nearest" else "models"
        assert controls[f"{scored} of the members themselves"].low > 0.5  # type: ignore[operator]
        blind = controls[f"{scored} that saw no member"]
        assert blind.low - 0.03 <= 0.5 <= blind.high + 0.03  # type: ignore[operator]
    assert [a.held for a in trained_on_members.assumptions][:3] == [None, True, True]


def test_all_attacks_are_shown_with_the_p_value_that_counts(trained_on_members: CheckResult) -> None:
    table = table_of(trained_on_members, "attacks")
    assert [row[0] for row in table.rows] == list(NAMES.values())
    for attack, row in zip(ATTACKS, table.rows, strict=True):
        metric = trained_on_members.metric(f"auc[{attack}]")
        assert row[1:4] == [round(x, 3) for x in (metric.value, metric.low, metric.high)]  # type: ignore[arg-type]
        assert row[4] < 0.05  # type: ignore[operator]


def test_the_figures_show_the_best_attack_with_its_band_its_baseline_and_both_sides(
    trained_on_members: CheckResult,
) -> None:
    curve, spread = (e for e in trained_on_members.evidence if isinstance(e, Figure))
    assert (curve.x_scale, curve.y_scale) == ("log", "log")
    assert [s.role for s in curve.series] == ["subject", "control", "reference"]
    ours = curve.series[0]
    assert ours.low is not None
    assert ours.high is not None
    assert all(low <= y <= high for low, y, high in zip(ours.low, ours.y, ours.high, strict=True))  # type: ignore[operator]
    assert [s.name for s in spread.series] == ["members", "non-members"]
    assert all(sum(s.y) == pytest.approx(1) for s in spread.series)  # type: ignore[type-var]


def test_the_hardest_examples_are_looked_at_by_themselves(trained_on_members: CheckResult) -> None:
    table = table_of(trained_on_members, "hardest_examples")
    assert [row[0] for row in table.rows] == list(NAMES.values())
    loss = table.rows[0]
    assert loss[1] > trained_on_members.metric("auc[loss]").value  # type: ignore[operator]
    assert "%" in loss[5]  # type: ignore[operator]


def test_a_set_without_members_gives_none_away(digits: Original, real_images: Sets, case_of: Cases) -> None:
    # The set is made of half of the held-out images; the other half are the non-members.
    halves = np.arange(len(digits.test)) % 2 == 0
    others = replace(digits, test=digits.test.take(np.flatnonzero(~halves)))
    unrelated = real_images(digits.test.take(np.flatnonzero(halves)), 10)
    result = mia.run(case_of(unrelated, others, NARROW, **FEW))
    assert result.verdict not in ("fail", "warn")
    assert result.finding.startswith(("No trace", "Withheld"))
    for attack in ATTACKS:
        found = result.metric(f"auc[{attack}]")
        # One interval in twenty is allowed to miss, and there are six.
        assert found.low - 0.01 <= 0.5 <= found.high + 0.01  # type: ignore[operator]


def test_a_held_out_split_that_differs_from_the_train_split_withholds_the_verdict(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    # Only easy members: models that saw none of them like them better all the same.
    case = case_of(real_images(digits.train, 10), digits, NARROW, **FEW)
    easy = case.models(real_images(digits.test, 10), case.recipe, 2)
    margin = np.mean([np.sort(m.logits(digits.train.pixels()), 1) @ [*[0] * 8, -1, 1] for m in easy], axis=0)
    right = easy[0].logits(digits.train.pixels()).argmax(1) == digits.train.labels
    rows = np.flatnonzero(right & (margin > np.quantile(margin, 0.4)))
    biased = replace(digits, train=digits.train.take(rows))
    result = mia.run(case_of(real_images(biased.train, 5), biased, NARROW, **FEW))
    assert result.verdict == "inconclusive"
    assert result.finding.startswith("Withheld")
    assert result.assumptions[1].held is False


def test_where_membership_was_recorded_the_record_is_what_is_judged(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    # Lots were drawn over 40 training images of each class, and the set is made of the 60 that were drawn.
    of_class = np.stack([np.flatnonzero(digits.train.labels == c)[:40] for c in range(10)])
    drawn, others = of_class[:, :6].ravel(), of_class[:, 6:].ravel()
    case = case_of(real_images(digits.train.take(drawn), 6), digits, BY_HEART, **FEW)
    case.membership = MembershipRecord(drawn, others)
    result = mia.run(case)
    assert result.verdict == "fail"
    assert result.metric("auc[loss]").n == 400
    assert "recorded: 60 members and 340 non-members" in result.assumptions[0].text


def test_a_set_that_is_too_large_for_the_held_out_split_is_left_out_with_the_reason(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 60), digits, **FEW)
    with pytest.raises(SkippedError, match="60 held-out images of class"):
        mia.run(case)
    assert mia.cost is not None
    assert mia.cost(case) == []


@pytest.mark.slow
def test_a_set_distilled_from_noise_gives_its_members_away(digits: Original, space: PixelSpace, case_of: Cases) -> None:
    example = open_distilled(EXAMPLES / "digits_ipc10_clean.safetensors").with_space(space).data
    result = mia.run(case_of(example, digits, fast(threads=1, pixels=64), seeds=4, control_draws=2))
    assert result.verdict == "warn"
    for attack in ("calibrated", "lira", "nearest"):
        assert result.metric(f"auc[{attack}]").low > 0.5  # type: ignore[operator]
    assert [a.held for a in result.assumptions][:3] == [None, True, True]


@pytest.mark.slow
def test_a_set_distilled_from_others_does_not(digits: Original, space: PixelSpace, case_of: Cases) -> None:
    # The held-out split is dealt in two: the others, from whom the set is made, and the non-members.
    others, nonmembers = (digits.test.take(np.arange(i, len(digits.test), 2)) for i in (0, 1))
    distiller = DistributionMatching(ipc=10, iterations=300, lr_images=10.0, width=32, threads=1)
    (made,) = distiller.distill(others, 10, space, 0, torch.device("cpu"))
    result = mia.run(case_of(made, replace(digits, test=nonmembers), NARROW, **FEW))
    assert result.verdict not in ("warn", "fail")
    for attack in ATTACKS:
        found = result.metric(f"auc[{attack}]")
        assert found.low - 0.01 <= 0.5 <= found.high + 0.01  # type: ignore[operator]


def test_low_false_positive_rates_are_refused_where_the_sample_cannot_carry_them(
    trained_on_members: CheckResult,
) -> None:
    names = [metric.name for metric in trained_on_members.metrics]
    assert not any(name.startswith("tpr@fpr=0.001") for name in names)
    refusals = [a.text for a in trained_on_members.assumptions if a.held is None]
    assert any("0.001" in text for text in refusals)


def test_no_more_members_are_scored_than_the_profile_affords(
    few_members: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(few_members.train, 2), few_members, NARROW, mia_examples=50, test_examples=120, **FEW)
    assert mia.run(case).metric("auc[loss]").n == 170
