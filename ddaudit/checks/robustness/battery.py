"""Which attacks are made, on which images, against which models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.robustness.evasion import (
    APGD,
    FGSM,
    PGD,
    ArtAutoAttack,
    Attack,
    AttackTask,
    CarliniWagner,
    DeepFool,
    HopSkipJump,
    Norm,
    Square,
    Transfer,
    attack_into,
    attack_set,
)
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Role
from ddaudit.training.cost import GRADIENT, Work
from ddaudit.training.recipe import Recipe

#: Rounds of bisection over fifteen radii.
ROUNDS = 4
#: Share of the images that models get right, for an estimate before anything is trained.
RIGHT = 0.7

#: What the settings call an attack, "/l2" added for the other norm.
MAKERS: dict[str, Callable[[AuditConfig, Norm], Attack]] = {
    "fgsm": lambda config, norm: FGSM(norm),
    "pgd": lambda config, norm: PGD(norm, config.attack_steps, config.attack_restarts),
    "apgd-ce": lambda config, norm: APGD(norm, "ce", 2 * config.attack_steps),
    "apgd-dlr": lambda config, norm: APGD(norm, "dlr", 2 * config.attack_steps),
    "deepfool": lambda config, norm: DeepFool("l2"),
    "cw": lambda config, norm: CarliniWagner("l2"),
    "square": lambda config, norm: Square("linf", 10 * config.attack_steps),
    "hopskipjump": lambda config, norm: HopSkipJump(norm),
    "art-autoattack": lambda config, norm: ArtAutoAttack(norm, config.attack_steps, queries=10 * config.attack_steps),
    "transfer-seed": lambda config, norm: Transfer(norm, "another seed", PGD(norm, config.attack_steps)),
    "transfer-architecture": lambda config, norm: Transfer(
        norm, "another architecture", PGD(norm, config.attack_steps)
    ),
}


@dataclass(frozen=True, eq=False)
class Group:
    """Models of a kind of set: (data, recipe, number of the seed) each."""

    name: str
    role: Role
    models: list[tuple[LabelledImages, Recipe, int]]


def battery(case: AuditCase) -> tuple[Attack, ...]:
    """The profile's attacks that can be made: DLR compares the first with the third class, and transfer needs something to come from."""
    three = case.audited.classes > 2
    possible = {
        "apgd-dlr": three,
        "art-autoattack": three,
        "transfer-architecture": bool(case.config.cross_architectures),
    }
    wanted = [name.partition("/") for name in case.config.attacks]
    return tuple(
        MAKERS[name](case.config, "l2" if norm == "l2" else "linf")
        for name, _, norm in wanted
        if possible.get(name, True)
    )


def examples(case: AuditCase) -> tuple[np.ndarray, np.ndarray]:
    """The attacked held-out images and their labels, drawn at random; costly attacks see the first of them."""
    rng = np.random.default_rng(case.seed("attacks/examples"))
    test = case.reference.test
    rows = rng.choice(len(test), min(case.config.attack_examples, len(test)), replace=False)
    return test.pixels(rows), test.labels[rows]


def attacked(case: AuditCase, attack: Attack) -> int:
    """How many of the ``examples`` this attack sees."""
    return min(case.config.attack_few if attack.costly else case.config.attack_examples, len(case.reference.test))


def shared_groups(case: AuditCase) -> list[Group]:
    """Models of S and of random real subsets, which other checks train too."""
    count = case.config.attack_models
    return [
        Group("audited set", "subject", [(case.audited, case.recipe, i) for i in range(min(count, case.config.seeds))]),
        Group("random real subset", "control", [(s, case.recipe, i) for i, s in enumerate(case.real_subsets[:count])]),
    ]


def outcomes(case: AuditCase, groups: Sequence[Group], attacks: Sequence[Attack]) -> list[list[np.ndarray]]:
    """By group, by attack: the smallest radius that fooled, float64 (models, images)."""
    tasks = [[list(_tasks(case, group, attack)) for attack in attacks] for group in groups]
    flat = [task for by_attack in tasks for some in by_attack for task in some]
    case.train_all([one for group in groups for one in group.models])
    case.ahead("attacks", [(attack_into, (case.store.folder, task)) for task in flat])
    return [[np.stack([attack_set(case.store, task) for task in some]) for some in by_attack] for by_attack in tasks]


def _tasks(case: AuditCase, group: Group, attack: Attack) -> Iterator[AttackTask]:
    pixels, labels = examples(case)
    count = attacked(case, attack)
    for data, recipe, index in group.models:
        yield AttackTask(
            data,
            recipe,
            case.seed("train", index),
            attack,
            pixels[:count],
            labels[:count],
            case.seed(f"attacks/{attack!r}", index),
            str(case.device),
            _surrogate(case, attack, recipe, index),
        )


def _surrogate(case: AuditCase, attack: Attack, recipe: Recipe, index: int) -> tuple[Recipe, int] | None:
    """Of the same data: the next seed, or the first of the profile's other architectures."""
    if not isinstance(attack, Transfer):
        return None
    if attack.surrogate == "another seed":
        return recipe, case.seed("train", index + 1)
    return case.cross_recipe.on(case.config.cross_architectures[0]), case.seed("train", index)


def works(case: AuditCase, groups: Sequence[Group], attacks: Sequence[Attack]) -> list[Work]:
    """What ``outcomes`` costs beside the trainings."""
    pieces = []
    for attack in attacks:
        count = sum(len(group.models) for group in groups)
        held = count * case.held(partial(outcomes, case, groups, (attack,)))
        images = RIGHT * ROUNDS * attacked(case, attack) * attack.passes()
        what = f"{attack.name.upper()} ({attack.norm}) attacks"
        pieces.append(Work(what, count, case.recipe, images, GRADIENT, held))
    return pieces
