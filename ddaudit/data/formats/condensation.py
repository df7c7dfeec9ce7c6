"""DC, DSA, DM and what grew from their code: runs of [images, labels] with the accuracies reached on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddaudit.data.distilled import Claim
from ddaudit.data.formats.reader import Reader, Reading, Source, take_run


def read(source: Source) -> Reading | None:
    """``{'data': [[images, labels], ...], 'accs_all_exps': {architecture: [accuracy, ...]}}``.

    References
    ----------
    Zhao, Mopuri, Bilen 2021 (DC); Zhao, Bilen 2021 (DSA), 2023 (DM); Cui et al. 2022 (DC-BENCH).
    """
    content = source.content
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        return None
    runs = content["data"]
    if _is_pair(runs):
        runs = [runs]
    if not runs or not all(_is_pair(run) for run in runs):
        return None
    run = take_run(len(runs), source.wishes)
    claims, notes = claims_of(content.get("accs_all_exps"))
    if len(runs) > 1:
        notes += (f"the file holds {len(runs)} runs or snapshots of one run; number {run} (from 0) was taken",)
    return Reading(images=runs[run][0], labels=runs[run][1], runs=len(runs), run=run, claims=claims, notes=notes)


def claims_of(accuracies: Any) -> tuple[dict[str, Claim], tuple[str, ...]]:
    """Claims by architecture, as fractions; what cannot be an accuracy is left out and noted."""
    claims: dict[str, Claim] = {}
    notes: tuple[str, ...] = ()
    for architecture, values in accuracies.items() if isinstance(accuracies, dict) else ():
        try:
            numbers = np.asarray(values, dtype=np.float64).ravel()
        except (ValueError, TypeError):
            continue
        if numbers.size == 0:
            continue
        if numbers.max() > 1:
            numbers = numbers / 100
        if not np.isfinite(numbers).all() or numbers.min() < 0 or numbers.max() > 1:
            notes += (f"the accuracies stored for {str(architecture)[:40]!r} are none and were left out",)
            continue
        spread = float(numbers.std()) if numbers.size > 1 else None
        claims[str(architecture)] = Claim(float(numbers.mean()), spread, int(numbers.size))
    return claims, notes


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and all(isinstance(part, np.ndarray) for part in item)


READER = Reader(
    "condensation",
    "DC, DSA, DM, CAM-DM, DC-BENCH: torch file with runs of images and labels and their accuracies",
    read,
)
