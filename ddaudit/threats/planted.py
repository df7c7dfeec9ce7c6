"""What every threat is, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ddaudit.data.distilled import LabelledImages, Provenance
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError
from ddaudit.threats.triggers import Trigger

OnStep = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


def unheard(done: int, of: int) -> None:
    """An ``OnStep`` that tells nobody."""


class Model(Protocol):
    """A function of pixels in [0, 1]."""

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """(n, k) for (n, c, h, w)."""
        ...


class Aim(Protocol):
    """What an attacker wants of a model: on which held-out images, and which answers."""

    def tried(self, labels: np.ndarray) -> np.ndarray:
        """bool (n,): the images that count."""
        ...

    def reached(self, predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """bool (n,): whether the answer is one that the attacker wanted."""
        ...

    def __str__(self) -> str:
        """In words, such as "images of other classes called class 3"."""
        ...


@dataclass(frozen=True)
class ToTarget:
    """Images of every other class are to be called ``target``; its own do not count."""

    target: int

    def tried(self, labels: np.ndarray) -> np.ndarray:
        return labels != self.target

    def reached(self, predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return predicted == self.target

    def __str__(self) -> str:
        return f"triggered images of other classes called class {self.target}"


@dataclass(frozen=True)
class Mistaken:
    """Images of ``source`` are to be called anything else."""

    source: int

    def tried(self, labels: np.ndarray) -> np.ndarray:
        return labels == self.source

    def reached(self, predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return predicted != self.source

    def __str__(self) -> str:
        return f"images of class {self.source} called something else"


@dataclass(frozen=True)
class Exchanged:
    """Images of ``first`` are to be called ``second``, and the other way round."""

    first: int
    second: int

    def tried(self, labels: np.ndarray) -> np.ndarray:
        return (labels == self.first) | (labels == self.second)

    def reached(self, predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return predicted == np.where(labels == self.first, self.second, self.first)

    def __str__(self) -> str:
        return f"images of classes {self.first} and {self.second} taken for each other"


@dataclass(frozen=True, eq=False)
class Planted:
    """A known-bad set.

    Parameters
    ----------
    data : LabelledImages
    aim : Aim
        What its models do that a clean set's do not.
    trigger : Trigger, optional
        What is put on a held-out image first; None where the images stay as they are.
    rows : int64 array
        The images of ``data`` that were changed or mislabelled; empty where the whole set was made anew.
    """

    data: LabelledImages
    aim: Aim
    trigger: Trigger | None
    rows: np.ndarray

    def shown(self, pixels: np.ndarray) -> np.ndarray:
        """The images as the attacker shows them to a model, (n, c, h, w) in [0, 1]."""
        return pixels if self.trigger is None else self.trigger.stamp(pixels)


class Threat(Protocol):
    """Code that makes a known-bad set out of a clean one. A small frozen dataclass: its fields are its settings."""

    @property
    def needs_original(self) -> bool:
        """Whether the attacker holds the raw data."""
        ...

    def plant(
        self,
        clean: LabelledImages,
        seed: int,
        device: torch.device,
        *,
        original: Original | None = None,
        on_step: OnStep = unheard,
    ) -> Planted:
        """A known-bad set of the size, layout and pixel space of ``clean``.

        Parameters
        ----------
        clean : LabelledImages
            Stays as it is.
        seed : int
            Decides everything that is drawn.
        original : Original, optional
            Threats that poison the raw data need it.

        Raises
        ------
        AuditError
            Where the threat cannot be planted in such a set.
        """
        ...


def raw_data(original: Original | None, threat: str) -> Original:
    """The original.

    Raises
    ------
    AuditError
        Where there is none.
    """
    if original is None:
        raise AuditError(f"{threat} poisons the raw data: name it with --original.")
    return original


def require_class(target: int, data: LabelledImages) -> None:
    """AuditError where the set has no such class."""
    if not 0 <= target < data.classes:
        raise AuditError(f"The set has {data.classes} classes, counted from 0: there is no class {target}.")


def note_for_the_file(source: Provenance, threat: Threat, name: str, seed: int) -> dict[str, str]:
    """The texts of a planted file: what it was made from, what was planted and how, and what its models are trained like."""
    texts = {
        "planted": name,
        "planted_settings": repr(threat),
        "planted_seed": seed,
        "source": Path(source.path).name,
        "source_sha256": source.sha256,
        "source_run": source.run if source.runs > 1 else None,
        "method": source.method,
        "original": source.original,
        "ipc": source.ipc,
        "learning_rate": source.learning_rate,
    }
    return {key: str(text) for key, text in texts.items() if text is not None}
