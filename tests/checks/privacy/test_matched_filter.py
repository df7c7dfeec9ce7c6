"""The matched filter: what whitening, matching and the lead are, by definitions computed another way."""

import numpy as np
import pytest

from ddaudit.checks.privacy import matched_filter
from ddaudit.checks.privacy.matched_filter import NEAR_DUPLICATE, RIDGE, Whitener, best_matches
from ddaudit.data.originals import Original
from ddaudit.data.splits import ArraySplit


@pytest.fixture(scope="module")
def whitener(digits: Original) -> Whitener:
    return Whitener.fit(digits.train)


def flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).astype(np.float64)


def test_train_pixels_are_uncorrelated_after_whitening_up_to_the_ridge(digits: Original, whitener: Whitener) -> None:
    pixels = flat(digits.train.pixels())
    covariance = np.cov(pixels.T)
    ridge = RIDGE * np.trace(covariance) / 64
    whitened = (pixels - whitener.mean) @ whitener.transform
    # cov(whitened) + ridge T'T = T'(C + ridge I)T, which whitening makes the identity.
    with_ridge = np.cov(whitened.T) + ridge * whitener.transform.T @ whitener.transform
    np.testing.assert_allclose(with_ridge, np.eye(64), atol=1e-4)
    np.testing.assert_allclose(whitened.mean(0), 0, atol=1e-4)
    strong = np.linalg.eigvalsh(covariance) > 10 * ridge
    assert strong.sum() >= 10
    kept = np.sort(np.linalg.eigvalsh(np.cov(whitened.T)))[::-1][: strong.sum()]
    assert kept.min() > 10 / 11 - 1e-4


def test_the_inner_product_is_the_matched_filters(digits: Original, whitener: Whitener) -> None:
    covariance = np.cov(flat(digits.train.pixels()).T)
    filtered = np.linalg.inv(covariance + RIDGE * np.trace(covariance) / 64 * np.eye(64))
    centred = flat(digits.test.pixels(slice(0, 30))) - flat(digits.train.pixels()).mean(0)
    inner = centred @ filtered @ centred.T
    norm = np.sqrt(np.diag(inner))
    found = whitener(digits.test.pixels(slice(0, 30)))
    np.testing.assert_allclose(found @ found.T, inner / np.outer(norm, norm), atol=1e-4)
    assert found.dtype == np.float32


def test_an_image_without_any_deviation_is_like_nothing(whitener: Whitener) -> None:
    mean_image = whitener.mean.reshape(1, 1, 8, 8)
    np.testing.assert_array_equal(whitener(mean_image), 0)


@pytest.mark.parametrize("chunk", [50, 898, 4000])
def test_matches_are_those_of_the_whole_matrix_whatever_the_chunks(
    digits: Original, whitener: Whitener, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(matched_filter, "CHUNK", chunk)
    queries = whitener(digits.test.pixels(slice(0, 40)))
    told: list[tuple[int, int]] = []
    found = best_matches(queries, digits.train, whitener, top=5, on_chunk=lambda done, of: told.append((done, of)))
    r = queries.astype(np.float64) @ whitener(digits.train.pixels()).T.astype(np.float64)
    order = np.argsort(-r, axis=1)[:, :5]
    np.testing.assert_array_equal(found.index, order)
    np.testing.assert_allclose(found.r, np.take_along_axis(r, order, 1), atol=1e-6)
    np.testing.assert_allclose(found.z, (r.max(1) - r.mean(1)) / r.std(1), rtol=1e-4)
    assert found.candidates == 898
    assert told[-1] == (898, 898)
    assert len(told) == -(-898 // chunk)
    some = found.of(slice(3, 9))
    np.testing.assert_array_equal(some.index, order[3:9])
    np.testing.assert_array_equal(some.z, found.z[3:9])


def test_there_are_no_more_matches_than_candidates(digits: Original, whitener: Whitener) -> None:
    found = best_matches(whitener(digits.test.pixels(slice(0, 3))), digits.train.take(np.arange(2)), whitener, top=5)
    assert found.index.shape == found.r.shape == (3, 2)
    assert np.isfinite(found.r).all()


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """uint8 (400, 1, 8, 8): unrelated pictures."""
    return np.random.default_rng(0).integers(0, 256, (400, 1, 8, 8)).astype(np.uint8)


def with_copies(pictures: np.ndarray, copies: int, noise: float) -> ArraySplit:
    """The pictures, ``copies`` of the first at the places 100, 101, ... being near-duplicates of it."""
    images = pictures.copy()
    drawn = np.random.default_rng(1).normal(0, noise, (copies, 1, 8, 8))
    images[100 : 100 + copies] = np.clip(pictures[0] + drawn, 0, 255).astype(np.uint8)
    return ArraySplit(images, np.zeros(400, np.int64))


def test_the_lead_passes_over_near_duplicates_of_the_best_match(pictures: np.ndarray) -> None:
    split = with_copies(pictures, copies=3, noise=10)
    whitener = Whitener.fit(split)
    whole = whitener(split.pixels())
    query = np.clip(split.pixels(np.array([0])) + np.random.default_rng(2).normal(0, 0.05, (1, 1, 8, 8)), 0, 1)
    match = best_matches(whitener(query.astype(np.float32)), split, whitener)
    assert set(match.index[0, :4]) == {0, 100, 101, 102}
    alike = whole[match.index[0]] @ whole[match.index[0, 0]]
    assert (alike[:4] >= NEAR_DUPLICATE).all()
    assert alike[4] < NEAR_DUPLICATE
    expected = np.log((1 - match.r[0, 4]) / (1 - match.r[0, 0]))
    assert match.lead(split, whitener)[0] == pytest.approx(expected, rel=1e-4)
    naive = np.log((1 - match.r[0, 1]) / (1 - match.r[0, 0]))
    assert expected > naive + 0.5


def test_the_lead_over_an_unrelated_runner_up_is_the_definition(pictures: np.ndarray) -> None:
    split = ArraySplit(pictures, np.zeros(400, np.int64))
    whitener = Whitener.fit(split)
    queries = whitener(np.random.default_rng(3).random((20, 1, 8, 8), dtype=np.float32))
    match = best_matches(queries, split, whitener)
    lead = match.lead(split, whitener)
    np.testing.assert_allclose(lead, np.log((1 - match.r[:, 1]) / (1 - match.r[:, 0])), atol=1e-6)
    assert (lead >= 0).all()


@pytest.mark.parametrize("copies", [4, 30])
def test_a_picture_of_which_there_are_only_copies_has_a_finite_lead(pictures: np.ndarray, copies: int) -> None:
    # Blank images and the like: more identical candidates than are looked at, and correlations that round above 1.
    split = with_copies(pictures, copies, noise=0)
    whitener = Whitener.fit(split)
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 1e-7 * seed, (1, 1, 8, 8))
        queries = whitener((split.pixels(np.array([0])) + noise).astype(np.float32))
        lead = best_matches(queries, split, whitener).lead(split, whitener)
        assert np.isfinite(lead).all()
        assert (lead >= 0).all()
