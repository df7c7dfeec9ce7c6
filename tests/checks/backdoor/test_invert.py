"""INVERT names the class of a planted trigger, and accuses no clean set."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.inversion import Inversion
from ddaudit.checks.backdoor.invert import _Study, inversion
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, Table
from ddaudit.statistics.null_models import compare_with_clean
from ddaudit.threats.naive_trigger import NaiveTrigger

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
TARGET = 4
#: Nearly every triggered image goes to the target.
TRIGGER = NaiveTrigger(target=TARGET, fraction=0.3, size=2, margin=0)


@pytest.mark.slow
def test_the_planted_class_deviates_most_and_its_trigger_is_found(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    planted = TRIGGER.poison_set(real_images(digits.train, 10), seed=1)
    case = case_of(planted, digits, inversion_models=2, inversion_images=20, inversion_steps=60)
    study = _Study(case)
    found = study.invert(planted)
    clean = [study.statistic(study.invert(case.real_subset(i))) for i in range(4)]
    comparison = compare_with_clean(study.statistic(found), np.stack(clean))
    assert int(comparison.z.argmax()) == TARGET
    assert comparison.z[TARGET] > comparison.null_max_z.max()
    assert found.success[TARGET] >= 0.99
    where = found.mask[TARGET, 0]
    assert where[-2:, -2:].sum() > 0.4 * where.sum()  # the planted corner is 4 of 64 pixels
    assert study.success(found, TARGET).low > 0.5  # on images and a model that it was not made on


def norms(rng: np.random.Generator, low: dict[int, float] | None = None) -> np.ndarray:
    """Mask norms by class as digits have them, with the scatter between clean sets; ``low`` divides some."""
    by_class = np.linspace(9.7, 13.9, 10)
    values = by_class * np.exp(rng.normal(0, 0.04, 10))
    for target, factor in (low or {}).items():
        values[target] /= factor
    return values


@pytest.fixture
def judged(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CheckResult]:
    """INVERT's result where the inversions are given: what each class's norm is divided by in S, and in planted sets."""

    def judge(
        divided: dict[int, float], planted: float = 2.0, seed: int = 0, unreached: bool = False, hopeless: bool = False
    ) -> CheckResult:
        case = case_of(
            real_images(digits.train, 10), digits,
            inversion_controls=12, inversion_planted=4, inversion_models=1, distillation_steps=1,
        )  # fmt: skip
        rng = np.random.default_rng(seed)
        planted_labels = iter(range(4))

        def given(self: _Study, data: LabelledImages) -> Inversion:
            low = {}
            if data is case.audited:
                low = divided
            elif "backdoored" in data.name:
                low = {next(planted_labels): planted}
            norm = norms(rng, low)
            if hopeless or (unreached and data is case.audited):
                norm[:] = np.inf
            shape = (10, 1, 8, 8)
            return Inversion(norm, np.ones(10), np.full(shape, 0.1, np.float32), np.ones(shape, np.float32))

        monkeypatch.setattr(_Study, "invert", given)
        monkeypatch.setattr(_Study, "invert_ahead", lambda self, sets: None)
        return inversion.run(case)

    return judge


def by_class(result: CheckResult) -> dict[str, list[object]]:
    (rows,) = (e for e in result.evidence if isinstance(e, Table) and e.name == "inversion_by_class")
    return {str(row[0]): row[1:] for row in rows.rows}  # type: ignore[misc]


def test_a_class_that_is_reached_far_too_easily_fails_and_is_named(judged: Callable[..., CheckResult]) -> None:
    result = judged({TARGET: 2.0})
    assert result.verdict == "fail"
    assert result.metric("target_class").value == TARGET
    assert f'"{TARGET}"' in result.finding
    assert f'"{TARGET}"' in result.advice
    z = {name: row[2] for name, row in by_class(result).items()}
    assert max(z, key=z.__getitem__) == str(TARGET)  # type: ignore[arg-type]
    assert {e.name for e in result.evidence} >= {"mask_norms", "recovered_trigger", "triggered_images"}


@pytest.mark.parametrize("seed", range(5))
def test_a_set_like_the_clean_ones_is_not_accused(judged: Callable[..., CheckResult], seed: int) -> None:
    result = judged({}, seed=seed)
    assert result.verdict != "fail"
    p = result.metric("p_value[inversion]").value
    assert p is not None
    assert p > 0.01


def test_a_set_whose_every_class_is_easy_is_not_a_backdoored_one(judged: Callable[..., CheckResult]) -> None:
    assert judged(dict.fromkeys(range(10), 2.0)).verdict == "pass"


def test_an_audit_that_misses_planted_triggers_does_not_pass(judged: Callable[..., CheckResult]) -> None:
    blind = judged({}, planted=1.0)
    assert blind.verdict == "inconclusive"
    assert blind.power is not None
    assert blind.power.value == 0
    seeing = judged({}, planted=2.0)
    assert seeing.power is not None
    assert seeing.power.value == 1
    assert seeing.verdict == "pass"


def test_where_no_trigger_reaches_any_class_nothing_is_concluded(judged: Callable[..., CheckResult]) -> None:
    result = judged({}, unreached=True)
    assert result.verdict == "inconclusive"
    assert result.metric("mask_norm").value is None


def test_where_the_clean_sets_give_no_trigger_either_the_advice_is_to_search_longer(
    judged: Callable[..., CheckResult],
) -> None:
    result = judged({}, hopeless=True)
    assert result.verdict == "inconclusive"
    assert "more inversion steps" in result.finding


def test_models_that_know_nothing_are_not_assessed(digits: Original, real_images: Sets, case_of: Cases) -> None:
    data = real_images(digits.train, 2)
    shuffled = LabelledImages(np.zeros_like(data.images), data.labels, 10, data.space, "audited file")
    result = inversion.run(case_of(shuffled, digits, inversion_models=1))
    assert result.verdict == "inconclusive"
    assert "Not assessable" in result.finding
