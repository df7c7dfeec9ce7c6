"""How work tells whoever watches how far it is; without torch, so that the commands which train nothing start at once."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is being done and how far it is; the terminal shows it on stderr."""

    def __call__(self, what: str, done: int, of: int) -> None: ...


def silent(what: str, done: int, of: int) -> None:
    """Progress that nobody watches."""
