"""How a set, real images and filtered ones fill the bands of the original's spectrum, in its pixels and in the features of networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch

from ddaudit.case import AuditCase
from ddaudit.data.covariance import pixel_spectrum
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.resized import Resized, resized
from ddaudit.models import Classifier, OnPixels, build
from ddaudit.seeds import generator
from ddaudit.statistics.spectrum import Floats, Spectrum, tilt
from ddaudit.threats.frequency_filter import FrequencyFilter
from ddaudit.training.device import threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import EVALUATION_THREADS

#: Images that pass a network at a time: a wide ConvNet keeps 2,048 features of each.
CHUNK = 250
#: Larger images are made smaller before their pixels are looked at: a covariance of more of them is not to be had.
LARGEST_SIDE = 32
#: Sets of random real images, and of each kind of filtered ones, that are drawn.
DRAWS = 200
#: Held-out images from which they are drawn, for each image of S and at least; as many filtered ones as S has, twice over.
HELD_OUT_TIMES, LEAST_HELD_OUT, FILTERED_TIMES = 10, 1000, 2
FILTERS = (FrequencyFilter("low-pass"), FrequencyFilter("high-pass"))


@dataclass(frozen=True)
class Profile:
    """What one view shows of S beside sets of random real images of S's size and layout.

    Parameters
    ----------
    bands : list of slice
        Octaves of the original's eigenvectors.
    energy : array (resamples, bands)
        Mean energy of S's images by band, of S itself in the first row and of S with its images drawn again in the others.
    real : array (draws, bands)
        Of sets of random real images.
    filtered : dict of array (draws, bands)
        Of sets of filtered real images, by kind.
    label_error : array (bands,)
        Distance of S's feature-label correlation from the original's, as a share of the latter.
    real_label_error : array (draws, bands)
    """

    bands: list[slice]
    energy: Floats
    real: Floats
    filtered: dict[str, Floats]
    label_error: Floats
    real_label_error: Floats

    @property
    def tilts(self) -> Floats:
        """(resamples,): S's own tilt first."""
        return tilt(self.energy)


def profiles(case: AuditCase) -> dict[str, list[Profile]]:
    """By view, how S fills the spectrum: in its pixels, in networks trained on random real subsets, and in random networks.

    The same draws are made in all views, so that their means can be compared.
    """
    train, count = case.reference.train, case.config.spectrum_networks
    rng = generator(case.config.seed, "spectrum/images")
    fitted = np.sort(rng.choice(len(train), min(len(train), case.config.spectrum_images), replace=False))
    wanted = max(LEAST_HELD_OUT, HELD_OUT_TIMES * len(case.audited))
    held_out = rng.permutation(case.test_rows)[:wanted]
    some = held_out[: max(len(held_out) // 3, FILTERED_TIMES * len(case.audited))]
    found = {"pixels": [_profile(case, _of_pixels(case, fitted), _flat, held_out, some)]}
    networks = {
        "trained networks": [cast(Classifier, model.network) for model in case.train_all(trainings(case))],
        "random networks": [_random_network(case, index) for index in range(count)],
    }
    for kind, these in networks.items():
        found[kind] = []
        for number, network in enumerate(these):
            case.progress(f"spectrum in {kind}", number, len(these))
            features = partial(_features, network, case.device)
            chunks = ((features(train.pixels(rows)), train.labels[rows]) for rows in _chunked(fitted))
            seen = Spectrum.fit(chunks, len(case.reference.classes))
            found[kind].append(_profile(case, seen, features, held_out, some))
    return found


def trainings(case: AuditCase) -> list[tuple[LabelledImages, Recipe, int]]:
    """The models of random real subsets in whose features S is seen; they are among the controls that other checks share."""
    return [
        (case.real_subset(index), case.recipe, index)
        for index in range(min(case.config.spectrum_networks, case.config.control_draws))
    ]


def images_seen(case: AuditCase) -> int:
    """How many images pass each network."""
    held_out = min(len(case.test_rows), max(LEAST_HELD_OUT, HELD_OUT_TIMES * len(case.audited)))
    return min(len(case.reference.train), case.config.spectrum_images) + 2 * held_out + len(case.audited)


def _of_pixels(case: AuditCase, fitted: np.ndarray) -> Spectrum:
    """Of the train split's pixels, by the covariance that TRACE whitens with; the tie to the labels from some images."""
    train = case.reference.train
    small = train if max(train.shape[1:]) <= LARGEST_SIDE else Resized(train, LARGEST_SIDE)
    mean, values, vectors = pixel_spectrum(small)
    classes = np.eye(len(case.reference.classes))[train.labels[fitted]]
    centred = classes - classes.mean(0)
    ties = np.zeros((len(mean), classes.shape[1]))
    for rows in _chunked(np.arange(len(fitted))):
        ties += (_flat(train.pixels(fitted[rows])) - mean).T @ centred[rows]
    return Spectrum.of(mean, values, vectors, ties / len(fitted), len(train))


def _profile(
    case: AuditCase,
    spectrum: Spectrum,
    features: Callable[[np.ndarray], np.ndarray],
    held_out: np.ndarray,
    some: np.ndarray,
) -> Profile:
    def projected(pixels: np.ndarray) -> Floats:
        return np.concatenate([spectrum.project(features(part)) for part in _chunked(pixels)])

    pixels, labels = case.reference.test.pixels(held_out), case.reference.test.labels[held_out]
    ours, real = projected(case.audited.pixels()), projected(pixels)
    own = spectrum.energy(ours)
    rng = generator(case.config.seed, "spectrum/draws")
    again = [np.arange(len(own)), *rng.integers(len(own), size=(DRAWS, len(own)))]
    counts = np.bincount(case.audited.hard_labels, minlength=len(case.reference.classes))
    rows = _draws(labels, counts, rng)
    few = labels[: len(some)]
    rows_of_few = _draws(few, counts, rng)
    energy = spectrum.energy(real)
    return Profile(
        bands=spectrum.bands,
        energy=np.stack([own[r].mean(0) for r in again]),
        real=np.stack([energy[r].mean(0) for r in rows]),
        filtered={
            one.kind: np.stack(
                [e.mean(0) for e in spectrum.energy(projected(one.apply(pixels[: len(some)])))[rows_of_few]]
            )
            for one in FILTERS
        },
        label_error=spectrum.label_error(ours, case.audited.hard_labels),
        real_label_error=np.stack([spectrum.label_error(real[r], labels[r]) for r in rows]),
    )


def _draws(labels: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(draws, m): rows of as many images of each class, with replacement so that draws vary as independent ones do."""
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), (DRAWS, count)) for c, count in enumerate(counts) if count], axis=1
    )


def _random_network(case: AuditCase, index: int) -> Classifier:
    recipe = case.recipe
    network = build(
        recipe.architecture,
        shape=case.audited.shape,
        classes=case.audited.classes,
        seed=case.seed("spectrum/network", index),
        **recipe.options,
    )
    return OnPixels(network, case.audited.space).to(case.device).eval()


def _flat(pixels: np.ndarray) -> np.ndarray:
    """float32 (n, d)."""
    small = pixels if max(pixels.shape[2:]) <= LARGEST_SIDE else resized(pixels, LARGEST_SIDE)
    return small.reshape(len(small), -1)


@torch.no_grad()
def _features(network: Classifier, device: torch.device, pixels: np.ndarray) -> np.ndarray:
    """float32 (n, d)."""
    with threads(EVALUATION_THREADS):
        return network.features(torch.from_numpy(pixels).to(device)).cpu().numpy()


def _chunked(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
