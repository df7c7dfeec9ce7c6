"""The readers, in the order in which they are asked."""

from __future__ import annotations

from importlib.metadata import entry_points

from ddaudit.data.formats import (
    array_pair,
    class_folder,
    condensation,
    image_array,
    named_arrays,
    native,
    training_steps,
)
from ddaudit.data.formats.reader import Reader

ENTRY_POINTS = "ddaudit.formats"

_OWN = (
    native.READER,
    condensation.READER,
    training_steps.READER,
    array_pair.READER,
    class_folder.READER,
    named_arrays.READER,
    image_array.READER,
)


def all_readers() -> tuple[Reader, ...]:
    """Installed readers (entry point group ``ddaudit.formats``, each a ``Reader``) first, then ddaudit's own."""
    installed = tuple(entry.load() for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name))
    return (*installed, *_OWN)
