"""What the attacks reached, beside the same attacks where nothing and where everything is to be found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ddaudit.checks.privacy.membership_attacks import ATTACKS
from ddaudit.checks.privacy.membership_folds import Scores
from ddaudit.seeds import generator
from ddaudit.statistics.errors import TooFewExamplesError
from ddaudit.statistics.intervals import Interval
from ddaudit.statistics.multiplicity import holm
from ddaudit.statistics.roc import auc_interval, tpr_at_fpr
from ddaudit.statistics.roc_bootstrap import RocBand, bootstrap_roc

#: Chance of any false alarm over all attacks together.
LEVEL = 0.05
#: Share of the candidates, those that reference models find hardest, that is looked at by itself.
HARDEST = 0.2
#: False positive rate at which the members found among the hardest stand beside those found among all.
TABLE_RATE = 0.1
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Outcome:
    """One attack.

    Parameters
    ----------
    attack : str
        A key of ``ATTACKS``.
    band : RocBand
        The curve, and its area with DeLong's interval.
    p : float
        That members and non-members have the same scores against members having higher ones, Holm's over all attacks.
    least : float
        Lower end of the area, holding for all attacks together.
    blind : Interval
        The area on models that saw no member; ``blind_p`` that it is 0.5 (two-sided, Holm's).
    positive : Interval
        The area on models that were trained on the members themselves.
    hardest : Interval
        The area among the hardest candidates.
    found, found_hardest : Interval or None
        Members found at ``TABLE_RATE``, among all and among the hardest; None where too few non-members carry it.
    """

    attack: str
    band: RocBand
    p: float
    least: float
    blind: Interval
    blind_p: float
    positive: Interval
    hardest: Interval
    found: Interval | None
    found_hardest: Interval | None

    @property
    def area(self) -> Interval:
        """The AUC with its interval at 95 %."""
        return self.band.area

    @property
    def counts(self) -> bool:
        """Members are recognised, and not by what tells them from non-members without the set."""
        return self.p < LEVEL and not self.blind.excludes(0.5)


def outcomes_of(ours: Scores, blind: Scores, positive: Scores, run_seed: int) -> list[Outcome]:
    """Every attack's outcome, in the order of ``ATTACKS``.

    The test is Mann and Whitney's: where the set says nothing of who is a member, both sides are one population, and it
    holds its level whatever the scores' distribution.
    """
    p = holm([stats.mannwhitneyu(*ours.sides(a), alternative="greater").pvalue for a in ATTACKS])
    blind_p = holm([stats.mannwhitneyu(*blind.sides(a)).pvalue for a in ATTACKS])
    # Told by the references alone, so that being looked at says nothing about the target.
    hard = ours.ease <= np.quantile(ours.ease, HARDEST)
    grid = np.geomspace(1 / max(1, int((~ours.member).sum())), 1, 40)
    outcomes = []
    for i, attack in enumerate(ATTACKS):
        rng = generator(run_seed, f"mia/bootstrap/{attack}")
        sides, hardest = ours.sides(attack), ours.sides(attack, hard)
        outcomes.append(
            Outcome(
                attack,
                bootstrap_roc(*sides, grid, rng, RESAMPLES),
                float(p[i]),
                auc_interval(*sides, 1 - 2 * LEVEL / len(ATTACKS)).low or 0.0,
                auc_interval(*blind.sides(attack)),
                float(blind_p[i]),
                auc_interval(*positive.sides(attack)),
                auc_interval(*hardest),
                _found(sides),
                _found(hardest),
            )
        )
    return outcomes


def _found(sides: tuple[np.ndarray, np.ndarray]) -> Interval | None:
    try:
        return tpr_at_fpr(*sides, TABLE_RATE)
    except TooFewExamplesError:
        return None
