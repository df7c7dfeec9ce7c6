"""npy and HDF5 files that claim, point or nest beyond themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hostile_archives import archive, npy, written
from hostile_registry import hostile
from hostile_tensors import NUMBERS, SHAPE, TERABYTE_SHAPE, data


def npy_with(header: str | bytes, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A npy file with any header, true or not."""
    text = header.encode("latin1") if isinstance(header, str) else header
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + body


def described(shape: Any, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


ARRAYS = {
    ("755 GB in the shape", "too-large"): npy_with(described(TERABYTE_SHAPE), data(10)),
    ("negative side", "malformed-header"): npy_with(described((-10, -3, 32, 32)), data()),
    ("side beyond 64 bits", "too-large"): npy_with(described((2**70, 3, 32, 32)), data()),
    ("header nested 5,000 deep", "malformed-header"): npy_with("(" * 5_000 + ")" * 5_000, version=(2, 0)),
    ("header of 4 GB", "malformed-header"): b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + described(SHAPE).encode(),
    ("objects in a field", "object-array"): npy_with(described((10,), "[('a', '<f4'), ('b', 'O')]"), bytes(120)),
    ("images that are NaN", "not-finite"): npy(np.full(SHAPE, np.nan, np.float32)),
    ("images that are infinite", "not-finite"): npy(np.full(SHAPE, np.inf, np.float32)),
}

for (_trick, _reason), _content in ARRAYS.items():

    @hostile(_trick, "npy", _reason)
    def _array(folder: Path, canary: Path, content: bytes = _content) -> Path:
        return written(folder, content, "images.npy")

    @hostile(_trick, "npz", _reason)
    def _archived(folder: Path, canary: Path, content: bytes = _content) -> Path:
        return written(folder, archive({"images.npy": content}), "distilled.npz")


def hdf5(folder: Path) -> Any:
    import h5py

    return h5py.File(folder / "distilled.h5", "w")


def closed(file: Any) -> Path:
    path = Path(file.filename)
    file.close()
    return path


@hostile("external storage in a local file", "HDF5", "external-storage", needs="h5py")
def _external(folder: Path, canary: Path) -> Path:
    (folder / "secret").write_bytes(data())
    file = hdf5(folder)
    file.create_dataset("images", SHAPE, np.float32, external=[(str(folder / "secret"), 0, 4 * NUMBERS)])
    return closed(file)


@hostile("link to a local file", "HDF5", "external-link", needs="h5py")
def _link(folder: Path, canary: Path) -> Path:
    import h5py

    file = hdf5(folder)
    file["images"] = h5py.ExternalLink("/etc/passwd", "/")
    return closed(file)


@hostile("virtual dataset over a local file", "HDF5", "virtual-dataset", needs="h5py")
def _virtual(folder: Path, canary: Path) -> Path:
    import h5py

    file = hdf5(folder)
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "images", SHAPE)
    file.create_virtual_dataset("images", layout)
    return closed(file)


@hostile("755 GB that were never written", "HDF5", "hdf5-bomb", needs="h5py")
def _unwritten(folder: Path, canary: Path) -> Path:
    file = hdf5(folder)
    file.create_dataset("images", TERABYTE_SHAPE, np.float32, chunks=(1, 3, 56, 56))
    return closed(file)


@hostile("1 MB unfolds to 256 MB", "HDF5", "hdf5-bomb", needs="h5py")
def _deflated(folder: Path, canary: Path) -> Path:
    file = hdf5(folder)
    file.create_dataset(
        "images", data=np.zeros((2**28,), np.uint8), compression="gzip", compression_opts=1, chunks=(2**20,)
    )
    return closed(file)


@hostile("objects in an array", "HDF5", "object-array", needs="h5py")
def _objects(folder: Path, canary: Path) -> Path:
    import h5py

    file = hdf5(folder)
    file.create_dataset("images", (10,), h5py.vlen_dtype(np.float32))
    return closed(file)


@hostile("group that contains itself", "HDF5", "too-deep", needs="h5py")
def _cycle(folder: Path, canary: Path) -> Path:
    file = hdf5(folder)
    group = file.create_group("data")
    group["data"] = group
    return closed(file)


@hostile("images that are NaN", "HDF5", "not-finite", needs="h5py")
def _nan(folder: Path, canary: Path) -> Path:
    file = hdf5(folder)
    file["images"], file["labels"] = np.full(SHAPE, np.nan, np.float32), np.arange(10)
    return closed(file)


@hostile("filter that is a plugin", "HDF5", "odd-filter", needs="h5py")
def _filter(folder: Path, canary: Path) -> Path:
    import h5py

    file = hdf5(folder)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, 3, 32, 32))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple(SHAPE)
    h5py.h5d.create(file.id, b"images", h5py.h5t.IEEE_F32LE, space, properties)
    return closed(file)
