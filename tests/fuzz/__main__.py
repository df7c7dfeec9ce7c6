"""``python -m tests.fuzz``: mutated files and random containers against every opener and reader, for a bounded time."""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MOST_FINDINGS = 20


#: A library in C that reads these can die of a malformed file; the reading process dies with it, which is a refusal.
DEADLY = {b"\x89HDF\r\n\x1a\n": "HDF5", b"PAR1": "Parquet"}


def main() -> int:
    """Write the seeds, run the target until the inputs or the time are used up, report; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000, help="mutated inputs (default 50,000)")
    parser.add_argument("--seconds", type=float, default=1800, help="stop after this long (default 1,800)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same inputs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddaudit-fuzz-") as name:
        folder = Path(name)
        for kind, files in (("honest", honest_seeds(folder)), ("hostile", hostile_seeds(folder))):
            for number, data in enumerate(files):
                (folder / f"{kind}-{number:03d}").write_bytes(data)
        lines = fuzz(folder, options.inputs, options.seconds, options.seed)
        findings = [line for line in lines if "trace" in line]
        for line in findings:
            kept = Path(shutil.copy(folder / f"finding-{line['index']}", f"fuzz-finding-{line['index']}")).resolve()
            print(f"input {line['index']} of seed {options.seed}, kept as {kept}:\n{line['trace']}")
    for outcome, count in Counter(line["outcome"] for line in lines).most_common():
        print(f"{count:8,}  {outcome}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    slowest = max(line["seconds"] for line in lines)
    print(f"{len(lines):,} inputs, {len(findings)} findings, slowest {slowest:.2f} s, peak {peak:,.0f} MiB")
    return 1 if findings else 0


def fuzz(folder: Path, inputs: int, seconds: float, seed: int) -> list[dict[str, Any]]:
    """One record an input. The target is started anew behind an input that ended it."""
    log = folder / "log"
    log.touch()
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fuzz.target import main; main()"
    end = time.monotonic() + seconds
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        left = end - time.monotonic()
        if len(lines) >= inputs or left < 0 or sum("trace" in line for line in lines) >= MOST_FINDINGS:
            return lines
        arguments = [str(n) for n in (len(lines), inputs, left, seed)]
        done = subprocess.run(
            [sys.executable, "-c", start, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            with open(log, "a") as stream:
                stream.write(json.dumps(_death(folder, done, len(log.read_text().splitlines()))) + "\n")


def _death(folder: Path, done: subprocess.CompletedProcess[str], index: int) -> dict[str, Any]:
    head = (folder / "input").read_bytes()[:16]
    library = next((name for magic, name in DEADLY.items() if head.startswith(magic)), None)
    line: dict[str, Any] = {"index": index, "seconds": 0.0, "outcome": f"reader-died ({library})"}
    if library is None:
        shutil.copy(folder / "input", folder / f"finding-{index}")
        line |= {"outcome": f"FOUND exit {done.returncode}", "trace": done.stderr[-3000:]}
    return line


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


if __name__ == "__main__":
    sys.exit(main())
