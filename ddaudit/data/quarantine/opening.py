"""One file, by its first bytes, to plain arrays. Runs inside the reading process only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ddaudit.data.quarantine import numpyfile, safetensorsfile, torchfile
from ddaudit.data.quarantine.archive import read_archive
from ddaudit.data.quarantine.container import Opened
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.magic import head_of, kind_of


def open_file(
    path: Path, limits: Limits, room_for_imports: Callable[[], AbstractContextManager[None]] = nullcontext
) -> tuple[str, Opened]:
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
        scanned = torchfile.scan_zip(path, archive, limits)
    elif kind == "pickle":
        scanned = torchfile.scan_pickle_file(path, limits)
        kind = "legacy torch"
    elif kind == "npy":
        return kind, numpyfile.open_npy(path, limits)
    else:
        return kind, safetensorsfile.open_safetensors(path, limits)
    with room_for_imports():
        import torch

        torch.set_num_threads(1)
    return "torch" if kind == "zip" else kind, torchfile.load(scanned, limits)
