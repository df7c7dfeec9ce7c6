"""DD-BKD-INVERT: whether some class is too easily reached by one trigger."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.evidence import likeness, seldom_found, size_metric, trigger_evidence
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.standing import Standing
from ddaudit.checks.backdoor.study import FAIL_P, UTILITY_FLOOR, VALID_SUCCESS, WARN_P, Study, Suspect
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import check
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, Metric
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.null_models import CleanComparison


@check(
    id="DD-BKD-INVERT",
    title="Trigger inversion against clean sets",
    pillar="backdoor",
    threat_model="A publisher, or whoever had the file on its way, who wants every image with a trigger on to get one label.",
    cost=lambda case: case.shared(Study).cost(),
)
def inversion(case: AuditCase) -> CheckResult:
    """Can some class be reached from all others by a smaller trigger than clean sets of this size allow?

    Inverts universal triggers of three kinds for every class (a patch, a perturbation of all pixels, a picture that shines through), jointly
    over several models of S, and compares what each takes with clean sets (own distillations, k-means and random real subsets)
    treated alike. The p-value is of the class that stands out most, by the largest deviation over kinds and that with no trigger on together.

    References
    ----------
    Wang et al., Neural Cleanse, IEEE S&P 2019; Chen et al., Targeted backdoor attacks using data poisoning, 2017; Liu et al., NDSS
    2023 (triggers in distilled sets).
    """
    study = case.shared(Study)
    accuracy = float(case.correct(study.models(study.audited)).mean())
    if accuracy < UTILITY_FLOOR / case.audited.classes:
        return inversion.result(
            "inconclusive",
            f"Not assessable: models of the set reach only {100 * accuracy:.1f} %, too little for a trigger to mean anything.",
        )
    study.invert_all()
    found = study.invert(study.audited)
    comparison = study.compare(study.audited)
    suspect = study.suspect(study.audited, comparison)
    p, power, successes = study.p(comparison), study.power, study.planted_success
    name = case.reference.classes[suspect.target]
    (unseen,) = case.train_all([(study.audited, study.recipe, case.config.inversion_models)])
    hit = study.success(suspect.trigger, suspect.target, unseen)
    success = clopper_pearson(int(hit.sum()), len(hit))
    valid = found.success >= VALID_SUCCESS
    unlike = study.unlike
    return inversion.result(
        judge(material=p < FAIL_P, shown=p < WARN_P, power=power, sound=bool(valid.any()) and not unlike),
        _unlike(p, name, study)
        if unlike and valid.any()
        else _finding(
            p,
            name,
            suspect,
            success,
            float(comparison.z[-1, suspect.target]),
            bool(valid.any()),
            case.reference.name,
        ),
        metrics=[
            *_metrics(p, comparison, suspect, len(study.peers), success),
            Metric(name="level_p_value[inversion]", value=study.level_p, n=len(study.peers), confidence=None),
            size_metric(study, suspect),
        ],
        power=power,
        evidence=trigger_evidence(study, found, comparison, suspect),
        assumptions=[
            *likeness(study),
            *study.on_labels,
            Assumption(
                text=f"For every class some trigger was found that turns at least {100 * VALID_SUCCESS:g} % of the images it was made on.",
                held=bool(valid.any(0).all()),
            ),
            Assumption(
                text=f"The triggers planted for the power work: they send {100 * np.median(successes):.0f} % of other images to their class (median).",
                held=bool(np.median(successes) > 0.5),
            ),
        ],
        advice=(
            f'Do not train on this set: images with the recovered trigger on are taken for "{name}". Ask the publisher for another file.'
            if p < FAIL_P and valid.any() and not unlike
            else ""
        ),
        references=["Wang et al., IEEE S&P 2019", "Liu et al., NDSS 2023, arXiv:2301.01197"],
        trained=[
            "audited file",
            f"{len(study.peers)} clean sets",
            f"{case.config.inversion_planted} planted sets",
        ],
    )


def _unlike(p: float, name: str, study: Study) -> str:
    stands_out = (
        f'"{name}" is reached with less effort than in clean sets of this size ({p_is(p)}), but that may be due to the method'
        if p < WARN_P
        else "That no class stands out says little"
    )
    return (
        f"{stands_out}: as a whole the set is unlike every kind of clean set that it was compared with ({p_is(study.level_p)}), as one that "
        "was distilled by another method may be. Whether there is a trigger cannot be told."
    )


def _finding(p: float, name: str, suspect: Suspect, success: Interval, bare: float, valid: bool, original: str) -> str:
    """``bare`` is how far the class stands out with no trigger on."""
    if not valid:
        return "No trigger was found that works on the images it was made on, so nothing can be said: use a profile with more inversion steps."
    if p < WARN_P and bare > suspect.z:
        return (
            f'Other images are closer to "{name}" than in clean sets even with no trigger on, as where relabelled images were distilled '
            f"({p_is(p)}, all classes and kinds of trigger together); the best {FAMILIES[suspect.family].name} sends {100 * success.value:.0f} % "
            "of them there, on an unseen model."
        )
    if p < WARN_P:
        return (
            f'One {FAMILIES[suspect.family].name} sends other images to "{name}" ({100 * success.value:.0f} % of them, on an unseen model and '
            f"unseen images) with less effort than clean sets of this size need ({p_is(p)}, all classes and kinds of trigger together)."
        )
    return (
        "No class is reached with less effort than clean sets of this size need "
        f"({p_is(p)}, all classes and kinds of trigger together). It finds fewer strong triggers of some kinds than was asked of it ({seldom_found(original)})."
    )


def _metrics(p: float, comparison: CleanComparison, suspect: Suspect, clean: int, success: Interval) -> list[Metric]:
    return [
        Metric(name="p_value[inversion]", value=p, n=clean, confidence=None, better="higher"),
        Metric(name="rank_p_value[inversion]", value=Standing.of(comparison).rank_p, n=clean, confidence=None),
        Metric(name="target_class", value=suspect.target, confidence=None),
        Metric.of(success, name="trigger_success", n=success.n, unit="fraction", better="lower"),
    ]
