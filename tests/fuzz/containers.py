"""Containers of plain arrays that no file would hold by accident, for the readers behind the quarantine."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from ddaudit.data.formats import Source, Wishes
from ddaudit.data.quarantine import Quarantined, Smuggled

_KEYS = (
    "data", "accs_all_exps", "images", "image", "labels", "label", "lr", "x", "y", "acc", "accuracy", "settings", 7, 1.5, "",
    "__metadata__", "format", "version", "classes", "claims", "space.name", "space.mean", "space.std", "space.matrix",
)  # fmt: skip
_TEXTS = ("", "ddaudit-distilled", "1", "10", "-3", "nan", "{}", '{"ConvNet": [0.5, null, 1]}', "zscore", "x" * 5000)
_NAMES = (
    "images_best.pt", "labels_best.pt", "lr.pt", "res_DC_CIFAR10_ConvNet_10ipc.pt", "factor3_ipc0.pt", "class1_img0.pt",
    "X.npy", "y.npy", "new003/a.png", "n01440764/b.png", "\udcff.pt", "ipc99999.pt", "cifar100_ipc3.pt",
)  # fmt: skip
_SIDES = (0, 1, 2, 3, 4, 5, 8, 10, 28, 32)
_DTYPES = ("<f4", "<f8", "<f2", "|u1", "<i8", "<i4", "|i1", "<u8", "|b1")


def random_source(draw: random.Random) -> Source:
    """Files with random content under names that mean something to the readers."""
    names = draw.sample(_NAMES, draw.choice((1, 1, 2, 3)))
    files = {name: _file(Path(name), draw) for name in names}
    main = names[0] if draw.random() < 0.8 else None
    wishes = Wishes(
        run=draw.choice((None, None, 0, -1, 5)),
        packing=draw.choice((None, None, None, 1, 2, 7)),
        classes=draw.choice((None, None, None, 1, 10, 99_999)),
    )
    return Source(Path(draw.choice(("set", names[0]))), files, main, wishes)


def _file(path: Path, draw: random.Random) -> Quarantined:
    smuggled = tuple(
        Smuggled(draw.choice(("storage", "trailing-bytes", "metadata")), "somewhere", 9, _array(draw).ravel())
        for _ in range(draw.choice((0, 0, 1)))
    )
    return Quarantined(path, "0" * 64, 1, "npy", _content(draw, 0), smuggled=smuggled)


def _content(draw: random.Random, depth: int) -> Any:
    shape = draw.random()
    if depth > 3 or shape < 0.35:
        return _array(draw) if draw.random() < 0.8 else _plain(draw)
    if shape < 0.6:
        return {draw.choice(_KEYS): _content(draw, depth + 1) for _ in range(draw.randrange(6))}
    if shape < 0.8:
        images, labels = _batch(draw)
        form = draw.randrange(4)
        if form == 0:
            return {"data": [[images, labels]] * draw.randrange(4), "accs_all_exps": _content(draw, depth + 1)}
        if form == 1:
            return {"images": images, "labels": labels, draw.choice(_KEYS): _content(draw, depth + 1)}
        if form == 2:
            return [[images, labels, _array(draw)]] * draw.randrange(4)
        return [images, labels]
    return [_content(draw, depth + 1) for _ in range(draw.randrange(5))]


def _batch(draw: random.Random) -> tuple[np.ndarray, np.ndarray]:
    m = draw.choice((1, 2, 10, 20))
    shape = draw.choice(((m, 3, 8, 8), (m, 8, 8, 3), (m, 1, 28, 28), (m, 8, 8), (m, 64), (2, m, 3, 8, 8), (m, 768)))
    images = np.random.default_rng(draw.randrange(2**32)).random(shape).astype(draw.choice(_DTYPES))
    labels = draw.choice((np.arange(m) % 10, np.eye(10)[np.arange(m) % 10], np.arange(m)[:, None], _array(draw)))
    return images, labels


def _array(draw: random.Random) -> np.ndarray:
    shape = tuple(draw.choice(_SIDES) for _ in range(draw.choice((0, 1, 1, 2, 3, 4, 4, 5))))
    if np.prod(shape) > 200_000:
        shape = shape[:2]
    rng = np.random.default_rng(draw.randrange(2**32))
    array = rng.standard_normal(shape) * draw.choice((1, 1, 1e3, 1e38, 1e300))
    if array.size and draw.random() < 0.1:
        array = np.where(rng.random(shape) < 0.1, draw.choice((np.nan, np.inf, -np.inf)), array)
    with np.errstate(all="ignore"):
        return array.astype(draw.choice(_DTYPES))


def _plain(draw: random.Random) -> Any:
    return draw.choice((None, True, 0, -1, 10**400, 0.5, float("nan"), float("inf"), *_TEXTS))
