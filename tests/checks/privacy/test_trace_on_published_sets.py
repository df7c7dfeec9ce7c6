"""TRACE on published CIFAR-10 sets of which it is known what they started from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.matched_filter import Whitener, best_matches
from ddaudit.checks.privacy.trace import BLOCK, FALSE_DISCOVERY_RATE, _held_out
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.statistics.multiplicity import adaptive_benjamini_hochberg
from ddaudit.statistics.spacings import leading_spacing_p
from ddaudit.training.store import Store

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


class RememberingBlocks:
    """A whitener that whitens each block of the held-out split once, however many sets are held against it."""

    def __init__(self, whitener: Whitener) -> None:
        self.whitener = whitener
        self.blocks: dict[bytes, np.ndarray] = {}

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        if len(pixels) != BLOCK:
            return self.whitener(pixels)
        key = pixels[0].tobytes()
        if key not in self.blocks:
            self.blocks[key] = self.whitener(pixels)
        return self.blocks[key]


@pytest.fixture(scope="module")
def cifar10(real_data: Path) -> Original:
    return load_original("cifar10", data_root=real_data / "originals")


@pytest.fixture(scope="module")
def whitener(cifar10: Original) -> RememberingBlocks:
    return RememberingBlocks(Whitener.fit(cifar10.train))


def published(folder: Path, zscore: PixelSpace) -> dict[str, np.ndarray]:
    """Pixels of each set."""

    def condensed(name: str) -> np.ndarray:
        (file,) = (folder / name).glob("*.pt")
        with torch.serialization.safe_globals(_NUMPY_SCALARS):
            content = torch.load(file, weights_only=True, map_location="cpu")
        return zscore.to_pixels(content["data"][-1][0].numpy())

    (tiles,) = (folder / "dsa_cifar10_ipc10_tiles").glob("*.npz")
    whitened = torch.load(folder / "mtt_zca_cifar10_ipc10" / "images_zca_1000.pt", weights_only=True)
    return {
        "mtt": whitened.numpy(),
        "dsa": np.load(tiles)["images"].transpose(0, 3, 1, 2).astype(np.float32) / 255,
        "dc": condensed("dc_cifar10_ipc10"),
        "dm": condensed("dm_cifar10_ipc1"),
    }


_NUMPY_SCALARS = [
    np.dtype,
    np.dtypes.Float64DType,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
]


def test_recorded_starts_are_named_and_sets_that_started_from_noise_are_not_accused(
    real_data: Path, cifar10: Original, whitener: RememberingBlocks
) -> None:
    folder = real_data / "distilled"
    assert cifar10.constants is not None
    sets = published(folder, PixelSpace.zscore(*cifar10.constants))
    queries = {name: whitener(pixels) for name, pixels in sets.items()}
    everything = best_matches(np.concatenate(list(queries.values())), cifar10.train, whitener)  # type: ignore[arg-type]
    named, accused, first = {}, {}, 0
    for name, query in queries.items():
        match = everything.of(slice(first, first + len(query)))
        first += len(query)
        data = LabelledImages(sets[name], np.arange(len(query)) % 10, 10, PixelSpace.unit(3), name)
        distilled = DistilledSet(data, {}, Provenance(name, "0" * 64, "test"))
        case = AuditCase(distilled, cifar10, AuditConfig(), torch.device("cpu"), Store(None))
        null, _ = _held_out(match, query, case, whitener)  # type: ignore[arg-type]
        p = leading_spacing_p(match.lead(cifar10.train, whitener), null)  # type: ignore[arg-type]
        named[name], accused[name] = match.index[:, 0], adaptive_benjamini_hochberg(p, FALSE_DISCOVERY_RATE)
    mtt_starts = np.load(folder / "mtt_zca_cifar10_ipc10" / "init_indices_cifar10_train.npy")
    (dsa_record,) = (folder / "dsa_cifar10_ipc10_tiles").glob("*init_indices.npy")
    assert ((named["mtt"] == mtt_starts) & accused["mtt"]).sum() >= 98
    assert ((named["dsa"] == np.load(dsa_record)) & accused["dsa"]).sum() >= 97
    assert accused["dc"].sum() <= 2
    assert accused["dm"].sum() == 0
