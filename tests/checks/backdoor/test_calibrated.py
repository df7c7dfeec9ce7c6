"""A measured power is quoted where it fits, shown with its interval, and decides no verdict."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor import calibrated
from ddaudit.checks.backdoor.calibrated import CLEAN, Found
from ddaudit.checks.backdoor.invert import inversion
from ddaudit.config import AuditConfig
from ddaudit.data.originals import Original
from ddaudit.results import CheckResult, Table
from ddaudit.training.store import Store

MEASURED = [Found(CLEAN, 1, 20), Found("blended", 12, 20, (0.4, 0.5, 0.6)), Found("naive-trigger", 19, 20, (0.7,))]


def test_what_is_kept_is_recalled_for_the_same_original_size_and_settings_alone(
    tmp_path: Path, digits: Original
) -> None:
    store, config = Store(tmp_path), AuditConfig()
    calibrated.keep(store, digits, 10, config, MEASURED)
    assert sorted(calibrated.recall(store, digits, 10, config), key=lambda one: one.name) == sorted(
        MEASURED, key=lambda one: one.name
    )
    half = replace(digits, train=digits.train.take(range(0, 898, 2)))  # type: ignore[arg-type]
    assert calibrated.recall(store, digits, 5, config) == []
    assert calibrated.recall(store, half, 10, config) == []
    assert calibrated.recall(store, digits, 10, replace(config, inversion_steps=7)) == []
    assert calibrated.recall(store, digits, 10, replace(config, attack_steps=7, seed=3)) != []


def quoted(result: CheckResult) -> list[Table]:
    return [e for e in result.evidence if isinstance(e, Table) and e.name == "calibrated_power"]


def test_a_scan_quotes_it_and_judges_as_without(staged: Callable[..., AuditCase], tmp_path: Path) -> None:
    case = staged({})
    before = inversion.run(case)
    assert quoted(before) == []
    case.store = Store(tmp_path)
    calibrated.keep(case.store, case.reference, 10, case.config, MEASURED)
    after = inversion.run(case)
    (table,) = quoted(after)
    rows = {row[0]: row for row in table.rows}
    assert rows["naive-trigger"][-1] == "enough"
    assert rows["blended"][-1] == "too low"
    assert rows["blended"][2:5] == [0.5, 12, 0.6]
    assert rows["blended"][5] == pytest.approx(0.361, abs=0.001)  # exact binomial, 12 of 20
    assert rows[CLEAN][-1] == ""
    assert (after.verdict, after.power, after.metrics) == (before.verdict, before.power, before.metrics)
