"""How often DD-PRV-MIA raises an alarm where there is nothing to find, and where there is.

    OMP_WAIT_POLICY=passive python benchmarks/membership_null.py [--repetitions 100] [--leaks 20] [--out FILE]

Every repetition deals the 1,797 digits into three equal parts: a source, members and non-members. In the null arm the set is distilled from
the source alone (distribution matching from noise, 10 images a class), so neither candidate can have left a trace and every alarm is
false; in the other arm it is distilled from the members. The check runs with the settings of the quick profile, but on narrow ConvNets, with
two models of the set and one positive control. Each result is written as it comes and an interrupted study goes on where it stopped; prints a line a repetition, and a summary.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from null_study import RECIPE, Result, all_digits, carry_out, quick_case, rate

from ddaudit.checks.privacy.membership_attacks import ATTACKS
from ddaudit.checks.privacy.mia import mia
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import parse_space
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import mean_t
from ddaudit.training.store import Store, default_folder

#: Sets that are distilled on one trunk.
TOGETHER = 20
DISTILLER = DistributionMatching(ipc=10, iterations=150, lr_images=10.0, width=32, threads=1)
#: What differs from the quick profile.
SETTINGS = {"seeds": 2, "control_draws": 1}
ARMS = {"null": 0, "leak": 1}
"""The part that the set is distilled from: the source, or the members."""


def main() -> None:
    """Run what is missing, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--leaks", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "membership_null.json")
    asked = parser.parse_args()
    carry_out(
        asked.out,
        {"distiller": repr(DISTILLER), "recipe": RECIPE.sentence(), "settings": SETTINGS},
        [("null", i) for i in range(asked.repetitions)] + [("leak", i) for i in range(asked.leaks)],
        partial(one_repetition, all_digits()),
        lambda one: f"{one['verdict']}, " + " ".join(f"{name} {one['auc'][name]['value']:.3f}" for name in ATTACKS),
        lambda results: {arm: of_arm([one for one in results if one["arm"] == arm]) for arm in ARMS},
    )


def one_repetition(whole: Original, arm: str, i: int) -> Result:
    """Deal, distil, audit."""
    _, members, nonmembers = deal(len(whole.train), i)
    original = Original(
        "digits", whole.train.take(members), whole.train.take(nonmembers), whole.classes, whole.constants
    )
    result = mia.run(quick_case(distilled(whole, arm, i), original, i, **SETTINGS))
    areas = {name: result.metric(f"auc[{name}]") for name in ATTACKS}
    table = next(e for e in result.evidence if e.kind == "table")
    p = table.columns.index("p")
    return {
        "verdict": result.verdict,
        "blind_baselines_held": next(a.held for a in result.assumptions if "blind" in a.text),
        "auc": {name: {"value": m.value, "low": m.low, "high": m.high} for name, m in areas.items()},
        "blind": {name: m.controls[0].value for name, m in areas.items()},
        "p_holm": {name: row[p] for name, row in zip(ATTACKS, table.rows, strict=True)},
    }


def distilled(whole: Original, arm: str, i: int) -> LabelledImages:
    """The set of one repetition; several are made on one trunk and kept."""
    group = i // TOGETHER
    seed = derive_seed(0, f"membership null/{arm}", group)
    pools = [deal(len(whole.train), j)[ARMS[arm]] for j in range(group * TOGETHER, (group + 1) * TOGETHER)]
    space = parse_space("zscore", whole)

    def compute() -> dict[str, np.ndarray]:
        sets = DISTILLER.distill(whole.train, len(whole.classes), space, seed, torch.device("cpu"), pools=pools)
        return {"labels": sets[0].labels} | {str(j): one.images for j, one in enumerate(sets)}

    identity = {"study": "membership null", "arm": arm, "group": group, "distiller": repr(DISTILLER), "seed": seed}
    arrays = Store(default_folder()).remember("distillations", identity, compute)
    return LabelledImages(arrays[str(i % TOGETHER)], arrays["labels"], len(whole.classes), space, "audited file")


def deal(count: int, i: int) -> list[np.ndarray]:
    """Source, members and non-members of a repetition."""
    return [np.sort(part) for part in np.array_split(generator(0, "membership null/deal", i).permutation(count), 3)]


def of_arm(results: list[Result]) -> dict[str, Any]:
    """Verdicts with exact intervals of their rates, and for every attack its AUC and how often its interval lies above or beside 0.5."""
    n = len(results)
    if n < 2:
        return {"repetitions": n}

    verdicts = Counter(one["verdict"] for one in results)
    attacks = {}
    for name in ATTACKS:
        areas = mean_t([one["auc"][name]["value"] for one in results])
        attacks[name] = {
            "mean_auc": areas.value,
            "low": areas.low,
            "high": areas.high,
            "interval_above_half": rate(sum(one["auc"][name]["low"] > 0.5 for one in results), n),
            "interval_below_half": rate(sum(one["auc"][name]["high"] < 0.5 for one in results), n),
            "p_holm_below_level": rate(sum(one["p_holm"][name] < 0.05 for one in results), n),
        }
    return {
        "repetitions": n,
        "verdicts": {verdict: rate(verdicts[verdict], n) for verdict in ("fail", "warn", "inconclusive", "pass")},
        "any_attack_below_level": rate(sum(min(one["p_holm"].values()) < 0.05 for one in results), n),
        "blind_baselines_rejected": rate(sum(not one["blind_baselines_held"] for one in results), n),
        "attacks": attacks,
    }


if __name__ == "__main__":
    main()
