"""Whitened correlation: how alike two images are beyond what all natural images share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.linalg import blas

from ddaudit.data.covariance import pixel_covariance
from ddaudit.data.originals import Split

#: Ridge on the pixel covariance, in units of its mean eigenvalue: with 0.1 the filter found 100 of 100
#: recorded starts of a published MTT set, plain correlation 90 in ZCA space and 20 de-whitened.
RIDGE = 0.1
#: Whitened correlation above which two real images are taken for the same picture.
NEAR_DUPLICATE = 0.8
CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Whitener:
    """Maps pixels to coordinates in which the train split's pixels are uncorrelated, then to unit length.

    ``mean`` (d,) and ``transform`` (d, d), upper triangular: rows of ``(x - mean) @ transform`` have the inner product of the matched
    filter, x' (C + ridge I)^-1 y.
    """

    mean: np.ndarray
    transform: np.ndarray

    @classmethod
    def fit(cls, train: Split) -> Whitener:
        """From the pixel covariance of a train split."""
        mean, covariance = pixel_covariance(train)
        ridge = RIDGE * float(np.trace(covariance)) / len(covariance)
        factor = linalg.cholesky(covariance + ridge * np.eye(len(covariance), dtype=covariance.dtype), lower=True)
        inverse = linalg.solve_triangular(factor, np.eye(len(factor), dtype=factor.dtype), lower=True)
        return cls(mean.astype(np.float32), np.ascontiguousarray(inverse.T, dtype=np.float32))

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, d) of unit length, for pixels (n, c, h, w); the mean image gives zeros."""
        flat = pixels.reshape(len(pixels), -1) - self.mean
        # The transform is upper triangular, and BLAS leaves out the zeros: half the time of a plain product.
        flat = blas.strmm(1.0, self.transform.T, flat.T, lower=1, overwrite_b=1).T
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True, eq=False)
class Matches:
    """The best candidates of each row of queries, best first.

    Parameters
    ----------
    index : int64 (m, top)
        Into the split.
    r : float64 (m, top)
        Whitened correlation, in [-1, 1].
    z : float64 (m,)
        The best correlation in units of its standard deviation over all candidates of the row.
    candidates : int
        How many images were compared.
    """

    index: np.ndarray
    r: np.ndarray
    z: np.ndarray
    candidates: int

    def of(self, rows: slice) -> Matches:
        """The matches of some of the rows."""
        return Matches(self.index[rows], self.r[rows], self.z[rows], self.candidates)

    def lead(self, split: Split, whitener: Whitener) -> np.ndarray:
        """float64 (m,): how far the best match leads the runner-up, log((1 - r_2) / (1 - r_1)).

        Near-duplicates of the best match are passed over: they share its correlation and would hide it.
        """
        m, top = self.r.shape
        images = whitener(split.pixels(self.index.ravel())).reshape(m, top, -1)
        alike = np.einsum("md,mtd->mt", images[:, 0], images) >= NEAR_DUPLICATE
        alike[:, -1] = False
        runner_up = self.r[np.arange(m), alike.argmin(1)]
        # Correlations of exact copies are rounded to either side of 1.
        behind, ahead = (np.maximum(1 - r, 1e-6) for r in (runner_up, self.r[:, 0]))
        return np.log(behind / ahead)


def best_matches(
    queries: np.ndarray,
    candidates: Split,
    whitener: Whitener,
    top: int = 5,
    *,
    views: Sequence[Callable[[np.ndarray], np.ndarray]] = (lambda pixels: pixels,),
    starts: np.ndarray | None = None,
    on_chunk: Callable[[int, int], None] = lambda done, of: None,
) -> Matches:
    """Correlate whitened queries (q, d) with every image of a split, in chunks.

    Parameters
    ----------
    views : sequence of callables
        What is compared of the candidates, from their pixels; a candidate is as alike as the most alike of its views.
    starts : int array (m,), optional
        Where the queries of each row begin: variants of one image, of which the most alike counts. Without it each query is a row.

    Returns
    -------
    Matches
        ``top`` (or as many as there are) candidates of each row.
    """
    count = len(candidates)
    rows_of_queries = len(queries) if starts is None else len(starts)
    top = min(top, count)
    best_r = np.full((rows_of_queries, top), -np.inf, np.float32)
    best_i = np.zeros((rows_of_queries, top), np.int64)
    total, squares = np.zeros(rows_of_queries), np.zeros(rows_of_queries)
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count))
        r = np.full((len(queries), len(rows)), -np.inf, np.float32)
        pixels = candidates.pixels(rows)
        for view in views:
            np.maximum(r, queries @ whitener(view(pixels)).T, out=r)
        r = r if starts is None else np.maximum.reduceat(r, starts, axis=0)
        total += r.sum(1)
        squares += np.square(r, dtype=np.float64).sum(1)
        best_r, best_i = _merged(best_r, best_i, r, rows)
        on_chunk(len(rows) + start, count)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    return Matches(best_i, best_r.astype(np.float64), (best_r[:, 0] - mean) / spread, count)


def _merged(best_r: np.ndarray, best_i: np.ndarray, r: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best of those so far (m, top) and of a chunk (m, n), best first; of equals the earlier."""
    top, every = best_r.shape[1], np.arange(len(r))
    r = np.concatenate([best_r, r], axis=1)
    i = np.concatenate([best_i, np.broadcast_to(rows, (len(r), len(rows)))], axis=1)
    merged_r, merged_i = np.empty_like(best_r), np.empty_like(best_i)
    for place in range(top):  # a sort would take as long as the correlations
        winner = r.argmax(1)
        merged_r[:, place], merged_i[:, place] = r[every, winner], i[every, winner]
        r[every, winner] = -np.inf
    return merged_r, merged_i
