"""The reading process: bounded, without environment, and the only one that touches a stranger's bytes.

Started by ``sandbox``, it reads its job from standard input and leaves its answer in two files of a private folder:
``answer.json`` (structure, or the refusal) and ``arrays.safetensors``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from ddaudit.data.quarantine.container import flatten, too_large
from ddaudit.data.quarantine.limits import MIB, Limits
from ddaudit.data.quarantine.opening import open_file
from ddaudit.errors import RefusedFileError

#: Nothing here is needed to read a file. Python raises these events before it acts.
_DENIED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "pty.",
    "pickle.find_class",
)


def main() -> None:
    """Do the job on standard input and end."""
    job = json.load(sys.stdin)
    limits = Limits(**job["limits"])
    folder = Path.cwd().resolve()
    confinement = Confinement(limits, folder)
    try:
        answer = _read_all([Path(path) for path in job["paths"]], limits, confinement)
    except RefusedFileError as refusal:
        answer = {"refused": [refusal.reason, str(refusal), refusal.hostile]}
    except MemoryError:
        answer = {"refused": out_of_memory(limits)}
    (folder / "answer.json").write_text(json.dumps(answer))


class Confinement:
    """Bounds on this process: time and file sizes for good; memory, the network, other programs and writing outside of
    ``folder`` except while a trusted library is imported."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.limits = limits
        self.folder = folder
        self.denying = True
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
        largest = limits.array_bytes + 64 * MIB
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        self._cap_memory()
        sys.addaudithook(self._audit)

    @contextmanager
    def room_for_imports(self) -> Iterator[None]:
        """A context to import a trusted library in; importing torch runs a compiler to find its libraries."""
        self.denying = False
        for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            resource.setrlimit(which, (resource.getrlimit(which)[1],) * 2)
        try:
            yield
        finally:
            self._cap_memory()
            self.denying = True

    def _cap_memory(self) -> None:
        # Measured from what is mapped now, because importing torch built for CUDA maps 3.3 GB.
        mapped = [0, 0]
        with suppress(OSError):
            fields = Path("/proc/self/statm").read_text().split()
            mapped = [int(fields[0]) * resource.getpagesize(), int(fields[5]) * resource.getpagesize()]
        for which, used in zip((resource.RLIMIT_AS, resource.RLIMIT_DATA), mapped, strict=True):
            with suppress(ValueError, OSError):  # macOS knows the names and refuses the values
                resource.setrlimit(which, (used + self.limits.memory_bytes, resource.getrlimit(which)[1]))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.denying:
            return
        if event.startswith(_DENIED) or (event == "open" and _writes(*arguments) and not self._is_ours(arguments[0])):
            raise PermissionError(f"{event} is denied while a file is read")

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, (str, Path)) and Path(path).resolve().is_relative_to(self.folder)


def out_of_memory(limits: Limits) -> list[Any]:
    """The refusal of a file that needs more memory than it may have."""
    return [
        "memory-limit",
        f"Reading the file needs more than {limits.memory_bytes / MIB:,.0f} MiB of memory.",
        True,
    ]


def _writes(path: Any, mode: str | None, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or any(letter in (mode or "") for letter in "wax+")


def _read_all(paths: list[Path], limits: Limits, confinement: Confinement) -> dict[str, Any]:
    arrays: dict[str, np.ndarray] = {}
    files = []
    left = limits.array_bytes
    for index, path in enumerate(paths):
        kind, opened = open_file(path, replace(limits, array_bytes=left), confinement.room_for_imports)
        skeleton, found = flatten(opened.content, replace(limits, array_bytes=left))
        smuggled = []
        for number, item in enumerate(opened.smuggled):
            name = None
            if item.array is not None:
                name = f"s{number}"
                found[name] = np.ascontiguousarray(item.array)
            smuggled.append([item.kind, item.where, item.n_bytes, name, item.text])
        left -= sum(array.nbytes for array in found.values())
        if left < 0:
            raise too_large(limits)
        arrays |= {f"{index}.{name}": array for name, array in found.items()}
        files.append([kind, skeleton, list(opened.globals), smuggled, opened.notes])
    save_file(arrays, confinement.folder / "arrays.safetensors")
    return {"files": files}
