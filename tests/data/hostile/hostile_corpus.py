"""Files that try to harm whoever opens them, made by code. A payload does one thing: it creates the file ``canary``.

Each item names its trick, the kind of file, and the reason that ddaudit must give. ``benchmarks/scanners.py`` shows the
same files to the scanners on the market.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

Builder = Callable[[Path, Path], Path]


@dataclass(frozen=True)
class Hostile:
    """One trick in one kind of file; ``build(folder, canary)`` writes it and returns what to open.

    ``runs`` is True where an ordinary loader would run the payload: the test of the corpus itself shows it.
    """

    trick: str
    form: str
    reason: str
    build: Builder
    runs: bool = False
    needs: str = ""

    def __str__(self) -> str:
        return f"{self.form}: {self.trick}"


CORPUS: list[Hostile] = []


def hostile(trick: str, form: str, reason: str, *, runs: bool = False, needs: str = "") -> Callable[[Builder], Builder]:
    """Put the decorated builder into the corpus."""

    def register(build: Builder) -> Builder:
        CORPUS.append(Hostile(trick, form, reason, build, runs, needs))
        return build

    return register


def of_form(*forms: str) -> Iterator[Hostile]:
    """The items of some kinds of file."""
    return (item for item in CORPUS if item.form in forms)


# The items register themselves; this module must be whole before they ask for it.
for _items in ("code", "tensors", "archives", "arrays", "pictures"):
    import_module(f"hostile_{_items}")
