"""What a reader is given, what it gives back, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ddaudit.data.distilled import Claim
from ddaudit.data.formats.gathering import role_of
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine import Content, Quarantined
from ddaudit.errors import RefusedFileError


@dataclass(frozen=True)
class Wishes:
    """What the user said about the file, where the file cannot.

    Parameters
    ----------
    run : int, optional
        Which of several runs or snapshots, from 0; negative from the end. Default: the last.
    packing : int, optional
        Each stored image is packing x packing smaller ones (IDC, IDM). Default: as the file and its name say, else 1.
    classes : int, optional
        Number of classes. Default: as the labels, the name of the original, or the images per class say.
    """

    run: int | None = None
    packing: int | None = None
    classes: int | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """Quarantined files that belong together.

    Parameters
    ----------
    path : Path
        What the user named: a file or a folder.
    files : mapping of str to Quarantined
        Every file that was read, by its path relative to the folder.
    main : str or None
        The file with the images; None where every file holds one image.
    wishes : Wishes
        What the user said.
    notes : tuple of str
        What was noticed while the files were gathered.
    """

    path: Path
    files: Mapping[str, Quarantined]
    main: str | None
    wishes: Wishes = Wishes()
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> Content:
        """The main file's content; None for a folder of single images."""
        return None if self.main is None else self.files[self.main].content

    @property
    def kind(self) -> str:
        """The main file's kind, or that of the first file of a folder."""
        return (next(iter(self.files.values())) if self.main is None else self.files[self.main]).kind

    def beside(self, role: str) -> tuple[str, Content] | None:
        """Name and content of the neighbouring file with that role ("labels" or "learning rate"), if there is one."""
        for name, file in self.files.items():
            if name != self.main and role_of(name) == role:
                return name, file.content
        return None


@dataclass(frozen=True, eq=False)
class Reading:
    """A dataset as a reader found it, before it is brought into one layout.

    Parameters
    ----------
    images : array
        (m, c, h, w), (m, h, w, c), (m, h, w), (k, ipc, c, h, w) or flattened (m, d), of any numeric type.
    labels : array, optional
        Classes (m,) of any numeric type, or soft labels (m, k). None: implied by the order.
    runs, run : int
        How many runs or snapshots the file holds, and the one taken.
    space : PixelSpace, optional
        The space of the images, where the file itself declares it.
    extras : mapping of str to array
        Arrays of the file that belong to none of the above.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    runs: int = 1
    run: int = 0
    claims: Mapping[str, Claim] = field(default_factory=dict)
    learning_rate: float | None = None
    classes: int | None = None
    method: str | None = None
    original: str | None = None
    ipc: int | None = None
    space: PixelSpace | None = None
    notes: tuple[str, ...] = ()
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """One family of files.

    Parameters
    ----------
    name : str
        What reports and ``Provenance.reader`` call it.
    description : str
        One line for ``ddaudit inspect --formats``.
    read : callable
        Takes a ``Source``; returns a ``Reading``, or None where the source is of another family.
    """

    name: str
    description: str
    read: Callable[[Source], Reading | None]


def take_run(runs: int, wishes: Wishes) -> int:
    """Index of the run that was asked for, or of the last.

    Raises
    ------
    RefusedFileError
        Reason "no-such-run".
    """
    run = runs - 1 if wishes.run is None else wishes.run
    if not -runs <= run < runs:
        raise RefusedFileError("no-such-run", f"Run {run} was asked for, but the file holds {runs}: 0 to {runs - 1}.")
    return run % runs
