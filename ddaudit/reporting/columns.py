"""What the columns of a check's tables mean, where their names do not say it."""

from __future__ import annotations

from collections.abc import Sequence

COLUMNS: dict[str, str] = {
    "synthetic": "number of the synthetic image, from 0",
    "train_index": "number of the training image that it resembles most, from 0",
    "correlation": "how alike the two are once common structure is taken out: 0 not at all, 1 the same",
    "lead": "how much more alike it is to this image than to the next best",
    "z": "distance from what chance gives, in standard deviations",
    "p": "how often chance alone would give as much",
    "flagged": "whether that is called a trace",
    "sha256": "fingerprint of the bytes: another file has another",
    "seed": "number that the randomness of this training followed from",
    "difference": "this set minus the control",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
    "norm": "pixels that the smallest trigger for this class covers",
    "clean median": "the same on clean sets, in the middle",
    "success": "share of images that the trigger turns over",
    "settings": "library, steps and step size; eps is the largest change of a pixel",
}


def meanings(columns: Sequence[str]) -> list[tuple[str, str]]:
    """The columns that have a meaning to tell, in their order."""
    return [(column, COLUMNS[column]) for column in columns if column in COLUMNS]
