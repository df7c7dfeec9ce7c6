"""What other packages add by entry point: architectures, recipes, distillers."""

from __future__ import annotations

from collections.abc import Container
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ddaudit.errors import AuditError


def installed(group: str, own: Container[str]) -> dict[str, EntryPoint]:
    """The entries of a group by name; a name of our own keeps its published meaning."""
    return {entry.name: entry for entry in entry_points(group=group) if entry.name not in own}


def loaded(entry: EntryPoint, what: str) -> Any:
    """The object that an entry names.

    Parameters
    ----------
    what : str
        What the error calls it, such as "architecture".

    Raises
    ------
    AuditError
        Where its package cannot be imported, for whatever reason.
    """
    try:
        return entry.load()
    except Exception as failure:  # whatever a stranger's module raises on import
        raise AuditError(
            f"The {what} {entry.name!r} ({entry.value}) cannot be loaded: {failure}. Repair or remove its package."
        ) from failure
