"""A dry run tells what a scan then does, and leaves nothing behind."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_scan as tiny

from ddaudit import planning
from ddaudit.checks import all_checks
from ddaudit.config import PROFILES, profile
from ddaudit.planning import Plan, Step, plan
from ddaudit.question import Question
from ddaudit.training.cost import Work
from ddaudit.training.recipe import Recipe


@pytest.fixture(autouse=True)
def a_short_calibration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(planning, "CALIBRATION_SECONDS", 0.1)
    with tiny.few_epochs():
        yield


def planned(store: Path) -> Plan:
    return plan(Question(tiny.EXAMPLE, "digits", checks=tiny.CHECKS), replace(tiny.CONFIG, store=store))


@pytest.mark.slow
def test_what_is_planned_is_what_the_scan_makes_and_then_finds(tmp_path: Path) -> None:
    store = tmp_path / "store"
    before = planned(store)
    assert not store.exists()
    assert before.silent == []
    assert before.seconds > 0
    assert all(step.work.held == 0 for step in before.steps)
    tiny.tiny_scan(store)
    made = Counter(path.parent.name for path in store.glob("*/*.safetensors"))
    count = {step.work.what: step.work.count for step in before.steps}
    assert sum(n for what, n in count.items() if what.endswith("attacks")) == made["attacks"]
    assert count["trigger inversions"] == made["inversions"]
    central = (
        tiny.CONFIG.inversion_controls // 3
    )  # k-means subsets are kept beside the distillations, which are one entry
    assert count["clean distillations"] + central == made["distillations"]
    models = sum(n for what, n in count.items() if what.startswith("models") and "scored" not in what)
    assert 0.8 * models <= made["models"] <= models  # on small images, controls of two checks may be one

    after = planned(store)
    assert all(step.work.held == step.work.count for step in after.steps if "scored" not in step.work.what)
    assert after.seconds < before.seconds / 5


def test_workers_share_what_runs_side_by_side_and_nothing_else() -> None:
    recipe = Recipe("fast")
    both = [
        Step(Work("models", 4, recipe, 1), 60.0),
        Step(Work("clean distillations", 1, recipe, 1, side_by_side=False), 10.0),
    ]
    assert Plan(both, 1, []).seconds == 70
    assert Plan(both, 4, []).seconds == 25


def test_every_check_says_what_it_costs() -> None:
    assert [check.id for check in all_checks() if check.cost is None] == []


def test_a_check_that_does_not_say_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, *_ = all_checks()
    monkeypatch.setattr(Question, "wanted", lambda self: [replace(file, cost=None)])
    found = plan(Question(tiny.EXAMPLE, "digits"), replace(tiny.CONFIG, store=tmp_path))
    assert found.silent == [file.id]
    assert found.steps == []
    monkeypatch.setattr(Question, "wanted", lambda self: [replace(file, needs_original=True, cost=None)])
    assert plan(Question(tiny.EXAMPLE), replace(tiny.CONFIG, store=tmp_path)).silent == []


@pytest.mark.slow
def test_every_check_can_be_planned_in_every_profile_and_a_more_thorough_one_does_more(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    seconds = []
    for name in ("quick", "standard", "thorough"):
        found = plan(Question(tiny.EXAMPLE, "digits"), profile(name, store=folder))
        assert found.silent == []
        assert all(0 < step.seconds < float("inf") and step.work.count > 0 for step in found.steps)
        seconds.append(found.seconds)
    assert set(PROFILES) == {"quick", "standard", "thorough"}
    assert seconds[0] < seconds[1] / 3 < seconds[2] / 9
    assert not folder.exists()
