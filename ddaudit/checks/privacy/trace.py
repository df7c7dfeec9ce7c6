"""DD-PRV-TRACE: which training image a synthetic image started from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ddaudit.case import AuditCase
from ddaudit.checks.phrases import p_is
from ddaudit.checks.privacy.matched_filter import NEAR_DUPLICATE, Matches, Whitener, best_matches
from ddaudit.checks.registry import check, trains_nothing
from ddaudit.checks.verdicts import judge
from ddaudit.data.originals import Split
from ddaudit.results import (
    Assumption,
    CheckResult,
    ControlValue,
    Evidence,
    Figure,
    Image,
    Metric,
    Power,
    Role,
    Series,
    Table,
)
from ddaudit.statistics.intervals import clopper_pearson
from ddaudit.statistics.multiplicity import adaptive_benjamini_hochberg
from ddaudit.statistics.spacings import leading_spacing_p

FALSE_DISCOVERY_RATE = 0.01
#: Share of the set that must be traced for a failure; fewer traced images are a warning.
MATERIAL_SHARE = 0.05
#: A set whose best matches lie in the train split more often than its size allows, at this level, is a warning.
LEANING_P = 0.01
#: Whitened correlations that planted images keep with their starts; the power is quoted for the strongest.
STRENGTHS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75)
FOUND = 0.8
#: Held-out images that make one null match an image.
BLOCK = 1000
PAIRS_SHOWN = 12


@check(
    id="DD-PRV-TRACE",
    title="Synthetic images traced to training images",
    pillar="privacy",
    threat_model="Anyone who holds the file and a guess of the original data; no model is needed.",
    cost=trains_nothing,
)
def trace(case: AuditCase) -> CheckResult:
    """Which training image did each synthetic image start from?

    Correlates whitened synthetic images with every training image. An image that started as a real one correlates with it
    far more than with the runner-up; how far an unrelated best match leads its runner-up is learnt from the held-out
    images, which cannot have been used. False discoveries are held at 1 %. Needs no model.

    References
    ----------
    Dong, Zhao & Lyu, Privacy for free, ICML 2022 (real-image initialisation leaks); Carlini et al. 2022.
    """
    train, test = case.reference.train, case.reference.test
    case.progress("whitening the original", 0, 1)
    whitener = Whitener.fit(train)
    queries = whitener(case.audited.pixels())
    planted = _plant(queries, train, whitener, case.seed("trace-power"))
    everything = best_matches(
        np.concatenate([queries, planted.queries]),
        train,
        whitener,
        on_chunk=lambda d, n: case.progress("tracing", d, n),
    )
    match = everything.of(slice(len(queries)))
    null, nearer = _held_out(match, queries, case, whitener)
    lead = match.lead(train, whitener)
    p = leading_spacing_p(lead, null)
    flagged = adaptive_benjamini_hochberg(p, FALSE_DISCOVERY_RATE)
    share = clopper_pearson(int(flagged.sum()), len(flagged))
    fair = len(train) / (len(train) + len(test))
    leaning = stats.binomtest(nearer, len(flagged), fair, alternative="greater").pvalue
    material = share.value >= MATERIAL_SHARE
    power, smallest = _power(planted, everything.of(slice(len(queries), None)), train, whitener, null)
    return trace.result(
        judge(material=material, shown=bool(flagged.any()) or leaning < LEANING_P, power=power),
        _finding(flagged, match, leaning, nearer),
        metrics=[
            Metric(
                name="traced_share",
                value=share.value,
                low=share.low,
                high=share.high,
                n=len(flagged),
                unit="fraction",
                better="lower",
            ),
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
        ],
        power=None if material else power,
        evidence=_evidence(case, match, lead, null, p, flagged),
        assumptions=[
            Assumption(text="The train and test splits are random halves of one population.", held=None),
            Assumption(
                text=f"Held-out images were not used for the set; {len(null)} best matches among them give the null.",
                held=None,
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


def _held_out(match: Matches, queries: np.ndarray, case: AuditCase, whitener: Whitener) -> tuple[np.ndarray, int]:
    """Leads of best matches in blocks of the held-out split, and how many images resemble a training image most.

    A block is a null of its own, since a lead hardly depends on the number of candidates (it shrinks slowly, so smaller
    blocks err on the safe side). Held-out images that show the same picture as the best training match are no null.
    """
    test = case.reference.test
    blocks = np.array_split(np.arange(len(test)), max(1, len(test) // BLOCK))
    best_train = whitener(case.reference.train.pixels(match.index[:, 0]))
    leads, best = [], np.full(len(queries), -np.inf)
    for rows in blocks:
        block = test.take(rows)
        found = best_matches(queries, block, whitener)
        same = (best_train * whitener(block.pixels(found.index[:, 0]))).sum(1) >= NEAR_DUPLICATE
        leads.append(found.lead(block, whitener)[~same])
        best = np.maximum(best, found.r[:, 0])
    return np.concatenate(leads), int((match.r[:, 0] > best).sum())


@dataclass(frozen=True, eq=False)
class _Planted:
    """Queries (strengths * m, d) that keep some correlation with the training images ``starts`` (m,)."""

    queries: np.ndarray
    starts: np.ndarray


def _plant(queries: np.ndarray, train: Split, whitener: Whitener, seed: int) -> _Planted:
    """Mix a random training image into each synthetic image, in whitened coordinates."""
    starts = np.random.default_rng(seed).choice(len(train), len(queries), replace=len(queries) > len(train))
    started = whitener(train.pixels(starts))
    residual = queries - (queries * started).sum(1, keepdims=True) * started
    residual /= np.maximum(np.linalg.norm(residual, axis=1, keepdims=True), 1e-12)
    mixed = [rho * started + np.sqrt(1 - rho**2) * residual for rho in STRENGTHS]
    return _Planted(np.concatenate(mixed).astype(np.float32), starts)


def _power(
    planted: _Planted, match: Matches, train: Split, whitener: Whitener, null: np.ndarray
) -> tuple[Power, float | None]:
    """The power at the largest strength, and the smallest strength that is found in ``FOUND`` of the cases."""
    p = leading_spacing_p(match.lead(train, whitener), null).reshape(len(STRENGTHS), -1)
    right = (match.index[:, 0] == np.tile(planted.starts, len(STRENGTHS))).reshape(p.shape)
    found = np.stack([adaptive_benjamini_hochberg(row, FALSE_DISCOVERY_RATE) for row in p]) & right
    smallest = next((rho for rho, row in zip(STRENGTHS, found, strict=True) if row.mean() >= FOUND), None)
    interval = clopper_pearson(int(found[-1].sum()), len(planted.starts))
    defect = f"synthetic images that keep a whitened correlation of {STRENGTHS[-1]:g} with the training image they started from"
    return Power(value=interval.value, low=interval.low, high=interval.high, defect=defect), smallest


def _finding(flagged: np.ndarray, match: Matches, leaning: float, nearer: int) -> str:
    if flagged.any():
        first = np.flatnonzero(flagged)[:3]
        named = ", ".join(f"synthetic {i} to training image {match.index[i, 0]}" for i in first)
        more = f" and {flagged.sum() - len(first)} more" if flagged.sum() > len(first) else ""
        return f"{flagged.sum()} of {len(flagged)} synthetic images are traced to the training image they started from: {named}{more}."
    none = f"None of {len(flagged)} synthetic images is traced to a single training image"
    if leaning < LEANING_P:
        return f"{none}, but {nearer} resemble a training image more than any held-out one, more than chance allows ({p_is(leaning)})."
    return f"{none}."


def _roles(lead: np.ndarray, null: np.ndarray) -> list[tuple[str, np.ndarray, Role]]:
    return [("training images", lead, "subject"), ("held-out images", null, "control")]


def _evidence(
    case: AuditCase, match: Matches, lead: np.ndarray, null: np.ndarray, p: np.ndarray, flagged: np.ndarray
) -> list[Evidence]:
    evidence: list[Evidence] = [
        Figure(
            name="trace_leads",
            caption=(
                "How far every synthetic image's best match leads its runner-up, sorted: among training images, and among "
                "held-out ones, where a lead means nothing."
            ),
            form="line",
            x_label="synthetic images, sorted by lead",
            y_label="lead of the best match",
            series=[
                Series(
                    name=name, x=[float(i) for i in range(len(one))], y=[float(v) for v in -np.sort(-one)], role=role
                )
                for name, one, role in _roles(lead, null)
            ],
        ),
        Table(
            name="traced_pairs",
            caption="The best match of every synthetic image; training images are counted from 0.",
            columns=["synthetic", "train_index", "z", "correlation", "lead", "p", "flagged"],
            rows=[
                [
                    int(i),
                    int(match.index[i, 0]),
                    round(float(match.z[i]), 3),
                    round(float(match.r[i, 0]), 4),
                    round(float(lead[i]), 4),
                    float(f"{p[i]:.3g}"),
                    bool(flagged[i]),
                ]
                for i in np.argsort(p, kind="stable")
            ],
        ),
    ]
    shown = np.flatnonzero(flagged)
    shown = shown[np.argsort(p[shown], kind="stable")][:PAIRS_SHOWN]
    if len(shown):
        ours = np.clip(case.audited.pixels()[shown], 0, 1)
        theirs = case.reference.train.pixels(match.index[shown, 0])
        gap = np.ones((*ours.shape[:2], 1, ours.shape[3]), np.float32)
        columns = np.concatenate([ours, gap, theirs], axis=2)
        divider = np.ones((*columns.shape[1:3], 1), np.float32)
        strip = np.concatenate([part for column in columns for part in (column, divider)][:-1], axis=2)
        listed = ", ".join(f"{i} from {match.index[i, 0]}" for i in shown)
        evidence.append(
            Image.from_pixels(
                "traced_pairs_shown",
                strip,
                caption=f"Synthetic images (above) and the training images they are traced to (below): {listed}.",
                alt="Pairs of a synthetic image and the training image it started from",
            )
        )
    return evidence
