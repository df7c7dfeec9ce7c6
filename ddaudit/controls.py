"""Sets of S's size and label layout that are known to be clean: what S's numbers stand beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.distillation.pools import distil_pools
from ddaudit.distillation.registry import Distiller
from ddaudit.errors import AuditError
from ddaudit.seeds import derive_seed, generator
from ddaudit.training.store import Store

#: Values of a class that k-means holds at most; from a larger class as many random images are taken.
CLUSTERED_VALUES = 2**26


def random_real(
    split: Split, like: LabelledImages, run_seed: int, index: int, purpose: str, name: str, times: int = 1
) -> LabelledImages:
    """Random real images, ``times`` as many of each class as ``like`` has, in its native space.

    Raises
    ------
    AuditError
        As ``random_rows``.
    """
    return real_set(split, random_rows(split, like, run_seed, index, purpose, times), like, name)


def random_rows(
    split: Split, like: LabelledImages, run_seed: int, index: int, purpose: str, times: int = 1
) -> np.ndarray:
    """Which images of the split ``random_real`` takes, int64 (times * m,), by class.

    Raises
    ------
    AuditError
        Where the split has fewer images of a class than S.
    """
    rng = generator(run_seed, f"controls/{purpose}", index)
    rows = [rng.choice(candidates, count, replace=False) for candidates, count in _by_class(split, like, times)]
    return np.concatenate(rows)


def real_set(split: Split, rows: np.ndarray, like: LabelledImages, name: str) -> LabelledImages:
    """Those images of the split, in the native space of ``like``."""
    return LabelledImages(like.space.to_native(split.pixels(rows)), split.labels[rows], like.classes, like.space, name)


def k_means(split: Split, like: LabelledImages, run_seed: int, index: int, store: Store) -> LabelledImages:
    """By class, the real images closest to the centres of k-means in pixels: a stronger control than random ones.

    Raises
    ------
    AuditError
        Where the split has fewer images of a class than S.

    References
    ----------
    Cui et al., DC-BENCH, NeurIPS 2022.
    """

    def compute() -> dict[str, np.ndarray]:
        rng = generator(run_seed, "controls/k-means", index)
        return {"rows": np.concatenate([_central(split, *one, rng) for one in _by_class(split, like)])}

    counts = np.bincount(like.hard_labels, minlength=like.classes)
    identity = {"k-means of": split.fingerprint, "counts": counts.tolist(), "seed": run_seed, "index": index}
    rows = store.remember("distillations", identity, compute)["rows"]
    return real_set(split, rows, like, f"k-means subset {index + 1}")


def _by_class(split: Split, like: LabelledImages, times: int = 1) -> list[tuple[np.ndarray, int]]:
    """The rows of each class, and how many of them are wanted."""
    wanted = []
    for label, count in enumerate(times * np.bincount(like.hard_labels, minlength=like.classes)):
        candidates = np.flatnonzero(split.labels == label)
        if len(candidates) < count:
            raise AuditError(
                f"The distilled set holds {count} images of class {label}, the original only {len(candidates)}: "
                "is this the right original?"
            )
        wanted.append((candidates, int(count)))
    return wanted


def _central(split: Split, candidates: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` different rows among the candidates, each the closest to a centre that is still free."""
    if count == 0:
        return candidates[:0]
    most = max(count, CLUSTERED_VALUES // int(np.prod(split.shape)))
    if len(candidates) > most:
        candidates = np.sort(rng.choice(candidates, most, replace=False))
    pixels = split.pixels(candidates).reshape(len(candidates), -1)
    with threadpool_limits(1):  # sums in another order give other centres
        # Elkan's way skips distances that cannot matter: the same centres of 5,000 images of CIFAR-10 in two thirds of the time.
        way = "elkan" if count > 1 else "lloyd"
        fitted = KMeans(count, n_init=1, random_state=int(rng.integers(2**31)), algorithm=way).fit(pixels)
        distances = fitted.transform(pixels)
    chosen: list[int] = []
    for column in distances.T:
        column[chosen] = np.inf
        chosen.append(int(column.argmin()))
    return candidates[chosen]


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
    on_step: Callable[[int, int], None] = lambda done, of: None,
) -> list[LabelledImages]:
    """``count`` clean distillations, each of a random half of the training split, on one trunk."""
    halves = [
        np.flatnonzero(generator(run_seed, "controls/half", j).random(len(original.train)) < 0.5) for j in range(count)
    ]
    seed = derive_seed(run_seed, "controls/own-distillation")
    names = [f"own distillation {j + 1}" for j in range(count)]
    return distil_pools(
        original.train, halves, names, distiller, like.classes, like.space, seed, device, store, on_step
    )


def own_distillations_into(
    folder: Path, original: Original, like: LabelledImages, count: int, distiller: Distiller, run_seed: int, device: str
) -> None:
    """``own_distillations`` in a process of one's own: they land in the store at ``folder``."""
    own_distillations(original, like, count, distiller, run_seed, torch.device(device), Store(folder))


def k_means_into(folder: Path, split: Split, like: LabelledImages, run_seed: int, index: int) -> None:
    """``k_means`` in a process of one's own: the rows land in the store at ``folder``."""
    k_means(split, like, run_seed, index, Store(folder))
