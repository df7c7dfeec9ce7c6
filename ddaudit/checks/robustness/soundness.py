"""Whether the attacks of this run can be believed: Carlini's list and AutoAttack's flags as tests on every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ddaudit.case import AuditCase
from ddaudit.checks.robustness.battery import ROUNDS, examples, shared_groups
from ddaudit.checks.robustness.evasion import PGD, AttackTask
from ddaudit.checks.robustness.evasion.examination import EXAMINED, RISING, examine_into, examine_set
from ddaudit.checks.stronger_controls import Training
from ddaudit.training.cost import GRADIENT, Work
from ddaudit.training.store import Arrays

#: Models of S, and of random real subsets, whose attacks are tested.
MODELS = {"audited set": 2, "random real subset": 1}
#: Share of the images by which equal attacks may differ, and how many at least.
SLACK, LEAST_SLACK = 0.05, 2
#: A count over chance this improbable is no chance.
IMPROBABLE = 0.01

EVERY, GRADIENTS = "every attack", "FGSM, PGD and APGD"


@dataclass(frozen=True)
class SanityTest:
    """One thing that has to be so if the attacks work.

    Parameters
    ----------
    name, text : str
        What has to be so, in a word and in a sentence.
    held : bool
    seen : str
        The numbers.
    distrust : str
        Which attacks are not to be believed where it is not.
    """

    name: str
    text: str
    held: bool
    seen: str
    distrust: str


def tested(case: AuditCase) -> list[SanityTest]:
    """The tests on models of S and of a control; each model is examined once, whichever check asks."""
    return judged([one for group in examined(case).values() for one in group], case.audited.classes)


def examined(case: AuditCase) -> dict[str, list[Arrays]]:
    """What was measured on the models of S, and on those of the control, by the name of the group."""
    tasks = _tasks(case)
    case.train_all([one for _, one, _ in tasks])
    case.ahead("tests of the attacks", [(examine_into, (case.store.folder, task)) for _, _, task in tasks])
    found: dict[str, list[Arrays]] = {}
    for group, _, task in tasks:
        found.setdefault(group, []).append(examine_set(case.store, task))
    return found


def idle(measured: Arrays) -> Arrays:
    """The same examination with an attack in the place of PGD that returns its input: every image stands, and none has moved."""
    images = np.asarray(int(np.sum(measured["images"])))
    standing = dict.fromkeys(("pgd", "doubled", "restarted", "huge", "unmoved"), images)
    return {**measured, **standing, "rising": np.full(len(RISING), images)}


def works(case: AuditCase) -> list[Work]:
    """What ``tested`` costs beside the trainings."""
    tasks = _tasks(case)
    held = len(tasks) * case.held(lambda: tested(case))
    rounds = ROUNDS + len(RISING) + 10
    passes = EXAMINED * (rounds * case.config.attack_steps + 100)
    return [Work("tests of the attacks", len(tasks), case.recipe, passes, GRADIENT, held)]


def _tasks(case: AuditCase) -> list[tuple[str, Training, AttackTask]]:
    pixels, labels = examples(case)
    attack = PGD(steps=case.config.attack_steps)
    found = []
    for group in shared_groups(case):
        for data, recipe, index in group.models[: MODELS[group.name]]:
            seeds = case.seed("train", index), case.seed("attacks/examination", index)
            task = AttackTask(data, recipe, seeds[0], attack, pixels, labels, seeds[1], str(case.device))
            found.append((group.name, (data, recipe, index), task))
    return found


def judged(measured: list[Arrays], classes: int) -> list[SanityTest]:
    """What several examinations, taken together, say of the attacks."""

    def total(name: str) -> int:
        return int(sum(int(np.sum(one[name])) for one in measured if name in one))

    images, asked = total("images"), total("asked")
    slack = max(LEAST_SLACK, SLACK * images)
    rising = np.sum([one["rising"] for one in measured if "rising" in one] or [np.zeros(len(RISING))], axis=0)

    def of(count: int | float) -> str:
        return f"{count:g} of {images}"

    return [
        SanityTest(
            "clean",
            "At epsilon 0 the attacked model answers as the audited one: pixels go in, the pixel space is inside.",
            total("differ") == 0,
            f"{total('differ')} of {asked} answers differ",
            EVERY,
        ),
        SanityTest(
            "repeatable",
            "The model answers the same image twice in the same way.",
            total("unrepeatable") == 0,
            f"{total('unrepeatable')} of {asked} answers change",
            EVERY,
        ),
        SanityTest(
            "gradients",
            "Gradients are neither zero nor broken.",
            total("nan") == 0 and total("zero") <= slack,
            f"zero on {of(total('zero'))} images, not a number on {total('nan')}",
            GRADIENTS,
        ),
        SanityTest(
            "bounds",
            "PGD stays within epsilon in pixels, and moves the images.",
            total("outside") == 0 and total("unmoved") <= slack,
            f"{of(total('outside'))} outside, {total('unmoved')} moved less than half of epsilon",
            "PGD",
        ),
        SanityTest(
            "iterated",
            "The iterated attack is at least as strong as the single step.",
            total("pgd") <= total("fgsm") + slack,
            f"{of(total('pgd'))} stand under PGD, {total('fgsm')} under FGSM",
            "PGD",
        ),
        SanityTest(
            "monotone",
            "Accuracy falls as epsilon grows.",
            bool((np.diff(rising) <= slack).all()),
            f"of {images} stand at {', '.join(f'{part:g}' for part in RISING)} times the median: {', '.join(f'{n:g}' for n in rising)}",
            "PGD",
        ),
        SanityTest(
            "huge",
            "At an epsilon of half the pixel range accuracy is at most chance.",
            bool(images == 0 or stats.binom.sf(total("huge") - 1, images, 1 / classes) > IMPROBABLE),
            f"{of(total('huge'))} stand; chance is 1 in {classes}",
            "PGD",
        ),
        SanityTest(
            "steps",
            "Twice the steps change nothing.",
            total("pgd") - total("doubled") <= slack,
            f"{of(total('pgd'))} stand, with twice the steps {total('doubled')}",
            "PGD",
        ),
        SanityTest(
            "restarts",
            "Random restarts change nothing.",
            total("pgd") - total("restarted") <= slack,
            f"{of(total('pgd'))} stand, with restarts {total('restarted')}",
            "PGD",
        ),
        SanityTest(
            "black-box",
            "Attacks without gradients (Square, HopSkipJump) fool no image that attacks with gradients cannot.",
            total("black_box") == 0,
            f"{of(total('black_box'))} fooled by a black-box attack alone; under Square {total('square')} stand",
            GRADIENTS,
        ),
        SanityTest(
            "decision",
            "The decision-based attack (HopSkipJump) finds a way at some radius.",
            2 * total("decisions") >= total("decided"),
            f"{total('decisions')} of {total('decided')} images fooled",
            "HopSkipJump",
        ),
        SanityTest(
            "noise",
            "Noise fools fewer images than gradients do.",
            total("noise") >= total("pgd"),
            f"{of(total('noise'))} stand under noise of the same size, {total('pgd')} under PGD",
            GRADIENTS,
        ),
    ]


def distrusted(tests: list[SanityTest]) -> str:
    """The attacks that failed tests speak against, each once; empty where all held."""
    named = dict.fromkeys(test.distrust for test in tests if not test.held)
    return EVERY if EVERY in named else ", ".join(named)
