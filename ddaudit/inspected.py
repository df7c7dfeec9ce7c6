"""What an inspection found: the schema that its terminal, JSON and HTML views are made from.

Others build on the JSON form: keep the names, and raise ``INSPECTION_VERSION`` when they change.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ddaudit.results import Image, Model, OriginalInfo, Verdict

INSPECTION_VERSION = "1.0"


class StoredFile(Model):
    name: str
    sha256: str
    bytes: int


class InspectedFile(Model):
    """The path that was named; ``sha256`` is the file's, or that of a folder's list of files and sums."""

    path: str
    sha256: str
    files: tuple[StoredFile, ...] = ()


class Refusal(Model):
    """Why the file was not opened; ``reason`` is stable."""

    reason: str
    message: str


class Range(Model):
    low: float | None
    high: float | None


class Labels(Model):
    """``range`` is that of the classes, or of the numbers in soft labels; ``classes`` how many of them occur."""

    kind: Literal["hard", "soft"]
    range: Range
    classes: int


class Contents(Model):
    """The dataset as it was read; ``values`` is the range of the images as stored."""

    reader: str
    runs: int
    run: int
    images: int
    classes: int
    ipc: float
    shape: tuple[int, int, int]
    values: Range
    labels: Labels


class ClaimedAccuracy(Model):
    """An accuracy that the file itself states, as a fraction, over so many networks."""

    mean: float | None
    std: float | None
    networks: int


class Stated(Model):
    """What names and settings say of how the set was made."""

    method: str | None = None
    original: str | None = None
    ipc: int | None = None
    learning_rate: float | None = None


class HiddenItem(Model):
    kind: str
    description: str
    bytes: int
    images: int


class Safety(Model):
    """``hidden_training_images`` is None where there was no original to compare with, or nothing to compare."""

    verdict: Verdict
    finding: str
    globals: tuple[str, ...] = ()
    hidden: tuple[HiddenItem, ...] = ()
    hidden_images: int = 0
    hidden_training_images: int | None = None


class Space(Model):
    name: str
    detail: str
    confidence: float
    evidence: tuple[str, ...] = ()


class SchemaFinding(Model):
    """One question of the schema; ``images`` are the indices concerned, at most 100."""

    name: str
    verdict: Verdict
    message: str
    value: float | None
    images: tuple[int, ...] = ()


class Inspection(Model):
    """Everything that can be told of a file without training.

    ``refusal`` is set where opening the file would have done harm: then everything read from it is absent.
    ``suggestion`` is a sentence on what a further option would tell, or empty.
    """

    schema_version: str = INSPECTION_VERSION
    tool: str
    command: str
    verdict: Verdict
    finding: str
    file: InspectedFile
    refusal: Refusal | None = None
    contents: Contents | None = None
    claims: dict[str, ClaimedAccuracy] = Field(default_factory=dict)
    provenance: Stated = Stated()
    safety: Safety
    pixel_space: Space | None = None
    schema_findings: tuple[SchemaFinding, ...] = ()
    original: OriginalInfo | None = None
    suggestion: str = ""
    notes: tuple[str, ...] = ()
    #: Pictures are for the page: JSON is for programs, which have the file.
    class_pictures: tuple[Image, ...] = Field(default=(), exclude=True)
    hidden_pictures: tuple[Image, ...] = Field(default=(), exclude=True)
