"""Sets of S's size and label layout that are known to be clean: what S's numbers stand beside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.distillation.registry import Distiller
from ddaudit.errors import AuditError
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.store import Store, array_fingerprint


def random_real(
    split: Split, like: LabelledImages, run_seed: int, index: int, purpose: str, name: str, times: int = 1
) -> LabelledImages:
    """Random real images, ``times`` as many of each class as ``like`` has, in its native space.

    Raises
    ------
    AuditError
        Where the split has fewer images of a class than S.
    """
    rng = generator(run_seed, f"controls/{purpose}", index)
    counts = times * np.bincount(like.hard_labels, minlength=like.classes)
    rows = []
    for label, count in enumerate(counts):
        candidates = np.flatnonzero(split.labels == label)
        if len(candidates) < count:
            raise AuditError(
                f"The distilled set holds {count} images of class {label}, the original only {len(candidates)}: "
                "is this the right original?"
            )
        rows.append(rng.choice(candidates, count, replace=False))
    chosen = np.concatenate(rows)
    return LabelledImages(
        like.space.to_native(split.pixels(chosen)),
        split.labels[chosen],
        like.classes,
        like.space,
        name,
    )


def whole_original(split: Split, like: LabelledImages) -> LabelledImages:
    """Every training image, in the native space of ``like``."""
    return LabelledImages(
        like.space.to_native(split.pixels()), split.labels, like.classes, like.space, "whole original"
    )


def own_distillations(
    original: Original,
    like: LabelledImages,
    count: int,
    distiller: Distiller,
    run_seed: int,
    device: torch.device,
    store: Store,
    on_step: Callable[[int, int], None],
) -> list[LabelledImages]:
    """``count`` clean distillations, each of a random half of the training split, on one trunk."""
    halves = [
        np.flatnonzero(generator(run_seed, "controls/half", j).random(len(original.train)) < 0.5) for j in range(count)
    ]
    seed = derive_seed(run_seed, "controls/own-distillation")
    space = like.space

    def compute() -> dict[str, np.ndarray]:
        sets = distiller.distill(original.train, like.classes, space, seed, device, pools=halves, on_step=on_step)
        return {"labels": sets[0].labels} | {str(j): one.images for j, one in enumerate(sets)}

    identity = {
        "original": original.train.fingerprint,
        "distiller": repr(distiller),
        "space": array_fingerprint(space.mean, space.std, *([] if space.matrix is None else [space.matrix])),
        "seed": seed,
        "count": count,
        "device": device.type,
    }
    arrays = store.remember("distillations", identity, compute)
    return [
        LabelledImages(arrays[str(j)], arrays["labels"], like.classes, space, f"own distillation {j + 1}")
        for j in range(count)
    ]
