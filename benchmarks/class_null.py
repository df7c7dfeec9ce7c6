"""How often DD-FAI-CLASS and DD-FAI-CALIBRATION raise an alarm where every class is served alike, and where one is not.

    OMP_WAIT_POLICY=passive python benchmarks/class_null.py [--clean 100] [--planted 20] [--out FILE]

Every repetition deals the 1,797 digits anew into a train and a held-out half. The clean sets have 10 images a class: half of them are random real images, like
the controls, so that every alarm is false; the other half are distilled from the train half (distribution matching from noise), by which some class may
truly fall behind random images. In a planted set, the images of one class show other digits. Settings of the quick profile on narrow ConvNets. Each
result is written as it comes and an interrupted study goes on where it stopped; prints a line a repetition, and a summary.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from null_study import RECIPE, Result, all_digits, carry_out, layout, quick_case, rate

from ddaudit import controls
from ddaudit.checks.fairness.calibration import calibration
from ddaudit.checks.fairness.class_accuracy import class_accuracy
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import parse_space
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import derive_seed, generator

IPC = 10
DISTILLER = DistributionMatching(ipc=IPC, iterations=60, lr_images=10.0, batch_real=32, width=16, threads=1)
ARMS = ("real", "distilled", "planted")


def main() -> None:
    """Run what is missing, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clean", type=int, default=100)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "class_null.json")
    asked = parser.parse_args()
    carry_out(
        asked.out,
        {"distiller": repr(DISTILLER), "recipe": RECIPE.sentence()},
        [(ARMS[i % 2], i // 2) for i in range(asked.clean)] + [("planted", i) for i in range(asked.planted)],
        partial(one_repetition, all_digits()),
        lambda one: f"{one['class']}, {one['calibration']}",
        summary,
    )


def one_repetition(whole: Original, arm: str, i: int) -> Result:
    """Deal, make a set, audit."""
    index = ARMS.index(arm) * 10_000 + i
    original = dealt(whole, index)
    case = quick_case(audited(original, arm, index), original, index)
    result, sure = class_accuracy.run(case), calibration.run(case)
    by_class = [result.metric(f"class_accuracy[{name}]").value for name in original.classes]
    amplified = result.metric("spread_amplification[standard deviation]")
    error = sure.metric("calibration_error_difference")
    return {
        "class": result.verdict,
        "calibration": sure.verdict,
        "worst": int(np.argmin(by_class)),  # type: ignore[arg-type]
        "planted": planted_class(index) if arm == "planted" else None,
        "amplification": [amplified.value, amplified.low, amplified.high],
        "calibration_difference": [error.value, error.low, error.high],
    }


def dealt(whole: Original, index: int) -> Original:
    """The digits in other halves."""
    order = generator(0, "class null/second deal", index).permutation(len(whole.train))
    train, test = (whole.train.take(rows) for rows in np.array_split(order, 2))
    return replace(whole, train=train, test=test)


def audited(original: Original, arm: str, index: int) -> LabelledImages:
    """The set of one repetition."""
    space = parse_space("zscore", original)
    if arm == "distilled":
        seed = derive_seed(0, "class null/distilled", index)
        return DISTILLER.distill(original.train, len(original.classes), space, seed, torch.device("cpu"))[0]
    like = layout(original.train, len(original.classes), space, IPC)
    rows = controls.random_rows(original.train, like, 0, index, "class-null")
    if arm == "planted":
        mine = np.flatnonzero(like.labels == planted_class(index))
        others = np.flatnonzero(original.train.labels != planted_class(index))
        rows[mine] = generator(0, "class null/planted", index).choice(others, len(mine), replace=False)
    return replace(like, images=space.to_native(original.train.pixels(rows)))


def planted_class(index: int) -> int:
    """Whose images show other digits."""
    return index % 10


def summary(results: list[Result]) -> dict[str, Any]:
    """What came out in each arm, and in the two clean ones together."""
    by_arm = {arm: of_arm([one for one in results if one["arm"] == arm]) for arm in ARMS}
    return {**by_arm, "all clean": of_arm([one for one in results if one["arm"] != "planted"])}


def of_arm(results: list[Result]) -> dict[str, Any]:
    """Verdicts with exact intervals of their rates, alarms, and how often the planted class is the worst."""
    n = len(results)
    found: dict[str, Any] = {"repetitions": n}
    if not n:
        return found
    for check in ("class", "calibration"):
        verdicts = Counter(one[check] for one in results)
        found[check] = {v: rate(verdicts[v], n) for v in ("fail", "warn", "inconclusive", "pass")}
        found[check]["alarm"] = rate(verdicts["fail"] + verdicts["warn"], n)
    found["amplification shown"] = rate(sum(one["amplification"][1] > 0 for one in results), n)
    found["worst class is the planted one"] = rate(sum(one["worst"] == one["planted"] for one in results), n)
    return found


if __name__ == "__main__":
    main()
