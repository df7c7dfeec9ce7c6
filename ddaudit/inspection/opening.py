"""From a path to a set in its pixel space that fits its original: how every command begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ddaudit.data.distilled import DistilledSet
from ddaudit.data.formats import Limits, open_distilled
from ddaudit.data.originals import Original
from ddaudit.data.pixelspace import PixelSpace, infer, parse_space
from ddaudit.data.quarantine.sandbox import sha256_of
from ddaudit.errors import AuditError
from ddaudit.progress import Progress, silent


def open_set(
    path: Path,
    original: Original | None = None,
    *,
    run: int | None = None,
    packing: int | None = None,
    pixel_space: str | None = None,
    progress: Progress = silent,
) -> DistilledSet:
    """Open a stranger's set safely and find the pixel space of its images.

    Parameters
    ----------
    path : Path
        A file, or a folder of files that belong together.
    original : Original, optional
        What the set claims to stand for.
    run : int, optional
        Which of several runs in the file, from 0; the default is the last.
    packing : int, optional
        Each stored image is packing x packing smaller ones (IDC, IDM); the default is what the file or its name say.
    pixel_space : str, optional
        Overrides what the file declares and the inference; see ``parse_space``.

    Raises
    ------
    RefusedFileError
        Where the file is hostile or is no distilled set.
    AuditError
        Where the set does not fit the original, or the pixel space does not fit the set.
    """
    progress("opening the file", 0, 1)
    classes = len(original.classes) if original else None
    distilled = open_distilled(path, run=run, packing=packing, classes=classes)
    if original:
        _require_fit(distilled, original)
    progress("inferring the pixel space", 0, 1)
    return _in_its_space(distilled, original, pixel_space)


def digest_of_refused(path: Path) -> str:
    """sha256 of a file that was not opened; empty for a folder, and for a file so large that reading it is the attack."""
    if not path.is_file() or path.stat().st_size > Limits().file_bytes:
        return ""
    return sha256_of(path)


def _require_fit(distilled: DistilledSet, original: Original) -> None:
    data, shape = distilled.data, original.train.shape
    if data.shape != shape:
        raise AuditError(
            f"The set's images are {_size(data.shape)}, those of {original.name} are {_size(shape)}: "
            f"is {original.name} the dataset that it was distilled from? Name the right one with --original."
        )
    if data.classes != len(original.classes) or data.hard_labels.max() >= len(original.classes):
        raise AuditError(
            f"The set has {data.classes} classes, {original.name} has {len(original.classes)}: "
            f"is {original.name} the dataset that it was distilled from? Name the right one with --original."
        )


def _size(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{height}x{width} with {channels} channel{'s' if channels != 1 else ''}"


def _in_its_space(distilled: DistilledSet, original: Original | None, wanted: str | None) -> DistilledSet:
    data = distilled.data
    if wanted is not None:
        space = _with_channels(parse_space(wanted, original), data.shape[0], wanted)
        return distilled.with_space(space, ("named by the user",))
    if distilled.space_evidence and data.space.name != "unknown":
        return distilled
    return distilled.with_space(*infer(data.images, data.labels, original))


def _with_channels(space: PixelSpace, channels: int, wanted: str) -> PixelSpace:
    """The space with one constant a channel: without an original, its name alone cannot tell how many there are."""
    if len(space.mean) not in (1, channels):
        raise AuditError(
            f"The pixel space {wanted!r} has constants for {len(space.mean)} channels, but the images have {channels}."
        )
    mean, std = (np.broadcast_to(values, channels).copy() for values in (space.mean, space.std))
    return replace(space, mean=mean, std=std)
