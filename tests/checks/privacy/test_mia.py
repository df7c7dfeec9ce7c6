"""Membership inference finds members where models saw them, and nothing where they did not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.privacy import mia as mia_module
from ddaudit.checks.privacy.mia import MATERIAL_AUC, mia
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, ControlValue
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FEW = {"seeds": 2, "control_draws": 2, "mia_references": 2}
#: Long enough to learn 60 images by heart.
BY_HEART = Recipe("by heart", epochs=100, lr=0.05, schedule="cosine")


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


def test_models_that_trained_on_members_give_them_away(trained_on_members: CheckResult) -> None:
    loss = trained_on_members.metric("auc[loss]")
    assert loss.low is not None
    assert loss.low > MATERIAL_AUC
    assert trained_on_members.verdict == "fail"
    assert trained_on_members.metric("auc[calibrated]").value > loss.value  # type: ignore[operator]


def test_the_positive_control_is_found_and_the_blind_baseline_is_at_chance(trained_on_members: CheckResult) -> None:
    loss = controls_of(trained_on_members, "loss")
    assert loss["models trained on members"].low > 0.5  # type: ignore[operator]
    for attack in ("loss", "calibrated"):
        blind = controls_of(trained_on_members, attack)["models that saw no member"]
        assert blind.low <= 0.5 <= blind.high  # type: ignore[operator]
    assert [a.held for a in trained_on_members.assumptions][:2] == [True, True]


def test_a_set_without_members_gives_none_away(digits: Original, real_images: Sets, case_of: Cases) -> None:
    # The set is made of half of the held-out images; the other half are the non-members.
    halves = np.arange(len(digits.test)) % 2 == 0
    others = replace(digits, test=digits.test.take(np.flatnonzero(~halves)))
    unrelated = real_images(digits.test.take(np.flatnonzero(halves)), 10)
    result = mia.run(case_of(unrelated, others, **FEW))
    assert result.verdict != "fail"
    for attack in ("loss", "calibrated"):
        found = result.metric(f"auc[{attack}]")
        assert found.low <= 0.5 <= found.high  # type: ignore[operator]


def test_a_held_out_split_that_differs_from_the_train_split_withholds_the_verdict(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    # Only easy members: models that saw none of them like them better all the same.
    case = case_of(real_images(digits.train, 10), digits, **FEW)
    easy = case.models(real_images(digits.test, 10), case.recipe, 2)
    margin = np.mean([np.sort(m.logits(digits.train.pixels()), 1) @ [*[0] * 8, -1, 1] for m in easy], axis=0)
    right = easy[0].logits(digits.train.pixels()).argmax(1) == digits.train.labels
    rows = np.flatnonzero(right & (margin > np.quantile(margin, 0.4)))
    biased = replace(digits, train=digits.train.take(rows))
    result = mia.run(case_of(real_images(biased.train, 5), biased, **FEW))
    assert result.verdict == "inconclusive"
    assert result.finding.startswith("Withheld")
    assert result.assumptions[0].held is False


def test_a_reference_never_scores_an_example_of_the_half_it_was_drawn_from(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(real_images(digits.train, 10), digits, **FEW)
    drawn_from: dict[str, set[bytes]] = {}
    random_real = mia_module.controls.random_real

    def noted(split: Split, *arguments: object) -> LabelledImages:
        subset = random_real(split, *arguments)  # type: ignore[arg-type]
        if subset.name.startswith("held-out"):
            drawn_from[subset.name] = {image.tobytes() for image in split.pixels()}
        return subset

    calibrations: list[np.ndarray] = []
    calibrated = mia_module.calibrated

    def noted_scores(scores: np.ndarray, references: np.ndarray) -> np.ndarray:
        calibrations.append(references)
        return calibrated(scores, references)

    def telling(model: TrainedModel, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        """Logits that are large where the model's half holds the image."""
        half = drawn_from.get(model.dataset, set())
        inside = np.array([image.tobytes() in half for image in pixels])
        return np.where(inside[:, None], 1e6, 0.0) * np.eye(10)[0] + np.random.default_rng(0).random((len(pixels), 10))

    monkeypatch.setattr(mia_module.controls, "random_real", noted)
    monkeypatch.setattr(mia_module, "calibrated", noted_scores)
    monkeypatch.setattr(TrainedModel, "logits", telling)
    result = mia.run(case)
    assert len(drawn_from) == 4
    halves = list(drawn_from.values())
    assert len(halves[0] | halves[2]) == len({image.tobytes() for image in digits.test.pixels()})
    references = calibrations[0]
    assert references.shape == (2, 898 + 899)
    assert np.abs(references).max() < 100  # no reference met an image of its own half
    assert result.metric("auc[loss]").n == 898 + 899


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
    case = case_of(real_images(few_members.train, 2), few_members, mia_examples=50, test_examples=120, **FEW)
    assert mia.run(case).metric("auc[loss]").n == 170
