"""DD-SAF-FILE: what the file is, and what it carries besides its images."""

from __future__ import annotations

from ddaudit.case import AuditCase
from ddaudit.checks.registry import check, trains_nothing
from ddaudit.checks.verdicts import judge
from ddaudit.inspection.carried import carried_by
from ddaudit.inspection.contact_sheet import hidden_sheet
from ddaudit.results import CheckResult, Evidence, Metric, Table


@check(
    id="DD-SAF-FILE",
    title="The file and its hidden content",
    pillar="safety",
    threat_model="A publisher whose file runs code when opened, or carries more than it shows.",
    needs_original=False,
    cost=trains_nothing,
)
def file(case: AuditCase) -> CheckResult:
    """Is the file what it seems, and does it carry anything that reading it does not show?

    The file was opened in a subprocess with limits, by an allow-list of names; this check reports what was found on the way.
    Hidden images are compared with the original's training images.

    References
    ----------
    CVE-2025-32434, CVE-2026-24747 (why loading weights only is not enough by itself).
    """
    provenance = case.distilled.provenance
    carried = carried_by(case.distilled, case.original)
    images = len(carried.pixels)
    metrics = [
        Metric(name="hidden_images", value=images, confidence=None, better="lower"),
        Metric(name="hidden_bytes", value=carried.n_bytes, unit="bytes", confidence=None, better="lower"),
    ]
    if carried.training_images is not None:
        exact = len(carried.training_images)
        metrics.append(Metric(name="hidden_training_images", value=exact, n=images, confidence=None, better="lower"))
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
    if carried.items:
        evidence.append(
            Table(
                name="hidden_content",
                caption="Content that reading the file does not show.",
                columns=["kind", "description", "bytes"],
                rows=[[item.kind, item.description, item.n_bytes] for item in carried.items],
            )
        )
    if images:
        evidence.append(hidden_sheet(carried))
    return file.result(
        judge(material=images > 0, shown=bool(carried.items), power=None),
        carried.sentence,
        metrics=metrics,
        evidence=evidence,
        advice=_advice(images > 0, bool(carried.items)),
        references=["CVE-2025-32434", "CVE-2026-24747"],
    )


def _advice(images: bool, anything: bool) -> str:
    if images:
        return "Save copies of the tensors (tensor.clone()) before publishing: views carry their whole storage."
    return "Ask the publisher what it is for; `ddaudit convert` writes a copy without it." if anything else ""
