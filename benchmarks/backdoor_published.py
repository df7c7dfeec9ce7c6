"""Published sets before the backdoor pillar, as they are and with a trigger that `ddaudit plant dark` has put into them.

    python benchmarks/backdoor_published.py --sets DIR --data-root DIR [--only NAME ...] [--profile quick]
    python benchmarks/backdoor_published.py --table

None of the sets is known to be poisoned. The planted trigger is the threat's default, to a class of each set's own; in sets of one image a class, all of
which it moves, also with the target's image moved alone. How often it works on held-out images is measured by retraining. Every row is added to benchmarks/results/backdoor_published.json when it is done, and an interrupted run goes on
where it stopped. ``--table`` prints the rows of docs/backdoors.md.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from result_files import write_json
from validation import ORIGINALS, main_file, plant_into

import ddaudit
from ddaudit.config import profile
from ddaudit.data.originals import Original, load_original
from ddaudit.inspection.opening import open_set
from ddaudit.results import CheckResult
from ddaudit.seeds import derive_seed
from ddaudit.threats.dark import Dark
from ddaudit.training.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "backdoor_published.json"
#: Distilled sets of ten classes whose original is at hand, by the names of their folders.
SETS = (
    "dc_cifar10_ipc10",
    "mtt_cifar10_ipc10",
    "kip_cifar10_ipc10",
    "camdm_cifar10_ipc10",
    "dsa_cifar10_ipc10_tiles",
    "mtt_zca_cifar10_ipc10",
    "dc_cifar10_ipc1",
    "dsa_cifar10_ipc1",
    "dm_cifar10_ipc1",
    "dc_mnist_ipc1",
)
#: The checks that look for a trigger; TRANSFER and SAMPLES explain what these have found.
CHECKS = ("DD-BKD-INVERT", "DD-BKD-KNOWN", "DD-BKD-LABELS")
#: Where all images of a set are moved: the same with those of the target class moved alone.
ALONE = "dark, its class alone"
#: Models of the planted and of the published set that measure the attack.
MODELS = 2


def main() -> None:
    """Scan what has no row yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--only", nargs="+", default=[], help="names of the only sets")
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "backdoor_published")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    rows = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    for number, name in enumerate(SETS):
        if asked.table or (asked.only and name not in asked.only):
            continue
        for what, file, about in subjects(name, number, asked):
            key = f"{name}, {what}"
            if key in rows:
                continue
            rows[key] = about() | scanned(file, name, asked)
            write_json(asked.out, rows)
            print(line(key, rows[key]), flush=True)
    if asked.table:
        print("\n".join(line(key, row) for key, row in rows.items()))


def subjects(name: str, number: int, asked: argparse.Namespace) -> Iterator[tuple[str, Path, Any]]:
    """A set as it is and with the trigger: what it is, its file, and what makes the file and says what is known of it."""
    published = main_file(asked.sets / name)
    yield "as published", published, dict
    for what, settings in {"dark": {}, ALONE: {"alone": 0}}.items():
        if what != ALONE or name.endswith("_ipc1"):
            file = asked.store / "planted" / f"{name}, {what}.safetensors"
            yield what, file, partial(plant, name, number, published, file, settings, asked)


def plant(
    name: str, number: int, published: Path, target: Path, settings: dict[str, int], asked: argparse.Namespace
) -> dict[str, Any]:
    """Write the planted set; its target class and the attack's success."""
    original = original_of(name, asked)
    clean = open_set(published, original).data
    wanted, seed = (3 * number + 1) % clean.classes, derive_seed(0, "published", number)
    strength = plant_into(
        target, Dark(target=wanted, **settings), clean, seed, original, Store(asked.store / "store"), MODELS
    )
    return {
        "target": wanted,
        "success": strength.success.value,
        "by_chance": strength.by_chance.value,
        "accuracy": strength.accuracy.value,
        "clean_accuracy": strength.clean_accuracy.value,
    }


def original_of(name: str, asked: argparse.Namespace) -> Original:
    """The original that the folder names."""
    return load_original(next(one for one in ORIGINALS if one in name), data_root=asked.data_root)


def scanned(file: Path, name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The checks' verdicts, findings and p-values."""
    card = ddaudit.scan(
        file,
        original_of(name, asked),
        config=profile(asked.profile, workers=asked.workers, store=asked.store / "store"),
        checks=list(CHECKS),
    )
    return {
        "verdict": card.pillars["backdoor"],
        "checks": {
            check.id: {
                "verdict": check.verdict,
                "finding": check.finding,
                "p": first_p(check),
                "power": check.power.value if check.power else None,
            }
            for check in card.checks
        },
    }


def first_p(check: CheckResult) -> float | None:
    """The p-value by which a check judges; None where it has none."""
    return next((metric.value for metric in check.metrics if metric.name.startswith("p_value")), None)


def line(key: str, row: dict[str, Any]) -> str:
    """A row of the table on the page."""
    planted = f"{row['target']}, {100 * row['success']:.0f} %" if "target" in row else ""
    cells = [
        check["verdict"] if check["p"] is None else f"{check['verdict']} (p = {check['p']:.2g})"
        for check in row["checks"].values()
    ]
    return f"| {key} | {planted} | {' | '.join(cells)} | {row['verdict']} |"


if __name__ == "__main__":
    main()
