"""TRACE on published CIFAR-10 sets of which it is known what they started from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.checks.privacy.trace import FALSE_DISCOVERY_RATE
from ddaudit.checks.privacy.tracing import trace_images
from ddaudit.checks.privacy.ways import ways
from ddaudit.data.distilled import DistilledSet
from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import PixelSpace

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


@pytest.fixture(scope="module")
def cifar10(real_data: Path) -> Original:
    return load_original("cifar10", data_root=real_data / "originals")


def published(folder: Path, zscore: PixelSpace) -> dict[str, np.ndarray]:
    """Pixels of each set."""

    def condensed(name: str) -> np.ndarray:
        (file,) = (folder / name).glob("*.pt")
        with torch.serialization.safe_globals(_NUMPY_SCALARS):
            content = torch.load(file, weights_only=True, map_location="cpu")
        return zscore.to_pixels(content["data"][-1][0].numpy())

    def opened(name: str, file: str = "") -> DistilledSet:
        return open_distilled(folder / name / file if file else next((folder / name).glob("*.pt")))

    (tiles,) = (folder / "dsa_cifar10_ipc10_tiles").glob("*.npz")
    whitened = torch.load(folder / "mtt_zca_cifar10_ipc10" / "images_zca_1000.pt", weights_only=True)
    return {
        "mtt": whitened.numpy(),
        "dsa": np.load(tiles)["images"].transpose(0, 3, 1, 2).astype(np.float32) / 255,
        "dc": condensed("dc_cifar10_ipc10"),
        "dm": condensed("dm_cifar10_ipc1"),
        "random": zscore.to_pixels(opened("random_cifar10_ipc10").data.images),
        "k-means": zscore.to_pixels(opened("kmeans_cifar10_ipc10", "CIFAR10_IPC10_images.pt").data.images),
        "hidden": np.concatenate(
            [item.images for item in opened("rded_cifar10_ipc1", ".").hidden if item.images is not None]
        ),
    }


_NUMPY_SCALARS = [
    np.dtype,
    np.dtypes.Float64DType,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
]


def test_recorded_starts_are_named_and_sets_that_started_from_noise_are_not_accused(
    real_data: Path, cifar10: Original
) -> None:
    folder = real_data / "distilled"
    assert cifar10.constants is not None
    sets = published(folder, PixelSpace.zscore(*cifar10.constants))
    (whole,) = ways((3, 32, 32), parts=False)
    whole = replace(whole, rows={"whole": whole.rows["whole"]}, families={"whole": ("whole",)})
    ((traced,), _, _) = trace_images(
        np.concatenate(list(sets.values())), cifar10, [whole], rate=FALSE_DISCOVERY_RATE, seed=0, plant=False
    )
    ends = np.cumsum([len(one) for one in sets.values()])[:-1]
    named = dict(zip(sets, np.split(traced.match.index[:, 0], ends), strict=True))
    accused = dict(zip(sets, np.split(traced.flagged, ends), strict=True))
    mtt_starts = np.load(folder / "mtt_zca_cifar10_ipc10" / "init_indices_cifar10_train.npy")
    (dsa_record,) = (folder / "dsa_cifar10_ipc10_tiles").glob("*init_indices.npy")
    assert ((named["mtt"] == mtt_starts) & accused["mtt"]).sum() >= 98
    assert ((named["dsa"] == np.load(dsa_record)) & accused["dsa"]).sum() >= 97
    assert accused["dc"].sum() <= 2
    assert accused["dm"].sum() == 0
    assert accused["random"].all()
    assert accused["k-means"].all()
    assert accused["hidden"].sum() == 640
    for name in ("random", "k-means", "hidden"):  # nothing was changed: every pixel is the training image's
        found = cifar10.train.pixels(named[name])
        np.testing.assert_allclose(sets[name], found, atol=0.01)
