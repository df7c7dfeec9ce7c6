"""How often DD-FAI-CLASS and DD-FAI-CALIBRATION raise an alarm where every class is served alike, and where one is not.

    OMP_WAIT_POLICY=passive python benchmarks/class_null.py [--clean 100] [--planted 20] [--out FILE]

Every repetition deals the 1,797 digits anew into a train and a held-out half. The clean sets have 10 images a class: half of them are random real images, like
the controls, so that every alarm is false; the other half are distilled from the train half (distribution matching from noise), by which some class may
truly fall behind random images. In a planted set, the images of one class show other digits. Settings of the quick profile on narrow ConvNets. Each
result is written as it comes and an interrupted study goes on where it stopped; prints a line a repetition, and a summary.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.fairness.calibration import calibration
from ddaudit.checks.fairness.class_accuracy import class_accuracy
from ddaudit.config import profile
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import parse_space
from ddaudit.data.splits import ArraySplit
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store

IPC = 10
DISTILLER = DistributionMatching(ipc=IPC, iterations=60, lr_images=10.0, batch_real=32, width=16, threads=1)
RECIPE = Recipe("narrow", options={"width": 16}, epochs=40, lr=0.05, schedule="cosine")
ARMS = ("real", "distilled", "planted")


class NarrowCase(AuditCase):
    """A case whose models take a fraction of a second each."""

    recipe = RECIPE


def main() -> None:
    """Run what is missing, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clean", type=int, default=100)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "class_null.json")
    asked = parser.parse_args()

    study: dict[str, Any] = {"distiller": repr(DISTILLER), "recipe": RECIPE.sentence(), "results": []}
    if asked.out.is_file():
        found = json.loads(asked.out.read_text())
        if any(found[key] != study[key] for key in ("distiller", "recipe")):
            raise SystemExit(f"{asked.out} holds a study with other settings: name another file with --out.")
        study["results"] = found["results"]
    done = {(one["arm"], one["repetition"]) for one in study["results"]}
    wanted = [(ARMS[i % 2], i // 2) for i in range(asked.clean)] + [("planted", i) for i in range(asked.planted)]
    for arm, i in [one for one in wanted if one not in done]:
        started = time.perf_counter()
        study["results"].append(one_repetition(arm, i))
        write(asked.out, study)
        one = study["results"][-1]
        print(f"{arm} {i}: {one['class']}, {one['calibration']}, {time.perf_counter() - started:.1f} s", flush=True)
    study["summary"] = {arm: summary([one for one in study["results"] if one["arm"] == arm]) for arm in ARMS}
    clean = [one for one in study["results"] if one["arm"] != "planted"]
    study["summary"]["all clean"] = summary(clean)
    write(asked.out, study)
    print(json.dumps(study["summary"], indent=1))


def one_repetition(arm: str, i: int) -> dict[str, Any]:
    """Deal, make a set, audit."""
    index = ARMS.index(arm) * 10_000 + i
    original = dealt(index)
    data = audited(original, arm, index)
    config = profile("quick", seed=index, device="cpu", executor="serial")
    subject = DistilledSet(data, {}, Provenance("study", "0" * 64, "study"))
    case = NarrowCase(subject, original, config, torch.device("cpu"), Store(None))
    result, sure = class_accuracy.run(case), calibration.run(case)
    by_class = [result.metric(f"class_accuracy[{name}]").value for name in original.classes]
    amplified = result.metric("spread_amplification[standard deviation]")
    error = sure.metric("calibration_error_difference")
    return {
        "arm": arm,
        "repetition": i,
        "class": result.verdict,
        "calibration": sure.verdict,
        "worst": int(np.argmin(by_class)),  # type: ignore[arg-type]
        "planted": planted_class(index) if arm == "planted" else None,
        "amplification": [amplified.value, amplified.low, amplified.high],
        "calibration_difference": [error.value, error.low, error.high],
    }


def dealt(index: int) -> Original:
    """The digits in other halves."""
    digits = load_original("digits")
    images = np.concatenate([digits.train.images, digits.test.images])  # type: ignore[attr-defined]
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    divisor = digits.train.divisor  # type: ignore[attr-defined]
    halves = np.array_split(generator(0, "class null/second deal", index).permutation(len(labels)), 2)
    train, test = (ArraySplit(images[rows], labels[rows], divisor) for rows in halves)
    return replace(digits, train=train, test=test)


def audited(original: Original, arm: str, index: int) -> LabelledImages:
    """The set of one repetition."""
    space = parse_space("zscore", original)
    if arm == "distilled":
        seed = derive_seed(0, "class null/distilled", index)
        return DISTILLER.distill(original.train, len(original.classes), space, seed, torch.device("cpu"))[0]
    labels = np.repeat(np.arange(len(original.classes)), IPC)
    like = LabelledImages(
        np.zeros((len(labels), *original.train.shape), np.float32), labels, len(original.classes), space, "audited file"
    )
    rows = controls.random_rows(original.train, like, 0, index, "class-null")
    if arm == "planted":
        mine = np.flatnonzero(labels == planted_class(index))
        others = np.flatnonzero(original.train.labels != planted_class(index))
        rows[mine] = generator(0, "class null/planted", index).choice(others, len(mine), replace=False)
    return replace(like, images=space.to_native(original.train.pixels(rows)))


def planted_class(index: int) -> int:
    """Whose images show other digits."""
    return index % 10


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts with exact intervals of their rates, alarms, and how often the planted class is the worst."""
    n = len(results)
    if not n:
        return {"repetitions": 0}

    def rate(count: int) -> dict[str, float | int | None]:
        interval = clopper_pearson(count, n)
        return {"count": count, "rate": interval.value, "low": interval.low, "high": interval.high}

    found: dict[str, Any] = {"repetitions": n}
    for check in ("class", "calibration"):
        verdicts = Counter(one[check] for one in results)
        found[check] = {v: rate(verdicts[v]) for v in ("fail", "warn", "inconclusive", "pass")}
        found[check]["alarm"] = rate(verdicts["fail"] + verdicts["warn"])
    found["amplification shown"] = rate(sum(one["amplification"][1] > 0 for one in results))
    found["worst class is the planted one"] = rate(sum(one["worst"] == one["planted"] for one in results))
    return found


def write(path: Path, study: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(study, indent=1) + "\n")
    temporary.replace(path)


if __name__ == "__main__":
    main()
