"""Files that try to harm whoever opens them, made by code. A payload does one thing: it creates the file ``canary``.

Each item names its trick, the kind of file, and the reason that ddaudit must give. ``benchmarks/scanners.py`` shows the
same files to the scanners on the market.
"""

from __future__ import annotations

from collections.abc import Iterator

# Each of these registers its items.
import hostile_archives  # noqa: F401
import hostile_arrays  # noqa: F401
import hostile_code  # noqa: F401
import hostile_pictures  # noqa: F401
import hostile_tensors  # noqa: F401
from hostile_registry import CORPUS, Hostile

__all__ = ["CORPUS", "Hostile", "of_form"]


def of_form(*forms: str) -> Iterator[Hostile]:
    """The items of some kinds of file."""
    return (item for item in CORPUS if item.form in forms)
