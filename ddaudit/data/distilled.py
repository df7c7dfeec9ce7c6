"""A distilled set as every later step sees it: plain arrays, known to be what they seem."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ddaudit.data.pixelspace import PixelSpace


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with labels in the space that models train in.

    Parameters
    ----------
    images : float32 array (m, c, h, w)
        In native space.
    labels : int64 array (m,) or float32 array (m, k)
        Hard class indices, or soft labels as stored (probabilities, logits or regression targets).
    classes : int
        k, the number of classes.
    space : PixelSpace
        Maps pixels in [0, 1] to native space and back.
    name : str
        What a report calls it: "audited file", "random real subset 2", ...
    """

    images: np.ndarray
    labels: np.ndarray
    classes: int
    space: PixelSpace
    name: str

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.float32:
            raise ValueError(f"images must be float32 (m, c, h, w), not {self.images.dtype} {self.images.shape}")
        if len(self.labels) != len(self.images):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def soft(self) -> bool:
        return self.labels.ndim == 2

    @property
    def hard_labels(self) -> np.ndarray:
        """int64 array (m,): the labels, or the arg max of soft ones."""
        return self.labels.argmax(axis=1) if self.soft else self.labels

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w)."""
        return self.images.shape[1:]

    @property
    def ipc(self) -> float:
        """Mean number of images per class."""
        return len(self) / self.classes

    def pixels(self) -> np.ndarray:
        """float32 array (m, c, h, w): the images as pixels; values outside [0, 1] are kept."""
        return self.space.to_pixels(self.images)


@dataclass(frozen=True)
class Claim:
    """An accuracy that the file itself carries: mean and standard deviation over ``n`` networks, as fractions."""

    mean: float
    std: float | None
    n: int


@dataclass(frozen=True, eq=False)
class HiddenContent:
    """Data in the file that reading it normally would not show.

    ``images`` holds them in native space, float32 (j, c, h, w), where they have the shape of the set's images; else None.
    """

    kind: str
    description: str
    n_bytes: int
    images: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where the arrays came from and what was noticed on the way.

    ``files`` lists (name, sha256, bytes) of every file read; ``sha256`` is that of the file named on the
    command line, or of the sorted list for a folder. ``runs`` is how many runs or snapshots the file holds and ``run`` the one taken,
    counted from 0. ``notes`` are sentences for the report, such as "labels are implied: the file holds none".
    """

    path: str
    sha256: str
    reader: str
    files: tuple[tuple[str, str, int], ...] = ()
    runs: int = 1
    run: int = 0
    method: str | None = None
    original: str | None = None
    ipc: int | None = None
    learning_rate: float | None = None
    globals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DistilledSet:
    """The audited set S: its data, what its file claims, where it came from and what else the file carries.

    ``data.space`` is the identity until ``ddaudit.data.pixelspace.infer`` has been asked; ``with_space`` sets it.
    """

    data: LabelledImages
    claims: dict[str, Claim]
    provenance: Provenance
    hidden: tuple[HiddenContent, ...] = ()
    space_evidence: tuple[str, ...] = field(default=())

    def with_space(self, space: PixelSpace, evidence: tuple[str, ...] = ()) -> DistilledSet:
        """The same set, read in another pixel space."""
        return replace(self, data=replace(self.data, space=space), space_evidence=evidence)
