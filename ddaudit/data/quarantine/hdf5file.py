"""HDF5 (optional extra ``hdf5``): datasets that lie in the file itself, packed by the library's own filters."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ddaudit.data.quarantine.archive import BOMB_BYTES, BOMB_RATIO
from ddaudit.data.quarantine.container import Opened, plain_array, too_deep, too_large, too_many_items
from ddaudit.data.quarantine.limits import Limits
from ddaudit.errors import RefusedFileError

#: Deflate, shuffle, Fletcher-32, szip, n-bit, scale-offset; any other filter is a plugin, that is, code from elsewhere.
_OWN_FILTERS = range(1, 7)
_LZF = 32000


def open_hdf5(path: Path, limits: Limits) -> Opened:
    """A dictionary of arrays, groups as nested dictionaries.

    Raises
    ------
    RefusedFileError
        Where a link or a dataset leads out of the file ("external-link", "external-storage", "virtual-dataset"),
        needs a plugin ("odd-filter"), or claims far more than is stored ("hdf5-bomb").
    """
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return Opened(_group(file, path.name, limits, 0, [limits.items, limits.array_bytes]))
    except (RefusedFileError, MemoryError):
        raise
    except Exception as error:  # h5py turns the library's errors into OSError, KeyError, RuntimeError, ValueError, ...
        raise RefusedFileError(
            "damaged-hdf5", f"{path.name} is a damaged HDF5 file ({type(error).__name__}: {str(error)[:150]})."
        ) from None


def _group(group: Any, name: str, limits: Limits, depth: int, budget: list[int]) -> dict[str, Any]:
    import h5py

    if depth > limits.depth:
        raise too_deep(limits)
    content: dict[str, Any] = {}
    for key in group:
        budget[0] -= 1
        if budget[0] < 0:
            raise too_many_items(limits)
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target = getattr(link, "filename", None) or getattr(link, "path", "")
            raise RefusedFileError(
                "external-link",
                f"{name} has a link {key!r} to {str(target)[:100]!r}: reading it would read another object.",
                hostile=True,
            )
        item = group[key]
        if isinstance(item, h5py.Group):
            content[key] = _group(item, name, limits, depth + 1, budget)
        elif isinstance(item, h5py.Dataset):
            content[key] = _dataset(item, key, name, limits, budget)
    return content


def _dataset(dataset: Any, key: str, name: str, limits: Limits, budget: list[int]) -> Any:
    import numpy as np

    layout = dataset.id.get_create_plist()
    if layout.get_external_count():
        target = layout.get_external(0)[0].decode("utf-8", "replace")
        raise RefusedFileError(
            "external-storage",
            f"{name} keeps its dataset {key!r} in {target[:100]!r}: reading it would read that file of yours.",
            hostile=True,
        )
    if dataset.is_virtual:
        raise RefusedFileError(
            "virtual-dataset", f"{name} assembles its dataset {key!r} from other files.", hostile=True
        )
    for number in range(layout.get_nfilters()):
        code = layout.get_filter(number)[0]
        if code not in _OWN_FILTERS and code != _LZF:
            raise RefusedFileError(
                "odd-filter", f"{name} packs its dataset {key!r} with filter {code}, a plugin.", hostile=True
            )
    if dataset.shape is None:
        return None
    plain_array(np.empty(0, dataset.dtype))
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    if claimed > BOMB_BYTES and claimed > BOMB_RATIO * max(1, dataset.id.get_storage_size()):
        raise RefusedFileError(
            "hdf5-bomb",
            f"{name} unfolds its dataset {key!r} from {dataset.id.get_storage_size():,} to {claimed:,} bytes.",
            hostile=True,
        )
    budget[1] -= claimed
    if budget[1] < 0:
        raise too_large(limits)
    return np.asarray(dataset[()])
