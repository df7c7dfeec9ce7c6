"""DD-BKD-SAMPLES: which synthetic images carry the trigger that was found."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.advisory import DETECTORS, LEAST_IMAGES, flagged
from ddaudit.checks.backdoor.carriers import GROUPS, LEVEL, Carriers, find_carriers
from ddaudit.checks.backdoor.study import FAIL_P, UTILITY_FLOOR, WARN_P, Study
from ddaudit.checks.phrases import p_is
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.side_by_side import in_a_row
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, Evidence, Image, Metric, Power, Table
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.training.cost import Work


def _cost(case: AuditCase) -> list[Work]:
    study = case.shared(Study)
    # Leaving out happens only where a trigger was found, twice for the file and once for the control.
    return study.cost()


@check(
    id="DD-BKD-SAMPLES",
    title="The images that carry the trigger",
    pillar="backdoor",
    threat_model="A publisher, or whoever had the file on its way, who hid the trigger in some of its images.",
    cost=_cost,
)
def samples(case: AuditCase) -> CheckResult:
    """Without which synthetic images does the trigger lose its hold?

    Runs where INVERT has a suspicion. Models are trained without random halves of the set's images, by groups, and then without
    random halves of the images of the groups that matter; a regression tells what each adds to the trigger's gain (the target's log odds
    with the trigger on, less without). The same search in a set with planted images says how many it finds.

    References
    ----------
    Ilyas et al., Datamodels, ICML 2022; Chen et al. 2018 (activation clustering) and Tran, Li and Madry, NeurIPS 2018 (spectral
    signatures), as advice where classes are large enough.
    """
    study = case.shared(Study)
    if float(case.correct(study.models(study.audited)).mean()) < UTILITY_FLOOR / case.audited.classes:
        raise SkippedError("Models of the set know too little for a trigger to mean anything.")
    study.invert_all()
    comparison = study.compare(study.audited)
    p, suspect = study.p(comparison), study.suspect(study.audited, comparison)
    if p >= WARN_P:
        raise SkippedError(f"No trigger stands out ({p_is(p)}), so there is none whose images could be sought.")
    study.require_alike()
    name = case.reference.classes[suspect.target]
    carriers = find_carriers(case, study.audited, suspect)
    power = _power(case, study)
    named = carriers.named
    of_target = int((case.audited.hard_labels[named] == suspect.target).sum())
    return samples.result(
        judge(material=p < FAIL_P, shown=True, power=power, sound=bool(len(carriers.rows))),
        (
            f'{len(named)} of {len(case.audited)} images carry the trigger to "{name}" by themselves, {of_target} of them labelled so.'
            if len(named)
            else f'{len(carriers.rows)} images carry the trigger to "{name}" between them; none can be named by itself.'
            if len(carriers.rows)
            else f'The trigger to "{name}" is not lost with any group of images: it is spread over the set, or nothing that the set teaches.'
        ),
        metrics=[
            Metric(
                name="carriers", value=len(named), n=len(case.audited), unit="images", confidence=None, better="lower"
            ),
            Metric(name="groups_that_carry", value=int((carriers.by_group.p < LEVEL).sum()), n=GROUPS, confidence=None),
        ],
        power=power,
        evidence=_evidence(case, study, carriers),
        assumptions=[
            Assumption(text="What images add to the trigger's gain adds up; a regression sees sums.", held=None),
        ],
        advice="Drop the named images and scan again, or better: take another file." if len(named) else "",
        references=["Ilyas et al., ICML 2022, arXiv:2202.00622"],
        trained=[
            f"{case.config.samples_trainings} models for each round of leaving out, on the file and on a planted set"
        ],
    )


def _power(case: AuditCase, study: Study) -> Power:
    """The share of a planted set's stamped images that lie in the groups found; the trigger is sought there as in S."""
    plant = study.plants[0]
    comparison = study.compare(plant.data)
    found = find_carriers(case, plant.data, study.suspect(plant.data, comparison), by_image=False)
    interval = clopper_pearson(int(np.isin(plant.rows, found.rows).sum()), len(plant.rows))
    return Power.of(
        interval,
        defect=f"each of {len(plant.rows)} images with {plant.described} in a {study.planted_in} ({len(plant.data)} images)",
    )


def _evidence(case: AuditCase, study: Study, carriers: Carriers) -> list[Evidence]:
    data, names = case.audited, case.reference.classes
    others = _advice(study, data)
    evidence: list[Evidence] = [
        Table(
            name="groups_left_out",
            caption="What every group of images adds to the trigger's gain in log odds; p is one-sided, over all groups together.",
            columns=["group", "images", "labels", "adds", "standard error", "p"],
            rows=[
                [
                    int(g),
                    len(carriers.groups[g]),
                    ", ".join(sorted({names[c] for c in data.hard_labels[carriers.groups[g]]})),
                    round(float(carriers.by_group.effect[g]), 3),
                    round(float(carriers.by_group.error[g]), 3),
                    round(float(carriers.by_group.p[g]), 4),
                ]
                for g in carriers.by_group.effect.argsort()[::-1]
            ],
        )
    ]
    if carriers.by_image is None:
        return evidence
    order = carriers.by_image.effect.argsort()[::-1]
    shown = data.pixels()[carriers.rows[order]]
    return [
        *evidence,
        Table(
            name="images_left_out",
            caption="What each image of those groups adds by itself."
            + (" The columns of ART's detectors are advice: they have no null." if others else ""),
            columns=["image", "label", "adds", "standard error", "p", *others],
            rows=[
                [
                    int(carriers.rows[i]),
                    names[data.hard_labels[carriers.rows[i]]],
                    round(float(carriers.by_image.effect[i]), 3),
                    round(float(carriers.by_image.error[i]), 3),
                    round(float(carriers.by_image.p[i]), 4),
                    *("flagged" if column[carriers.rows[i]] else "" for column in others.values()),
                ]
                for i in order
            ],
        ),
        Image.from_pixels(
            "carriers",
            in_a_row(shown),
            caption="The images of those groups; the one that adds most to the trigger comes first.",
            alt="Synthetic images that carry the trigger",
        ),
    ]


def _advice(study: Study, data: LabelledImages) -> dict[str, np.ndarray]:
    """Columns of other people's detectors, where every class is large enough for them."""
    if np.bincount(data.hard_labels, minlength=data.classes).min() < LEAST_IMAGES:
        return {}
    return {name: flagged(name, study.models(data)[0], data) for name in DETECTORS}
