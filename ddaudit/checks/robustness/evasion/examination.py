"""Attacks that examine each other: what is measured on a model, so that broken gradients do not pass for robustness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ddaudit.checks.robustness.evasion.attack import InBall
from ddaudit.checks.robustness.evasion.black_box import HopSkipJump, Noise, Square
from ddaudit.checks.robustness.evasion.gradient import APGD, FGSM, PGD
from ddaudit.checks.robustness.evasion.radii import RADII, size
from ddaudit.checks.robustness.evasion.search import AttackTask
from ddaudit.checks.robustness.evasion.victim import Victim, seeded
from ddaudit.training.device import threads
from ddaudit.training.store import Arrays, Store

#: From any image a change of this size reaches flat grey, which no model can tell apart.
HUGE = 0.5
#: Radii at which accuracy has to fall, in parts of the one at which PGD fools half.
RISING = (0.25, 0.5, 1.0, 2.0, 4.0)
#: Images that are attacked: the first that the model gets right.
EXAMINED = 40
#: The decision-based attack takes its images one by one.
DECISIONS = 10
SQUARES, RESTARTS = 100, 2


def examine(victim: Victim, attack: PGD, pixels: np.ndarray, labels: np.ndarray, seed: int) -> Arrays:
    """Counts of images, by what was tried on the model.

    Every comparison is made at one radius: the median of the smallest at which the attack fools (the largest tried where it fools nothing).

    Returns
    -------
    dict of int64 or float64 arrays
        ``images`` (right unattacked, and so attacked), ``radius``; ``differ`` and ``unrepeatable``, of all images, by ART's predictions;
        ``zero`` and ``nan`` gradients; ``outside`` and ``unmoved`` by the attack; how many stand: ``fgsm``, ``pgd``, ``doubled`` (steps),
        ``restarted``, ``noise``, ``square``, ``huge``, ``rising`` (5,); ``black_box``: fooled by Square or HopSkipJump and by no white-box attack;
        ``decided``: asked of HopSkipJump, ``decisions``: how many of these it fooled anywhere.
    """
    with threads(victim.model.recipe.threads), seeded(seed):
        return {name: np.asarray(value) for name, value in _measured(victim, attack, pixels, labels).items()}


def _measured(victim: Victim, attack: PGD, pixels: np.ndarray, labels: np.ndarray) -> dict[str, object]:
    answers = victim.art.predict(pixels)
    seen: dict[str, object] = {
        "asked": len(pixels),
        "differ": int((answers.argmax(1) != victim.model.logits(pixels).argmax(1)).sum()),
        "unrepeatable": int((answers != victim.art.predict(pixels)).any(1).sum()),
    }
    rows = np.flatnonzero(victim.right(pixels, labels))[:EXAMINED]
    x, y = pixels[rows], labels[rows]
    seen["images"] = len(x)
    if not len(x):
        return seen
    gradients = victim.gradients(x, y).reshape(len(x), -1)
    smallest = attack.smallest(victim, x, y)
    radius = float(np.median(smallest[np.isfinite(smallest)])) if np.isfinite(smallest).any() else RADII["linf"][-1]
    at_radius = np.full(len(x), radius)

    def fooled(by: InBall, epsilon: float = radius) -> np.ndarray:
        return by.fools(victim, x, y, np.full(len(x), epsilon))

    found = attack.perturb(victim, x, y, at_radius)
    moved = size(found - x, attack.norm)
    restarted = replace(attack, restarts=RESTARTS)
    white = [
        fooled(FGSM()),
        pgd := attack.counted(victim, found, x, y, at_radius),
        fooled(replace(attack, steps=2 * attack.steps)),
        restarted.counted(victim, restarted.restarted(victim, found, x, y, at_radius), x, y, at_radius),
    ]
    square = fooled(Square(queries=SQUARES))
    decided = HopSkipJump().smallest(victim, x[:DECISIONS], y[:DECISIONS])
    alone = square.copy()
    alone[:DECISIONS] |= decided <= radius
    alone &= ~np.logical_or.reduce(white)
    alone[alone] = ~_fooled_by_all_means(victim, attack, x[alone], y[alone], radius)
    return seen | {
        "radius": radius,
        "zero": int((gradients == 0).all(1).sum()),
        "nan": int((~np.isfinite(gradients)).any(1).sum()),
        "outside": int(((moved > radius * 1.001 + 1e-5) | (found.reshape(len(x), -1) > 1 + 1e-5).any(1)).sum()),
        "unmoved": int((moved < radius / 2).sum()),
        **{name: int((~by).sum()) for name, by in zip(("fgsm", "pgd", "doubled", "restarted"), white, strict=True)},
        "noise": int((~fooled(Noise())).sum()),
        "square": int((~square).sum()),
        "huge": int((~fooled(attack, HUGE)).sum()),
        "rising": [int((~(pgd if part == 1 else fooled(attack, min(1.0, part * radius)))).sum()) for part in RISING],
        "black_box": int(alone.sum()),
        "decided": len(decided),
        "decisions": int(np.isfinite(decided).sum()),
    }


def _fooled_by_all_means(
    victim: Victim, attack: PGD, pixels: np.ndarray, labels: np.ndarray, radius: float
) -> np.ndarray:
    """bool (n,): whether ten times the steps, more starts or another loss fool what only a black-box attack had fooled."""
    fooled = np.zeros(len(pixels), bool)
    strong: list[InBall] = [replace(attack, steps=10 * attack.steps, restarts=RESTARTS)]
    if len(pixels) and victim.classes > 2 and not np.allclose(victim.art.predict(pixels).sum(1), 1):
        strong.append(APGD(loss="dlr", steps=5 * attack.steps, restarts=RESTARTS))  # ART refuses it probabilities
    for by in strong:
        rows = np.flatnonzero(~fooled)
        if len(rows):
            fooled[rows] = by.fools(victim, pixels[rows], labels[rows], np.full(len(rows), radius))
    return fooled


def examine_set(store: Store, task: AttackTask) -> Arrays:
    """``examine`` of the task, kept in the store."""

    def compute() -> Arrays:
        assert isinstance(task.attack, PGD)
        return examine(task.victim(store), task.attack, task.pixels, task.labels, task.seed)

    return store.remember("attacks", {"examination": True, **task.identity()}, compute)


def examine_into(folder: Path, task: AttackTask) -> None:
    """``examine_set`` in a process of one's own."""
    examine_set(Store(folder), task)
