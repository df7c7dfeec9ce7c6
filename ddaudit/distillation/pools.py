"""Several distillations of parts of one split, made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Split
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.distillation.registry import Distiller
from ddaudit.training.store import Store, array_fingerprint


def distil_pools(
    split: Split,
    pools: Sequence[np.ndarray],
    names: Sequence[str],
    distiller: Distiller,
    classes: int,
    space: PixelSpace,
    seed: int,
    device: torch.device,
    store: Store,
    on_step: Callable[[int, int], None] = lambda done, of: None,
) -> list[LabelledImages]:
    """Distil, or take from the store, one set of each pool.

    Parameters
    ----------
    split : Split
    pools : sequence of int arrays
        Indices into the split.
    names : sequence of str
        What reports call the sets.
    distiller : Distiller
        Its ``repr`` is its identity in the store.

    Returns
    -------
    list of LabelledImages, one a pool
    """

    def compute() -> dict[str, np.ndarray]:
        sets = distiller.distill(split, classes, space, seed, device, pools=pools, on_step=on_step)
        return {f"{what} {j}": getattr(one, what) for j, one in enumerate(sets) for what in ("images", "labels")}

    identity = {
        "original": split.fingerprint,
        "distiller": repr(distiller),
        "space": array_fingerprint(space.mean, space.std, *([] if space.matrix is None else [space.matrix])),
        "seed": seed,
        "pools": array_fingerprint(*pools),
        "device": device.type,
    }
    arrays = store.remember("distillations", identity, compute)
    return [
        LabelledImages(arrays[f"images {j}"], arrays[f"labels {j}"], classes, space, name)
        for j, name in enumerate(names)
    ]
