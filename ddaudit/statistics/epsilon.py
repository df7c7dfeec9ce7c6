"""Lower bound on epsilon from one training run with canaries.

Everything that could be chosen (the canaries, the score, the number of guesses, delta) must be fixed before the key is
opened. Choosing the number of guesses on the data makes 46 % of the bounds false at a nominal 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats


def one_run_epsilon(canaries: int, guesses: int, correct: int, delta: float = 0.0, confidence: float = 0.95) -> float:
    """Largest epsilon that the guesses refute: with that confidence the true epsilon is above it.

    Parameters
    ----------
    canaries : int
        How many examples were in or out by a fair coin each.
    guesses : int
        For how many of them a guess was made; fixed beforehand.
    correct : int
        How many guesses were right.
    delta : float
        The delta of (epsilon, delta)-differential privacy, in [0, 1).
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        At least 0. A 0 says only that guessing was not seen to beat a coin, not that the set is private.

    Raises
    ------
    ValueError
        Where the counts do not fit together.

    References
    ----------
    Steinke, Nasr and Jagielski, Privacy auditing with one (1) training run, NeurIPS 2023, theorem 5.2.

    Examples
    --------
    >>> round(one_run_epsilon(1000, guesses=100, correct=90, delta=1e-5), 2)
    1.63
    """
    if not 0 <= correct <= guesses <= canaries or guesses < 1:
        raise ValueError(f"{correct} right of {guesses} guesses at {canaries} canaries do not fit together")
    if not 0 <= delta < 1 or not 0 < confidence < 1:
        raise ValueError(f"delta lies in [0, 1) and confidence in (0, 1); found {delta} and {confidence}")
    level = 1 - confidence

    def excess(epsilon: float) -> float:
        return one_run_p(canaries, guesses, correct, epsilon, delta) - level

    if excess(0.0) >= 0:
        return 0.0
    high = 1.0
    while excess(high) < 0:
        high *= 2
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-10))


def largest_one_run_epsilon(canaries: int, guesses: int, delta: float = 0.0, confidence: float = 0.95) -> float:
    """The bound if every guess were right: what this many canaries and guesses could show at most.

    Parameters and reference as in `one_run_epsilon`.

    Examples
    --------
    >>> round(largest_one_run_epsilon(500, guesses=500, delta=1e-5), 2)
    5.1
    """
    return one_run_epsilon(canaries, guesses, guesses, delta, confidence)


def one_run_p(canaries: int, guesses: int, correct: int, epsilon: float, delta: float = 0.0) -> float:
    """Probability of that many right guesses or more if the training were (epsilon, delta)-private; an upper bound.

    Parameters as in `one_run_epsilon`; ``epsilon`` is at least 0.

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Steinke, Nasr and Jagielski, Privacy auditing with one (1) training run, NeurIPS 2023, theorem 5.2.
    """
    rate = special.expit(epsilon)
    tail = float(stats.binom.sf(correct - 1, guesses, rate))
    if delta == 0 or correct == 0:
        return tail
    # P[v > Bin >= v - i] for i = 1 ... v; beyond v it cannot grow.
    short = np.arange(1, correct + 1)
    mass = np.cumsum(stats.binom.pmf(correct - short, guesses, rate))
    return min(1.0, tail + 2 * canaries * delta * float((mass / short).max()))


@dataclass(frozen=True, eq=False)
class OneRun:
    """What guessing each canary's coin from its score has shown.

    Parameters
    ----------
    guesses : int8 array (m,)
        1 for "in", -1 for "out", 0 where none was made.
    correct : int
        How many guesses were right.
    epsilon : float
        The lower bound of `one_run_epsilon`.
    attainable : float
        `largest_one_run_epsilon`.
    """

    guesses: npt.NDArray[np.int8]
    correct: int
    epsilon: float
    attainable: float


def one_run(
    scores: npt.ArrayLike, inside: npt.ArrayLike, guesses: int, delta: float = 0.0, confidence: float = 0.95
) -> OneRun:
    """Guess "in" for the highest scores and "out" for the lowest, and bound epsilon by how often that is right.

    Parameters
    ----------
    scores : array_like, shape (m,)
        Larger means "more likely in"; computed without the coins. Of equal scores the earlier canary counts as the higher.
    inside : array_like of bool, shape (m,)
        The coins.
    guesses : int
        r, even, fixed beforehand: r / 2 canaries are guessed in and r / 2 out.
    delta, confidence : float
        As in `one_run_epsilon`.

    Raises
    ------
    ValueError
        Where the shapes do not fit, a score is NaN, or r is odd or out of range.

    References
    ----------
    Steinke, Nasr and Jagielski, Privacy auditing with one (1) training run, NeurIPS 2023, algorithm 1.

    Examples
    --------
    >>> one_run([3.0, 1.0, 2.0, 0.0], [True, False, False, True], guesses=2).correct
    1
    """
    values, coins = np.asarray(scores, dtype=np.float64), np.asarray(inside, dtype=bool)
    if values.ndim != 1 or values.shape != coins.shape or np.isnan(values).any():
        raise ValueError(f"expected a score and a coin for each canary; found {values.shape} and {coins.shape}, or NaN")
    if guesses % 2 or not 2 <= guesses <= len(values):
        raise ValueError(f"the guesses are an even number from 2 to {len(values)}; found {guesses}")
    order = np.argsort(-values, kind="stable")
    made = np.zeros(len(values), np.int8)
    made[order[: guesses // 2]] = 1
    made[order[-(guesses // 2) :]] = -1
    correct = int((made == np.where(coins, 1, -1)).sum())
    return OneRun(
        made,
        correct,
        one_run_epsilon(len(values), guesses, correct, delta, confidence),
        largest_one_run_epsilon(len(values), guesses, delta, confidence),
    )


def power_of_one_run(
    canaries: int, guesses: int, epsilon: float, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """Probability of a bound above 0 where every guess is right with the probability that ``epsilon`` allows.

    Parameters
    ----------
    canaries, guesses, delta, confidence
        As in `one_run_epsilon`.
    epsilon : float
        Of randomised response, which gives each coin away as much as epsilon-privacy permits: right with e^epsilon / (1 + e^epsilon).

    Returns
    -------
    float
        In [0, 1]; at most ``1 - confidence`` for an epsilon of 0.
    """
    needed = next(
        (v for v in range(guesses + 1) if one_run_p(canaries, guesses, v, 0.0, delta) < 1 - confidence), guesses + 1
    )
    return float(stats.binom.sf(needed - 1, guesses, special.expit(epsilon)))
