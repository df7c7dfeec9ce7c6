"""Finished work, kept by content: the same data, recipe, seed and code find the same arrays again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ddaudit.errors import AuditError

logger = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]

_TRAINING = (
    "seeds.py",
    "plugins.py",
    "models",
    "training/device.py",
    "training/trainer.py",
    "training/batched.py",
    "training/course.py",
    "training/augmentation.py",
)
_INVERTING = ("families", "inversion", "unseen")
#: The source that decides what a stored result is, by the kind of result.
_SOURCES = {
    "models": _TRAINING,
    "guided": (*_TRAINING, "training/guided.py"),
    "private": (*_TRAINING, "training/private.py"),
    "distillations": (*_TRAINING, "data/splits.py", "data/pixelspace.py", "distillation", "controls.py"),
    "inversions": (*_TRAINING, "data/splits.py", *(f"checks/backdoor/{name}.py" for name in _INVERTING)),
    "known": (
        *_TRAINING,
        *(f"threats/{name}.py" for name in ("planted", "triggers")),
        *(f"checks/backdoor/{name}.py" for name in ("battery", "known_rates")),
    ),
    "attacks": (*_TRAINING, "checks/robustness/evasion"),
    "calibrations": (
        *_TRAINING,
        *(f"checks/backdoor/{name}.py" for name in (*_INVERTING, "planted", "standing", "study", "calibrated")),
        *(f"data/{name}.py" for name in ("splits", "pixelspace")),
        *("calibration.py", "controls.py", "distillation", "statistics", "threats"),
    ),
}


@cache
def code_version(kind: str) -> str:
    """sha256 over torch's version and the source of every module that a result of this kind depends on."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(torch.__version__.encode())
    for part in _SOURCES[kind]:
        path = package / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(package).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def code_versions() -> dict[str, str]:
    """``code_version`` of every kind: two machines on which it differs cannot use each other's results."""
    return {kind: code_version(kind) for kind in _SOURCES}


def array_fingerprint(*arrays: np.ndarray) -> str:
    """sha256 over dtype, shape and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def default_folder() -> Path:
    """``DDAUDIT_CACHE_DIR``, else the user's cache folder."""
    return Path(os.environ.get("DDAUDIT_CACHE_DIR") or user_cache_path("ddaudit")) / "store"


class Store:
    """Content-addressed arrays on disk.

    An entry is written under a temporary name and renamed, and carries a checksum of its arrays; one that is damaged,
    truncated or not ours is computed again, with a warning, and counted in ``recomputed``.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing between runs (results are still shared within one).
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.made: list[str] = []
        self.recomputed: list[str] = []
        self._memory: dict[str, Arrays] = {}

    def remember(self, kind: str, identity: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of (kind, identity), computed on first demand.

        ``kind`` is a key of ``_SOURCES``; ``identity`` must hold, as JSON values, everything that the result depends on besides the code.
        """
        key = _key(kind, identity)
        if key not in self._memory:
            found = self._read(kind, key)
            if found is None:
                found = self.make(compute)
                self.made.append(f"{kind}/{key[:12]}")
                self._write(kind, key, found)
            self._memory[key] = found
        return self._memory[key]

    def holds(self, kind: str, identity: Mapping[str, Any]) -> bool:
        """Whether there is an entry of (kind, identity); whether it is sound shows when it is asked for."""
        key = _key(kind, identity)
        path = self._path(kind, key)
        return key in self._memory or (path is not None and path.is_file())

    def recall(self, kind: str, identity: Mapping[str, Any]) -> Arrays | None:
        """The arrays of (kind, identity), or None where nobody kept them."""
        return self._read(kind, _key(kind, identity))

    def keep(self, kind: str, identity: Mapping[str, Any], arrays: Arrays) -> None:
        """Write the arrays of (kind, identity) in place of what may be there: an estimate that was made again with more effort."""
        self._write(kind, _key(kind, identity), arrays)

    def make(self, compute: Callable[[], Arrays]) -> Arrays:
        """What is done about an entry that is missing."""
        return compute()

    def names(self) -> frozenset[str]:
        """The entries in the folder, as ``kind/key.safetensors``."""
        files = self.folder.glob("*/*.safetensors") if self.folder else ()
        return frozenset(file.relative_to(file.parents[1]).as_posix() for file in files)

    def content(self, name: str) -> bytes | None:
        """An entry as it lies in the folder, for a machine that cannot see it; None where it is gone."""
        assert self.folder is not None
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def accept(self, name: str, content: bytes) -> None:
        """Take an entry that another machine made; its checksum is looked at when it is used, as every entry's is."""
        if not re.fullmatch(r"[a-z]+/[0-9a-f]{64}\.safetensors", name):
            raise ValueError(f"{name!r} is no entry of a store")
        assert self.folder is not None
        self._put(self.folder / name, content)

    def _path(self, kind: str, key: str) -> Path | None:
        return self.folder / kind / f"{key}.safetensors" if self.folder else None

    def _read(self, kind: str, key: str) -> Arrays | None:
        path = self._path(kind, key)
        if path is None:
            return None
        if not path.is_file() and (content := _elsewhere(f"{kind}/{path.name}")):
            self._put(path, content)
        if not path.is_file():
            return None
        arrays = read_entry(path)
        if arrays is None:
            self.recomputed.append(f"{kind}/{key[:12]}")
            logger.warning("The store's entry %s/%s is damaged or not ours: it is computed again.", kind, key[:12])
        return arrays

    def _write(self, kind: str, key: str, arrays: Arrays) -> None:
        path = self._path(kind, key)
        if path is None:
            return
        # Not ascontiguousarray, which would give batch norm's counters an axis.
        contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        with self._writing():
            self._put(path, save(contiguous, metadata={"checksum": _checksum(key, contiguous)}))

    def _put(self, path: Path, content: bytes) -> None:
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """An error on the way to the disk is a sentence."""
        try:
            yield
        except OSError as error:
            raise AuditError(
                f"The store {self.folder} cannot be written ({error.strerror or error}): make room there, name another "
                "folder with DDAUDIT_CACHE_DIR, or keep nothing between runs with --no-store."
            ) from error


class NotHeldError(Exception):
    """The entry that was asked for is not in the store."""


class ReadOnlyStore(Store):
    """Gives what it holds and makes nothing: for a dry run."""

    def make(self, compute: Callable[[], Arrays]) -> Arrays:
        """Raises ``NotHeldError``."""
        raise NotHeldError


def _key(kind: str, identity: Mapping[str, Any]) -> str:
    text = json.dumps({"kind": kind, "code": code_version(kind), **identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _nowhere(name: str) -> bytes | None:
    return None


_elsewhere: Callable[[str], bytes | None] = _nowhere


@contextmanager
def reading_through(fetch: Callable[[str], bytes | None]) -> Iterator[None]:
    """The stores of this process ask ``fetch`` for an entry, by its name, that their folder lacks."""
    global _elsewhere
    _elsewhere = fetch
    try:
        yield
    finally:
        _elsewhere = _nowhere


def read_entry(path: Path) -> Arrays | None:
    """The arrays of a stored entry, or None where it is damaged, truncated, not ours or under another's name."""
    try:
        with safe_open(path, framework="numpy") as entry:
            arrays = {name: entry.get_tensor(name) for name in entry.keys()}  # noqa: SIM118 (not a mapping)
            checksum = (entry.metadata() or {}).get("checksum")
    except (SafetensorError, OSError, ValueError, TypeError):  # TypeError: a type that numpy lacks
        return None
    return arrays if checksum == _checksum(path.stem, arrays) else None


def _replace(path: Path, content: bytes) -> None:
    """Write under a temporary name and rename, so that a reader sees all of the entry or nothing."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _checksum(key: str, arrays: Arrays) -> str:
    """Of the arrays and of the key that they belong to: an entry under another's name is not taken for it."""
    digest = hashlib.sha256(key.encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(array_fingerprint(arrays[name]).encode())
    return digest.hexdigest()
