"""Which distiller of our own stands in for the publisher's: the one whose sets look most like S."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ddaudit.checks.privacy.matched_filter import Whitener, best_matches
from ddaudit.data.covariance import pixel_spectrum
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split

#: S started from real images where, for half of its images, the best match among the training images stands out by this much more
#: than the best match among the held-out ones, in standard deviations of the correlation. From noise, 50,000 candidates against
#: 10,000 are worth 0.4 of them.
REAL_START = 1.0
#: Parts of the original's spectrum, each of the same number of eigenvectors on a logarithmic scale.
BANDS = 8


def starts_from_real_images(audited: LabelledImages, original: Original) -> tuple[bool, float]:
    """Whether S started from real images, and the median lead of training over held-out matches that tells."""
    whitener = Whitener.fit(original.train)
    queries = whitener(audited.pixels())
    inside, outside = (best_matches(queries, split, whitener, top=1).z for split in (original.train, original.test))
    lead = float(np.median(inside - outside))
    return lead > REAL_START, lead


@dataclass(frozen=True, eq=False)
class Look:
    """How a set's images look, whatever they show.

    Parameters
    ----------
    outside : float
        Share of the values outside the displayable range, in [0, 1].
    spectrum : ndarray, shape (bands,)
        log10 of the images' variance along the original's eigenvectors over the original's own, mean over each band, from the
        strongest (coarse patterns) to the weakest (fine ones).
    """

    outside: float
    spectrum: np.ndarray

    @classmethod
    def of(cls, data: LabelledImages, train: Split) -> Look:
        """The look of a set beside its original."""
        mean, values, vectors = pixel_spectrum(train)
        pixels = data.pixels()
        flat = pixels.reshape(len(pixels), -1) - mean
        energy = np.square(flat @ vectors, dtype=np.float64).mean(0)
        # Directions in which the original does not vary tell nothing: the corners of digits.
        alive = values > 1e-6 * values[0]
        ratio = energy[alive] / values[alive]
        edges = np.unique(np.geomspace(1, alive.sum() + 1, BANDS + 1).round().astype(int)) - 1
        bands = [ratio[a:b].mean() for a, b in pairwise(edges)]
        outside = float(((pixels < 0) | (pixels > 1)).mean())
        return cls(outside, np.log10(np.maximum(bands, 1e-12)))

    def distance(self, other: Look) -> float:
        """Root mean square over the bands, in factors of ten, plus the difference of the shares outside."""
        return float(np.sqrt(np.square(self.spectrum - other.spectrum).mean()) + abs(self.outside - other.outside))


def closest(
    audited: LabelledImages, train: Split, names: Sequence[str], sample: Callable[[str], Sequence[LabelledImages]]
) -> dict[str, float]:
    """Distance of each distiller's sets from S, the closest first.

    Parameters
    ----------
    names : sequence of str
        The distillers.
    sample : callable
        A few small sets of the distiller of that name.
    """
    look = Look.of(audited, train)
    found = {name: float(np.mean([look.distance(Look.of(one, train)) for one in sample(name)])) for name in names}
    return dict(sorted(found.items(), key=lambda item: item[1]))
