"""A file described: what it is, what it says of itself, what it carries, in which space it is, and what is odd about it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

import ddaudit
from ddaudit.data.distilled import DistilledSet, LabelledImages
from ddaudit.data.originals import Original, load_original
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
from ddaudit.inspection.contact_sheet import class_sheets, hidden_sheet
from ddaudit.inspection.opening import digest_of_refused, open_set
from ddaudit.inspection.suggestion import suggestion
from ddaudit.results import OriginalInfo, worst


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
        suggestion=suggestion(distilled, reference, data_root),
        notes=provenance.notes,
        class_pictures=tuple(class_sheets(data, reference.classes if reference else None)),
        hidden_pictures=(hidden_sheet(carried),) if len(carried.pixels) else (),
    )


def schema_findings(distilled: DistilledSet, original: Original | None) -> list[Finding]:
    """``schema.examine``, held to what is known: the original's classes, of which none may be missing, and the pixel space."""
    findings = {f.name: f for f in examine(distilled, len(original.classes) if original else None)}
    missing = findings["classes-missing"]
    if original and missing.verdict != "pass":
        findings[missing.name] = replace(missing, verdict="fail")
    if distilled.data.space.name == "unknown":
        words = "Which values can be displayed is not known, because the pixel space is not."
        findings["gamut"] = replace(findings["gamut"], message=words, value=math.nan)
    return list(findings.values())


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
