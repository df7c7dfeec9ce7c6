"""DD-PRV-CANARY: epsilon's lower bound from canaries that the publisher planted (tier C)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ddaudit.canaries.sealed import SealedTrial
from ddaudit.case import AuditCase
from ddaudit.checks.registry import SkippedError, check
from ddaudit.checks.verdicts import judge
from ddaudit.data.distilled import LabelledImages
from ddaudit.results import Assumption, CheckResult, ControlValue, Figure, Metric, Power, Role, Series, Table
from ddaudit.statistics.epsilon import OneRun, one_run, power_of_one_run
from ddaudit.statistics.intervals import Interval, clopper_pearson
from ddaudit.statistics.membership import calibrated, phi
from ddaudit.statistics.roc import auc_interval
from ddaudit.training.cost import Work
from ddaudit.training.trainer import TrainedModel

#: A bound above it is a material leak: a guess at a coin can then be right e / (1 + e) = 73 % of the time.
MATERIAL_EPSILON = 1.0
#: The defect that the power speaks of.
PLANTED_EPSILON = 1.0

UNSEEN = "models that saw no canary"
TOLD = "a model that was trained on the canaries"


def _cost(case: AuditCase) -> list[Work]:
    if case.canaries is None:
        return []
    fixed = _as_fixed(case, case.canaries)
    told = fixed.trainings("canaries: a model trained on them", [(_told(fixed, case.canaries), fixed.recipe, 0)])
    return [*fixed.comparison(), *told]


@check(
    id="DD-PRV-CANARY",
    title="Canaries that the publisher planted",
    pillar="privacy",
    threat_model="Anyone who trains models on the file and guesses for examples of their own whether they were in the original.",
    cost=_cost,
)
def canary(case: AuditCase) -> CheckResult:
    """How much does the set give away about examples that its publisher planted by the toss of a coin?

    The publisher planted held-out images, by default with a wrong label, each in or out by a fair coin that is sealed in a key. A canary's
    score is its log-odds under models of the set less that under models of random real subsets, which saw no canary. The highest are guessed
    in and the lowest out; how often that is right bounds epsilon from below. Score, models and number of guesses stand in the key.

    References
    ----------
    Steinke, Nasr and Jagielski, Privacy auditing with one (1) training run, NeurIPS 2023; Aerni, Zhang and Tramer, CCS 2024 (mislabelled
    canaries).
    """
    if case.canaries is None:
        raise SkippedError(
            "It needs canaries that the publisher planted before distilling: make them with ddaudit canaries make, distil the "
            "dataset that it writes, and scan the result with --canary-key."
        )
    sealed = case.canaries
    key, fixed = sealed.key, _as_fixed(case, sealed)
    scores = _scores(fixed.audited_models, fixed.control_models, sealed)
    found = _test(scores, sealed)
    half = len(fixed.control_models) // 2
    unseen = _test(_scores(fixed.control_models[:half], fixed.control_models[half:], sealed), sealed)
    told = _test(_scores([fixed.model(_told(fixed, sealed), fixed.recipe)], fixed.control_models, sealed), sealed)

    visible = told.epsilon > 0
    power = Power(
        value=power_of_one_run(len(scores), key.guesses, PLANTED_EPSILON, key.delta, key.confidence)
        if visible
        else 0.0,
        defect=f"an epsilon of {PLANTED_EPSILON:g} that the score shows in full (randomised response, {key.guesses} guesses)",
    )
    inside = sealed.trial.inside
    area = auc_interval(scores[inside], scores[~inside])
    return canary.result(
        judge(material=found.epsilon > MATERIAL_EPSILON, shown=found.epsilon > 0, power=power),
        _finding(found, sealed),
        metrics=[
            Metric(
                name="epsilon_lower_bound",
                value=found.epsilon,
                low=found.epsilon,
                confidence=key.confidence,
                n=len(scores),
                better="lower",
                controls=[
                    ControlValue(name=name, value=one.epsilon, low=one.epsilon)
                    for name, one in ((UNSEEN, unseen), (TOLD, told))
                ],
            ),
            Metric(name="epsilon_attainable", value=found.attainable, confidence=key.confidence, n=len(scores)),
            _right(found, {UNSEEN: unseen, TOLD: told}, key.guesses),
            Metric.of(area, name="auc[canary]", n=len(scores), better="lower"),
        ],
        power=power,
        evidence=[_guesses(found, inside), _sealed(sealed), _figure(scores, inside)],
        assumptions=[
            Assumption(text="Seal, canaries, coins, original and dataset to distil belong together.", held=True),
            Assumption(text="A model that was trained on the canaries gives them away to this score.", held=visible),
            Assumption(
                text="The file was distilled from that dataset, and once: from anything else the bound is 0.", held=None
            ),
        ],
        advice=(
            "Single examples show in the set. Where membership is sensitive, distil under differential privacy, or from noise and from "
            "more data."
            if found.epsilon > 0
            else ""
        ),
        references=["Steinke, Nasr and Jagielski, NeurIPS 2023", "Aerni, Zhang and Tramer, CCS 2024"],
        trained=sorted({m.dataset for m in fixed.audited_models + fixed.control_models}),
    )


def _as_fixed(case: AuditCase, sealed: SealedTrial) -> AuditCase:
    """The case with the models that the key asks for: neither seed nor profile of the scan has a say in the guesses."""
    key = sealed.key
    config = replace(case.config, recipe=key.recipe, seeds=key.models, control_draws=key.models, seed=key.seed)
    return replace(case, config=config, _models={}, _logits={})


def _told(case: AuditCase, sealed: SealedTrial) -> LabelledImages:
    """The positive control: a random real subset with the canaries that are in."""
    real, inside, space = case.real_subsets[0], sealed.trial.inside, case.audited.space
    return replace(
        real,
        images=np.concatenate([real.images, space.to_native(sealed.pixels[inside])]),
        labels=np.concatenate([real.labels, sealed.trial.labels[inside]]),
        name="random real subset with the canaries",
    )


def _scores(models: list[TrainedModel], references: list[TrainedModel], sealed: SealedTrial) -> np.ndarray:
    """float64 (m,): log-odds of the planted label, mean over the models less mean over the references."""
    own, others = (
        np.stack([phi(model.logits(sealed.pixels), sealed.trial.labels) for model in group])
        for group in (models, references)
    )
    return calibrated(own.mean(0), others)


def _test(scores: np.ndarray, sealed: SealedTrial) -> OneRun:
    key = sealed.key
    return one_run(scores, sealed.trial.inside, key.guesses, key.delta, key.confidence)


def _right(found: OneRun, controls: dict[str, OneRun], guesses: int) -> Metric:
    def share(one: OneRun) -> Interval:
        return clopper_pearson(one.correct, guesses)

    ours = share(found)
    return Metric.of(
        ours,
        name="right_guesses",
        n=guesses,
        better="lower",
        controls=[
            ControlValue(name=name, value=share(one).value, low=share(one).low, high=share(one).high)
            for name, one in controls.items()
        ],
    )


def _guesses(found: OneRun, inside: np.ndarray) -> Table:
    said = {1: "in", 0: "no guess", -1: "out"}
    return Table(
        name="guesses",
        caption="What was guessed of the canaries, by what the coins said.",
        columns=["guess", "were in", "were out"],
        rows=[
            [word, int((inside & (found.guesses == guess)).sum()), int((~inside & (found.guesses == guess)).sum())]
            for guess, word in said.items()
        ],
    )


def _sealed(sealed: SealedTrial) -> Table:
    key = sealed.key
    return Table(
        name="sealed",
        caption="What was fixed before the set was distilled. Compare the seal with the one that was noted then.",
        columns=["what", "value"],
        rows=[
            ["seal (sha256 of the key)", key.seal],
            ["dataset to distil (sha256)", key.dataset.sha256],
            ["original", key.original.name],
            ["canaries", len(key.rows)],
            ["labels", key.labels],
            [
                "score",
                f"{key.score}, {key.models} models of the set and {key.models} of random real subsets, recipe {key.recipe}",
            ],
            ["guesses", key.guesses],
            ["delta", key.delta],
            ["confidence", key.confidence],
        ],
    )


def _figure(scores: np.ndarray, inside: np.ndarray) -> Figure:
    edges = np.histogram_bin_edges(scores, bins=min(30, max(5, len(scores) // 10)))
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()

    def histogram(name: str, rows: np.ndarray, role: Role) -> Series:
        return Series(name=name, x=middles, y=np.histogram(scores[rows], edges)[0].astype(float).tolist(), role=role)

    return Figure(
        name="canary_scores",
        caption="Scores of the canaries that were in the distilled data, and of those that were not: the further apart, the more shows.",
        form="step",
        x_label="log-odds of the planted label, above models that saw no canary",
        y_label="canaries",
        series=[histogram("in", inside, "subject"), histogram("out", ~inside, "control")],
    )


def _finding(found: OneRun, sealed: SealedTrial) -> str:
    key = sealed.key
    counts = f"{found.correct} of {key.guesses} guesses about {len(key.rows)} canaries are right"
    most = f"{found.attainable:.2f} is the most that they could have shown"
    terms = f"(with {100 * key.confidence:g} % confidence, delta {key.delta:g}; {most})"
    if found.epsilon > 0:
        return f"Single examples show: epsilon is at least {found.epsilon:.2f} {terms}, for {counts}."
    return f"Epsilon's lower bound is 0 {terms}, for {counts}: guessing was not seen to beat a coin, which does not show that the set is private."
