"""A file described: what it is, what it says of itself, what it carries, in which space it is, and what is odd about it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

import ddaudit
from ddaudit.data.distilled import DistilledSet, LabelledImages
from ddaudit.data.originals import Original, known_originals, load_original
from ddaudit.data.schema import Finding, examine
from ddaudit.errors import RefusedFileError
from ddaudit.inspected import (
    ClaimedAccuracy,
    Contents,
    HiddenItem,
    InspectedFile,
    Inspection,
    Labels,
    Range,
    Refusal,
    Safety,
    SchemaFinding,
    Space,
    Stated,
    StoredFile,
)
from ddaudit.inspection.carried import Carried, carried_by
from ddaudit.inspection.contact_sheet import class_sheets, tiled
from ddaudit.inspection.opening import digest_of_refused, open_set
from ddaudit.results import Image, OriginalInfo, worst

#: Hidden images that are shown.
HIDDEN_SHOWN = 64


def inspect_set(
    path: str | Path,
    original: str | Original | None = None,
    *,
    data_root: Path | None = None,
    run: int | None = None,
    packing: int | None = None,
    pixel_space: str | None = None,
    command: str = "ddaudit.inspect_set(...)",
) -> Inspection:
    """Tell what a file is and whether it is safe, in seconds: nothing is trained, and torch is not imported.

    Parameters
    ----------
    path : str or Path
        The file, or folder, that was published.
    original : str, Original or None
        What it claims to stand for. With it the pixel space is told from more than the values, and hidden images are
        looked up among the training images.
    data_root : Path, optional
        Folder that holds the originals.
    run : int, optional
        Which of several runs in the file, from 0; the default is the last.
    packing : int, optional
        Each stored image is packing x packing smaller ones (IDC, IDM).
    pixel_space : str, optional
        Overrides the inference, such as "zscore" or "zca:0.1".

    Returns
    -------
    Inspection
        With ``refusal`` set where the file is hostile.

    Raises
    ------
    AuditError
        Where the file is no distilled set, does not fit the original, or the original is not to be had.
    """
    reference = load_original(original, data_root=data_root) if isinstance(original, str) else original
    about = (
        OriginalInfo(name=reference.name, train=len(reference.train), test=len(reference.test)) if reference else None
    )
    tool = f"ddaudit {ddaudit.__version__}"
    try:
        distilled = open_set(Path(path), reference, run=run, packing=packing, pixel_space=pixel_space)
    except RefusedFileError as refusal:
        if not refusal.hostile:
            raise
        return Inspection(
            tool=tool,
            command=command,
            verdict="fail",
            finding=str(refusal),
            file=InspectedFile(path=str(path), sha256=digest_of_refused(Path(path))),
            refusal=Refusal(reason=refusal.reason, message=str(refusal)),
            safety=Safety(verdict="fail", finding=str(refusal)),
            original=about,
        )
    carried = carried_by(distilled, reference)
    safety = _safety(distilled, carried)
    findings = schema_findings(distilled, reference)
    verdicts = [(safety.verdict, safety.finding), *((f.verdict, f.message) for f in findings)]
    verdict = worst([verdict for verdict, _ in verdicts])
    data, provenance = distilled.data, distilled.provenance
    return Inspection(
        tool=tool,
        command=command,
        verdict=verdict,
        finding=next(finding for each, finding in verdicts if each == verdict),
        file=InspectedFile(
            path=provenance.path,
            sha256=provenance.sha256,
            files=tuple(StoredFile(name=name, sha256=sha256, bytes=size) for name, sha256, size in provenance.files),
        ),
        contents=_contents(distilled),
        claims={
            name: ClaimedAccuracy(mean=claim.mean, std=claim.std, networks=claim.n)
            for name, claim in distilled.claims.items()
        },
        provenance=Stated(
            method=provenance.method,
            original=provenance.original,
            ipc=provenance.ipc,
            learning_rate=provenance.learning_rate,
        ),
        safety=safety,
        pixel_space=Space(
            name=data.space.name,
            detail=data.space.detail,
            confidence=data.space.confidence,
            evidence=distilled.space_evidence,
        ),
        schema_findings=tuple(
            SchemaFinding(name=f.name, verdict=f.verdict, message=f.message, value=f.value, images=f.images)
            for f in findings
        ),
        original=about,
        suggestion="" if reference else _suggestion(provenance.original, data_root),
        notes=provenance.notes,
        class_pictures=tuple(class_sheets(data, reference.classes if reference else None)),
        hidden_pictures=(hidden_sheet(carried),) if len(carried.pixels) else (),
    )


def schema_findings(distilled: DistilledSet, original: Original | None) -> list[Finding]:
    """``schema.examine``, held to the classes of the original where there is one: a missing class then fails."""
    if original is None:
        return examine(distilled)
    findings = examine(distilled, len(original.classes))
    return [replace(f, verdict="fail") if f.name == "classes-missing" and f.verdict == "warn" else f for f in findings]


def hidden_sheet(carried: Carried) -> Image:
    """The first hidden images in one picture."""
    shown = carried.pixels[:HIDDEN_SHOWN]
    first = f"The first {len(shown)} of" if len(shown) < len(carried.pixels) else "All"
    caption = f"{first} {len(carried.pixels)} images that the file carries without showing them."
    if carried.training_images is not None:
        caption += f" {len(carried.training_images)} are exact training images."
    return Image.from_pixels("hidden_images", tiled(shown, 16), caption, "Images hidden in the file")


def _contents(distilled: DistilledSet) -> Contents:
    data, provenance = distilled.data, distilled.provenance
    return Contents(
        reader=provenance.reader,
        runs=provenance.runs,
        run=provenance.run,
        images=len(data),
        classes=data.classes,
        ipc=data.ipc,
        shape=data.shape,
        values=_range(data.images),
        labels=_labels(data),
    )


def _labels(data: LabelledImages) -> Labels:
    return Labels(
        kind="soft" if data.soft else "hard",
        range=_range(data.labels),
        classes=len(np.unique(data.hard_labels)),
    )


def _range(values: np.ndarray) -> Range:
    return Range(low=float(values.min()), high=float(values.max()))


def _safety(distilled: DistilledSet, carried: Carried) -> Safety:
    return Safety(
        verdict="fail" if len(carried.pixels) else "warn" if carried.items else "pass",
        finding=carried.sentence,
        globals=distilled.provenance.globals,
        hidden=tuple(
            HiddenItem(
                kind=item.kind,
                description=item.description,
                bytes=item.n_bytes,
                images=0 if item.images is None else len(item.images),
            )
            for item in carried.items
        ),
        hidden_images=len(carried.pixels),
        hidden_training_images=None if carried.training_images is None else len(carried.training_images),
    )


def _suggestion(stated: str | None, data_root: Path | None) -> str:
    """What naming the original would add, with the option to type; an original is never loaded unasked."""
    gain = "to tell the pixel space by more than its values and to compare hidden images with the training images"
    if stated is None:
        return f"Name the original with --original NAME, {gain}."
    names = {known.replace("_", ""): known for known in known_originals()}
    name = names.get(stated.lower().replace("_", "").replace("-", ""), stated)
    if name == "digits":
        return f"The file says that it stands for digits, which ddaudit has: add --original digits, {gain}."
    if data_root is not None and _is_in(name, data_root):
        return f"The file says that it stands for {name}, which is in {data_root}: add --original {name}, {gain}."
    return f"The file says that it stands for {name}: add --original {name} --data-root DIR, {gain}."


#: Where torchvision puts what it downloads.
_TORCHVISION_FOLDERS = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
    "svhn": "train_32x32.mat",
}


def _is_in(name: str, data_root: Path) -> bool:
    # The name may be the file's own word: it must not lead out of the folder.
    if not re.fullmatch(r"[\w-]+", name):
        return False
    places = [f"{name}.npz", f"{name}/train", _TORCHVISION_FOLDERS.get(name, name + "/train")]
    return any((data_root / place).exists() for place in places)
