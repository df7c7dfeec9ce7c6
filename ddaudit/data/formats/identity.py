"""Which set a report speaks of: one sha256 for a file, or for a folder of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from ddaudit.data.formats.gathering import gather
from ddaudit.data.quarantine import Limits
from ddaudit.data.quarantine.sandbox import sha256_of
from ddaudit.errors import AuditError, RefusedFileError


def digest(path: Path, files: Mapping[str, str]) -> str:
    """Of the file named, or of the sorted list of a folder's files and sums.

    Parameters
    ----------
    path : Path
        What the user named.
    files : mapping of str to str
        sha256 of every file that was read, by its path relative to the folder.
    """
    if path.is_file():
        return files[path.name]
    listing = "\n".join(sorted(f"{sha256}  {name}" for name, sha256 in files.items()))
    return hashlib.sha256(os.fsencode(listing)).hexdigest()


def identify(path: Path) -> tuple[str, dict[str, str]]:
    """The digest of the set at ``path`` and the sha256 of each of its files, without opening any.

    Raises
    ------
    AuditError
        Where there is nothing to read.
    """
    limits = Limits()
    try:
        gathering = gather(path, limits)
        files = {str(one.relative_to(gathering.root)): sha256_of(one) for one in gathering.paths}
    except RefusedFileError:
        # A scan refuses what is no dataset; whether these are its bytes can still be said.
        if not path.is_file():
            raise
        files = {path.name: sha256_of(path)}
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or error}.") from error
    return digest(path, files), files
