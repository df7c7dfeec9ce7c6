"""The attacks of DD-PRV-MIA: what a stranger with the file could score a candidate by. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ddaudit.checks.privacy.regression_attack import NonMemberRegression
from ddaudit.statistics.membership import calibrated, lira_offline, rmia

Array = npt.NDArray[np.float64]

#: RMIA's two parameters, from the paper's runs on CIFAR-10 and never tuned here.
GAMMA, A = 2.0, 0.3


@dataclass(frozen=True, eq=False)
class Observations:
    """What the attacker sees of n candidates, of which nobody who calibrates has seen any.

    Parameters
    ----------
    target : ndarray, shape (models, n)
        `phi` under the models that are attacked.
    references : ndarray, shape (references, n)
        `phi` under models of real images that are none of the candidates; two or more.
    closeness : ndarray, shape (n,)
        To the nearest image of its class in the set that is attacked.
    control_closeness : ndarray, shape (sets, n)
        The same to sets of real images that are none of the candidates.
    features : ndarray, shape (n, q)
        What the images look like.
    population : ndarray of bool, shape (n,)
        Which candidates are known not to be members.
    calibration_target : ndarray, shape (models, p)
        `phi` of the attacked models on further images that are neither candidates nor members.
    calibration_features : ndarray, shape (p, q)
    """

    target: Array
    references: Array
    closeness: Array
    control_closeness: Array
    features: Array
    population: npt.NDArray[np.bool_]
    calibration_target: Array
    calibration_features: Array


def loss(seen: Observations) -> Array:
    """How sure the models are of the label (Yeom et al., CSF 2018)."""
    return seen.target.mean(axis=0)


def difficulty_calibrated(seen: Observations) -> Array:
    """The same, less what reference models give (Watson et al., ICLR 2022)."""
    return calibrated(loss(seen), seen.references)


def offline_rmia(seen: Observations) -> Array:
    """Share of non-members whose probability the target raises less (Zarifzadeh, Liu and Shokri, ICML 2024).

    The population are the non-members among the candidates, the only images that no reference saw either. The score is
    then one growing function of the candidate's own ratio, the same for members and others.
    """
    target, references = _probability(seen.target).mean(axis=0), _probability(seen.references)
    z = seen.population
    return rmia(target, references, target[z], references[:, z], gamma=GAMMA, a=A)


def offline_lira(seen: Observations) -> Array:
    """How improbable so high a score is for a model that never saw the candidate (Carlini et al., IEEE S&P 2022)."""
    return lira_offline(loss(seen), seen.references, spread="moderated")


def regression_calibrated(seen: Observations) -> Array:
    """The score less what non-members that look like it get, as a likelihood ratio; no reference model is trained."""
    regression = NonMemberRegression.fit(seen.calibration_features, seen.calibration_target.mean(axis=0))
    return regression(seen.features, loss(seen))


def nearest_synthetic(seen: Observations) -> Array:
    """How much closer the set comes to the candidate than sets of real images do; scores the set, no model."""
    return calibrated(seen.closeness, seen.control_closeness)


ATTACKS: dict[str, Callable[[Observations], Array]] = {
    "loss": loss,
    "calibrated": difficulty_calibrated,
    "rmia": offline_rmia,
    "lira": offline_lira,
    "regression": regression_calibrated,
    "nearest": nearest_synthetic,
}


def _probability(phi: Array) -> Array:
    """Of the label; never 0, which RMIA could not divide by."""
    return np.maximum(special.expit(phi), np.finfo(np.float64).tiny)
