"""Clean sets beyond random real images: k-means subsets, our own distillations, the whole original, as the profile affords them."""

from __future__ import annotations

import math
from dataclasses import replace

from ddaudit import controls
from ddaudit.case import AuditCase
from ddaudit.data.distilled import LabelledImages
from ddaudit.training.cost import Work
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

#: A model of the whole original takes this many passes, and this many steps, at least.
LEAST_EPOCHS, LEAST_STEPS = 10, 1000
#: More passes bring a ConvNet little.
MOST_EPOCHS = 60

Training = tuple[LabelledImages, Recipe, int]


def better_controls(case: AuditCase) -> dict[str, list[LabelledImages]]:
    """By kind, clean sets of S's size that may be worth more than random real images; none where the profile has none."""
    count = case.config.better_controls
    if not count:
        return {}
    return {"k-means subset": case.k_means_subsets(count), "own distillation": case.clean_distillations[:count]}


def cost_of_better_controls(case: AuditCase) -> list[Work]:
    """What models of them cost, and the distillations."""
    count = case.config.better_controls
    if not count:
        return []
    what, images = "models of k-means subsets and our own distillations", case.recipe.epochs * len(case.audited)
    # Which they are is known only where the sets are there: all are held, or none is counted as held.
    held = case.held(lambda: [case.models_of(sets) for sets in better_controls(case).values()])
    return [
        case.distilling(),
        Work(what, 2 * count, case.recipe, images, held=2 * count * held),
        case.scoring(what, 2 * count, case.recipe, len(case.test_rows)),
    ]


def whole_original(case: AuditCase) -> list[Training]:
    """Models of the whole original with as many passes as the profile affords; none where that is too few to mean anything."""
    images = len(case.reference.train)
    _, height, width = case.audited.shape
    affordable = case.config.full_pixels // (images * height * width)
    least = max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / math.ceil(images / case.recipe.batch)))
    if not case.config.ranking_seeds or affordable < least:
        return []
    epochs = min(affordable, max(least, MOST_EPOCHS))
    recipe = replace(case.recipe, name="whole original", epochs=epochs, lr=0.03, schedule="cosine", augmentation="none")
    data = controls.whole_original(case.reference.train, case.audited)
    return [(data, recipe, i) for i in range(min(2, case.config.ranking_seeds))]


def cost_of_whole_original(case: AuditCase) -> list[Work]:
    """What these models cost."""
    return case.trainings("models of the whole original", whole_original(case))


def further_models(case: AuditCase) -> dict[str, list[TrainedModel]]:
    """By kind, models of all of these controls that the profile affords."""
    found = {kind: case.models_of(sets) for kind, sets in better_controls(case).items()}
    if whole := whole_original(case):
        found["whole original"] = case.train_all(whole)
    return found


def cost_of_further_models(case: AuditCase) -> list[Work]:
    """What ``further_models`` costs."""
    return [*cost_of_better_controls(case), *cost_of_whole_original(case)]
