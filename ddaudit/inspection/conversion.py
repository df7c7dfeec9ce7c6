"""Any set that can be read, written in ddaudit's own format."""

from __future__ import annotations

from pathlib import Path

from ddaudit.data.distilled import DistilledSet
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.errors import AuditError
from ddaudit.inspection.opening import open_set

SUFFIX = ".safetensors"


def convert_set(
    path: str | Path,
    destination: str | Path,
    original: str | Original | None = None,
    *,
    data_root: Path | None = None,
    run: int | None = None,
    packing: int | None = None,
    pixel_space: str | None = None,
) -> DistilledSet:
    """Copy a set into a safetensors file that ddaudit reads back to the same images, labels, claims and pixel space.

    Nothing else is taken along: no hidden content, no other runs, no code.

    Parameters
    ----------
    path : str or Path
        A file, or a folder of files that belong together.
    destination : str or Path
        The file to write, its name ending in ``.safetensors``; replaced where it exists.
    original, data_root, run, packing, pixel_space
        As for ``inspect_set``. Without an original, an unknown pixel space stays unknown.

    Returns
    -------
    DistilledSet
        As it was read and written; its ``hidden`` content was left behind.

    Raises
    ------
    AuditError
        Where the file is refused, does not fit the original, or nothing can be written.
    """
    path, destination = Path(path), Path(destination)
    if destination.suffix != SUFFIX:
        raise AuditError(f"{destination.name} would hold safetensors: give it a name that ends in {SUFFIX}.")
    if path.exists() and destination.exists() and path.samefile(destination):
        raise AuditError(f"{destination} is the file to convert: name another one to write.")
    reference = load_original(original, data_root=data_root) if isinstance(original, str) else original
    distilled = open_set(path, reference, run=run, packing=packing, pixel_space=pixel_space)
    provenance = distilled.provenance
    texts = {
        "method": provenance.method,
        "original": reference.name if reference else provenance.original,
        "ipc": provenance.ipc,
        "learning_rate": provenance.learning_rate,
        "source": Path(provenance.path).name,
        "source_sha256": provenance.sha256,
        "source_run": provenance.run if provenance.runs > 1 else None,
    }
    save_distilled(
        distilled.data,
        destination,
        claims=distilled.claims,
        metadata={name: str(text) for name, text in texts.items() if text is not None},
    )
    return distilled
