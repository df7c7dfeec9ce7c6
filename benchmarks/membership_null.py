"""How often DD-PRV-MIA raises an alarm where there is nothing to find, and where there is.

    OMP_WAIT_POLICY=passive python benchmarks/membership_null.py [--repetitions 100] [--leaks 20] [--out FILE]

Every repetition deals the 1,797 digits into three equal parts: a source, members and non-members. In the null arm the set is distilled from
the source alone (distribution matching from noise, 10 images a class), so neither candidate can have left a trace and every alarm is
false; in the other arm it is distilled from the members. The check runs with the settings of the quick profile, but on narrow ConvNets, with
two models of the set and one positive control. Each result is written as it comes and an interrupted study goes on where it stopped; prints a line a repetition, and a summary.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.membership_attacks import ATTACKS
from ddaudit.checks.privacy.mia import mia
from ddaudit.config import profile
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import parse_space
from ddaudit.data.splits import ArraySplit
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.seeds import derive_seed, generator
from ddaudit.statistics.intervals import clopper_pearson, mean_t
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store, default_folder

#: Sets that are distilled on one trunk.
TOGETHER = 20
DISTILLER = DistributionMatching(ipc=10, iterations=150, lr_images=10.0, width=32, threads=1)
RECIPE = Recipe("narrow", options={"width": 16}, epochs=40, lr=0.05, schedule="cosine")
#: What differs from the quick profile.
SETTINGS = {"seeds": 2, "control_draws": 1}
ARMS = {"null": 0, "leak": 1}
"""The part that the set is distilled from: the source, or the members."""


class NarrowCase(AuditCase):
    """A case whose models take a fraction of a second each."""

    recipe = RECIPE


def main() -> None:
    """Run what is missing, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--leaks", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "membership_null.json")
    asked = parser.parse_args()

    study: dict[str, Any] = {
        "distiller": repr(DISTILLER),
        "recipe": RECIPE.sentence(),
        "settings": SETTINGS,
        "results": [],
    }
    if asked.out.is_file():
        found = json.loads(asked.out.read_text())
        if any(found[key] != study[key] for key in ("distiller", "recipe", "settings")):
            raise SystemExit(f"{asked.out} holds a study with other settings: name another file with --out.")
        study["results"] = found["results"]
    done = {(one["arm"], one["repetition"]) for one in study["results"]}
    wanted = [("null", i) for i in range(asked.repetitions)] + [("leak", i) for i in range(asked.leaks)]
    whole = all_digits()
    for arm, i in [one for one in wanted if one not in done]:
        started = time.perf_counter()
        study["results"].append(one_repetition(whole, arm, i))
        write(asked.out, study)
        one = study["results"][-1]
        areas = " ".join(f"{name} {one['auc'][name]['value']:.3f}" for name in ATTACKS)
        print(f"{arm} {i}: {one['verdict']}, {areas}, {time.perf_counter() - started:.0f} s", flush=True)
    study["summary"] = {arm: summary([one for one in study["results"] if one["arm"] == arm]) for arm in ARMS}
    write(asked.out, study)
    print(json.dumps(study["summary"], indent=1))


def one_repetition(whole: Original, arm: str, i: int) -> dict[str, Any]:
    """Deal, distil, audit."""
    _, members, nonmembers = deal(len(whole.train), i)
    original = Original(
        "digits", whole.train.take(members), whole.train.take(nonmembers), whole.classes, whole.constants
    )
    data = distilled(whole, arm, i)
    config = profile("quick", seed=i, device="cpu", executor="serial", **SETTINGS)
    subject = DistilledSet(data, {}, Provenance("study", "0" * 64, "study"))
    result = mia.run(NarrowCase(subject, original, config, torch.device("cpu"), Store(None)))
    areas = {name: result.metric(f"auc[{name}]") for name in ATTACKS}
    table = next(e for e in result.evidence if e.kind == "table")
    p = table.columns.index("p")
    return {
        "arm": arm,
        "repetition": i,
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


def all_digits() -> Original:
    """Both splits of the digits as one."""
    digits = load_original("digits")
    both = ArraySplit(
        np.concatenate([digits.train.images, digits.test.images]),  # type: ignore[attr-defined]
        np.concatenate([digits.train.labels, digits.test.labels]),
        digits.train.divisor,  # type: ignore[attr-defined]
    )
    return Original("digits", both, both, digits.classes, digits.constants)


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts with exact intervals of their rates, and for every attack its AUC and how often its interval lies above or beside 0.5."""
    n = len(results)
    if n < 2:
        return {"repetitions": n}

    def rate(count: int) -> dict[str, float | int | None]:
        interval = clopper_pearson(count, n)
        return {"count": count, "rate": interval.value, "low": interval.low, "high": interval.high}

    verdicts = Counter(one["verdict"] for one in results)
    attacks = {}
    for name in ATTACKS:
        areas = mean_t([one["auc"][name]["value"] for one in results])
        attacks[name] = {
            "mean_auc": areas.value,
            "low": areas.low,
            "high": areas.high,
            "interval_above_half": rate(sum(one["auc"][name]["low"] > 0.5 for one in results)),
            "interval_below_half": rate(sum(one["auc"][name]["high"] < 0.5 for one in results)),
            "p_holm_below_level": rate(sum(one["p_holm"][name] < 0.05 for one in results)),
        }
    return {
        "repetitions": n,
        "verdicts": {verdict: rate(verdicts[verdict]) for verdict in ("fail", "warn", "inconclusive", "pass")},
        "any_attack_below_level": rate(sum(min(one["p_holm"].values()) < 0.05 for one in results)),
        "blind_baselines_rejected": rate(sum(not one["blind_baselines_held"] for one in results)),
        "attacks": attacks,
    }


def write(path: Path, study: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(study, indent=1) + "\n")
    temporary.replace(path)


if __name__ == "__main__":
    main()
