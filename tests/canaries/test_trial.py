"""Canaries are fair, held out, wrongly labelled, and where the coins say."""

import numpy as np
import pytest
from scipy import stats

from ddaudit.canaries.trial import Trial
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError


def test_coins_are_fair_and_independent_of_everything_else(digits: Original) -> None:
    trials = [Trial.draw(digits, 400, secret, "wrong") for secret in range(25)]
    heads = np.stack([t.inside for t in trials])
    assert stats.binomtest(int(heads.sum()), heads.size).pvalue > 0.01
    of_row = np.concatenate([digits.test.labels[t.rows] for t in trials])
    table = np.histogram2d(of_row, heads.ravel(), bins=(10, 2))[0]
    assert stats.chi2_contingency(table).pvalue > 0.01
    assert stats.pearsonr(heads[:, :-1].ravel(), heads[:, 1:].ravel()).pvalue > 0.01


def test_wrong_labels_are_wrong_and_evenly_so(digits: Original) -> None:
    trials = [Trial.draw(digits, 400, secret, "wrong") for secret in range(25)]
    offsets = np.concatenate([(t.labels - digits.test.labels[t.rows]) % 10 for t in trials])
    counts = np.bincount(offsets, minlength=10)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 0.01


def test_true_labels_are_the_images_own(digits: Original) -> None:
    trial = Trial.draw(digits, 100, 3, "true")
    assert (trial.labels == digits.test.labels[trial.rows]).all()


def test_the_dataset_to_distil_holds_the_originals_and_the_canaries_that_are_in(digits: Original) -> None:
    trial = Trial.draw(digits, 200, 7, "wrong")
    poisoned = trial.poisoned(digits, 7)

    def counted(pixels: np.ndarray, labels: np.ndarray) -> list[bytes]:
        return sorted(
            np.rint(255 * p).astype(np.uint8).tobytes() + bytes([int(y)]) for p, y in zip(pixels, labels, strict=True)
        )

    planted, out = (trial.rows[trial.inside], trial.rows[~trial.inside])
    expected = counted(digits.train.pixels(), digits.train.labels) + counted(
        digits.test.pixels(planted), trial.labels[trial.inside]
    )
    assert counted(poisoned.train.pixels(), poisoned.train.labels) == sorted(expected)
    rest = np.setdiff1d(np.arange(len(digits.test)), np.concatenate([planted, out]))
    assert counted(poisoned.test.pixels(), poisoned.test.labels) == counted(
        digits.test.pixels(rest), digits.test.labels[rest]
    )


def test_the_canaries_do_not_stand_together(digits: Original) -> None:
    trial = Trial.draw(digits, 200, 7, "wrong")
    mine = {p.tobytes() for p in trial.pixels(digits)[trial.inside]}
    train = trial.poisoned(digits, 7).train
    places = [i for i, p in enumerate(train.pixels()) if p.tobytes() in mine]
    assert stats.kstest(np.array(places) / len(train), "uniform").pvalue > 0.01


def test_no_canary_is_left_in_the_held_out_split(digits: Original) -> None:
    trial = Trial.draw(digits, 200, 7, "wrong")
    spared = trial.spared(digits)
    assert len(spared.test) == 899 - 200
    canaries = {p.tobytes() for p in digits.test.pixels(trial.rows)}
    others = [p.tobytes() for p in spared.test.pixels()]
    # scikit-learn's digits hold no image twice, so that none can be on both sides by chance.
    assert canaries.isdisjoint(others)
    assert spared.train is digits.train


@pytest.mark.parametrize("count", [1, 450])
def test_more_canaries_than_the_held_out_split_can_spare_are_refused(digits: Original, count: int) -> None:
    with pytest.raises(AuditError, match="2 to 449 can become canaries"):
        Trial.draw(digits, count, 0, "wrong")
