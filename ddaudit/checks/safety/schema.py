"""DD-SAF-SCHEMA: are the arrays a dataset that one can train on?"""

from __future__ import annotations

from ddaudit.case import AuditCase
from ddaudit.checks.registry import check, trains_nothing
from ddaudit.checks.verdicts import judge
from ddaudit.data.schema import Finding
from ddaudit.inspection.contact_sheet import tiled
from ddaudit.inspection.examination import schema_findings
from ddaudit.results import CheckResult, Evidence, Image, Metric, Table

#: The schema's questions by the metric that answers each, with the metric's unit. "shape" has no number to judge.
_METRICS = {
    "finite": ("images_not_finite", ""),
    "label-range": ("labels_out_of_range", ""),
    "classes-missing": ("classes_missing", ""),
    "balance": ("class_imbalance", ""),
    "duplicates": ("duplicate_images", ""),
    "near-duplicates": ("near_duplicate_images", ""),
    "constant-images": ("constant_images", ""),
    "gamut": ("values_outside_range", "fraction"),
}

#: Images of one finding that are shown.
_SHOWN = 16


@check(
    id="DD-SAF-SCHEMA",
    title="Shape, labels and values",
    pillar="safety",
    threat_model="A careless or hostile publisher whose arrays spoil training, or every number measured on them.",
    needs_original=False,
    cost=trains_nothing,
)
def schema(case: AuditCase) -> CheckResult:
    """Are the arrays whole: finite values, known labels, no class missing, no image twice or blank?

    Values outside of the displayable range are normal for distilled images (published sets have 1 to 60 %): counted, not judged.
    """
    findings = schema_findings(case.distilled, case.original)
    odd = sorted((f for f in findings if f.verdict != "pass"), key=lambda f: f.verdict != "fail")
    evidence: list[Evidence] = [
        Table(
            name="schema",
            caption="Every question and its answer.",
            columns=["question", "verdict", "answer", "images"],
            rows=[[f.name, f.verdict, f.message, ", ".join(map(str, f.images))] for f in findings],
        )
    ]
    evidence += [_shown(case, finding) for finding in odd if finding.images]
    return schema.result(
        judge(material=any(f.verdict == "fail" for f in odd), shown=bool(odd), power=None),
        " ".join(f.message for f in odd) or f"{findings[0].message} Nothing is missing, repeated or blank.",
        metrics=[_metric(f, len(case.audited)) for f in findings if _counts(f, soft=case.audited.soft)],
        evidence=evidence,
        advice="Ask the publisher whether this is meant, or leave the named images out." if odd else "",
    )


def _counts(finding: Finding, *, soft: bool) -> bool:
    # Soft labels have a width and no range.
    return finding.name in _METRICS and not (soft and finding.name == "label-range")


def _metric(finding: Finding, n: int) -> Metric:
    name, unit = _METRICS[finding.name]
    return Metric(
        name=name,
        value=finding.value,
        unit=unit,
        n=n,
        confidence=None,
        better="" if finding.name == "gamut" else "lower",
    )


def _shown(case: AuditCase, finding: Finding) -> Image:
    indices = list(finding.images[:_SHOWN])
    pixels = case.audited.space.to_pixels(case.audited.images[indices])
    listed = ", ".join(map(str, indices))
    return Image.from_pixels(
        finding.name.replace("-", "_"), tiled(pixels, _SHOWN), f"{finding.message} Shown: {listed}.", f"Images {listed}"
    )
