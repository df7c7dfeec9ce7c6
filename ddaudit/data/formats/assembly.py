"""From a path to a ``DistilledSet``: gather, quarantine, read, and bring into one layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.formats.gathering import gather
from ddaudit.data.formats.hidden import hidden_content
from ddaudit.data.formats.identity import digest
from ddaudit.data.formats.layout import image_layout, implied_labels, to_images, to_labels
from ddaudit.data.formats.names import Stated, stated_in
from ddaudit.data.formats.packing import packing_of_counts, unpack
from ddaudit.data.formats.reader import Reader, Reading, Source, Wishes
from ddaudit.data.formats.registry import all_readers
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine import Limits, quarantine
from ddaudit.data.quarantine.container import too_large
from ddaudit.data.quarantine.text import shown
from ddaudit.errors import RefusedFileError

LONGEST_REFUSAL = 1000
LONGEST_PATH = 4096


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
    try:
        gathering = gather(path, limits)
        files = {str(file.path.relative_to(gathering.root)): file for file in quarantine(gathering.paths, limits)}
        main = str(gathering.main.relative_to(gathering.root)) if gathering.main else None
        return interpret(Source(path, files, main, Wishes(run, packing, classes), gathering.notes), limits)
    except RefusedFileError as refusal:
        # The sentence may quote the file's own words, or a name that someone chose.
        message = shown(refusal, LONGEST_REFUSAL)
        raise RefusedFileError(refusal.reason, message, hostile=refusal.hostile) from None


def interpret(source: Source, limits: Limits) -> DistilledSet:
    """Ask the readers in turn and bring what the first of them finds into one layout.

    Raises
    ------
    RefusedFileError
        Where no reader knows the content ("not-a-dataset"), or it holds no images with labels.
    """
    for reader in all_readers():
        reading = reader.read(source)
        if reading is not None:
            return _assemble(source, reader, reading, limits)
    raise RefusedFileError(
        "not-a-dataset", f"{source.path.name} opens safely but holds {_in_words(source)}, not a distilled set."
    )


def _assemble(source: Source, reader: Reader, reading: Reading, limits: Limits) -> DistilledSet:
    stated = stated_in(source.path if source.main is None else source.files[source.main].path)
    images, labels, classes, notes = _arrays(source, reading, stated, limits)
    files = source.files
    return DistilledSet(
        data=LabelledImages(images, labels, classes, reading.space or PixelSpace.unit(images.shape[1]), "audited file"),
        claims={shown(name): claim for name, claim in reading.claims.items()},
        provenance=Provenance(
            path=shown(source.path, LONGEST_PATH),
            sha256=digest(source.path, {key: file.sha256 for key, file in files.items()}),
            reader=reader.name,
            files=tuple((shown(key, LONGEST_PATH), file.sha256, file.n_bytes) for key, file in files.items()),
            runs=reading.runs,
            run=reading.run,
            method=stated.method if reading.method is None else shown(reading.method),
            original=stated.original if reading.original is None else shown(reading.original),
            ipc=reading.ipc or stated.ipc,
            learning_rate=reading.learning_rate,
            globals=tuple(sorted({found for file in files.values() for found in file.globals})),
            notes=tuple(
                shown(note, LONGEST_REFUSAL)
                for note in (*source.notes, *reading.notes, *notes, *(note for f in files.values() for note in f.notes))
            ),
        ),
        hidden=hidden_content(files, reading.images, reading.extras),
        space_evidence=() if reading.space is None else ("the file declares its pixel space",),
    )


def _arrays(
    source: Source, reading: Reading, stated: Stated, limits: Limits
) -> tuple[np.ndarray, np.ndarray, int, list[str]]:
    """Images, labels, number of classes, and what was assumed to get them."""
    name, wishes, notes = source.path.name, source.wishes, []
    stored = reading.labels
    m = image_layout(reading.images.shape, name)[0][0]
    n_labels = m if stored is None or stored.ndim == 0 else len(stored)
    factor = wishes.packing or stated.packing or packing_of_counts(m, n_labels)
    # Both the change to float32 and the unpacking grow the data in this process, which has no limit of its own.
    if reading.images.size * 4 * factor**2 > limits.array_bytes:
        raise too_large(limits)
    images = to_images(reading.images, name)
    if reading.images.dtype != np.float32:
        notes.append(f"images are stored as {reading.images.dtype}")

    known = wishes.classes or reading.classes or stated.classes
    if stored is None:
        classes = known or (m // stated.ipc if stated.ipc and m % stated.ipc == 0 else 10)
        if m % classes:
            raise RefusedFileError(
                "no-labels", f"{name} holds {m} images without labels, which {classes} classes cannot share equally."
            )
        labels = implied_labels(m, classes)
        notes.append(f"labels are implied: the file holds none, so {m // classes} images in a row got the same class")
    else:
        labels = to_labels(stored, m * factor**2 if n_labels != m else m, name)
        classes = labels.shape[1] if labels.ndim == 2 else max(int(labels.max()) + 1, known or 0)

    if factor > 1:
        images = unpack(images, factor)
        labels = labels if len(labels) == len(images) else np.concatenate([labels] * factor**2)
        notes.append(f"each of the {m} stored images was decoded into {factor} x {factor}")
    return images, labels, classes, notes


def _in_words(source: Source) -> str:
    content = source.content
    if isinstance(content, dict):
        return f"a dictionary with {', '.join(str(key) for key in list(content)[:5]) or 'nothing'}"
    if isinstance(content, list):
        return f"a list of {len(content)}"
    return f"a {type(content).__name__}"
