"""DC, DSA, DM and what grew from their code: runs of [images, labels] with the accuracies reached on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddaudit.data.formats.claims import claims_of, settings_of
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
    notes += settings_of(content)
    if len(runs) > 1:
        notes += (f"the file holds {len(runs)} runs or snapshots of one run; number {run} (from 0) was taken",)
    return Reading(images=runs[run][0], labels=runs[run][1], runs=len(runs), run=run, claims=claims, notes=notes)


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and all(isinstance(part, np.ndarray) for part in item)


READER = Reader(
    "condensation",
    "DC, DSA, DM, CAM-DM, DC-BENCH: torch file with runs of images and labels and their accuracies",
    read,
)
