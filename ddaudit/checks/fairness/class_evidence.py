"""What a person looks at who wants to know why a class is served badly: what it is taken for, its labels and its images."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.data.naturalness import thinned
from ddaudit.inspection.contact_sheet import tiled
from ddaudit.results import Image, Table
from ddaudit.statistics.intervals import difference_over_seeds
from ddaudit.training.course import learns_probabilities

#: Pairs of classes that the table shows.
MOST_PAIRS = 5
#: Images of the worst class that are shown, and how many in a row.
MOST_IMAGES, COLUMNS = 20, 10


def confusions(case: AuditCase) -> Table:
    """The pairs (class, what it is taken for) in which models of S err most beyond models of random real subsets.

    The intervals hold for all pairs of classes together, so that the largest may be read although they were sought.
    """
    labels, names = case.test_labels, case.reference.classes
    ours, theirs = (
        np.stack([case.test_logits(m).argmax(1) for m in models])
        for models in (case.audited_models, case.control_models)
    )
    excess = _shares(ours, labels, len(names)) - _shares(theirs, labels, len(names))
    np.fill_diagonal(excess, -np.inf)
    confidence = 1 - 0.05 / max(1, len(names) * (len(names) - 1))
    rows = []
    for flat in np.argsort(-excess, axis=None, kind="stable")[: min(MOST_PAIRS, excess.size - len(names))]:
        true, taken = (int(i) for i in np.unravel_index(flat, excess.shape))
        of = labels == true
        a, b = ours[:, of] == taken, theirs[:, of] == taken
        found = difference_over_seeds(a, b, confidence)
        rows.append(
            [names[true], names[taken], *(_r(x) for x in (a.mean(), b.mean(), found.value, found.low, found.high))]
        )
    return Table(
        name="confusions",
        caption="The confusions in which the set exceeds a random real subset most, as shares of the class's held-out "
        "images; the intervals hold for all pairs of classes together.",
        columns=["class", "taken for", "audited set", "random real subset", "difference", "low", "high"],
        rows=rows,
    )


def _shares(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(k, k): share of each class's images that is taken for each class, over all models."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (np.broadcast_to(labels, predicted.shape), predicted), 1)
    shares: np.ndarray = counts / counts.sum(1, keepdims=True)
    return shares


def class_images(case: AuditCase, label: int) -> list[Image]:
    """The images of a class in S, and as many real ones beside them."""
    name = case.reference.classes[label]
    sheets = []
    for kind, words, data in (
        ("synthetic", "synthetic images", case.audited),
        ("real", "real images", case.real_subsets[0]),
    ):
        rows = np.flatnonzero(data.hard_labels == label)
        if not len(rows):
            continue
        pixels = thinned(data.space.to_pixels(data.images[rows[:MOST_IMAGES]]))
        sheets.append(
            Image.from_pixels(
                f"worst_class_{kind}",
                tiled(pixels, COLUMNS),
                f'The worst class, "{name}": {len(pixels)} of {len(rows)} {words}',
                f"{len(pixels)} {words} of {name} side by side",
            )
        )
    return sheets


def label_mass(case: AuditCase) -> list[Table]:
    """By class, how much of the soft labels it gets: labels that spread to some classes more than to others favour these. Empty where labels are hard."""
    data, names = case.audited, case.reference.classes
    if not data.soft or not learns_probabilities(data.labels):
        return []
    strongest = np.bincount(data.hard_labels, minlength=len(names))
    mass = data.labels.sum(0, dtype=np.float64)
    return [
        Table(
            name="label_mass",
            caption="Images whose strongest label is the class, and what the class gets of all soft labels together.",
            columns=["class", "images", "label mass"],
            rows=[[name, int(strongest[c]), _r(mass[c])] for c, name in enumerate(names)],
        )
    ]


def _r(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
