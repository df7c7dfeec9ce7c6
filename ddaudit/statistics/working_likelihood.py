"""The working likelihood of support vector regression: how wide should its tube be, and how likely is a residual?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class EpsilonLaplacian:
    """Flat within the tube, exponential tails outside: density exp(-max(0, |r|/s - e)) / (2 s (1 + e)) of a residual r.

    Parameters
    ----------
    insensitivity : float
        The e of the tube, in units of the scale, at least 0; 0 is Laplace's distribution.
    scale : float
        The s of the tails, in the unit of the residuals, above 0. The tube's half width is their product.

    References
    ----------
    Wu and Wang, A working likelihood approach to support vector regression with a data-driven insensitivity parameter,
    Int. J. Machine Learning and Cybernetics (2022), arXiv:2003.03893.
    """

    insensitivity: float
    scale: float

    @property
    def tube(self) -> float:
        """Half width of the tube in the unit of the residuals: the epsilon of support vector regression."""
        return self.insensitivity * self.scale

    @classmethod
    def fit(cls, residuals: npt.ArrayLike, largest_insensitivity: float = 10.0) -> EpsilonLaplacian:
        """Most likely insensitivity and scale.

        For a tube of half width w = e s the best scale has a closed form, and between two residuals the likelihood's
        minimum over w lies at an end; so trying 0 and every |residual| as w finds the global optimum.
        There, the share of residuals outside the tube is about 1 / (1 + e).

        Parameters
        ----------
        residuals : array_like, shape (n,)
            Finite, not all 0.
        largest_insensitivity : float
            Cap of e, above 0. Noise with hard ends, such as uniform noise, takes it to infinity; at 10 one residual
            in eleven lies outside.

        Returns
        -------
        EpsilonLaplacian

        Raises
        ------
        ValueError
            Where the residuals are empty, not finite, or all zero.
        """
        size = np.sort(np.abs(np.asarray(residuals, dtype=np.float64).ravel()))
        if size.size == 0 or not np.isfinite(size).all() or size[-1] == 0:
            raise ValueError("the working likelihood needs finite residuals that are not all zero")
        n = size.size
        tube = np.append(0.0, size)
        outside = n - np.searchsorted(size, tube, side="right")
        tail_sum = np.append(np.cumsum(size[::-1])[::-1], 0.0)
        beyond = tail_sum[n - outside] - outside * tube
        scale = (beyond + np.sqrt(beyond**2 + 4 * n * beyond * tube)) / (2 * n)
        allowed = (scale > 0) & (tube <= largest_insensitivity * scale)
        # n log(s + w) + sum of what lies beyond the tube / s, up to a constant
        loss = np.full(n + 1, np.inf)
        loss[allowed] = n * np.log((scale + tube)[allowed]) + beyond[allowed] / scale[allowed]
        best = int(loss.argmin())
        candidates = [cls(float(tube[best] / scale[best]), float(scale[best]))]
        candidates.append(cls(largest_insensitivity, _scale_at(size, tail_sum, largest_insensitivity)))
        return max(candidates, key=lambda density: float(density.logpdf(size).sum()))

    def logpdf(self, residuals: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Logarithm of the density at each residual; same shape as ``residuals``."""
        r = np.abs(np.asarray(residuals, dtype=np.float64))
        return -np.maximum(0.0, r / self.scale - self.insensitivity) - np.log(2 * self.scale * (1 + self.insensitivity))

    def pdf(self, residuals: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Density at each residual; same shape as ``residuals``."""
        return np.exp(self.logpdf(residuals))

    def shift_log_ratio(self, residuals: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """How much likelier each residual is after the shift that suits it best than after none, with the shift's sign.

        The generalised log likelihood ratio of "this example's expectation lies elsewhere": 0 within the tube, where the
        density is flat and a residual is no evidence, then rising by 1 a ``scale``. Same shape as ``residuals``.
        """
        r = np.asarray(residuals, dtype=np.float64)
        return np.sign(r) * (self.logpdf(0.0) - self.logpdf(r))

    def sample(self, size: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Draw ``size`` residuals: inside the tube with probability e / (1 + e), else beyond it by an exponential."""
        inside = rng.random(size) < self.insensitivity / (1 + self.insensitivity)
        length = np.where(
            inside, rng.random(size) * self.insensitivity, self.insensitivity + rng.exponential(size=size)
        )
        return self.scale * length * rng.choice([-1.0, 1.0], size)


def _scale_at(size: npt.NDArray[np.float64], tail_sum: npt.NDArray[np.float64], insensitivity: float) -> float:
    """Best scale at a given insensitivity: the s that equals the mean over n of what lies outside e s."""
    n = size.size
    # In 1/s the loss is convex, with kinks where a residual touches the tube: try each stretch's optimum and each kink.
    options = np.concatenate([tail_sum[:-1] / n, size / insensitivity if insensitivity > 0 else []])
    options = np.unique(options[options > 0])
    outside = n - np.searchsorted(size, insensitivity * options, side="right")
    loss = n * np.log(options) + tail_sum[n - outside] / options - outside * insensitivity
    return float(options[loss.argmin()])
