"""Reports on disk: written whole or not at all, and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from ddaudit.errors import AuditError
from ddaudit.reporting.formats import format_named, render
from ddaudit.results import SCHEMA_VERSION, Scorecard


def write_reports(scorecard: Scorecard, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the reports into a folder; every one is rendered before the first is written.

    Parameters
    ----------
    scorecard : Scorecard
        The finished audit.
    folder : Path
        Where the reports go.
    formats : sequence of str
        Keys of ``FORMATS``.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    AuditError
        If a format is unknown or the folder cannot be written.
    """
    return write_whole(folder, {format_named(name).file_name: render(scorecard, name) for name in formats})


def write_whole(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write texts, by file name, into a folder, which is made where it is missing.

    All are written under temporary names and only then put in place: a reader never meets half a report, and a full disk
    leaves the old ones as they were.

    Raises
    ------
    AuditError
        If the folder cannot be written.
    """
    texts = {folder / name: content for name, content in contents.items()}
    new_folder = not folder.exists()
    half_written = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in texts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            half_written[path].write_text(text, encoding="utf-8", newline="\n")
        for path in texts:
            half_written[path].replace(path)
    except OSError as error:
        for temporary in half_written.values():
            with suppress(OSError):
                temporary.unlink()
        if new_folder:
            with suppress(OSError):
                folder.rmdir()
        raise AuditError(
            f"The reports could not be written to {folder}: {error.strerror or error}. "
            "Choose a folder that you may write to with --output."
        ) from error
    return list(texts)


def read_scorecard(path: Path) -> Scorecard:
    """Read a JSON report back.

    Parameters
    ----------
    path : Path
        A ``report.json``, or the folder that holds one.

    Raises
    ------
    AuditError
        If there is no such file or it is not a report that this version understands.
    """
    if path.is_dir():
        path = path / format_named("json").file_name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AuditError(
            f"The report {path} could not be read: {error.strerror or error}. "
            "Give the report.json that a scan wrote, or its folder."
        ) from error
    try:
        return Scorecard.model_validate_json(content)
    except ValidationError as error:
        raise AuditError(f"{path} is not a report that can be read: {_what_is_wrong(content, error)}") from error


def _what_is_wrong(content: bytes, error: ValidationError) -> str:
    with suppress(ValueError, RecursionError, AttributeError):
        version = json.loads(content).get("schema_version")
        if isinstance(version, str) and version != SCHEMA_VERSION:
            return (
                f"its schema is version {version[:20]!r}, this ddaudit knows {SCHEMA_VERSION}. "
                "Open it with the ddaudit that wrote it, or a newer one."
            )
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{where}: {first['msg']}. Give the report.json that a scan wrote."
