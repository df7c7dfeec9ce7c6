"""What every test may use."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real originals and real published distilled files; skips where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real originals and published files (../shared/data) are not on this machine")
    return REAL_DATA


@pytest.fixture(scope="session")
def digits() -> Original:
    return load_original("digits")


@pytest.fixture(scope="session")
def space(digits: Original) -> PixelSpace:
    """Z-scores of the digits."""
    assert digits.constants is not None
    return PixelSpace.zscore(*digits.constants)


@pytest.fixture(scope="session")
def real_images(space: PixelSpace) -> Callable[[Split, int], LabelledImages]:
    """The first ``ipc`` images of each class of a split of the digits, as a set in z-scores."""

    def make(split: Split, ipc: int) -> LabelledImages:
        rows = np.concatenate([np.flatnonzero(split.labels == c)[:ipc] for c in range(10)])
        return LabelledImages(space.to_native(split.pixels(rows)), split.labels[rows], 10, space, "audited file")

    return make


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes on one thread, so that sums have one order."""
    import torch  # not above: most tests need none

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Puts a package with one entry point, ``make``, on the path, as pip would leave it."""

    def put(group: str, name: str, source: str) -> None:
        module = f"plugin_{name.lower().replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:make\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker is left alone with one at the end; xdist keeps this order if told not to reorder."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
