"""Tensors that claim what they do not store, and containers made to exhaust whoever walks them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from hostile_code import Call, Global, View, legacy_torch, pickled, torch_zip
from hostile_registry import hostile

SHAPE = (10, 3, 32, 32)
NUMBERS = int(np.prod(SHAPE))
TERABYTE_SHAPE = (20_000_000, 3, 56, 56)  # 755 GB of float32 out of one number


def data(count: int = NUMBERS, value: float = 0.5) -> bytes:
    """float32 numbers as a storage holds them."""
    return np.full(count, value, np.float32).tobytes()


def set_of(images: Any) -> dict[str, Any]:
    """A dictionary as DC writes it, with labels that any reader accepts."""
    return {"images": images, "labels": View((10,), 10, "1")}


LABELS = np.arange(10, dtype=np.float32).tobytes()


def zip_of(folder: Path, images: Any, storage: bytes) -> Path:
    return torch_zip(folder, pickled(set_of(images)), {"data/0": storage, "data/1": LABELS})


def legacy_of(folder: Path, images: Any, storage: bytes) -> Path:
    return legacy_torch(folder, pickled(set_of(images), legacy=True), storages={"0": storage, "1": LABELS})


for _form, _write in (("torch zip", zip_of), ("legacy torch", legacy_of)):

    @hostile("stride 0: 4 bytes shown as 755 GB", _form, "stride-trick")
    def _stride(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(TERABYTE_SHAPE, 1, stride=(0, 0, 0, 0)), data(1))

    @hostile("storage shorter than it is said to be", _form, "storage-size")
    def _short(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(SHAPE, NUMBERS), data(10))

    @hostile("storage said to be 755 GB", _form, "storage-size")
    def _huge(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(TERABYTE_SHAPE, int(np.prod(TERABYTE_SHAPE))), data(10))

    @hostile("view that ends behind its storage", _form, "malformed-tensor")
    def _outside(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(SHAPE, NUMBERS, offset=NUMBERS - 5), data())

    @hostile("view with a negative offset", _form, "malformed-tensor")
    def _negative(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(SHAPE, NUMBERS, offset=-1000), data())

    @hostile("malformed sparse tensor", _form, "sparse-tensor")
    def _sparse(folder: Path, canary: Path, write: Any = _write) -> Path:
        layout = Call("torch.serialization._get_layout", "torch.sparse_coo")
        parts = (View((4, 1), 4), View((1,), 1, "1"), SHAPE)
        return write(folder, Call("torch._utils._rebuild_sparse_tensor", layout, parts), data(4))

    @hostile("images that are NaN", _form, "not-finite")
    def _nan(folder: Path, canary: Path, write: Any = _write) -> Path:
        return write(folder, View(SHAPE, NUMBERS), data(value=np.nan))

    @hostile("lists nested 10,000 deep", _form, "too-deep")
    def _deep(folder: Path, canary: Path, write: Any = _write) -> Path:
        path = write(folder, View(SHAPE, NUMBERS), data())
        nested = b"\x80\x02" + b"]" * 10_000 + b"a" * 9_999 + b"."
        return torch_zip(folder, nested) if write is zip_of else legacy_torch(path.parent, nested)

    @hostile("a billion laughs out of nine lists", _form, "too-many-items")
    def _laughs(folder: Path, canary: Path, write: Any = _write) -> Path:
        # Each list is remembered and put ten times into the next one.
        code = b"\x80\x02]q\x00"
        for level in range(9):
            code += b"](" + bytes([0x68, level]) * 10 + b"eq" + bytes([level + 1])
        code += b"."
        return torch_zip(folder, code) if write is zip_of else legacy_torch(folder, code)

    @hostile("a list that contains itself", _form, "too-deep")
    def _cycle(folder: Path, canary: Path, write: Any = _write) -> Path:
        code = b"\x80\x02]q\x00h\x00a."
        return torch_zip(folder, code) if write is zip_of else legacy_torch(folder, code)

    @hostile("two million instructions", _form, "pickle-too-long")
    def _long(folder: Path, canary: Path, write: Any = _write) -> Path:
        code = b"\x80\x02](" + b"N" * 2_000_000 + b"e."
        return torch_zip(folder, code) if write is zip_of else legacy_torch(folder, code)

    @hostile("numpy array of 755 GB built empty", _form, "odd-numpy-array")
    def _reconstruct(folder: Path, canary: Path, write: Any = _write) -> Path:
        array = Call("numpy.core.multiarray._reconstruct", Global("numpy.ndarray"), TERABYTE_SHAPE, b"b")
        return write(folder, array, data())


@hostile("quantized tensor", "torch zip", "quantized-tensor")
def _quantized(folder: Path, canary: Path) -> Path:
    return zip_of(folder, Call("torch._utils._rebuild_qtensor", View(SHAPE, NUMBERS), 0, SHAPE), data())


def safetensors(folder: Path, header: Any, body: bytes, length: int | None = None) -> Path:
    """A safetensors file with any header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "distilled.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)
    return path


def entry(start: int, end: int, shape: tuple[int, ...] = SHAPE, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@hostile("tensor behind the end of the file", "safetensors", "tensor-bounds")
def _behind(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS)}, data(10))


@hostile("overlapping tensors", "safetensors", "tensor-bounds")
def _overlap(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS), "labels": entry(0, 40, (10,))}, data())


@hostile("bytes between tensors", "safetensors", "tensor-bounds")
def _gap(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(4, 4 + 4 * NUMBERS)}, data(NUMBERS + 1))


@hostile("bytes behind the last tensor", "safetensors", "tensor-bounds")
def _behind_last(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS)}, data() + b"payload")


@hostile("755 GB in the shape", "safetensors", "tensor-bounds")
def _shape(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS, TERABYTE_SHAPE)}, data())


@hostile("negative side", "safetensors", "malformed-header")
def _negative_side(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS, (-10, -3, 32, 32))}, data())


@hostile("one name twice", "safetensors", "malformed-header")
def _twice(folder: Path, canary: Path) -> Path:
    one = json.dumps(entry(0, 4 * NUMBERS))
    return safetensors(folder, f'{{"images": {one}, "images": {one}}}'.encode(), data())


@hostile("header longer than the file", "safetensors", "malformed-header")
def _long_header(folder: Path, canary: Path) -> Path:
    return safetensors(folder, {"images": entry(0, 4 * NUMBERS)}, data(), length=2**31)


@hostile("header nested 100,000 deep", "safetensors", "malformed-header")
def _deep_header(folder: Path, canary: Path) -> Path:
    return safetensors(folder, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"")


@hostile("images that are NaN", "safetensors", "not-finite")
def _nan_safetensors(folder: Path, canary: Path) -> Path:
    header = {"images": entry(0, 4 * NUMBERS), "labels": entry(4 * NUMBERS, 4 * NUMBERS + 40, (10,))}
    return safetensors(folder, header, data(value=np.nan) + LABELS)
