"""Unfamiliar images fit the original, the scores are those of the papers, and OOD sees models that do not notice."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import softmax

from ddaudit.case import AuditCase
from ddaudit.checks.robustness import ood as ood_module
from ddaudit.checks.robustness.ood import FAMILIAR, MARGIN, familiarity, out_of_distribution
from ddaudit.checks.robustness.unfamiliar import unfamiliar
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FEW = {"seeds": 2, "control_draws": 2, "ood_examples": 60}


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 64, 64)], ids=str)
def test_unfamiliar_images_fit_the_original(shape: tuple[int, int, int]) -> None:
    kinds = unfamiliar("cifar10", shape, 12, np.random.default_rng(0))
    assert list(kinds) == ["digits", "photographs", "noise"]
    for images in kinds.values():
        assert (images.shape, images.dtype) == ((12, *shape), np.float32)
        assert 0 <= images.min() <= images.max() <= 1
        assert np.median(images.std((1, 2, 3))) > 0.05
    again = unfamiliar("cifar10", shape, 12, np.random.default_rng(0))
    assert all((kinds[kind] == again[kind]).all() for kind in kinds)


@pytest.mark.parametrize("name", ["digits", "MNIST", "svhn", "mnist-m"])
def test_digits_are_no_strangers_to_an_original_of_digits(name: str) -> None:
    assert "digits" not in unfamiliar(name, (1, 8, 8), 3, np.random.default_rng(0))


def test_the_scores_are_those_of_the_papers() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (200, 10)).astype(np.float32)
    found = familiarity(logits)
    probable = softmax(logits.astype(np.float64), axis=1).max(1)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-found["msp"])), probable, rtol=1e-9
    )  # the same order, and no rounding to 1
    np.testing.assert_allclose(found["energy"], np.log(np.exp(logits.astype(np.float64)).sum(1)), rtol=1e-12)


def test_the_check_finds_no_difference_between_sets_that_are_alike(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    result = out_of_distribution.run(case_of(real_images(digits.train, 10), digits, **FEW))
    assert result.verdict in ("pass", "inconclusive", "warn")
    noise = result.metric("auroc[energy,noise]")
    assert noise.value is not None
    assert 0 <= noise.value <= 1
    assert noise.controls[0].value is not None


@pytest.mark.parametrize(("drop", "verdict"), [(0.0, "pass"), (3 * MARGIN, "fail")])
def test_models_that_do_not_notice_are_seen(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch, drop: float, verdict: str
) -> None:
    def scored(case: AuditCase) -> list[dict[str, dict[str, np.ndarray]]]:
        rng = np.random.default_rng(0)
        groups = []
        for distance in (1.5 * (1 - drop / 0.3), 1.5):
            shared = rng.normal(0, 1, (1, 300))
            inside = shared + rng.normal(0, 0.2, (4, 300)) + distance
            outside = rng.normal(0, 1, (1, 300)) + rng.normal(0, 0.2, (4, 300))
            groups.append({FAMILIAR: {"msp": inside, "energy": inside}, "noise": {"msp": outside, "energy": outside}})
        return groups

    monkeypatch.setattr(ood_module, "_scored", scored)
    result = out_of_distribution.run(case_of(real_images(digits.train, 10), digits, **FEW))
    assert result.verdict == verdict
    assert result.metric("auroc_difference[energy]").value == pytest.approx(-1.2 * drop, abs=0.08)
