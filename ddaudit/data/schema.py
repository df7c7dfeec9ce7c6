"""Is the set what a set should be: whole numbers of classes, finite values, different images?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ddaudit.data.distilled import DistilledSet, LabelledImages

#: Two images are near duplicates where they differ by less than this share of the median difference between images.
NEAR = 0.05
#: Up to here every pair is compared (5,000 images of 3 x 32 x 32 take about 2 s); beyond, pairs of a class only.
MOST_COMPARED = 5_000
#: Half a step of eight bit colour, which rounding may add.
GAMUT_TOLERANCE = 1 / 512
_BLOCK = 1024


@dataclass(frozen=True)
class Finding:
    """One question asked of the set, and its answer.

    Parameters
    ----------
    name : str
        Stable: "shape", "finite", "label-range", "classes-missing", "balance", "duplicates", "near-duplicates",
        "constant-images" or "gamut".
    verdict : str
        "fail" where training or every later number would be wrong, "warn" where it deserves a look, else "pass".
    message : str
        One sentence.
    value : float
        The number behind it: a count, a ratio or a share, as the sentence says.
    images : tuple of int
        Indices of the images concerned, at most 100.
    """

    name: str
    verdict: Literal["pass", "warn", "fail"]
    message: str
    value: float
    images: tuple[int, ...] = ()


def examine(distilled: DistilledSet, classes: int | None = None) -> list[Finding]:
    """Ask every question of the schema.

    Parameters
    ----------
    distilled : DistilledSet
        With its pixel space set, or the share outside of the displayable range is that of another space.
    classes : int, optional
        Number of classes of the original. Default: as the set says itself.

    Returns
    -------
    list of Finding
        One for each question, in a fixed order, those that found nothing included.
    """
    data = distilled.data
    expected = classes or data.classes
    twins, conflicts = _duplicates(data)
    return [
        Finding("shape", "pass", _shape_in_words(data), float(len(data))),
        _finite(data),
        _label_range(data, expected),
        _classes_missing(data, expected),
        _balance(data, expected),
        _exact(twins, conflicts),
        _near(data, twins),
        _constant(data),
        _gamut(data),
    ]


def _shape_in_words(data: LabelledImages) -> str:
    c, h, w = data.shape
    labels = f"soft labels of {data.labels.shape[1]} numbers" if data.soft else "one class each"
    return f"{len(data)} images of {c} x {h} x {w}, {labels}."


def _finite(data: LabelledImages) -> Finding:
    per_image = (~np.isfinite(data.images)).sum(axis=(1, 2, 3))
    if data.soft:
        per_image = per_image + (~np.isfinite(data.labels)).sum(axis=1)
    bad = np.flatnonzero(per_image)
    words = f"{len(bad)} images or their labels hold NaN or infinite values." if len(bad) else "Every value is finite."
    return _finding("finite", "fail", words, len(bad), bad)


def _label_range(data: LabelledImages, classes: int) -> Finding:
    if data.soft:
        width = data.labels.shape[1]
        if width != classes:
            return Finding("label-range", "fail", f"Soft labels have {width} numbers for {classes} classes.", width)
        sums = data.labels.sum(axis=1, dtype=np.float64)
        simplex = bool(data.labels.min() >= 0 and np.allclose(sums, 1, atol=1e-3))
        kind = "probabilities" if simplex else f"scores from {data.labels.min():.3g} to {data.labels.max():.3g}"
        return Finding("label-range", "pass", f"Soft labels are {kind}.", width)
    outside = np.flatnonzero((data.labels < 0) | (data.labels >= classes))
    words = (
        f"{len(outside)} labels are outside of the {classes} classes 0 to {classes - 1}."
        if len(outside)
        else f"Every label is one of the {classes} classes."
    )
    return _finding("label-range", "fail", words, len(outside), outside)


def _classes_missing(data: LabelledImages, classes: int) -> Finding:
    missing = np.setdiff1d(np.arange(classes), data.hard_labels)
    listed = ", ".join(str(c) for c in missing[:10]) + (" and others" if len(missing) > 10 else "")
    words = f"{len(missing)} of {classes} classes have no image: {listed}." if len(missing) else "No class is missing."
    return _finding("classes-missing", "warn", words, len(missing))


def _balance(data: LabelledImages, classes: int) -> Finding:
    known = data.hard_labels[(data.hard_labels >= 0) & (data.hard_labels < classes)]
    counts = np.bincount(known, minlength=classes)
    counts = counts[counts > 0]
    if not len(counts) or counts.min() == counts.max():
        return Finding("balance", "pass", "Every class that occurs has the same number of images.", 1.0)
    ratio = float(counts.max() / counts.min())
    words = f"Classes have from {counts.min()} to {counts.max()} images."
    return Finding("balance", "warn" if ratio > 2 else "pass", words, ratio)


def _duplicates(data: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    """Indices of images that repeat an earlier one, and of those among them that carry another label."""
    first: dict[bytes, int] = {}
    twins, conflicts = [], []
    for i, image in enumerate(data.images):
        earlier = first.setdefault(image.tobytes(), i)
        if earlier != i:
            twins.append(i)
            if data.hard_labels[i] != data.hard_labels[earlier]:
                conflicts.append(i)
    return np.array(twins, dtype=np.int64), np.array(conflicts, dtype=np.int64)


def _exact(twins: np.ndarray, conflicts: np.ndarray) -> Finding:
    if len(conflicts):
        words = f"{len(twins)} images repeat another exactly, {len(conflicts)} of them under another label."
        return _finding("duplicates", "fail", words, len(twins), conflicts)
    words = f"{len(twins)} images repeat another exactly." if len(twins) else "No image occurs twice."
    return _finding("duplicates", "warn", words, len(twins), twins)


def _near(data: LabelledImages, twins: np.ndarray) -> Finding:
    keep = np.setdiff1d(np.flatnonzero(np.isfinite(data.images).all(axis=(1, 2, 3))), twins)
    flat = data.images[keep].reshape(len(keep), -1)
    groups = [np.arange(len(keep))]
    if len(keep) > MOST_COMPARED:
        groups = [np.flatnonzero(data.hard_labels[keep] == c) for c in np.unique(data.hard_labels[keep])]
    near = np.concatenate([group[_close_to_an_earlier(flat[group])] for group in groups]) if len(keep) > 2 else keep[:0]
    found = keep[near]
    words = (
        f"{len(found)} images differ from another by under {NEAR:.0%} of the usual difference."
        if len(found)
        else "No two images are nearly the same."
    )
    return _finding("near-duplicates", "warn", words, len(found), found)


def _close_to_an_earlier(flat: np.ndarray) -> np.ndarray:
    """Indices of rows that lie within ``NEAR`` of the median distance from an earlier row."""
    if len(flat) < 3:
        return np.zeros(0, np.int64)
    rows = flat - flat.mean(axis=0)
    # The median over a sample of rows: it sets a scale, not a verdict.
    sample = rows[:: max(1, len(rows) // _BLOCK)]
    between = _squared_distances(sample, sample)[np.triu_indices(len(sample), 1)]
    limit = NEAR**2 * float(np.median(between))
    close = []
    for start in range(0, len(rows), _BLOCK):
        stop = min(start + _BLOCK, len(rows))
        earlier = np.arange(stop) < np.arange(start, stop)[:, None]
        near = earlier & (_squared_distances(rows[start:stop], rows[:stop]) < limit)
        close.append(start + np.flatnonzero(near.any(axis=1)))
    return np.concatenate(close)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T, 0)


def _constant(data: LabelledImages) -> Finding:
    constant = np.flatnonzero(np.ptp(data.images, axis=(2, 3)).max(axis=1) == 0)
    words = f"{len(constant)} images have a single colour." if len(constant) else "No image has a single colour."
    return _finding("constant-images", "fail" if len(constant) == len(data) else "warn", words, len(constant), constant)


def _gamut(data: LabelledImages) -> Finding:
    pixels = data.pixels()
    outside = (pixels < -GAMUT_TOLERANCE) | (pixels > 1 + GAMUT_TOLERANCE)
    share = float(outside.mean())
    words = (
        f"{share:.1%} of the pixel values, read as {data.space.name!r}, cannot be displayed; they are kept as they are."
        if share
        else f"Every pixel value, read as {data.space.name!r}, can be displayed."
    )
    # No verdict: optimised images leave the range as a rule (published DC 11 %, MTT 15 %, DM at ipc 1 60 %).
    return Finding("gamut", "pass", words, share)


def _finding(
    name: str, verdict: Literal["warn", "fail"], words: str, count: int, images: np.ndarray | None = None
) -> Finding:
    """The verdict where anything was counted, else "pass"."""
    listed = () if images is None else tuple(int(i) for i in images[:100])
    return Finding(name, verdict if count else "pass", words, float(count), listed)
