"""Sets with a trigger of our own in them: what the power of the search is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.data.distilled import LabelledImages
from ddaudit.threats.blended import BlendedTrigger
from ddaudit.threats.naive_trigger import NaiveTrigger
from ddaudit.threats.stamping import StampingThreat

#: Share of the other classes' images of a real subset that are stamped and relabelled.
PLANTED_SHARE = 0.15
#: Share of a blended picture.
BLENDED = 0.35


@dataclass(frozen=True, eq=False)
class Plant:
    """A clean set with a trigger in it.

    Parameters
    ----------
    threat : StampingThreat
    data : LabelledImages
    rows : int64 array
        The images that carry it.
    described : str
        What was planted, in words.
    """

    threat: StampingThreat
    data: LabelledImages
    rows: np.ndarray
    described: str


def planted_sets(case: AuditCase, clean: Sequence[LabelledImages] | None = None) -> list[Plant]:
    """As many as the profile has, patches and blended pictures in turn, with the classes as targets in turn; in random real subsets, or in ``clean``."""
    size = max(2, min(case.audited.shape[1:]) // 8)
    planted = []
    for i in range(case.config.inversion_planted):
        target = i % case.audited.classes
        patch = NaiveTrigger(target=target, fraction=PLANTED_SHARE, size=size, margin=0)
        blended = BlendedTrigger(target=target, fraction=PLANTED_SHARE, strength=BLENDED, picture=i)
        kinds: tuple[tuple[StampingThreat, str], ...] = (
            (patch, f"a {size}x{size} patch"),
            (blended, f"a picture blended in by {100 * BLENDED:g} %"),
        )
        threat, described = kinds[i % 2]
        base = case.real_subset(i, "inversion-power") if clean is None else clean[i]
        data = threat.poison_set(base, case.seed("inversion-power", i))
        changed = (data.images != base.images).any((1, 2, 3)) | (data.hard_labels != base.hard_labels)
        planted.append(Plant(threat, data, np.flatnonzero(changed), described))
    return planted
