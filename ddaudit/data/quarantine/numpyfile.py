"""npy and npz: the header is judged before the data are read, and nothing is ever unpickled."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from ddaudit.data.quarantine.archive import Archive
from ddaudit.data.quarantine.container import Opened, Smuggled, plain_array, too_large
from ddaudit.data.quarantine.limits import Limits
from ddaudit.errors import RefusedFileError


def open_npy(path: Path, limits: Limits) -> Opened:
    """One array."""
    array, smuggled = _read_npy(path.read_bytes(), path.name, limits)
    return Opened(array, smuggled=smuggled)


def open_npz(archive: Archive, limits: Limits) -> Opened:
    """A dictionary of arrays, named by the archive's members."""
    content, smuggled = {}, list(archive.smuggled)
    for name, data in archive.members.items():
        if name.endswith(".npy"):
            content[name.removesuffix(".npy")], extra = _read_npy(data, name, limits)
            smuggled += extra
        else:
            smuggled.append(Smuggled("extra-member", name, len(data), np.frombuffer(data, np.uint8)))
    return Opened(content, smuggled=smuggled)


def _read_npy(data: bytes, name: str, limits: Limits) -> tuple[np.ndarray, list[Smuggled]]:
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
        read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except (
        Exception
    ) as error:  # ValueError, SyntaxError, TokenError, struct.error, RecursionError, ... by the header's text
        raise RefusedFileError(
            "malformed-header", f"The header of {name} is malformed ({type(error).__name__}).", hostile=True
        ) from None
    plain_array(np.empty(0, dtype))
    if any(side < 0 for side in shape) or len(shape) > 32:
        raise RefusedFileError("malformed-header", f"The header of {name} gives the shape {shape}.", hostile=True)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > limits.array_bytes:
        raise too_large(limits)
    body = data[stream.tell() :]
    if claimed > len(body):
        raise RefusedFileError(
            "truncated", f"{name} claims {claimed:,} bytes of data but holds {len(body):,}: it was cut short."
        )
    array = np.frombuffer(body, dtype, count=math.prod(shape)).reshape(shape, order="F" if fortran else "C")
    rest = body[claimed:]
    smuggled = [Smuggled("trailing-bytes", f"after {name}", len(rest), np.frombuffer(rest, np.uint8))] if rest else []
    return plain_array(array), smuggled
