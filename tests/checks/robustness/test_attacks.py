"""ATTACKS says "more easily fooled" where models are, and only there."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.robustness import attacks as attacks_module
from ddaudit.checks.robustness.attacks import MARGIN, attacks
from ddaudit.checks.robustness.evasion import EPSILONS
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FEW = {"seeds": 2, "control_draws": 2, "attack_models": 2, "attack_examples": 40, "attack_steps": 3}


@pytest.mark.slow
def test_a_real_subset_is_not_called_weaker_than_others_like_it(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, **FEW)
    result = attacks.run(case)
    assert result.verdict in ("pass", "inconclusive")
    clean = result.metric("robust_accuracy[pgd,linf,eps=0]")
    rows = np.sort(np.random.default_rng(case.seed("attacks/examples")).choice(899, 40, replace=False))
    outcomes = [m.logits(digits.test.pixels(rows)).argmax(1) == digits.test.labels[rows] for m in case.audited_models]
    assert clean.value == pytest.approx(np.mean(outcomes))
    assert clean.controls[0].value is not None
    for name in ("fgsm", "pgd"):
        curve = [
            result.metric(f"robust_accuracy[{name},linf,eps={f'{255 * e:g}/255' if e else '0'}]").value
            for e in EPSILONS
        ]
        assert (np.diff(np.array(curve, float)) <= 0).all()
    settings = next(e for e in result.evidence if e.name == "attack_settings")
    assert [row[2:] for row in settings.rows] == [[40, 2, 2], [40, 2, 2]]  # type: ignore[union-attr]


def outcomes(accuracy: dict[float, float], models: int, images: int, seed: int) -> np.ndarray:
    """bool (models, epsilons, images) with this accuracy at 255 epsilon, falling in steps."""
    hardness = np.random.default_rng(seed).random((1, 1, images))
    curve = np.array([accuracy[max(k for k in accuracy if k <= 255 * e)] for e in EPSILONS])
    noise = np.random.default_rng(seed + 1).normal(0, 0.01, (models, 1, images))
    return hardness + noise < curve[None, :, None]


WHOLE = {0: 0.9, 1: 0.8, 2: 0.6, 4: 0.44, 8: 0.2, 16: 0.0}
CASES = {
    "same": (WHOLE, 0.0, ("pass",)),
    "slightly": (WHOLE, MARGIN / 2, ("warn",)),
    "clearly": (WHOLE, 3 * MARGIN, ("fail",)),
    "stronger": (WHOLE, -MARGIN, ("pass",)),
}


@pytest.mark.parametrize("planted", CASES)
def test_verdicts_follow_the_accuracy_at_the_radius_that_halves_the_controls(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    control, drop, verdicts = CASES[planted]
    weaker = {k: max(0.0, v - drop * (k > 0)) for k, v in control.items()}
    tables = [
        {"pgd": outcomes(a, 4, 600, 0), "fgsm": outcomes({k: min(0.9, v + 0.05) for k, v in a.items()}, 4, 600, 0)}
        for a in (weaker, control)
    ]
    monkeypatch.setattr(attacks_module, "_outcomes", lambda *_: tables)
    result = attacks.run(case_of(real_images(digits.train, 10), digits))
    assert result.verdict in verdicts
    difference = result.metric("robust_accuracy_difference[pgd,linf,eps=4/255]")  # 0.44 of 0.9: about half
    assert difference.value == pytest.approx(-drop, abs=0.03)


def test_a_single_step_that_beats_the_iterated_attack_withholds_the_verdict(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = {"pgd": outcomes(WHOLE, 4, 600, 0), "fgsm": outcomes({k: v / 2 for k, v in WHOLE.items()}, 4, 600, 0)}
    honest = {"pgd": outcomes(WHOLE, 4, 600, 0), "fgsm": outcomes(WHOLE, 4, 600, 0)}
    monkeypatch.setattr(attacks_module, "_outcomes", lambda *_: [masked, honest])
    result = attacks.run(case_of(real_images(digits.train, 10), digits))
    assert result.verdict == "inconclusive"
    assert [a.held for a in result.assumptions] == [False]
