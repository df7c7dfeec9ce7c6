"""docs/validation.md says what the results of the study say, and nothing else."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "validation"


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import validation_page

    yield validation_page.page
    sys.modules.pop("validation_page")


def test_the_page_is_the_one_that_the_results_make_and_there_is_none_without(page):
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RESULTS.glob("*.json"))]
    file = ROOT / "docs" / "validation.md"
    assert file.exists() == bool(rows)
    assert not rows or file.read_text(encoding="utf-8") == page(rows), (
        "make it again: python benchmarks/validation.py --page"
    )


def metric(name, value, low=None, high=None, controls=()):
    return {"name": name, "value": value, "low": low, "high": high, "controls": list(controls)}


def row(name, **changes):
    attacks = [
        metric("auc[loss]", 0.51, 0.50, 0.52, [metric("models that saw no member", 0.5, 0.49, 0.51)]),
        metric("auc[nearest]", 0.57, 0.55, 0.6, [metric("sets that saw no member", 0.501, 0.48, 0.52)]),
    ]
    checks = [
        {"id": "DD-UTL-ACCURACY", "verdict": "pass", "metrics": [metric("accuracy[ConvNet]", 0.42, 0.41, 0.43, [metric("random", 0.3)])]},
        {"id": "DD-PRV-MIA", "verdict": "warn", "metrics": attacks},
        {"id": "DD-BKD-INVERT", "verdict": "warn", "metrics": [metric("p_value[inversion]", 0.0286) | {"n": 12}]},
        {"id": "DD-FAI-CLASS", "verdict": "pass", "metrics": [metric("worst_class_accuracy", 0.2), metric("class_spread", 0.3, controls=[metric("random", 0.25)])]},
    ]  # fmt: skip
    return {
        "name": name, "planted": None, "profile": "quick", "code": 0, "seconds": 61.4, "processor": 118.2, "memory": 2_500_000_000, "predicted": 50.0,
        "overall": {"verdict": "warn"}, "pillars": {"utility": "pass", "privacy": "warn", "backdoor": "warn"}, "checks": checks, "not_run": [],
        "subject": {"claims": {"ConvNet": 0.422}},
    } | changes  # fmt: skip


def test_a_scan_becomes_its_lines_with_the_strongest_attack_and_the_time_that_was_foretold(page):
    text = page([row("dc")])
    assert "| dc | - | pass | warn | - | warn | - | warn |" in text
    assert "| dc | 42.20 | 42.0 [41.0, 43.0] | 30.0 |" in text
    assert "| dc | - | 0.570 [0.550, 0.600] nearest | 0.501 [0.480, 0.520] | warn |" in text
    assert "| dc | 61 | 118 | 50 | 2,500 |" in text


def test_false_alarms_for_a_trigger_are_counted_among_the_sets_that_were_searched(page):
    text = page([row("dc"), row("dm"), row("refused", checks=[], pillars={}, overall={"verdict": "refused"})])
    assert "Of 2, 0 [0, 84 %] fail and 2 [16, 100 %] warn." in text
    assert "| dc | 0.029 (12 clean sets) warn | - not-run | - not-run | warn |" in text
    assert "| dc | 20.0 | 30.0 | 25.0 | pass |" in text


def test_planted_sets_are_counted_by_threat_with_an_exact_interval(page):
    failed = {"overall": {"verdict": "fail"}, "pillars": {"backdoor": "fail"}, "planted": "dark", "success": 0.511}
    by = [{"id": "DD-BKD-INVERT", "verdict": "fail", "metrics": []}]
    text = page(
        [
            row("a", **failed, checks=by),
            row("b", **failed, checks=by),
            row("c", planted="dark", success=0.02, pillars={}),
        ]
    )
    assert "| dark | 3 | 51, 51, 2 | 2 | 2 [9, 99 %] | DD-BKD-INVERT |" in text


def test_a_pillar_that_was_asked_anew_is_said_to_have_been_with_the_time_that_it_took(page):
    again = {"pillar": "backdoor", "code": "0", "seconds": 90.0, "processor": 150.0}
    text = page([row("dc", again=again), row("dm")])
    assert "Of 1 of them these checks were asked anew" in text
    assert "To ask anew, of 1 sets, the checks of backdoor took another 2 minutes (2 of processor time)." in text
    assert "anew" not in page([row("dm")])


@pytest.fixture
def judged_anew(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import validation

    yield validation.judged_anew
    for name in ("validation", "validation_page"):
        sys.modules.pop(name, None)


def test_checks_that_are_asked_anew_decide_with_what_the_others_had_said(judged_anew):
    def said(check, pillar, verdict):
        return {"id": check, "pillar": pillar, "verdict": verdict, "finding": f"{check}: {verdict}"}

    labels = {"id": "DD-BKD-LABELS", "pillar": "backdoor", "reason": "too few"}
    before = row(
        "dc",
        tool={},
        subject={},
        checks=[said("DD-PRV-MIA", "privacy", "warn"), said("DD-BKD-KNOWN", "backdoor", "fail")],
        not_run=[labels],
    )
    anew = {
        "checks": [said("DD-BKD-KNOWN", "backdoor", "pass"), said("DD-BKD-LABELS", "backdoor", "pass")],
        "not_run": [{"id": "DD-PRV-MIA", "pillar": "privacy", "reason": "not asked"}],
    }
    found = judged_anew(before, anew, ["DD-BKD-KNOWN", "DD-BKD-LABELS"])
    assert [(one["id"], one["verdict"]) for one in found["checks"]] == [
        ("DD-PRV-MIA", "warn"),
        ("DD-BKD-KNOWN", "pass"),
        ("DD-BKD-LABELS", "pass"),
    ]
    assert found["not_run"] == []
    assert found["overall"] == {"verdict": "warn", "pillar": "privacy", "finding": "DD-PRV-MIA: warn"}
    assert (found["pillars"]["privacy"], found["pillars"]["backdoor"]) == ("warn", "pass")
