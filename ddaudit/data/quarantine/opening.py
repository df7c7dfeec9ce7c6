"""One file, by its first bytes, to plain arrays. Runs inside the reading process only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

from ddaudit.data.quarantine import hdf5file, numpyfile, parquetfile, picturefile, safetensorsfile, torchfile, torchload
from ddaudit.data.quarantine.archive import read_archive
from ddaudit.data.quarantine.container import Opened
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.magic import head_of, kind_of
from ddaudit.errors import RefusedFileError

RoomForImports = Callable[[], AbstractContextManager[None]]


def open_file(path: Path, limits: Limits, room_for_imports: RoomForImports = nullcontext) -> tuple[str, Opened]:
    """Read one file.

    Parameters
    ----------
    room_for_imports : callable
        Gives a context in which large libraries may be imported; the process lifts its memory limit there.

    Returns
    -------
    tuple of str and Opened
        The kind of file ("torch", "legacy torch", "npy", "npz", ...) and its content.

    Raises
    ------
    RefusedFileError
        Where any rule is broken, with the rule's reason.
    """
    kind = kind_of(head_of(path, limits), path.name)
    if kind == "zip":
        archive = read_archive(path, limits)
        if all("/" not in name for name in archive.members) and any(n.endswith(".npy") for n in archive.members):
            return "npz", numpyfile.open_npz(archive, limits)
        return "torch", _through_torch(torchfile.scan_zip(path, archive, limits), limits, room_for_imports)
    if kind == "pickle":
        return "legacy torch", _through_torch(torchfile.scan_pickle_file(path, limits), limits, room_for_imports)
    if kind == "npy":
        return kind, numpyfile.open_npy(path, limits)
    if kind == "safetensors":
        return kind, safetensorsfile.open_safetensors(path, limits)
    if kind == "hdf5":
        _import("h5py", "hdf5", path, room_for_imports)
        return kind, hdf5file.open_hdf5(path, limits)
    if kind == "parquet":
        _import("pyarrow.parquet", "parquet", path, room_for_imports)
        return kind, parquetfile.open_parquet(path, limits)
    return kind, picturefile.open_picture(path, kind, limits)


def _through_torch(scanned: torchfile.Scanned, limits: Limits, room_for_imports: RoomForImports) -> Opened:
    with room_for_imports():
        import torch

        torch.set_num_threads(1)
    return torchload.load(scanned, limits)


def _import(module: str, extra: str, path: Path, room_for_imports: RoomForImports) -> None:
    with room_for_imports():
        try:
            import_module(module)
        except ImportError:
            raise RefusedFileError(
                f"needs-{extra}",
                f"{path.name} is a file of the kind {extra}, for which ddaudit needs {module.split('.')[0]}: "
                f"pip install 'ddaudit[{extra}]'.",
            ) from None
