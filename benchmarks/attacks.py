"""Smallest radii by bisection beside ART called plainly at every radius: the time of both, and where their answers differ.

    python benchmarks/attacks.py FILE --original digits [--data-root DIR] [--images 200] [--steps 10]
    python benchmarks/attacks.py --table

One model of the set is attacked. Plainly: every image, right or not, at each of the fifteen radii by one call of ART, as a script would have it; an image counts as fooled from the
first radius on at which it was. Ours: images that are right, each at its own radii, four in all. PGD starts from the image itself, so that nothing is random. Processor seconds, which
other work on the machine does not lengthen. Beside that, whether plain PGD can be believed: how many images stand at each radius, whether one that fell stands again at a larger
one, and what Square finds that gradients do not. The set's entry in benchmarks/results/attacks.json is written anew; ``--table`` prints the tables of docs/robustness.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import set_name, write_json

from ddaudit.checks.robustness.evasion import FGSM, PGD, RADII, Square, Victim, smallest_radii, written
from ddaudit.data.originals import load_original
from ddaudit.inspection.opening import open_set
from ddaudit.training.recipe import fast
from ddaudit.training.store import Store
from ddaudit.training.trainer import train

CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results" / "attacks.json"
SHOWN = tuple(e / 255 for e in (1, 2, 4, 8, 16, 32, 64))


def main() -> None:
    """Attack both ways and add the entry, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--original", default="digits")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    if not asked.table:
        torch.set_num_threads(1)
        found[set_name(asked.file)] = compared(*prepared(asked), asked.steps)
        write_json(asked.out, found)
    print("\n".join(lines(found)))


def compared(victim: Victim, pixels: np.ndarray, labels: np.ndarray, steps: int) -> dict[str, Any]:
    """Processor seconds of both ways for every attack, and where the answers differ."""
    attacks = {}
    for attack in (FGSM(), FGSM("l2"), PGD(steps=steps), PGD("l2", steps)):
        fooled, plain_seconds = timed(lambda attack=attack: plainly(victim, attack, pixels, labels))
        grid = np.array([0.0, *RADII[attack.norm]])
        plain = np.where(fooled.any(0), grid[fooled.argmax(0)], np.inf)
        ours, seconds = timed(lambda attack=attack: smallest_radii(victim, attack, pixels, labels, 0))
        curves = [(radii > grid[:, None] * (1 + 1e-9)).mean(1) for radii in (plain, ours)]
        attacks[f"{attack.name.upper()}, {attack.norm}"] = {
            "plain_seconds": plain_seconds,
            "seconds": seconds,
            "radii_that_agree": int((plain == ours).sum()),
            "largest_difference_of_robust_accuracy": float(np.abs(curves[0] - curves[1]).max()),
        }
    soundness = believable(victim, PGD(steps=steps), pixels, labels)
    return {
        "images": len(pixels),
        "steps": steps,
        "torch": torch.__version__,
        "attacks": attacks,
        "soundness": soundness,
    }


def believable(victim: Victim, attack: PGD, pixels: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """How many images that are right stand at each radius, which stand again, and how few Square finds alone."""
    wrong, *fooled = plainly(victim, attack, pixels, labels)
    radii, fell = RADII[attack.norm], np.stack(fooled)[:, ~wrong]
    pixels, labels = pixels[~wrong], labels[~wrong]
    standing = {written(radius): int((~fell[i]).sum()) for i, radius in enumerate(radii) if radius in SHOWN}
    median = min(radii, key=lambda radius: abs(fell[radii.index(radius)].mean() - 0.5))
    np.random.seed(0)
    shown = Square(queries=300).perturb(victim, pixels, labels, np.full(len(pixels), median))
    by_square = victim.art.predict(shown).argmax(1) != labels
    at_half = plain_attack(victim, attack, 0.5).generate(pixels, y=labels)
    return {
        "right": len(pixels),
        "standing": standing,
        "standing_again": int((np.maximum.accumulate(fell) & ~fell).any(0).sum()),
        "standing_at_half_the_range": int((victim.art.predict(at_half).argmax(1) == labels).sum()),
        "radius": written(median),
        "fooled_by_gradients": int(fell[radii.index(median)].sum()),
        "fooled_by_square": int(by_square.sum()),
        "fooled_by_square_alone": int((by_square & ~fell[radii.index(median)]).sum()),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The tables of the page."""
    table = [
        "| set, images | attack | plain ART (s) | ddaudit (s) | ratio | smallest radii that agree | robust accuracies differ by at most |",
        "|---" * 7 + "|",
    ]
    for name, one in found.items():
        for attack, of in one["attacks"].items():
            ratio = of["plain_seconds"] / of["seconds"]
            table.append(
                f"| {name}, {one['images']} | {attack} | {of['plain_seconds']:.2f} | {of['seconds']:.2f} | {ratio:.1f} "
                f"| {of['radii_that_agree']} of {one['images']} | {of['largest_difference_of_robust_accuracy']:g} |"
            )
    radii = " | ".join(written(radius) for radius in SHOWN)
    table += ["", f"| set, images | right unattacked | {radii} | half the range | standing again |", "|---" * 11 + "|"]
    for name, one in found.items():
        of = one["soundness"]
        counts = [of["right"], *of["standing"].values(), of["standing_at_half_the_range"], of["standing_again"]]
        table.append(f"| {name}, {one['images']} | {' | '.join(map(str, counts))} |")
    table += ["", "| set, images | at | fooled by gradients | by Square | by Square alone |", "|---" * 5 + "|"]
    for name, one in found.items():
        of = one["soundness"]
        fooled = [of[f"fooled_by_{what}"] for what in ("gradients", "square", "square_alone")]
        table.append(f"| {name}, {one['images']} | {of['radius']} | {' | '.join(map(str, fooled))} |")
    return table


def prepared(asked: argparse.Namespace) -> tuple[Victim, np.ndarray, np.ndarray]:
    """A model of the set, ready to be attacked, and the images."""
    original = load_original(asked.original, data_root=asked.data_root)
    data = open_set(asked.file, original).data
    _, height, width = data.shape
    model = train(data, fast(threads=1, pixels=height * width), 0, CPU, Store(None))
    rows = np.random.default_rng(0).permutation(len(original.test))[: asked.images]
    victim = Victim(model, data.classes, data.shape)
    victim.gradients(original.test.pixels(rows[:2]), original.test.labels[rows[:2]])  # ART is imported and warm
    return victim, original.test.pixels(rows), original.test.labels[rows]


def plainly(victim: Victim, attack: FGSM | PGD, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (1 + radii, n): which images are wrong unattacked, and which ART's attack fools at every radius on its own."""
    fooled = [victim.right(pixels, labels) == 0]
    for epsilon in RADII[attack.norm]:
        shown = plain_attack(victim, attack, epsilon).generate(pixels, y=labels)
        fooled.append(victim.art.predict(shown).argmax(1) != labels)
    return np.stack(fooled)


def plain_attack(victim: Victim, attack: FGSM | PGD, epsilon: float) -> Any:
    """As ART's documentation has it, with its batches of ours."""
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentPyTorch

    ball = {"norm": attack.art_norm, "eps": epsilon, "batch_size": victim.batch}
    if isinstance(attack, FGSM):
        return FastGradientMethod(victim.art, eps_step=epsilon, **ball)
    step = attack.step * epsilon / attack.steps
    return ProjectedGradientDescentPyTorch(victim.art, eps_step=step, max_iter=attack.steps, verbose=False, **ball)


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What the work gives, and its processor seconds."""
    started = time.process_time()
    found = work()
    return found, time.process_time() - started


if __name__ == "__main__":
    main()
