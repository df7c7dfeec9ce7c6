"""DD-SAF-FILE: what the file is, and what it carries besides its images."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.registry import check
from ddaudit.checks.verdicts import judge
from ddaudit.data.originals import Split
from ddaudit.results import CheckResult, Evidence, Image, Metric, Table

#: Mean absolute difference, in units of the pixel range, under which two images are the same one: half a step of 8 bits.
EXACT = 0.5 / 255


@check(
    id="DD-SAF-FILE",
    title="The file and its hidden content",
    pillar="safety",
    threat_model="A publisher whose file runs code when opened, or carries more than it shows.",
    needs_original=False,
)
def file(case: AuditCase) -> CheckResult:
    """Is the file what it seems, and does it carry anything that reading it does not show?

    The file was opened in a subprocess with limits, by an allow-list of names; this check reports what was found on the way.
    Hidden images are compared with the original's training images.

    References
    ----------
    CVE-2025-32434, CVE-2026-24747 (why loading weights only is not enough by itself).
    """
    provenance, hidden = case.distilled.provenance, case.distilled.hidden
    images = [h.images for h in hidden if h.images is not None]
    stored = np.concatenate(images) if images else np.zeros((0, *case.audited.shape), np.float32)
    exact: int | None = None
    if case.original is not None and len(stored) and stored.shape[1:] == case.original.train.shape:
        exact = len(exact_matches(case.audited.space.to_pixels(stored), case.original.train))
    metrics = [
        Metric(name="hidden_images", value=len(stored), confidence=None, better="lower"),
        Metric(
            name="hidden_bytes", value=sum(h.n_bytes for h in hidden), unit="bytes", confidence=None, better="lower"
        ),
    ]
    if exact is not None:
        metrics.append(
            Metric(name="hidden_training_images", value=exact, n=len(stored), confidence=None, better="lower")
        )
    evidence: list[Evidence] = [
        Table(
            name="files",
            caption="Every file that was read.",
            columns=["file", "sha256", "bytes"],
            rows=[[name, sha256, size] for name, sha256, size in provenance.files],
        ),
        Table(
            name="globals",
            caption="Names that the file's pickles refer to; all are on the allow-list.",
            columns=["name"],
            rows=[[name] for name in provenance.globals],
        ),
    ]
    if hidden:
        evidence.append(
            Table(
                name="hidden_content",
                caption="Content that reading the file does not show.",
                columns=["kind", "description", "bytes"],
                rows=[[h.kind, h.description, h.n_bytes] for h in hidden],
            )
        )
    if len(stored):
        evidence.append(_sheet(case.audited.space.to_pixels(stored[:64])))
    return file.result(
        judge(material=bool(exact) or bool(len(stored)), shown=bool(hidden), power=None),
        _finding(provenance.reader, len(hidden), len(stored), exact),
        metrics=metrics,
        evidence=evidence,
        advice="Save copies of the tensors (tensor.clone()) before publishing: views carry their whole storage."
        if len(stored)
        else "",
        references=["CVE-2025-32434", "CVE-2026-24747"],
    )


def exact_matches(pixels: np.ndarray, train: Split) -> dict[int, int]:
    """Images (n, c, h, w) that are training images, as {index: training index}, to within half an 8-bit step."""
    found: dict[int, int] = {}
    queries = pixels.reshape(len(pixels), -1).astype(np.float32)
    norms = np.square(queries).sum(1)
    for start in range(0, len(train), 4096):
        chunk = train.pixels(slice(start, start + 4096))
        flat = chunk.reshape(len(chunk), -1)
        distance = norms[:, None] - 2 * queries @ flat.T + np.square(flat).sum(1)
        near = distance.argmin(1)
        gap = np.abs(queries - flat[near]).mean(1)
        found |= {int(i): start + int(near[i]) for i in np.flatnonzero(gap < EXACT)}
    return found


def _finding(reader: str, hidden: int, images: int, exact: int | None) -> str:
    if not hidden:
        return f"The file opens safely as {reader} and carries nothing besides what it shows."
    if not images:
        return (
            f"The file opens safely as {reader} but carries {hidden} pieces of content that reading it does not show."
        )
    compared = f"; {exact} of them are exact training images of the original" if exact is not None else ""
    return f"The file carries {images} stored images besides, or behind, what it shows{compared}."


def _sheet(pixels: np.ndarray) -> Image:
    columns = min(16, len(pixels))
    blank = np.ones((-len(pixels) % columns, *pixels.shape[1:]), np.float32)
    grid = np.concatenate([pixels, blank]).reshape(-1, columns, *pixels.shape[1:])
    picture = grid.transpose(2, 0, 3, 1, 4).reshape(pixels.shape[1], grid.shape[0] * pixels.shape[2], -1)
    return Image.from_pixels(
        "hidden_images", picture, caption="Images found behind the file's tensors.", alt="Hidden images"
    )
