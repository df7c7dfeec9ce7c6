"""The attacks as functions of arrays: a planted member scores higher, a stranger does not, and nobody needs the labels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from ddaudit.checks.privacy.membership_attacks import ATTACKS, GAMMA, A, Observations
from ddaudit.checks.privacy.regression_attack import NonMemberRegression
from ddaudit.statistics.membership import rmia
from ddaudit.statistics.roc import auc, auc_interval

N = 2000


def seen(gain: float, seed: int = 0) -> Observations:
    """Half are members: the target's `phi` of them is raised by ``gain``, and so is the set's closeness."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N + 600, 5))
    difficulty = 2 * np.tanh(features[:, 0]) + features[:, 1] * features[:, 2]
    member = np.arange(N) < N // 2

    def phi(models: int) -> np.ndarray:
        return difficulty + 0.6 * rng.normal(size=(models, N + 600))

    target = phi(2)
    target[:, :N][:, member] += gain
    shared = rng.normal(size=N)
    return Observations(
        target=target[:, :N],
        references=phi(4)[:, :N],
        closeness=shared + 0.3 * rng.normal(size=N) + gain * member,
        control_closeness=shared + 0.3 * rng.normal(size=(8, N)),
        features=features[:N],
        population=~member,
        calibration_target=target[:, N:],
        calibration_features=features[N:],
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_finds_members_and_none_where_there_are_none(attack: str) -> None:
    leak, nothing = seen(0.5), seen(0.0)
    found = auc_interval(*(ATTACKS[attack](leak)[side] for side in (~leak.population, leak.population)))
    null = auc_interval(*(ATTACKS[attack](nothing)[side] for side in (~nothing.population, nothing.population)), 0.99)
    assert found.low > 0.53
    assert null.low <= 0.5 <= null.high


def test_calibration_finds_what_difficulty_hides_and_the_regression_needs_no_reference_for_it() -> None:
    leak = seen(0.5)
    area = {name: auc(attack(leak)[:1000], attack(leak)[1000:]) for name, attack in ATTACKS.items()}
    for calibrating in ("calibrated", "lira", "regression"):
        assert area[calibrating] > area["loss"] + 0.05
    worthless = replace(leak, references=np.random.default_rng(5).normal(size=leak.references.shape))
    assert ATTACKS["regression"](worthless).tolist() == ATTACKS["regression"](leak).tolist()


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name != "rmia"])
def test_a_score_does_not_know_who_is_a_member(attack: str) -> None:
    leak = seen(0.5)
    told = replace(leak, population=np.random.default_rng(0).permutation(leak.population))
    assert ATTACKS[attack](told).tolist() == ATTACKS[attack](leak).tolist()


def test_rmia_compares_with_non_members_and_ranks_all_candidates_by_one_ratio() -> None:
    leak = seen(0.5)
    score = ATTACKS["rmia"](leak)
    p, r = special.expit(leak.target).mean(0), special.expit(leak.references)
    z = leak.population
    assert score.tolist() == rmia(p, r, p[z], r[:, z], gamma=GAMMA, a=A).tolist()
    ratio = p / ((1 + A) * r.mean(0) / 2 + (1 - A) / 2)
    assert (np.diff(score[np.argsort(ratio)]) >= 0).all()


def test_probabilities_that_round_to_nought_are_no_error() -> None:
    leak = seen(0.5)
    hopeless = replace(leak, target=leak.target - 2000, references=leak.references - 2000)
    assert np.isfinite(ATTACKS["rmia"](hopeless)).all()


def test_the_regression_explains_difficulty_and_widens_its_tube_with_the_noise() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(600, 4))
    expected = 3 + 2 * np.tanh(features[:, 0])
    fits = []
    for spread in (0.1, 1.0):
        fit = NonMemberRegression.fit(features, expected + spread * rng.uniform(-1, 1, 600))
        fits.append(fit.unit * fit.residual.tube)
        assert np.corrcoef(fit.model.predict(features), expected)[0, 1] > 0.9
    assert fits[1] / fits[0] > 3


def test_a_residual_within_the_tube_is_no_evidence_and_one_beyond_it_is_evidence_of_its_sign() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(400, 3))
    fit = NonMemberRegression.fit(features, features[:, 0] + rng.normal(size=400))
    expected = fit.centre + fit.unit * fit.model.predict(features[:3])
    ends = fit.unit * np.array([0.0, fit.residual.tube + 1, -fit.residual.tube - 1])
    score = fit(features[:3], expected + ends)
    assert score[0] == 0
    assert score[1:] == pytest.approx([1 / fit.residual.scale, -1 / fit.residual.scale])
