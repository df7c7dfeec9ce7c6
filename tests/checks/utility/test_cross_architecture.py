"""CROSSARCH names the architectures that a set serves worse than real images would, and holds the file to its claims."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.utility import cross_architecture as module
from ddaudit.checks.utility.cross_architecture import cross_architecture
from ddaudit.data.distilled import Claim, LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult
from ddaudit.training.recipe import Recipe

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
#: The name says that claims may be held against it.
PUBLISHED = Recipe("published", epochs=60, lr=0.05, schedule="cosine")


@pytest.fixture
def result_of(digits: Original, case_of: Cases) -> Callable[..., CheckResult]:
    """The check's result with two small networks, and claims if there are any."""

    def run(data: LabelledImages, claims: dict[str, Claim] | None = None) -> CheckResult:
        case = case_of(data, digits, cross_architectures=("MLP", "ConvNet"), cross_seeds=3)
        case.__dict__["cross_recipe"] = PUBLISHED
        case.distilled = replace(case.distilled, claims=claims or {})
        return cross_architecture.run(case)

    return run


def test_a_set_with_shuffled_labels_serves_no_architecture(
    digits: Original, real_images: Sets, result_of: Callable[..., CheckResult]
) -> None:
    real = real_images(digits.train, 10)
    result = result_of(replace(real, labels=np.random.default_rng(0).permutation(real.labels)))
    assert result.verdict == "fail"
    assert "MLP by" in result.finding
    assert "ConvNet by" in result.finding
    assert result.metric("gain_over_random[MLP]").high < 0  # type: ignore[operator]


def test_real_images_serve_as_well_as_others_like_them_and_the_numbers_are_those_of_the_models(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, cross_architectures=("MLP",), cross_seeds=3)
    case.__dict__["cross_recipe"] = PUBLISHED
    result = cross_architecture.run(case)
    assert result.verdict == "pass"
    models = [case.model(case.audited, PUBLISHED.on("MLP"), i) for i in range(3)]
    by_hand = np.mean([m.logits(digits.test.pixels()).argmax(1) == digits.test.labels for m in models])
    assert result.metric("accuracy[MLP]").value == pytest.approx(by_hand)
    assert result.metric("accuracy[MLP]").controls[0].value == pytest.approx(by_hand, abs=0.08)


def test_one_architecture_that_loses_is_named_and_warned_of(
    digits: Original,
    real_images: Sets,
    result_of: Callable[..., CheckResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = module.difference_over_seeds
    calls = []

    def drop_the_second(ours: np.ndarray, theirs: np.ndarray, confidence: float) -> object:
        calls.append(confidence)
        return honest(ours & (np.arange(ours.shape[1]) % 2 == 0) if len(calls) == 2 else ours, theirs, confidence)

    monkeypatch.setattr(module, "difference_over_seeds", drop_the_second)
    result = result_of(real_images(digits.train, 10))
    assert calls == [0.975, 0.975]  # both intervals hold together
    assert result.verdict == "warn"
    assert "ConvNet by" in result.finding
    assert "MLP" not in result.finding


@pytest.mark.parametrize(("claimed", "outcome"), [(0.97, "overstated"), (0.5, "understated")])
def test_a_claim_for_another_architecture_is_held_against_its_own_models(
    digits: Original, real_images: Sets, result_of: Callable[..., CheckResult], claimed: float, outcome: str
) -> None:
    result = result_of(real_images(digits.train, 10), {"MLP": Claim(claimed, 0.005, 20)})
    table = next(e for e in result.evidence if e.name == "claims_by_architecture")
    assert [row[:2] for row in table.rows] == [["MLP", outcome], ["ConvNet", "no claim"]]  # type: ignore[union-attr]
    assert (result.verdict == "fail") == (outcome == "overstated")
    assert ("overstates its accuracy with MLP" in result.finding) == (outcome == "overstated")


def test_the_loss_against_the_convnet_and_what_guidance_recovers_are_those_of_the_models(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    settings = {"cross_architectures": ("MLP", "LeNet"), "cross_seeds": 3, "guided_seeds": 2}
    case = case_of(real_images(digits.train, 10), digits, **settings)
    case.__dict__["cross_recipe"] = PUBLISHED
    result = cross_architecture.run(case)
    convnet = case.correct(case.audited_models).mean()
    mlp = case.correct([case.model(case.audited, PUBLISHED.on("MLP"), i) for i in range(3)]).mean()
    assert result.metric("collapse[MLP]").value == pytest.approx(convnet - mlp)
    (helped,) = case.guided([PUBLISHED.on("MLP")], 2)
    gain = case.correct(helped).mean() - mlp
    assert result.metric("guidance_gain[MLP]").value == pytest.approx(gain)
    table = next(e for e in result.evidence if e.name == "collapse_against_convnet")
    assert [row[0] for row in table.rows] == ["MLP", "LeNet"]  # type: ignore[union-attr]
    assert "guided" in " ".join(work.what for work in cross_architecture.cost(case))  # type: ignore[misc]


def test_no_model_is_guided_where_the_profile_does_not_spend_on_it(
    digits: Original, real_images: Sets, result_of: Callable[..., CheckResult]
) -> None:
    result = result_of(real_images(digits.train, 10))
    table = next(e for e in result.evidence if e.name == "collapse_against_convnet")
    assert all(row[3:] == ["not tried"] * 3 for row in table.rows)  # type: ignore[union-attr]
    assert not any(metric.name.startswith("guidance_gain") for metric in result.metrics)
