"""Pictures that unfold beyond memory, and things that are no files at all."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from hostile_registry import hostile


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes, colour: int = 2, before: bytes = b"") -> bytes:
    """A PNG of eight bit colour with those packed rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def in_folder(folder: Path, content: bytes, suffix: str) -> Path:
    """A folder of pictures by class, all of them this one."""
    for label in range(2):
        (folder / "set" / str(label)).mkdir(parents=True)
        (folder / "set" / str(label) / f"0{suffix}").write_bytes(content)
    return folder / "set"


def zeros(count: int) -> bytes:
    """``count`` zero bytes, packed without ever being held."""
    packer = zlib.compressobj(1)
    parts = [packer.compress(bytes(2**20)) for _ in range(count // 2**20)]
    return b"".join(parts) + packer.compress(bytes(count % 2**20)) + packer.flush()


@hostile("0.8 MB unfold to 192 MB", "PNG", "picture-bomb")
def _bomb(folder: Path, canary: Path) -> Path:
    return in_folder(folder, png(8_000, 8_000, zeros(8_000 * 24_001)), ".png")


@hostile("pixels that are only claimed", "PNG", "picture-bomb")
def _claimed(folder: Path, canary: Path) -> Path:
    return in_folder(folder, png(2**31 - 1, 2**31 - 1, zlib.compress(b"\0")), ".png")


@hostile("text that unfolds", "PNG", "picture-bomb")
def _text(folder: Path, canary: Path) -> Path:
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(2**26))
    return in_folder(folder, png(4, 4, zlib.compress(bytes(4 * 13)), before=text), ".png")


@hostile("colour profile that unfolds", "PNG", "picture-bomb")
def _profile(folder: Path, canary: Path) -> Path:
    profile = chunk(b"iCCP", b"icc\0\0" + zeros(2**26))
    return in_folder(folder, png(4, 4, zlib.compress(bytes(4 * 13)), before=profile), ".png")


@hostile("4 billion pixels in a header", "JPEG", "picture-bomb")
def _jpeg(folder: Path, canary: Path) -> Path:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 65_500, 65_500, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return in_folder(folder, b"\xff\xd8" + frame + b"\xff\xd9", ".jpg")


@hostile("named pipe", "not a file", "not-a-file")
def _pipe(folder: Path, canary: Path) -> Path:
    os.mkfifo(folder / "images.npy")
    return folder / "images.npy"


@hostile("device without end", "not a file", "not-a-file")
def _device(folder: Path, canary: Path) -> Path:
    (folder / "images.npy").symlink_to("/dev/zero")
    return folder / "images.npy"


def parquet_of(folder: Path, rows: list[dict[str, object]]) -> Path:
    """A Parquet file in the layout of the Hugging Face hub."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    path = folder / "train-00000-of-00001.parquet"
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    parquet.write_table(pa.table({"image": pa.array(rows, kind), "label": list(range(len(rows)))}), path)
    return path


@hostile("picture that is a local file", "Parquet", "external-picture", needs="pyarrow")
def _outside(folder: Path, canary: Path) -> Path:
    return parquet_of(folder, [{"bytes": None, "path": "/etc/passwd"}] * 2)


@hostile("pictures of 192 MB each", "Parquet", "picture-bomb", needs="pyarrow")
def _rows(folder: Path, canary: Path) -> Path:
    return parquet_of(folder, [{"bytes": png(8_000, 8_000, zeros(8_000 * 24_001)), "path": None}] * 2)


@hostile("a million rows out of one", "Parquet", "too-many-items", needs="pyarrow")
def _many(folder: Path, canary: Path) -> Path:
    return parquet_of(folder, [{"bytes": b"x", "path": None}] * 1_100_000)
