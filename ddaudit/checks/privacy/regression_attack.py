"""What a non-member would score, regressed on what its image looks like: calibration without a single reference model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from ddaudit.statistics.working_likelihood import EpsilonLaplacian

FOLDS = 3


@dataclass(frozen=True, eq=False)
class NonMemberRegression:
    """Support vector regression of a non-member's score, with the likelihood of what it leaves unexplained.

    Parameters
    ----------
    model : Pipeline
        Of scores in units of ``unit`` about ``centre``.
    residual : EpsilonLaplacian
        Working likelihood of residuals that were not fitted.
    """

    model: Pipeline
    residual: EpsilonLaplacian
    centre: float
    unit: float

    @classmethod
    def fit(cls, features: np.ndarray, scores: np.ndarray) -> NonMemberRegression:
        """From non-members alone.

        The width of the tube is not chosen by hand, nor by cross-validation over a grid: the working likelihood of a first
        fit's residuals says it.

        Parameters
        ----------
        features : ndarray, shape (n, q)
        scores : ndarray, shape (n,)
            That the target gives them.

        References
        ----------
        Wu and Wang, arXiv:2003.03893 (the tube); Bertran et al., NeurIPS 2023 (regression on non-members, no shadows).
        """
        centre, unit = float(np.median(scores)), float(np.subtract(*np.percentile(scores, [75, 25]))) or 1.0
        wanted = (scores - centre) / unit
        residual = EpsilonLaplacian.fit(wanted - _out_of_fold(_regression(0.0), features, wanted))
        model = _regression(residual.tube)
        residual = EpsilonLaplacian.fit(wanted - _out_of_fold(model, features, wanted))
        return cls(model.fit(features, wanted), residual, centre, unit)

    def __call__(self, features: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """float64 (n,): log likelihood ratio of an example's score being shifted over its being a non-member's, signed."""
        return self.residual.shift_log_ratio((scores - self.centre) / self.unit - self.model.predict(features))


def _regression(tube: float) -> Pipeline:
    return make_pipeline(StandardScaler(), SVR(kernel="rbf", C=1.0, epsilon=tube))


def _out_of_fold(model: Pipeline, features: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.asarray(cross_val_predict(model, features, wanted, cv=KFold(FOLDS, shuffle=True, random_state=0)))
