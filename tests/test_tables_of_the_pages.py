"""The tables of the pages say what the committed results of the benchmarks say."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.parametrize("original", ["digits", "mnist"])
def test_every_share_of_the_bias_sweep_has_its_row(original):
    import bias_sweep

    found = json.loads((RESULTS / f"bias_sweep_{original}.json").read_text(encoding="utf-8"))["results"]
    assert found, "there is no result"
    text = page("fairness")
    assert [share for share, one in found.items() if bias_sweep.row(share, one) not in text] == []


@pytest.mark.parametrize("original", ["digits", "mnist"])
def test_the_gap_grows_with_the_bias_and_is_found_at_95_percent_only_where_it_was_planted(original):
    found = json.loads((RESULTS / f"bias_sweep_{original}.json").read_text(encoding="utf-8"))["results"]
    gaps = {share: next(m for name, m in one["metrics"].items() if name == "bias_gap") for share, one in found.items()}
    values = [gaps[share]["value"] for share in sorted(gaps, key=float)]
    assert values == sorted(values)
    assert gaps["0.1"]["low"] < 0 < gaps["0.1"]["high"]
    assert gaps["0.95"]["low"] > gaps["0.1"]["high"]
    assert gaps["0.95"]["low"] > gaps["0.1"]["controls"][0]["high"]
