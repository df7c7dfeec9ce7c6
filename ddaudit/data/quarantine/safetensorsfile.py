"""safetensors: a JSON header that must describe the bytes behind it exactly."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ddaudit.data.quarantine.container import Opened
from ddaudit.data.quarantine.limits import MIB, Limits
from ddaudit.errors import RefusedFileError

#: The reference implementation's own limit.
HEADER_BYTES = 100 * MIB

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip

#: Key under which the header's free text arrives in the content.
METADATA = "__metadata__"


def open_safetensors(path: Path, limits: Limits) -> Opened:
    """A dictionary of arrays, and the header's text under ``METADATA``.

    Raises
    ------
    RefusedFileError
        Where the header is malformed, tensors overlap, leave gaps or exceed the file.
    """
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    if length > min(len(raw) - 8, HEADER_BYTES):
        raise RefusedFileError(
            "malformed-header",
            f"{path.name} claims a header of {length:,} bytes in a file of {len(raw):,}.",
            hostile=True,
        )
    try:
        header = json.loads(raw[8 : 8 + length], object_pairs_hook=_without_repeats)
        metadata = header.pop(METADATA, {})
        entries = sorted((_entry(name, value) for name, value in header.items()), key=lambda entry: entry[1:3])
    except RefusedFileError:
        raise
    except Exception as error:  # ValueError, KeyError, TypeError, AttributeError, RecursionError, by the header's text
        raise RefusedFileError(
            "malformed-header", f"The header of {path.name} is malformed ({type(error).__name__}).", hostile=True
        ) from None
    body = raw[8 + length :]
    content: dict[str, Any] = {}
    at = 0
    for name, start, end, dtype, shape in entries:
        if start != at or end > len(body) or end - start != math.prod(shape) * np.dtype(dtype).itemsize:
            raise RefusedFileError(
                "tensor-bounds",
                f"{path.name} places its tensor {name!r} at bytes {start:,} to {end:,} of {len(body):,}, which "
                "overlaps another one, leaves a gap, or does not fit its shape.",
                hostile=True,
            )
        at = end
        content[name] = np.frombuffer(body[start:end], dtype).reshape(shape)
    if at != len(body):
        raise RefusedFileError(
            "tensor-bounds", f"{path.name} holds {len(body) - at:,} bytes that belong to no tensor.", hostile=True
        )
    if metadata:
        content[METADATA] = {str(key): str(value) for key, value in metadata.items()}
    return Opened(content)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _entry(name: str, value: Any) -> tuple[str, int, int, str, tuple[int, ...]]:
    start, end = value["data_offsets"]
    shape = tuple(value["shape"])
    if not all(type(n) is int and 0 <= n < 2**48 for n in (start, end, *shape)) or len(shape) > 32:
        raise ValueError(name)
    return name, start, end, _DTYPES[value["dtype"]], shape
