"""Looking after the store: what is in it, what is damaged, and what may go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddaudit.errors import AuditError
from ddaudit.training.store import read_entry

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """A file of the store.

    Parameters
    ----------
    kind : str
        "models", "distillations", ...; "half-written" for what a process that ended too early left behind.
    n_bytes : int
    written : float
        Seconds since the epoch.
    intact : bool
        Whether its checksum holds.
    """

    path: Path
    kind: str
    n_bytes: int
    written: float
    intact: bool


def survey(folder: Path) -> list[Entry]:
    """Every entry of the store, read and checked against its checksum; none where there is no store yet."""
    entries = []
    for path in sorted(folder.glob("*/*.safetensors")):
        stat = path.stat()
        entries.append(Entry(path, path.parent.name, stat.st_size, stat.st_mtime, read_entry(path) is not None))
    for path in sorted(folder.glob("*/.writing-*")):
        stat = path.stat()
        if time.time() - stat.st_mtime > DAY:  # a younger one may still be written
            entries.append(Entry(path, "half-written", stat.st_size, stat.st_mtime, False))
    return entries


def prune(entries: Sequence[Entry], older_than: float | None = None) -> list[Entry]:
    """Delete what is damaged and, where asked, what was written long ago. It is computed again when needed.

    Parameters
    ----------
    older_than : float, optional
        Seconds.

    Returns
    -------
    list of Entry
        What was deleted.

    Raises
    ------
    AuditError
        Where an entry cannot be deleted.
    """
    now = time.time()
    gone = [e for e in entries if not e.intact or (older_than is not None and now - e.written > older_than)]
    for entry in gone:
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise AuditError(f"{entry.path} cannot be deleted: {error.strerror or error}.") from error
    return gone
