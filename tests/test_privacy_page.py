"""docs/privacy.md says what the results of the studies say: its tables are those that they make."""

import json
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("study", "module", "table"),
    [
        ("trace_null", "trace_null", "table"),
        ("surrogate_membership", "surrogate_membership_page", "attacks"),
        ("surrogate_membership", "surrogate_membership_page", "by_number"),
        ("shadows", "shadows", "page"),
    ],
)
def test_a_table_is_the_one_that_the_results_make(
    study: str, module: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    made = getattr(import_module(module), table)(
        json.loads((ROOT / "benchmarks" / "results" / f"{study}.json").read_text(encoding="utf-8"))
    )
    for part in made.split("\n\n"):
        assert part.strip() in PAGE, f"make it again: benchmarks/{module}.py prints it"
