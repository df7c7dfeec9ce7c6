"""What other packages add by entry point: architectures, recipes, distillers."""

from __future__ import annotations

from collections.abc import Container, Mapping
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


def names(group: str, own: Mapping[str, object]) -> list[str]:
    """What can be asked for by name, our own first."""
    return [*own, *installed(group, own)]


def named(name: str, group: str, own: Mapping[str, Any], what: str) -> Any:
    """Our own of that name, or else another package's.

    Raises
    ------
    AuditError
        Where there is none, or its package cannot be loaded.
    """
    if name in own:
        return own[name]
    others = installed(group, own)
    if name not in others:
        raise AuditError(f"There is no {what} {name!r}; there are {', '.join([*own, *others])}.")
    return loaded(others[name], what)
