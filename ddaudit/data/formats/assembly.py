"""From a path to a ``DistilledSet``: gather, quarantine, read, and bring into one layout."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ddaudit.data.distilled import DistilledSet, HiddenContent, LabelledImages, Provenance
from ddaudit.data.formats.gathering import Gathering, gather
from ddaudit.data.formats.layout import image_layout, implied_labels, to_images, to_labels
from ddaudit.data.formats.names import Stated, stated_in
from ddaudit.data.formats.reader import Reader, Reading, Source, Wishes
from ddaudit.data.formats.registry import all_readers
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine import Limits, Smuggled, quarantine
from ddaudit.errors import RefusedFileError


def open_distilled(
    path: Path,
    *,
    run: int | None = None,
    packing: int | None = None,
    classes: int | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> DistilledSet:
    """Open a stranger's distilled set, safely.

    The file is read in a confined process; nothing in it is unpickled here. The pixel space is left at the identity
    until ``ddaudit.data.pixelspace`` has been asked.

    Parameters
    ----------
    path : Path
        A file, or a folder of files that belong together.
    run : int, optional
        Which of several runs or snapshots, from 0; negative from the end. Default: the last.
    packing : int, optional
        Decode every image into packing x packing ones (IDC, IDM). Default: as the file or its name say.
    classes : int, optional
        Number of classes, where the file cannot say.
    limits : Limits
        What the file may claim and cost.

    Raises
    ------
    RefusedFileError
        With a stable ``reason``, a sentence, and ``hostile`` where opening the file would have done harm.
    """
    path = Path(path)
    gathering = gather(path, limits)
    files = {str(file.path.relative_to(gathering.root)): file for file in quarantine(gathering.paths, limits)}
    main = str(gathering.main.relative_to(gathering.root)) if gathering.main else None
    source = Source(path, files, main, Wishes(run, packing, classes))
    for reader in all_readers():
        reading = reader.read(source)
        if reading is not None:
            return _assemble(source, reader, reading, gathering)
    raise RefusedFileError(
        "not-a-dataset", f"{path.name} opens safely but holds {_in_words(source)}, not a distilled set."
    )


def _assemble(source: Source, reader: Reader, reading: Reading, gathering: Gathering) -> DistilledSet:
    name = source.path.name
    stated = stated_in(gathering.main or source.path)
    images = to_images(reading.images, name)
    notes = [*gathering.notes, *reading.notes]
    if reading.images.dtype != np.float32:
        notes.append(f"images are stored as {reading.images.dtype}")
    labels, classes = _labels_and_classes(reading, len(images), stated, source.wishes, name, notes)
    files = source.files
    return DistilledSet(
        data=LabelledImages(images, labels, classes, PixelSpace.unit(images.shape[1]), "audited file"),
        claims=dict(reading.claims),
        provenance=Provenance(
            path=str(source.path),
            sha256=_sha256(source),
            reader=reader.name,
            files=tuple((key, file.sha256, file.n_bytes) for key, file in files.items()),
            runs=reading.runs,
            run=reading.run,
            method=reading.method or stated.method,
            original=stated.original,
            ipc=stated.ipc,
            learning_rate=reading.learning_rate,
            globals=tuple(sorted({g for file in files.values() for g in file.globals})),
            notes=tuple(notes) + tuple(note for file in files.values() for note in file.notes),
        ),
        hidden=tuple(_hidden(key, item, reading) for key, file in files.items() for item in file.smuggled),
    )


def _labels_and_classes(
    reading: Reading, m: int, stated: Stated, wishes: Wishes, name: str, notes: list[str]
) -> tuple[np.ndarray, int]:
    known = wishes.classes or reading.classes or stated.classes
    if reading.labels is None:
        classes = known or (m // stated.ipc if stated.ipc and m % stated.ipc == 0 else 10)
        if m % classes:
            raise RefusedFileError(
                "no-labels", f"{name} holds {m} images without labels, which {classes} classes cannot share equally."
            )
        notes.append(
            f"labels are implied: the file holds none, so {m // classes} images in a row were given each class"
        )
        return implied_labels(m, classes), classes
    labels = to_labels(reading.labels, m, name)
    counted = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    return labels, counted if labels.ndim == 2 else max(counted, known or 0)


def _hidden(name: str, item: Smuggled, reading: Reading) -> HiddenContent:
    images = _as_images(item, reading)
    where = item.where if item.where != "the tensor" else name
    what = {
        "storage": f"the storage behind {where} holds {item.n_bytes:,} bytes more than the tensor shows",
        "trailing-bytes": f"{item.n_bytes:,} bytes lie {where} in {name}",
        "archive-gap": f"{item.n_bytes:,} bytes lie between the members of {name}, {where}",
        "extra-member": f"{name} has a member {where!r} of {item.n_bytes:,} bytes that reading it does not use",
        "metadata": f"{name} carries text in {where}: {item.text[:200]!r}",
    }[item.kind]
    if images is not None:
        what += (
            f"; they decode to {len(images)} images, those shown included"
            if item.kind == "storage"
            else (f"; they decode to {len(images)} images")
        )
    return HiddenContent(item.kind, what, item.n_bytes, images)


def _as_images(item: Smuggled, reading: Reading) -> np.ndarray | None:
    """The hidden bytes in the layout of the set's images, where they have its type and fill whole images."""
    if item.array is None:
        return None
    shape = reading.images.shape[1:] if reading.images.ndim < 5 else reading.images.shape[2:]
    array = item.array
    if item.kind != "storage" and array.size % reading.images.dtype.itemsize == 0:
        array = array.view(reading.images.dtype)
    size = int(np.prod(shape))
    if array.dtype != reading.images.dtype or array.size < size or array.size % size:
        return None
    laid_out, axes = image_layout((array.size // size, *shape), "hidden data")
    images = np.ascontiguousarray(array.reshape(laid_out).transpose(axes), dtype=np.float32)
    return images if np.isfinite(images).all() else None


def _sha256(source: Source) -> str:
    """Of the file named, or of the sorted list of a folder's files and sums."""
    if source.path.is_file():
        return source.files[source.path.name].sha256
    listing = "\n".join(sorted(f"{file.sha256}  {name}" for name, file in source.files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def _in_words(source: Source) -> str:
    content = source.content
    if isinstance(content, dict):
        return f"a dictionary with {', '.join(str(key) for key in list(content)[:5]) or 'nothing'}"
    if isinstance(content, list):
        return f"a list of {len(content)}"
    return f"a {type(content).__name__}"
