"""Where the builders of hostile files register themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
