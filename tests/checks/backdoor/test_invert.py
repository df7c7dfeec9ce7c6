"""INVERT names the class of a planted trigger, and accuses no clean set."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.evidence import NOT_COVERED, SELDOM_FOUND, seldom_found, study_name
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.invert import inversion
from ddaudit.checks.backdoor.study import Study
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, Table
from ddaudit.statistics.null_models import compare_families
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
    case = case_of(planted, digits, inversion_models=2, inversion_images=20, inversion_steps=40, inversion_epochs=40)
    study = Study(case)
    clean = [study.statistics(case.real_subset(i)) for i in range(4)]
    comparison = compare_families(study.statistics(planted), np.stack(clean))
    suspect = study.suspect(planted, comparison)
    assert suspect.target == TARGET
    assert suspect.z > comparison.null_z.max()
    mask = 1 - study.invert(planted).scale[0, TARGET, 0]
    assert mask[-2:, -2:].sum() > 0.4 * mask.sum()  # the planted corner is 4 of 64 pixels
    unseen = case.model(planted, study.recipe, 2)
    assert study.success(suspect.trigger, TARGET, unseen).mean() > 0.5  # on images and a model that it was not made on


def test_triggers_are_sought_and_tried_on_different_held_out_images(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    study = Study(case_of(real_images(digits.train, 10), digits, inversion_images=30))
    assert not set(study.rows) & set(study.tried_rows)
    assert np.bincount(digits.test.labels[study.rows]).tolist() == [3] * 10
    assert len(study.tried_rows) == 200


def test_the_clean_sets_are_of_three_kinds(digits: Original, real_images: Sets, case_of: Cases) -> None:
    study = Study(case_of(real_images(digits.train, 2), digits, inversion_controls=7, distillation_steps=1))
    kinds = [one.name.rstrip("0123456789 ") for one in study.clean_sets]
    assert kinds == ["own distillation"] * 2 + ["k-means subset"] * 2 + ["random real subset"] * 3


@pytest.fixture
def judged(staged: Callable[..., AuditCase]) -> Callable[..., CheckResult]:
    return lambda *given, **settings: inversion.run(staged(*given, **settings))


def by_class(result: CheckResult) -> dict[str, list[object]]:
    (rows,) = (e for e in result.evidence if isinstance(e, Table) and e.name == "inversion_by_class")
    return {str(row[0]): row[1:] for row in rows.rows}  # type: ignore[misc]


def test_a_class_that_is_reached_far_too_easily_fails_and_is_named(judged: Callable[..., CheckResult]) -> None:
    result = judged({TARGET: 2.0})
    assert result.verdict == "fail"
    assert result.metric("target_class").value == TARGET
    assert f'"{TARGET}"' in result.finding
    assert FAMILIES[1].name in result.finding
    assert f'"{TARGET}"' in result.advice
    z = {name: row[3] for name, row in by_class(result).items()}
    assert max(z, key=z.__getitem__) == str(TARGET)  # type: ignore[arg-type]
    assert by_class(result)[str(TARGET)][0] == FAMILIES[1].name
    assert {e.name for e in result.evidence} >= {"trigger_effort", "recovered_trigger", "triggered_images"}


@pytest.mark.parametrize("seed", range(3))
def test_a_set_like_the_clean_ones_is_not_accused(judged: Callable[..., CheckResult], seed: int) -> None:
    result = judged({}, seed=seed)
    assert result.verdict != "fail"
    assert result.metric("p_value[inversion]").value > 0.01  # type: ignore[operator]


def test_of_a_set_whose_every_class_is_easy_nothing_is_said(judged: Callable[..., CheckResult]) -> None:
    result = judged(dict.fromkeys(range(10), 2.0))
    assert result.verdict == "inconclusive"
    assert result.metric("p_value[inversion]").value > 0.05  # type: ignore[operator]
    assert result.metric("level_p_value[inversion]").value < 0.001  # type: ignore[operator]
    assert "says little" in result.finding


def test_in_a_set_unlike_the_clean_ones_a_class_that_stands_out_is_not_accused(
    judged: Callable[..., CheckResult],
) -> None:
    result = judged(dict.fromkeys(range(10), 2.0) | {TARGET: 8.0})
    assert result.verdict == "inconclusive"
    assert result.metric("p_value[inversion]").value < 0.01  # type: ignore[operator]
    assert f'"{TARGET}"' in result.finding
    assert "may be due to the method" in result.finding
    assert result.advice == ""
    assert [one.held for one in result.assumptions][:2] == [None, False]


def test_a_set_of_another_method_is_judged_by_clean_sets_of_that_method(judged: Callable[..., CheckResult]) -> None:
    whole = dict.fromkeys(range(10), 2.0)
    clean, planted = judged(whole, kernel=2.0), judged(whole | {TARGET: 4.0}, kernel=2.0)
    assert [clean.verdict, planted.verdict] == ["pass", "fail"]
    assert planted.metric("target_class").value == TARGET
    for result in (clean, planted):
        assert result.metric("level_p_value[inversion]").value > 0.001  # type: ignore[operator]
        assert "kernel ridge regression" in result.assumptions[0].text
        assert result.power is not None
        assert result.power.value == 1
        assert "of a clean set distilled by kernel ridge regression" in result.power.defect


def test_a_set_like_the_clean_ones_is_said_to_be_that(judged: Callable[..., CheckResult]) -> None:
    result = judged({TARGET: 2.0})
    assert result.metric("level_p_value[inversion]").value > 0.001  # type: ignore[operator]
    assert [one.held for one in result.assumptions][:2] == [None, True]


def test_a_class_that_is_close_with_no_trigger_on_is_said_to_be_that(judged: Callable[..., CheckResult]) -> None:
    result = judged({}, bare=2.0)
    assert result.metric("target_class").value == 7
    assert result.verdict in ("warn", "fail")
    assert 'closer to "7"' in result.finding
    assert "no trigger on" in result.finding


def test_an_audit_that_misses_planted_triggers_does_not_pass(judged: Callable[..., CheckResult]) -> None:
    blind = judged({}, planted=1.0)
    assert blind.verdict == "inconclusive"
    assert blind.power is not None
    assert blind.power.value == 0


def test_where_no_trigger_works_nothing_is_concluded(judged: Callable[..., CheckResult]) -> None:
    result = judged({TARGET: 2.0}, unreached=True)
    assert result.verdict == "inconclusive"
    assert "more inversion steps" in result.finding
    assert result.advice == ""


def test_the_report_says_by_name_what_was_not_looked_for(judged: Callable[..., CheckResult]) -> None:
    (table,) = (e for e in judged({}).evidence if isinstance(e, Table) and e.name == "threats_not_covered")
    assert [row[0] for row in table.rows] == list(NOT_COVERED)


def test_a_pass_names_the_threats_that_are_found_too_seldom_and_lowers_their_power(
    judged: Callable[..., CheckResult],
) -> None:
    result = judged({})
    (table,) = (e for e in result.evidence if isinstance(e, Table) and e.name == "threats_seldom_found")
    power = {(row[0], row[1]): row[4] for row in table.rows}
    results = Path(__file__).parents[3] / "benchmarks/results"
    for original, said in SELDOM_FOUND.items():
        study = json.loads((results / f"backdoor_study_{study_name(original)}.json").read_text())
        low = {
            kind.removeprefix("threat: "): (rate["count"], rate["n"])
            for kind, rate in study["working"].items()
            if kind.startswith("threat: ") and rate["n"] and rate["rate"] < rate["asked"]
        }
        assert low == said
        for threat, (found, sets) in low.items():
            assert f"{threat} {found} of {sets}" in seldom_found(study_name(original))
            assert (f"{threat} {found} of {sets}" in result.finding) == (original == "digits")
            assert f"{threat} {found} of {sets}" in seldom_found("another original")
            assert power[original, threat] == round(found / sets, 2)
    assert {f"backdoor_study_{study_name(original)}.json" for original in SELDOM_FOUND} == {
        file.name for file in results.glob("backdoor_study_*.json")
    }


def test_models_that_know_nothing_are_not_assessed(digits: Original, real_images: Sets, case_of: Cases) -> None:
    data = real_images(digits.train, 2)
    blank = LabelledImages(np.zeros_like(data.images), data.labels, 10, data.space, "audited file")
    result = inversion.run(case_of(blank, digits, inversion_models=1, inversion_epochs=5))
    assert result.verdict == "inconclusive"
    assert "Not assessable" in result.finding
