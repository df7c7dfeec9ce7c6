"""Random real sets of another size, from which models learn as much as from S: what is left of a difference once accuracy is equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.checks.robustness.battery import Group
from ddaudit.data.distilled import LabelledImages
from ddaudit.seeds import generator
from ddaudit.training.cost import FORWARD, Work

#: Sizes that are tried, in multiples of S's, in the direction in which the accuracy has to change.
LARGER, SMALLER = (2.0, 4.0, 8.0), (0.5, 0.25)
#: Training images, none of them in the set that is judged, on which a size is chosen.
JUDGES = 1000


@dataclass(frozen=True, eq=False)
class Matched:
    """The size whose models are closest to S's in accuracy on training images that they did not see.

    Parameters
    ----------
    times : float
        The size, in multiples of S's.
    accuracy, wanted : float
        On those training images: of a model of such a set, and of S's models.
    """

    times: float
    accuracy: float
    wanted: float


def matched_size(case: AuditCase) -> Matched | None:
    """Walks from S's size until the accuracy is passed; None where the profile does not afford one other size.

    Nothing is chosen on the held-out split. Where S was distilled from these training images its models may do better on them than on others, so the
    match has to be looked at on the held-out images as well.
    """
    if not any(_affordable(case, times) for times in LARGER + SMALLER):
        return None
    rng = generator(case.config.seed, "matched/judges")
    train = case.reference.train
    judges = np.sort(rng.choice(len(train), min(JUDGES, len(train)), replace=False))
    everything = train.pixels(judges), train.labels[judges]
    wanted = float(np.mean([_accuracy(model.logits(everything[0]), everything[1]) for model in case.audited_models]))

    def reached(times: float) -> float:
        rows = np.setdiff1d(judges, _rows(case, times, 0))
        model = case.model(_set(case, times, 0), case.recipe)
        return _accuracy(model.logits(train.pixels(rows)), train.labels[rows])

    tried = {1.0: reached(1.0)}
    larger = wanted > tried[1.0]
    for times in LARGER if larger else SMALLER:
        if not _affordable(case, times):
            break
        tried[times] = reached(times)
        if (tried[times] > wanted) == larger:
            break
    best = min(tried, key=lambda times: abs(tried[times] - wanted))
    return Matched(best, tried[best], wanted)


def matched_group(case: AuditCase, size: Matched) -> Group:
    """As many models of such sets as there are of the random subsets."""
    models = [(_set(case, size.times, i), case.recipe, i) for i in range(case.config.attack_models)]
    return Group("real subset of equal accuracy", "reference", models)


def works(case: AuditCase) -> Iterator[Work]:
    """What it costs, as if twice S's size were the one; trainings, and the images on which it is chosen."""
    if _affordable(case, 2.0):
        yield from case.trainings(
            "models of real subsets of equal accuracy",
            [(_set(case, 2.0, i), case.recipe, i) for i in range(case.config.attack_models)],
        )
        yield Work("accuracy on training images", case.config.seeds + 2, case.recipe, JUDGES, FORWARD)


def _affordable(case: AuditCase, times: float) -> bool:
    """Whether the original has as many images of each class, and the profile the time."""
    needed = times * np.bincount(case.audited.hard_labels, minlength=case.audited.classes)
    available = np.bincount(case.reference.train.labels, minlength=case.audited.classes)
    _, height, width = case.audited.shape
    positions = times * len(case.audited) * height * width * case.recipe.epochs
    return bool(0 < positions <= case.config.matched_pixels and (needed <= available / 2).all() and needed.max() >= 1)


def _like(case: AuditCase, times: float) -> tuple[LabelledImages, int]:
    """A layout and how many times over it is drawn: S's own, or the first part of each class."""
    if times >= 1:
        return case.audited, int(times)
    labels = case.audited.hard_labels
    rows = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    kept = np.concatenate([some[: max(1, round(times * len(some)))] for some in rows])
    return replace(case.audited, images=case.audited.images[kept], labels=case.audited.labels[kept]), 1


def _rows(case: AuditCase, times: float, index: int) -> np.ndarray:
    if times == 1:
        return case.real_rows(index)
    like, whole = _like(case, times)
    return controls.random_rows(case.reference.train, like, case.config.seed, index, f"random-real-{times:g}", whole)


def _set(case: AuditCase, times: float, index: int) -> LabelledImages:
    if times == 1:
        return case.real_subset(index)
    rows, name = _rows(case, times, index), f"{times:g} times as many real images, {index + 1}"
    return controls.real_set(case.reference.train, rows, case.audited, name)


def _accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(1) == labels).mean())
