"""DD-PRV-TRACE: which training image a synthetic image started from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ddaudit.case import AuditCase
from ddaudit.checks.phrases import p_is
from ddaudit.checks.privacy.tracing import Found, Traced, trace_images
from ddaudit.checks.privacy.ways import ways
from ddaudit.checks.registry import check, trains_nothing
from ddaudit.checks.side_by_side import pairs_in_a_strip
from ddaudit.checks.verdicts import judge
from ddaudit.results import (
    Assumption,
    CheckResult,
    ControlValue,
    Figure,
    Image,
    Metric,
    Power,
    Role,
    Series,
    Table,
)
from ddaudit.statistics.intervals import clopper_pearson

FALSE_DISCOVERY_RATE = 0.01
#: Share of the set that must be traced for a failure; fewer traced images are a warning.
MATERIAL_SHARE = 0.05
#: A set whose best matches lie in the train split more often than its size allows, at this level, is a warning.
LEANING_P = 0.01
#: Share of planted images whose detection makes a correlation traceable.
FOUND = 0.8
PAIRS_SHOWN = 12
#: How the image shows the other, by family.
SHOWN_AS = {"whole": "as it is", "moved": "mirrored or shifted by a pixel", "part": "as a crop"}


@check(
    id="DD-PRV-TRACE",
    title="Synthetic images traced to training images",
    pillar="privacy",
    threat_model="Anyone who holds the file and a guess of the original data; no model is needed.",
    cost=trains_nothing,
)
def trace(case: AuditCase) -> CheckResult:
    """Which training image did each synthetic image start from?

    Correlates whitened synthetic images with every training image: as they are, mirrored or shifted by a pixel and, where the profile
    affords it, as crops in the image and in its quarters. An image that started from a real one correlates with it far more than with
    the runner-up; how far an unrelated best match leads its runner-up is learnt from the held-out images, which cannot
    have been used. False discoveries are held at 1 % over all ways together. Needs no model.

    References
    ----------
    Dong, Zhao & Lyu, Privacy for free, ICML 2022 (real-image initialisation leaks); Carlini et al. 2022.
    """
    train, test = case.reference.train, case.reference.test
    case.progress("whitening the original", 0, 1)
    traced, found, near = trace_images(
        case.audited.pixels(),
        case.reference,
        ways(case.audited.shape, parts=case.config.trace_parts),
        rate=FALSE_DISCOVERY_RATE,
        seed=case.seed("trace-power"),
        on_chunk=lambda d, n: case.progress("tracing", d, n),
    )
    pairs = _pairs(traced)
    flagged = np.array([pair.flagged for pair in pairs])
    nearer = int(near.sum())
    share = clopper_pearson(int(flagged.sum()), len(flagged))
    fair = len(train) / (len(train) + len(test))
    leaning = stats.binomtest(nearer, len(flagged), fair, alternative="greater").pvalue
    material = share.value >= MATERIAL_SHARE
    whole = [one for one in found if one.family == "whole"]
    smallest = next((one.strength for one in whole if one.share.value >= FOUND), None)
    best = whole[-1]
    power = Power.of(
        best.share,
        defect=f"synthetic images that keep a whitened correlation of {best.strength:g} with the training image they started from",
    )
    return trace.result(
        judge(material=material, shown=bool(flagged.any()) or leaning < LEANING_P, power=power),
        _finding(pairs, leaning, nearer),
        metrics=[
            Metric.of(share, name="traced_share", n=len(flagged), unit="fraction", better="lower"),
            Metric(
                name="nearest_is_training_image",
                value=nearer / len(flagged),
                n=len(flagged),
                unit="fraction",
                better="lower",
                confidence=None,
                controls=[ControlValue(name="where nothing leaks", value=fair)],
            ),
            Metric(name="p_value[nearest_is_training_image]", value=float(leaning), n=len(flagged), confidence=None),
            Metric(name="smallest_traceable_correlation", value=smallest, confidence=None, better="lower"),
            Metric(
                name="influence_indicator",
                value=None if flagged.any() else 2 * len(flagged) / (len(train) - 1),
                confidence=None,
                better="lower",
            ),
        ],
        power=None if material else power,
        evidence=[_leads(traced[0]), _table(pairs), _planted(found), *_shown(case, pairs)],
        assumptions=[
            Assumption(text="The train and test splits are random halves of one population.", held=None),
            Assumption(
                text=f"Held-out images were not used for the set; {len(traced[0].null)} best matches among them give the null.",
                held=None,
            ),
            Assumption(
                text="No synthetic image started from a real one: else the influence indicator 2 m / (n - 1) would be void.",
                held=not flagged.any(),
            ),
        ],
        advice=(
            "Treat the named training images as published: start from noise, or drop those images from the original and distil again."
            if flagged.any()
            else "Ask the publisher whether the images started from real ones; where the original is private, distil again from noise."
            if leaning < LEANING_P
            else ""
        ),
        references=["Dong, Zhao & Lyu, ICML 2022", "Carlini, Feldman & Nasr, arXiv:2209.14987"],
    )


@dataclass(frozen=True)
class _Pair:
    """The most telling match of a synthetic image."""

    synthetic: int
    train_index: int
    z: float
    correlation: float
    lead: float
    p: float
    flagged: bool
    family: str


def _pairs(traced: list[Traced]) -> list[_Pair]:
    """By synthetic image: the whole image's match, unless only another way of looking traces it."""
    pairs: dict[int, _Pair] = {}
    for one in traced:
        for i in np.argsort(one.p, kind="stable"):
            pair = _Pair(
                int(one.image[i]),
                int(one.match.index[i, 0]),
                float(one.match.z[i]),
                float(one.match.r[i, 0]),
                float(one.lead[i]),
                float(one.p[i]),
                bool(one.flagged[i]),
                one.family,
            )
            known = pairs.setdefault(pair.synthetic, pair)
            if pair.flagged and not known.flagged:
                pairs[pair.synthetic] = pair
    return [pairs[i] for i in sorted(pairs)]


def _finding(pairs: list[_Pair], leaning: float, nearer: int) -> str:
    traced = [pair for pair in pairs if pair.flagged]
    if traced:
        named = ", ".join(f"synthetic {pair.synthetic} to training image {pair.train_index}" for pair in traced[:3])
        more = f" and {len(traced) - 3} more" if len(traced) > 3 else ""
        return f"{len(traced)} of {len(pairs)} synthetic images are traced to the training image they started from: {named}{more}."
    none = f"None of {len(pairs)} synthetic images is traced to a single training image"
    if leaning < LEANING_P:
        return f"{none}, but {nearer} resemble a training image more than any held-out one, more than chance allows ({p_is(leaning)})."
    return f"{none}."


def _leads(whole: Traced) -> Figure:
    roles: list[tuple[str, np.ndarray, Role]] = [
        ("training images", whole.lead, "subject"),
        ("held-out images", whole.null, "control"),
    ]
    return Figure(
        name="trace_leads",
        caption=(
            "How far every synthetic image's best match leads its runner-up, sorted: among training images, and among "
            "held-out ones, where a lead means nothing."
        ),
        form="line",
        x_label="synthetic images, sorted by lead",
        y_label="lead of the best match",
        series=[
            Series(name=name, x=[float(i) for i in range(len(one))], y=[float(v) for v in -np.sort(-one)], role=role)
            for name, one, role in roles
        ],
    )


def _table(pairs: list[_Pair]) -> Table:
    return Table(
        name="traced_pairs",
        caption="The best match of every synthetic image; training images are counted from 0.",
        columns=["synthetic", "train_index", "z", "correlation", "lead", "p", "flagged", "shown"],
        rows=[
            [
                pair.synthetic,
                pair.train_index,
                round(pair.z, 3),
                round(pair.correlation, 4),
                round(pair.lead, 4),
                float(f"{pair.p:.3g}"),
                pair.flagged,
                SHOWN_AS[pair.family],
            ]
            for pair in sorted(pairs, key=lambda pair: (not pair.flagged, pair.p, pair.synthetic))
        ],
    )


def _planted(found: list[Found]) -> Table:
    return Table(
        name="planted_traces",
        caption="Training images mixed into the synthetic ones, and how many of them are traced to the right one.",
        columns=["shown", "correlation kept", "planted", "found", "95 % interval"],
        rows=[
            [
                SHOWN_AS[one.family],
                one.strength,
                one.share.n,
                round(one.share.value, 3),
                f"{one.share.low:.2f} to {one.share.high:.2f}",
            ]
            for one in found
        ],
    )


def _shown(case: AuditCase, pairs: list[_Pair]) -> list[Image]:
    """The clearest pairs side by side."""
    clearest = sorted((pair for pair in pairs if pair.flagged), key=lambda pair: pair.p)[:PAIRS_SHOWN]
    if not clearest:
        return []
    ours = case.audited.pixels()[[pair.synthetic for pair in clearest]]
    theirs = case.reference.train.pixels(np.array([pair.train_index for pair in clearest]))
    listed = ", ".join(f"{pair.synthetic} from {pair.train_index}" for pair in clearest)
    return [
        Image.from_pixels(
            "traced_pairs_shown",
            pairs_in_a_strip(ours, theirs),
            caption=f"Synthetic images (above) and the training images they are traced to (below): {listed}.",
            alt="Pairs of a synthetic image and the training image it started from",
        )
    ]
