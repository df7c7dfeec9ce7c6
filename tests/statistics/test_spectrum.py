"""The spectrum of features against closed forms: energies of known covariances, planted filters, known label correlations."""

import numpy as np
import pytest

from ddaudit.statistics.spectrum import Spectrum, octaves, tilt

D, K = 63, 3


@pytest.fixture(scope="module")
def basis() -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]


SCALES = 0.9 ** np.arange(D)
CENTRES = np.random.default_rng(1).normal(0, 0.1, (K, D)) * SCALES


def drawn(n: int, basis: np.ndarray, seed: int, gain: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Features whose covariance has known eigenvectors, each direction amplified as asked, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    along = (CENTRES[labels] + rng.normal(size=(n, D)) * SCALES) * gain
    return 5 + along @ basis.T, labels


@pytest.fixture(scope="module")
def original(basis: np.ndarray) -> Spectrum:
    features, labels = drawn(30_000, basis, 2)
    return Spectrum.fit(((features[i : i + 700], labels[i : i + 700]) for i in range(0, 30_000, 700)), K)


def test_eigenvectors_and_their_strength_are_found_a_chunk_at_a_time(original: Spectrum, basis: np.ndarray) -> None:
    features, _ = drawn(30_000, basis, 2)
    values = np.linalg.eigvalsh(np.cov(features.T, bias=True))[::-1]
    np.testing.assert_allclose(original.scales**2, values, rtol=1e-6)
    np.testing.assert_allclose(original.project(features).var(0), 1, rtol=1e-6)


def test_bands_are_octaves(original: Spectrum) -> None:
    assert [(band.start, band.stop) for band in original.bands] == [(0, 1), (1, 3), (3, 7), (7, 15), (15, 31), (31, 63)]
    assert octaves(1) == [slice(0, 1)]


def test_other_images_of_the_original_have_energy_one_in_every_band_and_no_tilt(
    original: Spectrum, basis: np.ndarray
) -> None:
    energy = original.energy(original.project(drawn(6000, basis, 3)[0])).mean(0)
    np.testing.assert_allclose(energy, 1, atol=0.06)
    assert float(tilt(energy)) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("power", [-0.5, 0.5])
def test_a_filter_on_the_eigenvectors_is_read_back(original: Spectrum, basis: np.ndarray, power: float) -> None:
    # Amplified by the number of the eigenvector to some power: energy rises by 2 ** (2 power) an octave.
    gain = np.arange(1, D + 1) ** power
    energy = original.energy(original.project(drawn(6000, basis, 4, gain)[0])).mean(0)
    assert float(tilt(energy)) == pytest.approx(2 * power, abs=0.15)


def test_the_tie_to_the_labels_is_exact_where_the_set_is_the_original_and_one_where_there_is_none(
    original: Spectrum, basis: np.ndarray
) -> None:
    features, labels = drawn(30_000, basis, 2)
    np.testing.assert_allclose(original.label_error(original.project(features), labels), 0, atol=1e-6)
    nothing = np.zeros((30, len(original.scales)))
    np.testing.assert_allclose(original.label_error(nothing, np.arange(30) % K), 1)


def test_the_tie_to_the_labels_that_is_the_wrong_way_round_is_twice_off(original: Spectrum) -> None:
    # A set that shows nothing but the class means, mirrored.
    means = original.label_correlation.T * K / original.scales
    mirrored = original.label_error(-means, np.arange(K))
    np.testing.assert_allclose(mirrored, 2, rtol=1e-3)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("alive", [1, 2])
def test_features_that_never_vary_have_no_direction(alive: int, unit: float) -> None:
    features = np.zeros((400, 5))
    features[:, :alive] = unit * np.random.default_rng(5).normal(size=(400, alive))
    assert len(Spectrum.fit([(features, np.arange(400) % 2)], 2).scales) == alive


def test_a_handful_of_vectors_carries_one_direction() -> None:
    features = np.random.default_rng(7).normal(size=(4, 6))
    assert len(Spectrum.fit([(features, np.arange(4) % 2)], 2).scales) == 1


def test_images_that_are_all_alike_are_tied_to_no_label(original: Spectrum) -> None:
    alike = np.full((30, len(original.scales)), 0.7)
    np.testing.assert_allclose(original.label_error(alike, np.arange(30) % K), 1)


def test_no_more_eigenvectors_are_used_than_the_sample_can_carry() -> None:
    features = np.random.default_rng(6).normal(size=(80, 50))
    assert len(Spectrum.fit([(features, np.arange(80) % 2)], 2).scales) == 20


def test_octaves_are_whole_and_as_many_as_fit():
    for count in range(1, 70):
        bands = octaves(count)
        assert [(band.start, band.stop) for band in bands] == [(2**j - 1, 2 ** (j + 1) - 1) for j in range(len(bands))]
        assert bands[-1].stop <= count < 2 * bands[-1].stop + 1
