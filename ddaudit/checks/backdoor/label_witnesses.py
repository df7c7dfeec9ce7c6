"""What real images, models of the set and the rest of the set say of its labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.exchanged import exchanged_p, found_when_exchanged
from ddaudit.checks.backdoor.reference import RandomFeatures, Reference, inside, margins
from ddaudit.seeds import generator
from ddaudit.statistics.extremes import extreme_value_p
from ddaudit.statistics.intervals import Interval, clopper_pearson

WARN_P = 0.05
#: Of the set's labels, how many are flipped for the power, and in how many trials.
PLANTED_SHARE, TRIALS = 0.05, 200
#: Where the classifier reads S's labels less than this times as often as those of held-out images, it says nothing of S.
READABLE = 0.75
#: Held-out real sets of S's size for the null of its most doubtful image.
NULL_SETS = 50
#: Held-out images from which these are drawn at most.
NULL_IMAGES = 1500


@dataclass(eq=False)
class Witnesses:
    """What real images, models of S and the rest of S say of its labels."""

    case: AuditCase

    @cached_property
    def labels(self) -> np.ndarray:
        return self.case.audited.hard_labels

    @cached_property
    def features(self) -> RandomFeatures:
        return RandomFeatures(self.case.audited.shape, self.case.seed("labels"), self.case.device)

    @cached_property
    def reference(self) -> Reference:
        """Fitted on as many random training images as the profile affords."""
        data, train = self.case.audited, self.case.reference.train
        count = min(self.case.config.label_images, len(train))
        rows = np.sort(generator(self.case.config.seed, "labels/rows").choice(len(train), count, replace=False))
        self.case.progress("a reference for the labels", 0, 1)
        return Reference.fit(train, rows, data.classes, data.space, self.features)

    @cached_property
    def scores(self) -> np.ndarray:
        """Of S's images by the reference, (m, k)."""
        return self.reference.scores(self.case.audited.images)

    @cached_property
    def rest(self) -> np.ndarray:
        """Of S's images by all others of S, (m, k)."""
        return inside(self.features(self.case.audited.images), self.labels, self.case.audited.classes)

    @cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Margins of held-out real images and their labels."""
        test = self.case.reference.test
        rng = generator(self.case.config.seed, "labels/held-out")
        rows = np.sort(rng.choice(len(test), min(NULL_IMAGES, len(test)), replace=False))
        found = self.reference.scores(self.case.audited.space.to_native(test.pixels(rows)))
        return margins(found, test.labels[rows])[0], test.labels[rows]

    @cached_property
    def null(self) -> np.ndarray:
        """(sets, 2): how doubtful the most doubtful image of a real set of S's layout is, all of whose labels are right, by its margin and beside
        the set's other images."""
        margin, labels = self.held_out
        rng = generator(self.case.config.seed, "labels/null")
        counts = np.bincount(self.labels, minlength=self.case.audited.classes)
        by_class = [np.flatnonzero(labels == c) for c in range(len(counts))]
        sets = [
            np.concatenate([rng.choice(rows, min(n, len(rows)), replace=False) for rows, n in zip(by_class, counts, strict=True) if n and len(rows)])
            for _ in range(NULL_SETS)
        ]  # fmt: skip
        return np.array([(-margin[rows].min(), below(margin[rows], margin[rows]).max()) for rows in sets])

    @cached_property
    def recognised(self) -> Interval:
        """Share of S's images that the reference calls by their label."""
        margin, _ = margins(self.scores, self.labels)
        return clopper_pearson(int((margin > 0).sum()), len(margin))

    @cached_property
    def recognised_real(self) -> Interval:
        """The same of held-out real images."""
        margin, _ = self.held_out
        return clopper_pearson(int((margin > 0).sum()), len(margin))

    @property
    def readable(self) -> bool:
        """Whether the reference can speak of S's images."""
        return self.recognised.value >= READABLE * self.recognised_real.value

    @cached_property
    def flip_p(self) -> np.ndarray:
        """(m, k): of each image under each label, over all images together, that a right label is so doubtful; 1 where it cannot be told.

        It has to be doubtful beside real images and beside the set's own: of a set whose images are all harder to read, as where they were
        distilled from noise, the hardest is not one with a false label.
        """
        k = self.case.audited.classes
        if not self.readable:
            return np.ones((len(self.labels), k))
        every = np.stack([margins(self.scores, np.full(len(self.labels), c))[0] for c in range(k)], axis=1)
        own = margins(self.scores, self.labels)[0]
        by_margin, beside_others = self.null.T
        p = np.maximum(
            extreme_value_p(-every.ravel(), by_margin), extreme_value_p(below(every, own).ravel(), beside_others)
        )
        return p.reshape(every.shape)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Held-out images as models of S call them, (models, n)."""
        return np.stack([self.case.test_logits(model).argmax(1) for model in self.case.audited_models])

    @cached_property
    def pairs(self) -> int:
        return self.case.audited.classes * (self.case.audited.classes - 1) // 2

    def swap_p(self, predicted: np.ndarray) -> np.ndarray:
        """Of every two classes, (k, k), over all pairs together."""
        return np.minimum(1.0, self.pairs * exchanged_p(predicted, self.case.test_labels, self.case.audited.classes))

    def flips_found(self) -> Interval:
        """How often flipped labels are found among S's own, whose images stay as they are."""
        found = 0
        m, classes = len(self.labels), self.case.audited.classes
        rng = generator(self.case.config.seed, "labels/power")
        for _ in range(TRIALS):
            rows = rng.choice(m, max(1, round(PLANTED_SHARE * m)), replace=False)
            flipped = self.labels.copy()
            flipped[rows] = (flipped[rows] + rng.integers(1, classes, len(rows))) % classes
            found += bool((2 * self.flip_p[rows, flipped[rows]] < WARN_P).any())
        return clopper_pearson(found, TRIALS)

    def swaps_found(self) -> Interval:
        """Of all pairs of classes, how many would be found had their labels been exchanged."""
        level = WARN_P / 2 / self.pairs
        return clopper_pearson(
            *found_when_exchanged(self.predicted, self.case.test_labels, self.case.audited.classes, level)
        )


def below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far values lie below the median of others, in median absolute deviations of these."""
    middle = np.median(others)
    return (middle - values) / max(float(np.median(np.abs(others - middle))), 1e-12)
