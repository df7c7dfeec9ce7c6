"""Memory of a scan against an image folder, and against one of ten times as many images.

    python benchmarks/memory.py FILE --original cifar10 --data-root DIR [--images 5000] [--check ID ...]
    python benchmarks/memory.py --table

Writes the first images of the original as PNG files, class by class, and the same a second time with ten times as many for training; the
held-out images are the same 1,000. Each scan runs in a process of its own, with an empty store. What was measured is
written to benchmarks/results/memory.json; ``--table`` prints that of docs/retraining.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from result_files import set_name, write_json
from watched_process import Watched, run

from ddaudit.data.originals import Original, Split, load_original

RESULTS = Path(__file__).parent / "results" / "memory.json"
HELD_OUT = 1000
TIMES = 10


def main() -> int:
    """Scan twice and write what was measured, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--original")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--images", type=int, default=5000, help="training images of the smaller folder")
    parser.add_argument("--check", nargs="*", default=[], help="the checks to run; default: all")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if not asked.table:
        original = load_original(asked.original, data_root=asked.data_root)
        if len(original.train) < TIMES * asked.images:
            parser.error(
                f"{original.name} has {len(original.train)} training images, fewer than {TIMES} x {asked.images}"
            )
        rows = []
        for count in (asked.images, TIMES * asked.images):
            found = scanned(asked, original, count)
            if found.code == 2:
                return 2
            rows.append({"images": count, "memory": found.memory, "seconds": found.seconds})
        write_json(asked.out, {"set": set_name(asked.file), "checks": asked.check or "all", "scans": rows})
    print("\n".join(lines(json.loads(asked.out.read_text(encoding="utf-8")))))
    return 0


def scanned(asked: argparse.Namespace, original: Original, count: int) -> Watched:
    """A scan against a folder of so many training images."""
    with tempfile.TemporaryDirectory(prefix="ddaudit-") as name:
        folder = Path(name) / original.name
        write(folder, original, count)
        checks = [part for check in asked.check for part in ("--check", check)]
        os.environ["DDAUDIT_CACHE_DIR"] = str(Path(name) / "cache")
        command = [sys.executable, "-m", "ddaudit", "scan", str(asked.file), "--original", str(folder), "--quiet"]
        return run([*command, "--output", str(Path(name) / "report"), *checks])


def lines(found: dict[str, Any]) -> list[str]:
    """The table of the page, and the sentence beneath it."""
    table = ["| training images | memory (MB) |", "|---|---|"]
    table += [f"| {scan['images']:,} | {scan['memory'] / 1e6:,.0f} |" for scan in found["scans"]]
    few, many = (scan["memory"] for scan in found["scans"])
    return [*table, "", f"Ten times the images: {100 * (many / few - 1):+.1f} % memory."]


def write(folder: Path, original: Original, count: int) -> None:
    """The first ``count`` training images and the first held-out ones, as folders of PNG files."""
    parts: tuple[tuple[str, Split, int], ...] = (("train", original.train, count), ("test", original.test, HELD_OUT))
    for part, split, images in parts:
        for name in original.classes:
            (folder / part / name).mkdir(parents=True)
        for start in range(0, images, 1000):
            rows = np.arange(start, min(start + 1000, images))
            pixels = np.round(split.pixels(rows) * 255).astype(np.uint8)
            for row, image in zip(rows, pixels, strict=True):
                target = folder / part / original.classes[split.labels[row]] / f"{row:06d}.png"
                Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(target)


if __name__ == "__main__":
    sys.exit(main())
