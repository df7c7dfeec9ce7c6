"""How far a set's known triggers stand out from those of clean sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Clean sets by whose number the spread of all triggers weighs beside that of one.
PRIOR_SETS = 5
#: The share of the triggers that are no further off, in a set's usual class, than what tells how easily its models are disturbed.
REACH = 0.95
#: With fewer classes a backdoor moves the usual one as well.
LEAST_CLASSES = 5


@dataclass(frozen=True)
class Suspect:
    """Trigger and class whose success stands out most from the clean sets', and by how many of their standard deviations."""

    trigger: int
    target: int
    z: float


def standing(rates: np.ndarray, null: np.ndarray, images: int, least: float = 1.0) -> np.ndarray:
    """How many standard deviations rates lie above those of clean sets, each beside the set's own usual one.

    A square of nine pixels turns many images of clean sets too, now more and now fewer, a faint wave next to none: on the scale of
    angles (Anscombe) shares near 0 and near a half scatter alike, and what spread remains to each trigger and class is drawn towards that
    of all as if this had been seen on ``PRIOR_SETS`` more sets. A set to whose class everything is a short way is turned to it by whatever
    disturbs an image: the median over the triggers is taken off, and what is left is the trigger's own. Where even in the usual class triggers
    differ by more than with clean sets, as where models of another method are easily disturbed, all deviations are divided by how many times.

    Parameters
    ----------
    rates : float64 (triggers, classes)
        Shares of turned images, in [0, 1].
    null : float64 (sets, triggers, classes)
        The same of clean sets.
    images : int
        How many each share is of.
    least : float
        What is divided by at least: how easily another set is disturbed, that this one stands for.

    Returns
    -------
    float64 (triggers, classes)

    References
    ----------
    Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948).
    """
    return deviations(rates, null, images) / max(least, wideness(rates, null, images))


def wideness(rates: np.ndarray, null: np.ndarray, images: int) -> float:
    """How many times as far as in clean sets triggers lie apart, in the usual class.

    Far is from the median trigger to the one that ``REACH`` of them lie below, usual the median over the classes, which one class's trigger does
    not move: with fewer than ``LEAST_CLASSES`` it would, and 1 is returned. Each clean set is placed among the others. Arguments as of ``standing``.
    """
    if rates.shape[-1] < LEAST_CLASSES:
        return 1.0
    clean = [_reach(deviations(one, np.delete(null, i, 0), images)) for i, one in enumerate(null)]
    return _reach(deviations(rates, null, images)) / max(float(np.mean(clean)), 1e-9)


def angles(shares: np.ndarray, images: int) -> np.ndarray:
    """Shares of so many images on the scale on which they scatter alike near 0 and near a half, by 1 / (2 sqrt(images + 1/2)) (Anscombe)."""
    return np.asarray(np.arcsin(np.sqrt((images * shares + 3 / 8) / (images + 3 / 4))))


def deviations(rates: np.ndarray, null: np.ndarray, images: int) -> np.ndarray:
    """In standard deviations of clean sets, undivided, (triggers, classes); arguments as of `standing`."""
    here, clean = (_beyond_usual(shares, images) for shares in (rates, null))
    variance = clean.var(0)
    spread = np.sqrt((PRIOR_SETS * variance.mean() + len(null) * variance) / (PRIOR_SETS + len(null) - 1))
    return np.asarray((here - clean.mean(0)) / np.maximum(spread, 1e-9))


def _reach(z: np.ndarray) -> float:
    far, usual = np.quantile(z, [REACH, 0.5], axis=0)
    return float(np.median(far - usual))


def _beyond_usual(shares: np.ndarray, images: int) -> np.ndarray:
    """Angles of shares (..., triggers, classes), less their median over the triggers."""
    turns = angles(shares, images)
    return np.asarray(turns - np.median(turns, axis=-2, keepdims=True))


def suspect_of(rates: np.ndarray, null: np.ndarray, images: int, least: float = 1.0) -> Suspect:
    """Where they stand out most; arguments as of `standing`."""
    z = standing(rates, null, images, least)
    trigger, target = (int(i) for i in np.unravel_index(z.argmax(), z.shape))
    return Suspect(trigger, target, float(z.max()))
