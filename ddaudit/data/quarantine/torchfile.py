"""torch.save files, zip and legacy, judged without torch and rebuilt in memory from what was judged.

A file that asks for code is refused here in a tenth of a second; only what passes meets torch, in ``torchload``.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddaudit.data.quarantine.archive import Archive
from ddaudit.data.quarantine.container import Smuggled
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.magic import LEGACY_TORCH_MAGIC
from ddaudit.data.quarantine.pickles import scan_pickle
from ddaudit.errors import RefusedFileError

_BOOKKEEPING = re.compile(r"version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id")
_STORAGE = re.compile(r"data/(\w+)")


@dataclass(frozen=True, eq=False)
class Scanned:
    """A torch file whose instructions were found to build plain data, in memory, ready for torch."""

    path: Path
    file: io.BytesIO
    globals: set[str]
    smuggled: list[Smuggled]


def scan_zip(path: Path, archive: Archive, limits: Limits) -> Scanned:
    """A zip torch file.

    Raises
    ------
    RefusedFileError
        Also where the archive is TorchScript ("torchscript") or an exported program ("exported-program").
    """
    names = list(archive.members)
    roots = {name.split("/", 1)[0] for name in names if "/" in name}
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise RefusedFileError(
            "torchscript", f"{path.name} is a TorchScript program, not a dataset; programs are not loaded."
        )
    if any("serialized_exported_program" in name or "/archive_format" in name or "/models/" in name for name in names):
        raise RefusedFileError(
            "exported-program",
            f"{path.name} is an exported torch program (pt2), not a dataset; programs are not loaded.",
        )
    root = next((r for r in sorted(roots) if f"{r}/data.pkl" in archive.members), None)
    if root is None or len(roots) > 1:
        raise RefusedFileError(
            "not-a-dataset",
            f"{path.name} is a zip archive with {', '.join(names[:3])}, neither a torch file nor an npz.",
        )
    if archive.deflated:
        raise RefusedFileError(
            "deflated-torch-file",
            f"{path.name} has compressed members ({archive.deflated[0]}): torch never writes them, bombs do.",
            hostile=True,
        )
    members = {name.removeprefix(f"{root}/"): data for name, data in archive.members.items()}
    scan = scan_pickle(io.BytesIO(members["data.pkl"]), path.name, limits)
    smuggled = list(archive.smuggled)
    for name, data in members.items():
        storage = _STORAGE.fullmatch(name)
        if name == "data.pkl" or _BOOKKEEPING.fullmatch(name):
            continue
        if storage is None or storage[1] not in scan.storages:
            smuggled.append(Smuggled("extra-member", name, len(data), np.frombuffer(data, np.uint8)))
    for key, reference in scan.storages.items():
        held = len(members.get(f"data/{key}", b""))
        if held != reference.n_bytes:
            raise _size_lie(path, key, held, reference.n_bytes)

    rebuilt = io.BytesIO()
    with zipfile.ZipFile(rebuilt, "w", zipfile.ZIP_STORED) as clean:
        for name in ("data.pkl", "version", "byteorder", *(f"data/{key}" for key in scan.storages)):
            if name in members:
                clean.writestr(f"archive/{name}", members[name])
    return Scanned(path, rebuilt, scan.globals, smuggled)


def scan_pickle_file(path: Path, limits: Limits) -> Scanned:
    """A legacy torch file: five pickles in a row, then the storages.

    Raises
    ------
    RefusedFileError
        Also where the file is some other pickle ("bare-pickle").
    """
    raw = path.read_bytes()
    stream = io.BytesIO(raw)
    if scan_pickle(stream, path.name, limits).constant != LEGACY_TORCH_MAGIC:
        while stream.tell() < len(raw):  # code may wait in a second pickle
            scan_pickle(stream, path.name, limits)
        raise RefusedFileError(
            "bare-pickle",
            f"{path.name} is a bare Python pickle. ddaudit opens torch files and arrays; save the data with "
            "torch.save, numpy.savez or safetensors.",
        )
    _protocol, _system, content, _keys = (scan_pickle(stream, path.name, limits) for _ in range(4))
    # Each storage is its number of elements in eight bytes, then the elements.
    expected = sum(8 + reference.n_bytes for reference in content.storages.values())
    held = len(raw) - stream.tell()
    if held < expected:
        raise _size_lie(path, "/".join(content.storages), held, expected)
    smuggled = []
    if held > expected:
        extra = raw[len(raw) - held + expected :]
        if b"PK\x05\x06" in extra:
            raise RefusedFileError(
                "ambiguous-archive",
                f"{path.name} is a legacy torch file with a zip archive behind it: programs differ in which one "
                "they read.",
                hostile=True,
            )
        smuggled.append(
            Smuggled("trailing-bytes", "after the last storage", len(extra), np.frombuffer(extra, np.uint8))
        )
    return Scanned(path, io.BytesIO(raw), content.globals, smuggled)


def _size_lie(path: Path, key: str, held: int, claimed: int) -> RefusedFileError:
    return RefusedFileError(
        "storage-size",
        f"{path.name} claims {claimed:,} bytes for the storage {key!r} but holds {held:,}: it is cut short, or "
        "made to read foreign memory.",
        hostile=claimed > held,
    )
