"""Whether results can be written, asked before the work and not after it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ddaudit.errors import AuditError


def require_writable(folder: Path) -> None:
    """Raise AuditError where files cannot be written into ``folder``; makes nothing."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise NotADirectoryError(20, f"{existing} is not a folder")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise AuditError(
            f"Nothing can be written to {folder}: {error.strerror or error}. Choose a folder that you may write to."
        ) from error
