"""Memory of a scan against an image folder, and against one of ten times as many images.

    python benchmarks/memory.py FILE --original cifar10 --data-root DIR [--images 5000] [--check ID ...]

Writes the first images of the original as PNG files, class by class, and the same a second time with ten times as many for training; the
held-out images are the same 1,000. Each scan runs in a process of its own, with an empty store. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from watched_process import run

from ddaudit.data.originals import Original, Split, load_original

HELD_OUT = 1000
TIMES = 10


def main() -> int:
    """Scan twice and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--original", required=True)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--images", type=int, default=5000, help="training images of the smaller folder")
    parser.add_argument("--check", nargs="*", default=[], help="the checks to run; default: all")
    asked = parser.parse_args()
    original = load_original(asked.original, data_root=asked.data_root)
    if len(original.train) < TIMES * asked.images:
        parser.error(f"{original.name} has {len(original.train)} training images, fewer than {TIMES} x {asked.images}")
    print("| training images | memory (MB) | time (s) |\n|---|---|---|", flush=True)
    memory = []
    for count in (asked.images, TIMES * asked.images):
        with tempfile.TemporaryDirectory(prefix="ddaudit-") as name:
            folder = Path(name) / original.name
            write(folder, original, count)
            checks = [part for check in asked.check for part in ("--check", check)]
            os.environ["DDAUDIT_CACHE_DIR"] = str(Path(name) / "cache")
            command = [sys.executable, "-m", "ddaudit", "scan", str(asked.file), "--original", str(folder), "--quiet"]
            found = run([*command, "--output", str(Path(name) / "report"), *checks])
        if found.code == 2:
            return 2
        memory.append(found.memory)
        print(f"| {count:,} | {found.memory / 1e6:,.0f} | {found.seconds:.0f} |", flush=True)
    print(f"\n{TIMES} times the images: {100 * (memory[1] / memory[0] - 1):+.1f} % memory")
    return 0


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
