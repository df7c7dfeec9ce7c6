"""How strong each threat comes out in the clean example, by what ``ddaudit plant`` does.

    python benchmarks/threats.py
    python benchmarks/threats.py --table

Each row as the command makes and measures it, seed 0, target class 3; benchmarks/results/threats.json keeps what was measured, and
``--table`` prints that of docs/threats.md.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from result_files import write_json
from validation_page import percent

from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import load_original
from ddaudit.statistics.intervals import Interval
from ddaudit.threats.registry import threat_named
from ddaudit.threats.strength import measure
from ddaudit.training.device import resolve
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store

RESULTS = Path(__file__).parent / "results" / "threats.json"
CLEAN = Path(__file__).parent.parent / "examples" / "digits_ipc10_clean.safetensors"
#: Settings beside the target; what is not named has its default.
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("naive-trigger", {"fraction": 0.25, "size": 2, "margin": 0}),
    ("blended", {}),
    ("sinusoidal", {}),
    ("warped", {}),
    ("doorping", {}),
    ("kernel-trigger", {}),
    ("kernel-trigger", {"relaxed": False}),
    ("dark", {}),
    ("dark", {"weight": 1}),
    ("dark", {"weight": 1, "trigger": "blended"}),
    ("replaced", {}),
]
TARGET, SEED, MODELS = 3, 0, 4


def main() -> None:
    """Plant and measure all, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if not asked.table:
        rows = []
        for threat, settings in ROWS:
            rows.append(planted(threat, settings))
            print(rows[-1], flush=True)
        write_json(asked.out, {"target": TARGET, "seed": SEED, "models": MODELS, "threats": rows})
    print("\n".join(lines(json.loads(asked.out.read_text(encoding="utf-8")))))


def planted(threat: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What the threat does, and the seconds that planting it takes."""
    original, clean, cpu = load_original("digits"), open_distilled(CLEAN).data, resolve("cpu")
    started = time.perf_counter()
    made = threat_named(threat, {"target": TARGET} | settings).plant(clean, SEED, cpu, original=original)
    seconds = time.perf_counter() - started
    recipe = fast(threads=1, pixels=clean.shape[1] * clean.shape[2])
    strength = measure(made, clean, original.test, recipe, SEED, cpu, models=MODELS, store=Store(None))
    measured = {name: rate(value) for name, value in vars(strength).items() if isinstance(value, Interval)}
    return {"threat": threat, "settings": settings, "seconds": round(seconds, 1)} | measured


def read() -> list[dict[str, Any]]:
    """What was measured."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))["threats"]
    return found


def rate(interval: Interval) -> dict[str, Any]:
    """What the page needs of it."""
    kept = asdict(interval)
    return {name: kept[name] for name in ("value", "low", "high", "n")}


def lines(found: dict[str, Any]) -> list[str]:
    """The rows of the page, and the clean set's accuracy beneath them."""
    rows = [
        f"| {named(row)} | {percent(row['success'])} | {percent(row['by_chance'])} | {percent(row['accuracy'])} | {row['seconds']:.0f} |"
        for row in found["threats"]
    ]
    return [*rows, f"Models of the clean set reach {percent(found['threats'][0]['clean_accuracy'], unit=' %')}"]


def named(row: dict[str, Any]) -> str:
    """The threat and what was set, as the command line takes it."""
    said = [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in row["settings"].items()
    ]
    return f"`{row['threat']}`" + (f", {' '.join(said)}" if said else "")


if __name__ == "__main__":
    main()
