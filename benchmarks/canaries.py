"""What DD-PRV-CANARY bounds where nothing leaks, where a leak of known size does, and in sets that were distilled with canaries.

    python benchmarks/canaries.py
    python benchmarks/canaries.py --table

benchmarks/results/canaries.json keeps what was found; ``--table`` prints the lines of docs/checks/DD-PRV-CANARY.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from result_files import write_json
from scipy import stats

from ddaudit.canaries.trial import Trial, eight_bits
from ddaudit.controls import random_real
from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.seeds import derive_seed
from ddaudit.statistics.epsilon import one_run, one_run_epsilon
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.membership import calibrated, phi
from ddaudit.training.device import resolve
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

RESULTS = Path(__file__).parent / "results" / "canaries.json"
CLEAN = Path(__file__).parent.parent / "examples" / "digits_ipc10_clean.safetensors"
DELTA = 1e-5
#: Canaries and guesses of the null, and how many secrets.
COUNTS, SECRETS = ((300, 150), (400, 200), (400, 400)), 2000
#: Of randomised response.
EPSILONS, RUNS = (0.5, 1.0, 2.0, 3.0), 200
CANARIES, IPC = 300, 20
#: How the sets are distilled: where from, and the steps.
DISTILLED = (("real", 100), ("noise", 300))
CHECK = "DD-PRV-CANARY"


def main() -> None:
    """Measure all three, or print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if not asked.table:
        found = {"null": null(), "known": [response(epsilon) for epsilon in EPSILONS], "sets": sets()}
        write_json(asked.out, found)
    print("\n".join(lines(json.loads(asked.out.read_text(encoding="utf-8")))))


def null() -> list[dict[str, Any]]:
    """How often coins that had no part in the clean example seem to show in it."""
    digits, clean, cpu = load_original("digits"), open_distilled(CLEAN).data, resolve("cpu")
    seed = derive_seed(0, "canaries/null")
    real = random_real(digits.train, clean, seed, 0, "canaries", "random real subset")
    recipe, store = fast(threads=1, pixels=clean.shape[1] * clean.shape[2]), Store(None)
    pixels = eight_bits(digits.test, np.arange(len(digits.test))).pixels()
    ours, theirs = (
        np.stack([train(data, recipe, derive_seed(seed, "train", i), cpu, store).logits(pixels) for i in range(4)])
        for data in (clean, real)
    )
    return [alarms(digits, ours, theirs, canaries, guesses) for canaries, guesses in COUNTS]


def alarms(digits: Original, ours: np.ndarray, theirs: np.ndarray, canaries: int, guesses: int) -> dict[str, Any]:
    """Bounds above 0 over the secrets, of logits (models, held-out images, classes), and the share that the binomial distribution gives."""
    count = 0
    for secret in range(SECRETS):
        trial = Trial.draw(digits, canaries, derive_seed(secret, "canaries/secret"), "wrong")
        own, others = (
            np.stack([phi(logits[trial.rows], trial.labels) for logits in group]) for group in (ours, theirs)
        )
        count += one_run(calibrated(own.mean(0), others), trial.inside, guesses, DELTA).epsilon > 0
    needed = next(v for v in range(guesses + 1) if one_run_epsilon(canaries, guesses, v, DELTA) > 0)
    return {
        "canaries": canaries,
        "guesses": guesses,
        "secrets": SECRETS,
        "alarms": count,
        "expected": float(stats.binom.sf(needed - 1, guesses, 0.5)),
    }


def response(epsilon: float, canaries: int = 400, guesses: int = 200) -> dict[str, Any]:
    """Bounds where each coin is told truly as often as ``epsilon`` allows."""
    rng = np.random.default_rng(derive_seed(0, f"canaries/response/{epsilon}"))
    bounds = []
    for _ in range(RUNS):
        inside = rng.random(canaries) < 0.5
        told = inside == (rng.random(canaries) < 1 / (1 + np.exp(-epsilon)))
        bounds.append(one_run(told + 1e-3 * rng.random(canaries), inside, guesses, DELTA).epsilon)
    found = np.array(bounds)
    return {
        "epsilon": epsilon,
        "runs": RUNS,
        "median": float(np.median(found)),
        "above_0": int((found > 0).sum()),
        "above_the_truth": int((found > epsilon).sum()),
    }


def sets() -> list[dict[str, Any]]:
    """The three steps of the how-to, and a scan of the clean example with the same key."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ddaudit("canaries", "make", "--original", "digits", "--count", CANARIES, "--seed", 0, "--out", folder / "made")
        rows = []
        for init, steps in DISTILLED:
            file = folder / f"{init}.safetensors"
            how = ("--ipc", IPC, "--init", init, "--iterations", steps, "--device", "cpu")
            ddaudit("distill", folder / "made" / "digits.npz", *how, "--out", file)
            rows.append({"init": init, "steps": steps} | scanned(file, folder))
        return [*rows, {"init": None, "steps": None} | scanned(CLEAN, folder)]


def scanned(file: Path, folder: Path) -> dict[str, Any]:
    """The metrics of the check, by name."""
    out = folder / f"{file.stem}-report"
    key = folder / "made" / "canaries.key.json"
    options = ("--output", out, "--format", "json", "--device", "cpu", "--fail-on", "never", "--quiet")
    ddaudit("scan", file, "--original", "digits", "--canary-key", key, "--check", CHECK, *options)
    (check,) = json.loads((out / "report.json").read_text(encoding="utf-8"))["checks"]
    return {metric["name"]: metric for metric in check["metrics"]}


def ddaudit(*arguments: object) -> None:
    """Run the command line."""
    subprocess.run([sys.executable, "-m", "ddaudit", *map(str, arguments)], check=True)


def lines(found: dict[str, Any]) -> list[str]:
    """The page's sentence of the null, and its two tables."""
    rates = [
        f"{row['canaries']} canaries and {row['guesses']} guesses: {row['alarms']} of {row['secrets']:,} "
        f"({100 * row['alarms'] / row['secrets']:.1f} % {ends(row['alarms'], row['secrets'])}; {100 * row['expected']:.1f} % by the binomial distribution)"
        for row in found["null"]
    ]
    known = [
        f"| {row['epsilon']:g} | {row['median']:.2f} | {row['above_0']} of {row['runs']} | {row['above_the_truth']} of {row['runs']} |"
        for row in found["known"]
    ]
    return [*rates, *known, *(of_set(row) for row in found["sets"]), told(found["sets"][-1])]


def of_set(row: dict[str, Any]) -> str:
    """What the canaries showed in one set."""
    what = f"from {'real images' if row['init'] == 'real' else row['init']}, {row['steps']} steps"
    name = what if row["init"] else "the clean example, which no canary had a part in"
    right, area, bound = row["right_guesses"], row["auc[canary]"], row["epsilon_lower_bound"]
    auc = f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"
    return f"| {name} | {guessed(right['value'], right['n'])} | {auc} | {bound['value']:.2f} |"


def told(row: dict[str, Any]) -> str:
    """The positive control beside a set."""
    (right,) = (one for one in row["right_guesses"]["controls"] if "was trained" in one["name"])
    (bound,) = (one for one in row["epsilon_lower_bound"]["controls"] if "was trained" in one["name"])
    share = guessed(right["value"], row["right_guesses"]["n"])
    return f"| no set: a model that was trained on the canaries | {share} | | {bound['value']:.2f} |"


def guessed(share: float, of: int) -> str:
    """Right guesses."""
    return f"{round(share * of)} of {of}"


def ends(count: int, of: int) -> str:
    """The exact interval, in percent."""
    interval = clopper_pearson(count, of)
    assert interval.low is not None
    assert interval.high is not None
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


if __name__ == "__main__":
    main()
