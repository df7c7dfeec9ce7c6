"""Starts the reading process, waits for it, and believes nothing that it did not say in plain arrays."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from ddaudit.data.quarantine.container import Quarantined, Smuggled, unflatten
from ddaudit.data.quarantine.limits import MIB, Limits
from ddaudit.data.quarantine.magic import head_of
from ddaudit.errors import RefusedFileError

#: Isolated mode ignores PYTHON* variables and the current folder, where a stranger's torch.py might lie.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from ddaudit.data.quarantine.worker import main; main()"
_PACKAGE_HOME = Path(__file__).resolve().parents[3]

_MOST_ANSWER_BYTES = 256 * MIB


def quarantine(paths: Sequence[Path], limits: Limits = Limits()) -> list[Quarantined]:  # noqa: B008
    """Read untrusted files in one confined process and return what they hold as plain arrays.

    Nothing of the files is unpickled, decompressed or decoded in the calling process, which does not import torch.

    Parameters
    ----------
    paths : sequence of Path
        Files that belong together; read in this order.
    limits : Limits
        What they may claim and cost.

    Raises
    ------
    RefusedFileError
        Where any of the files breaks a rule or the process exceeds a limit or dies.
    """
    if os.name != "posix":
        raise RefusedFileError("no-confinement", "Untrusted files are opened on Linux and macOS only.")
    if len(paths) > limits.files:
        raise RefusedFileError("too-many-files", f"The folder holds {len(paths):,} files, over {limits.files:,}.")
    for path in paths:
        head_of(path, limits)
    with tempfile.TemporaryDirectory(prefix="ddaudit-") as folder:
        answer = _ask(paths, limits, Path(folder))
        if "refused" in answer:
            reason, message, hostile = answer["refused"]
            raise RefusedFileError(reason, message, hostile=hostile)
        arrays = load_file(Path(folder) / "arrays.safetensors")
    return [
        _received(path, index, parts, arrays)
        for index, (path, parts) in enumerate(zip(paths, answer["files"], strict=True))
    ]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _ask(paths: Sequence[Path], limits: Limits, folder: Path) -> dict[str, Any]:
    job = json.dumps({"paths": [str(path.resolve()) for path in paths], "limits": asdict(limits)})
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-c", _START, str(_PACKAGE_HOME)],
            input=job.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            timeout=limits.wall_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedFileError(
            "time-limit", f"Reading {paths[0].name} took more than {limits.wall_seconds} s.", hostile=True
        ) from None
    answer = folder / "answer.json"
    if process.returncode == 0 and answer.is_file() and answer.stat().st_size <= _MOST_ANSWER_BYTES:
        return json.loads(answer.read_bytes())
    raise _death(process.returncode, paths[0].name, limits)


def _death(code: int, name: str, limits: Limits) -> RefusedFileError:
    if code == -signal.SIGXCPU:
        return RefusedFileError(
            "time-limit", f"Reading {name} took more than {limits.cpu_seconds} s of computing.", hostile=True
        )
    return RefusedFileError(
        "reader-died",
        f"The process that read {name} died (exit status {code}): the file is damaged or hostile.",
        hostile=True,
    )


def _received(path: Path, index: int, parts: list[Any], arrays: dict[str, Any]) -> Quarantined:
    kind, skeleton, globals_, smuggled, notes = parts
    own = {name.removeprefix(f"{index}."): array for name, array in arrays.items() if name.startswith(f"{index}.")}
    return Quarantined(
        path=path,
        sha256=sha256_of(path),
        n_bytes=path.stat().st_size,
        kind=kind,
        content=unflatten(skeleton, own),
        globals=tuple(globals_),
        smuggled=tuple(Smuggled(k, where, n, own.get(name), text) for k, where, n, name, text in smuggled),
        notes=tuple(notes),
    )
