"""The files that mutation starts from."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def honest_seeds(scratch: Path) -> list[bytes]:
    """One small file of every kind."""
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as parquet
    import torch
    from PIL import Image

    from ddaudit.data.distilled import Claim, LabelledImages
    from ddaudit.data.formats.native import save_distilled
    from ddaudit.data.pixelspace import PixelSpace

    rng = np.random.default_rng(0)
    images, labels = rng.random((4, 3, 8, 8), dtype=np.float32), np.arange(4) % 2
    tensors = [torch.tensor(images), torch.tensor(labels)]
    accuracies = {"ConvNet": [np.float64(0.5), np.float64(0.4)]}
    contents = [
        {"data": [tensors, tensors], "accs_all_exps": accuracies},
        {"images": tensors[0], "labels": tensors[1], "lr": torch.tensor(0.1)},
        [(*tensors, torch.tensor([0.1]))] * 3,
        tensors,
        tensors[0][1:],
        {"images": tensors[0].half(), "array": images.astype(np.float64)},
    ]
    found = []
    for content in contents:
        for zipped in (True, False):
            stream = io.BytesIO()
            torch.save(content, stream, _use_new_zipfile_serialization=zipped)
            found.append(stream.getvalue())
    for save in (
        lambda stream: np.save(stream, images),
        lambda stream: np.savez(stream, images=images, labels=labels),
        lambda stream: np.savez_compressed(stream, image=images, label=np.eye(2)[labels]),
        lambda stream: Image.fromarray(np.uint8(255 * images[0].transpose(1, 2, 0))).save(stream, "PNG"),
        lambda stream: Image.fromarray(np.uint8(255 * images[0, 0])).save(stream, "JPEG"),
    ):
        stream = io.BytesIO()
        save(stream)
        found.append(stream.getvalue())
    with h5py.File(scratch / "h5", "w") as file:
        file["images"] = images
        file.create_dataset("labels", data=labels, compression="gzip")
    rows = [{"bytes": found[-2], "path": None}] * 4
    parquet.write_table(pa.table({"image": rows, "label": labels}), scratch / "parquet")
    data = LabelledImages(images, labels, 2, PixelSpace.unit(3), "S")
    save_distilled(data, scratch / "native", claims={"ConvNet": Claim(0.5, None, 1)}, metadata={"method": "DC"})
    return found + [(scratch / name).read_bytes() for name in ("h5", "parquet", "native")]


def hostile_seeds(scratch: Path) -> list[bytes]:
    """The small files of the hostile corpus."""
    sys.path.insert(0, str(ROOT / "tests" / "data" / "hostile"))
    from hostile_corpus import CORPUS

    found = []
    for number, item in enumerate(CORPUS):
        if "unfold" in item.trick or item.form in ("not a file", "PNG", "JPEG"):
            continue
        (scratch / f"{number}").mkdir()
        path = item.build(scratch / f"{number}", scratch / "canary")
        if path.stat().st_size < 100_000:
            found.append(path.read_bytes())
        shutil.rmtree(scratch / f"{number}")
    return found
