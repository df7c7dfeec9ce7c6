"""The publisher's test: a planted leak is bounded from below, coins that nobody knows give 0, and the key alone decides how."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_scan as tiny
from scipy import stats

from ddaudit.canaries.sealed import KEY_NAME, SealedTrial, make_canaries, open_canaries
from ddaudit.canaries.trial import Trial
from ddaudit.case import AuditCase
from ddaudit.checks.privacy.canary import MATERIAL_EPSILON, TOLD, UNSEEN, canary
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult
from ddaudit.statistics.epsilon import largest_one_run_epsilon, one_run
from ddaudit.statistics.membership import phi
from ddaudit.training.trainer import TrainedModel

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]


@pytest.fixture(scope="module")
def folder(digits: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    make_canaries(digits, folder, count=300, models=2, seed=1)
    return folder


@pytest.fixture(scope="module")
def sealed(folder: Path, digits: Original) -> SealedTrial:
    return open_canaries(folder / KEY_NAME, digits)


@pytest.fixture(scope="module")
def audited(digits: Original, sealed: SealedTrial, case_of: Cases) -> Callable[..., CheckResult]:
    """The check of a set, against the original less the canaries, with models of a few epochs."""

    def run(data: LabelledImages, **settings: object) -> CheckResult:
        with tiny.few_epochs():
            return canary.run(replace(case_of(data, sealed.trial.spared(digits), **settings), canaries=sealed))

    return run


def telling(sealed: SealedTrial, truth: np.ndarray) -> Callable[..., np.ndarray]:
    """Logits that are noise, but for models of the audited file, which tell ``truth`` of each canary."""
    number = {pixels.tobytes(): i for i, pixels in enumerate(sealed.pixels)}

    def logits(model: TrainedModel, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        noise = np.random.default_rng(zlib.crc32(f"{model.dataset}{model.seed}".encode())).random((len(pixels), 10))
        told = {"audited file": truth, "random real subset with the canaries": sealed.trial.inside}.get(model.dataset)
        if told is not None:
            rows = np.array([number[p.tobytes()] for p in pixels])
            noise[np.arange(len(rows)), sealed.trial.labels[rows]] += 100.0 * told[rows]
        return noise

    return logits


@pytest.mark.parametrize("epsilon", [0.8, 3.0])
def test_a_planted_leak_of_known_size_is_bounded_below_the_truth_and_above_0(
    digits: Original,
    sealed: SealedTrial,
    real_images: Sets,
    audited: Callable[..., CheckResult],
    monkeypatch: pytest.MonkeyPatch,
    epsilon: float,
) -> None:
    # Randomised response: the file tells each coin truly as often as epsilon-privacy allows.
    honest = np.random.default_rng(3).random(300) < 1 / (1 + np.exp(-epsilon))
    monkeypatch.setattr(TrainedModel, "logits", telling(sealed, sealed.trial.inside == honest))
    result = audited(real_images(digits.train, 2))
    bound = result.metric("epsilon_lower_bound").value
    assert bound is not None
    assert 0.3 * epsilon < bound < epsilon
    assert result.verdict == ("fail" if bound > MATERIAL_EPSILON else "warn")
    assert result.verdict == ("fail" if epsilon == 3.0 else "warn")
    assert f"at least {bound:.2f}" in result.finding


@pytest.fixture(scope="module")
def of_the_original(digits: Original, real_images: Sets, audited: Callable[..., CheckResult]) -> CheckResult:
    """A set in which no canary had a part."""
    return audited(real_images(digits.train, 5))


def test_the_bound_stands_beside_its_controls_and_the_most_it_could_have_been(of_the_original: CheckResult) -> None:
    bound = of_the_original.metric("epsilon_lower_bound")
    assert bound.value == 0
    assert bound.n == 300
    controls = {c.name: c.value for c in bound.controls}
    assert controls[UNSEEN] == 0
    assert controls[TOLD] > 0  # type: ignore[operator]
    most = largest_one_run_epsilon(300, 150, 1e-5)
    assert of_the_original.metric("epsilon_attainable").value == most
    assert f"{most:.2f} is the most" in of_the_original.finding
    assert "does not show that the set is private" in of_the_original.finding
    assert of_the_original.verdict == "pass"
    assert of_the_original.power is not None
    assert of_the_original.power.value > 0.99  # type: ignore[operator]


def test_the_guesses_are_those_that_the_coins_judge(of_the_original: CheckResult, sealed: SealedTrial) -> None:
    table = next(e for e in of_the_original.evidence if e.name == "guesses")
    (_, right_in, wrong_in), _, (_, wrong_out, right_out) = table.rows  # type: ignore[union-attr]
    assert right_in + wrong_in == right_out + wrong_out == 75
    assert of_the_original.metric("right_guesses").value == (right_in + right_out) / 150
    fixed = dict(next(e for e in of_the_original.evidence if e.name == "sealed").rows)  # type: ignore[union-attr]
    assert fixed["seal (sha256 of the key)"] == sealed.key.seal


def test_neither_seed_nor_profile_of_the_scan_has_a_say(
    digits: Original, real_images: Sets, audited: Callable[..., CheckResult], of_the_original: CheckResult
) -> None:
    other = audited(real_images(digits.train, 5), seed=9, seeds=1, control_draws=5, profile="standard")
    assert other.metrics == of_the_original.metrics
    assert other.verdict == of_the_original.verdict


def test_a_score_that_misses_even_models_that_were_told_does_not_pass(
    digits: Original,
    sealed: SealedTrial,
    real_images: Sets,
    audited: Callable[..., CheckResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blind = np.random.default_rng(0).random((300, 10))
    monkeypatch.setattr(TrainedModel, "logits", lambda model, pixels, batch=500: blind[: len(pixels)])
    result = audited(real_images(digits.train, 2))
    assert result.verdict == "inconclusive"
    assert result.power is not None
    assert result.power.value == 0


def test_without_a_key_it_does_not_run_and_says_what_a_publisher_would_do(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 2), digits)
    with pytest.raises(SkippedError, match=r"ddaudit canaries make.*--canary-key"):
        canary.run(case)
    assert canary.cost is not None
    assert not canary.cost(case)


def test_what_it_costs_is_what_it_trains(
    digits: Original, sealed: SealedTrial, real_images: Sets, case_of: Cases
) -> None:
    case = replace(case_of(real_images(digits.train, 2), sealed.trial.spared(digits)), canaries=sealed)
    assert canary.cost is not None
    models = {w.what: w.count for w in canary.cost(case) if "scored" not in w.what}
    assert sum(models.values()) == 2 + 2 + 1


def test_coins_that_had_no_part_in_a_set_seldom_bound_anything(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    # Real scores, 200 secrets: each draws other canaries, other labels, other coins.
    case = case_of(real_images(digits.train, 10), digits)
    models = case.models(case.audited, case.recipe, 1) + case.models(real_images(digits.train, 11), case.recipe, 1)
    logits = [model.logits(digits.test.pixels()) for model in models]
    shown = 0
    for secret in range(200):
        trial = Trial.draw(digits, 300, secret, "wrong")
        ours, others = (phi(z[trial.rows], trial.labels) for z in logits)
        shown += one_run(ours - others, trial.inside, 150, 1e-5).epsilon > 0
    assert stats.binomtest(shown, 200, 0.05, alternative="greater").pvalue > 0.05
    assert shown <= 10
