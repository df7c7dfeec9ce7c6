"""The pixel covariance is the textbook's, and the cache never gives anything else."""

from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.covariance import cache_folder, pixel_covariance, pixel_spectrum
from ddaudit.data.originals import load_original
from ddaudit.data.splits import ArraySplit


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DDAUDIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def split() -> ArraySplit:
    """5,000 colour images, more than two chunks, with means far from zero and strong correlations."""
    draw = np.random.default_rng(0)
    smooth = np.cumsum(draw.normal(size=(5000, 3, 4, 4)), axis=3) * 8 + 180
    return ArraySplit(smooth.clip(0, 255).astype(np.uint8), np.zeros(5000, np.int64))


def test_the_covariance_is_numpys(cache: Path, split: ArraySplit) -> None:
    flat = split.pixels().reshape(5000, 48).astype(np.float64)
    mean, covariance = pixel_covariance(split)
    assert (mean.dtype, covariance.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(mean, flat.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(flat.T), atol=1e-7)


def test_the_spectrum_rebuilds_the_covariance_in_descending_order(cache: Path, split: ArraySplit) -> None:
    _, covariance = pixel_covariance(split)
    _, eigenvalues, eigenvectors = pixel_spectrum(split)
    np.testing.assert_allclose((eigenvectors * eigenvalues) @ eigenvectors.T, covariance, atol=1e-6)
    assert (np.diff(eigenvalues) <= 0).all()


def test_constant_pixels_have_eigenvalue_zero_not_less(cache: Path) -> None:
    _, eigenvalues, _ = pixel_spectrum(load_original("digits").train)
    assert eigenvalues.min() == 0


def test_the_second_call_reads_what_the_first_one_kept(cache: Path, split: ArraySplit) -> None:
    first = pixel_covariance(split)
    (kept,) = cache.iterdir()
    assert kept.stat().st_size == 32 + 4 * (48 + 48 * 48)
    blind = ArraySplit(np.zeros_like(split.images), split.labels)
    blind.__dict__["fingerprint"] = split.fingerprint
    for mine, theirs in zip(pixel_covariance(blind), first, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("damage", ["flipped bit", "cut short", "empty"])
def test_a_damaged_entry_is_computed_anew(cache: Path, split: ArraySplit, damage: str) -> None:
    first = pixel_covariance(split)
    (kept,) = cache.iterdir()
    content = bytearray(kept.read_bytes())
    content[1000] ^= 1
    kept.write_bytes({"flipped bit": bytes(content), "cut short": bytes(content[:1000]), "empty": b""}[damage])
    np.testing.assert_array_equal(pixel_covariance(split)[1], first[1])
    content[1000] ^= 1
    assert kept.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("DDAUDIT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert pixel_covariance(load_original("digits").train)[1].shape == (64, 64)


def test_the_cache_lies_where_the_user_says(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("DDAUDIT_CACHE_DIR")
    assert cache_folder().name == "ddaudit"
