"""Whether the synthetic images themselves show mostly one attribute in each class, told by a classifier of the attribute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.data.attributes import Attributes
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import ControlValue, Metric, Table
from ddaudit.seeds import generator
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.training.cost import Work
from ddaudit.training.recipe import Recipe

#: Real images of each value on which the classifier learns at most, half of them aligned and half conflicting.
IMAGES_A_VALUE = 40
#: A classifier that tells fewer of the conflicting held-out images' values than this says nothing of synthetic ones.
LEAST_ACCURACY = 0.8


@dataclass(frozen=True)
class AttributeShare:
    """How many images show the value that goes with their class.

    Parameters
    ----------
    accuracy : Interval or None
        Of the classifier, on held-out images with other values than their class's; None where it could not be trained.
    ours, control : bool arrays (m,), or None
        Which images of S, and of a random real subset, show it; None where the classifier cannot be relied on.
    original : float
        The true share in the train split.
    labels : int64 array (m,)
        Of S's images.
    control_labels : int64 array (m,)
    predicted : int64 array (m,), or None
        The value that each image of S shows.
    trained : tuple of str
    """

    accuracy: Interval | None
    ours: np.ndarray | None
    control: np.ndarray | None
    original: float
    labels: np.ndarray
    control_labels: np.ndarray
    predicted: np.ndarray | None
    trained: tuple[str, ...] = ()

    def metrics(self) -> list[Metric]:
        """The classifier's accuracy, and the share of S beside that of the control and of the original."""
        found = []
        if self.accuracy is not None:
            found.append(_metric("attribute_classifier_accuracy", self.accuracy, []))
        if self.ours is not None and self.control is not None:
            ours, theirs = (clopper_pearson(int(shown.sum()), len(shown)) for shown in (self.ours, self.control))
            beside = [
                ControlValue.of(theirs, name="random real subset"),
                ControlValue(name="original, train", value=self.original),
            ]
            found.append(_metric("aligned_share", ours, beside))
        return found

    def tables(self, classes: tuple[str, ...], values: tuple[str, ...]) -> list[Table]:
        """By class, what its synthetic images show."""
        if self.ours is None or self.predicted is None or self.control is None:
            return []
        rows: list[list[str | int | float | None]] = []
        for c, name in enumerate(classes):
            mine, other = self.labels == c, self.control_labels == c
            if not mine.any():
                continue
            shown = np.bincount(self.predicted[mine], minlength=len(values))
            rows.append(
                [
                    name,
                    int(mine.sum()),
                    round(float(self.ours[mine].mean()), 4),
                    round(float(self.control[other].mean()), 4) if other.any() else None,
                    values[int(shown.argmax())],
                    int(shown.max()),
                ]
            )
        return [
            Table(
                name="attribute_by_class",
                caption="The value that synthetic images show, told by a classifier that learnt it on real images.",
                columns=[
                    "class",
                    "images",
                    "aligned share",
                    "the same of real images",
                    "most frequent value",
                    "shown by",
                ],
                rows=rows,
            )
        ]


def attribute_share(case: AuditCase, aligned: np.ndarray) -> AttributeShare:
    """Train a classifier of the attribute on the original and ask it about S.

    It learns on as many aligned as conflicting images of every value, so that it cannot judge by the class.
    """
    known = _known(case)
    train = case.reference.train
    original = float((known.train == aligned[train.labels]).mean())
    labels, control = case.audited.hard_labels, case.real_subsets[0]
    nothing = AttributeShare(None, None, None, original, labels, control.hard_labels, None)
    learnt = _lesson(case, known, aligned)
    if learnt is None:
        return nothing
    model = case.model(*learnt)
    values = known.test[case.test_rows]
    others = values != aligned[case.test_labels]
    told = case.test_logits(model).argmax(1)[others] == values[others]
    accuracy = clopper_pearson(int(told.sum()), len(told))
    if accuracy.value < LEAST_ACCURACY:
        return AttributeShare(accuracy, None, None, original, labels, control.hard_labels, None, (learnt[0].name,))
    predicted, beside = (model.logits(one.pixels()).argmax(1) for one in (case.audited, control))
    return AttributeShare(
        accuracy,
        predicted == aligned[labels],
        beside == aligned[control.hard_labels],
        original,
        labels,
        control.hard_labels,
        predicted,
        (learnt[0].name,),
    )


def cost_of_attribute_share(case: AuditCase) -> list[Work]:
    """What training the classifier costs."""
    known = _known(case)
    aligned = known.aligned_with(case.reference.train.labels, len(case.reference.classes))
    learnt = _lesson(case, known, aligned)
    return [] if learnt is None else case.trainings("a classifier of the attribute", [learnt])


def _known(case: AuditCase) -> Attributes:
    assert case.reference.attributes is not None, "attributes were asked about that nobody knows"
    return case.reference.attributes


def _lesson(case: AuditCase, known: Attributes, aligned: np.ndarray) -> tuple[LabelledImages, Recipe, int] | None:
    """Real images with their attribute as label; None where some value is never seen on both sides."""
    train = case.reference.train
    conflicting = known.train != aligned[train.labels]
    rng = generator(case.config.seed, "attribute-classifier")
    rows = []
    for value in range(len(known.values)):
        sides = [np.flatnonzero((known.train == value) & (conflicting == side)) for side in (False, True)]
        each = min(IMAGES_A_VALUE // 2, *(len(side) for side in sides))
        if each == 0:
            return None
        rows += [rng.choice(side, each, replace=False) for side in sides]
    chosen = np.concatenate(rows)
    images = case.audited.space.to_native(train.pixels(chosen))
    data = LabelledImages(
        images, known.train[chosen], len(known.values), case.audited.space, "real images by attribute"
    )
    return data, case.recipe, 0


def _metric(name: str, found: Interval, controls: list[ControlValue]) -> Metric:
    return Metric.of(found, name=name, n=found.n, controls=controls)
