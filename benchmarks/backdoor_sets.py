"""The clean and the poisoned sets of ``backdoor_study.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from adaptive_attacker import ATTACKERS

from ddaudit import controls
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original
from ddaudit.distillation.distribution_matching import DistributionMatching
from ddaudit.distillation.gradient_matching import GradientMatching
from ddaudit.distillation.kernel_ridge import KernelRidge
from ddaudit.distillation.registry import Distiller
from ddaudit.seeds import derive_seed, generator
from ddaudit.threats.planted import Planted, Threat
from ddaudit.threats.registry import threat_named, threat_names, threat_settings
from ddaudit.training.store import Store

CPU = torch.device("cpu")

#: Settings that are gone through in turn, from hardly a success to nearly always one; a threat that is not here has its defaults.
STRENGTHS: dict[str, list[dict[str, Any]]] = {
    "naive-trigger": [{"fraction": f, "margin": m} for f in (0.06, 0.12, 0.2, 0.35) for m in (0, 1)],
    "blended": [{"fraction": f, "strength": s} for f in (0.2, 0.4) for s in (0.35, 0.5, 0.65)],
    "sinusoidal": [{"fraction": f, "amplitude": a} for f in (0.2, 0.4) for a in (0.35, 0.5, 0.7)],
    "warped": [{"fraction": f, "strength": s} for f in (0.1, 0.25) for s in (1.0, 2.0)],
    "doorping": [{"fraction": f, "iterations": 120, "trigger_steps": 20} for f in (0.1, 0.25, 0.5)],
    "kernel-trigger": [{"fraction": f, "relaxed": r, "iterations": 300} for f in (0.1, 0.25) for r in (False, True)],
    "dark": [{"weight": w, "steps": 200} for w in (0.03, 0.1, 0.3, 1.0)],
    "replaced": [{"fraction": f} for f in (0.1, 0.25, 0.5)],
    "label-flip": [{"fraction": f} for f in (0.25, 0.5)],
    "label-swap": [{"fraction": f} for f in (0.25, 0.5, 1.0)],
}
#: Steps of a threat's own distillation where it has one, so that a set takes seconds.
STEPS = {"iterations": 150, "steps": 100}
#: More of it for originals with images larger than those of digits.
NARROW = {"width": 32, "batch_real": 64}
#: There, what works on digits hardly does: of eight patches of two pixels one, of six *dark* triggers one turned more than 0.4 of the images of MNIST.
NARROW_STRENGTHS: dict[str, list[dict[str, Any]]] = STRENGTHS | {
    "naive-trigger": [
        {"fraction": f, "size": s, "margin": m}
        for f, s in ((0.2, 2), (0.1, 4), (0.5, 2), (0.2, 4), (0.35, 4))
        for m in (0, 1)
    ],
    "dark": [{"weight": w, "steps": 200} for w in (0.1, 0.3, 1.0, 3.0)],
}
CLEAN_KINDS = ("random real", "k-means", "DM from noise", "DC from real images")
#: Clean sets of methods that no null holds: what is said of them shows what a stranger's method may do to the audit.
OTHER_KINDS = ("kernel ridge from noise",)


@dataclass(frozen=True)
class Job:
    """One set of the study.

    Parameters
    ----------
    name : str
        Of its result.
    kind : str
        "clean: ..." or "other clean: ..." or "threat: ..." or "adaptive: ...".
    number : int
        Among those of its kind.
    settings : dict
        Of the threat.
    """

    name: str
    kind: str
    number: int
    settings: dict[str, Any]


def jobs(
    classes: int,
    clean: int,
    poisoned: int,
    threats: list[str] | None,
    first: int = 0,
    *,
    other: int = 0,
    narrow: bool = False,
) -> Iterator[Job]:
    """The sets from number ``first`` on, kind after kind in turn, so that an interrupted study has some of each."""
    wanted = [*threat_names(), *ATTACKERS] if threats is None else threats
    for number in range(first, first + max(clean, other, poisoned)):
        for group, count, kinds in (("clean", clean, CLEAN_KINDS), ("other clean", other, OTHER_KINDS)):
            for kind in kinds if number < first + count else ():
                name = f"{group}-{kind}-{number:03}".replace(" ", "_")
                yield Job(name, f"{group}: {kind}", number, {})
        if number < first + poisoned:
            for name in wanted:
                adaptive = name in ATTACKERS
                settings = (
                    {"target": target_of(number, classes)}
                    if adaptive
                    else settings_of(name, number, classes, narrow=narrow)
                )
                group = "adaptive" if adaptive else "threat"
                yield Job(f"{group}-{name}-{number:03}", f"{group}: {name}", number, settings)


def target_of(number: int, classes: int) -> int:
    """The class to which the planted sets of that number lead."""
    return (3 * number + 1) % classes


def settings_of(
    threat: str, number: int, classes: int, *, strongest: bool = False, narrow: bool = False
) -> dict[str, Any]:
    """Of the threat's set of that number: the next strength in turn, or the last of them, and a target class and a picture of its own."""
    known = threat_settings(threat)
    ladder = (NARROW_STRENGTHS if narrow else STRENGTHS).get(threat, [{}])
    rung = -1 if strongest else number % len(ladder)
    cheap = STEPS | (NARROW if narrow else {})
    settings = {name: value for name, value in cheap.items() if name in known} | ladder[rung]
    target = target_of(number, classes)
    for name in ("target", "source", "first"):
        if name in known:
            settings[name] = target
    if "second" in known:
        settings["second"] = (target + 1 + number) % classes if (1 + number) % classes else (target + 1) % classes
    for name in ("picture", "field"):
        if name in known:
            settings[name] = number
    return settings


def clean_set(
    kind: str, number: int, original: Original, like: LabelledImages, store: Store, *, narrow: bool = False
) -> LabelledImages:
    """Number ``number`` of the clean sets of a kind."""
    seed = derive_seed(0, f"backdoor study/{kind}")
    if kind == "random real":
        return controls.random_real(original.train, like, seed, number, "study", f"{kind} {number}")
    if kind == "k-means":
        return controls.k_means(original.train, like, seed, number, store)
    distillers: dict[str, Callable[[], Any]] = {
        "DM from noise": lambda: DistributionMatching(
            ipc=round(like.ipc), iterations=150, lr_images=10.0, batch_real=64, width=32, threads=1
        ),
        "DC from real images": lambda: GradientMatching(
            ipc=round(like.ipc), init="real", iterations=40, lr_images=0.1, batch_real=64, width=32, threads=1
        ),
        # As the kernel triggers are distilled.
        "kernel ridge from noise": lambda: KernelRidge(
            ipc=round(like.ipc), iterations=300, lr_images=0.2, threads=1, **(NARROW if narrow else {})
        ),
    }
    return replace(of_a_half(distillers[kind](), original, like, seed, number), name=f"{kind} {number}")


def of_a_half(distiller: Distiller, original: Original, like: LabelledImages, seed: int, number: int) -> LabelledImages:
    """Number ``number`` of the sets that are distilled of random halves of the original."""
    half = np.flatnonzero(generator(seed, "half", number).random(len(original.train)) < 0.5)
    (made,) = distiller.distill(
        original.train, like.classes, like.space, derive_seed(seed, "distil", number), CPU, pools=[half]
    )
    return made


def set_of(job: Job, original: Original, like: LabelledImages, store: Store) -> tuple[LabelledImages, Planted | None]:
    """The set of a job, and what was planted in it; None in a clean one."""
    group, kind = job.kind.split(": ")
    if group in ("clean", "other clean"):
        return clean_set(kind, job.number, original, like, store, narrow=is_large(original)), None
    planted = poisoned_set(job, original, like, store)
    return planted.data, planted


def is_large(original: Original) -> bool:
    """Whether its images are larger than those of digits, so that sets have to be made by narrow networks."""
    return min(original.train.shape[1:]) > 8


def poisoned_set(job: Job, original: Original, like: LabelledImages, store: Store) -> Planted:
    """The set of a job; threats that change a finished set get a clean distillation from noise."""
    group, name = job.kind.split(": ")
    threat: Threat = ATTACKERS[name](**job.settings) if group == "adaptive" else threat_named(name, job.settings)
    clean = like if threat.needs_original else clean_set("DM from noise", 1000 + job.number, original, like, store)
    return threat.plant(clean, derive_seed(0, f"backdoor study/{name}", job.number), CPU, original=original)
