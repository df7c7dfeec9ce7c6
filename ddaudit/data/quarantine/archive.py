"""Zip archives, judged by their directory before a byte is unpacked.

Scanners and loaders disagree about malformed archives, and attacks live in the disagreement. Here an archive must
describe itself without contradiction: every member's own header repeats the directory, members do not overlap, and
whatever lies between or behind them is counted. Members are handed on in memory: no other parser meets the archive.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ddaudit.data.quarantine.container import Smuggled
from ddaudit.data.quarantine.limits import MIB, Limits
from ddaudit.errors import RefusedFileError

#: Images compress up to ten times, constant labels a thousand times but they are small: a large member beyond this
#: is made to unfold.
BOMB_RATIO = 200
BOMB_BYTES = 16 * MIB

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL_BYTES = 46
_END_BYTES = 22
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HAS_DESCRIPTOR = 0x8
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True, eq=False)
class Archive:
    """A checked archive: its members in order, as (name, bytes), and what lies outside of them."""

    members: dict[str, bytes]
    deflated: tuple[str, ...]
    smuggled: tuple[Smuggled, ...]


def read_archive(path: Path, limits: Limits) -> Archive:
    """Check the archive's directory, then read every member into memory.

    Raises
    ------
    RefusedFileError
        With the reason of the first rule that the archive breaks.
    """
    raw = path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check_directory(infos, limits)
            smuggled = _check_layout(raw, infos, archive.start_dir)
            members = {info.filename: _read(archive, info) for info in infos if not info.is_dir()}
    except (zipfile.BadZipFile, struct.error, EOFError, ValueError, NotImplementedError) as error:
        raise RefusedFileError(
            "damaged-archive", f"{path.name} is a damaged zip archive ({error}); it may be an interrupted download."
        ) from None
    deflated = tuple(info.filename for info in infos if info.compress_type == _DEFLATED)
    return Archive(members, deflated, tuple(smuggled))


def _check_directory(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.members:
        raise RefusedFileError(
            "too-many-members", f"The archive has {len(infos):,} members, over {limits.members:,}.", hostile=True
        )
    seen: set[str] = set()
    total = 0
    for info in infos:
        name = info.orig_filename
        if _escapes(name) or stat.S_ISLNK(info.external_attr >> 16):
            raise RefusedFileError(
                "path-trick", f"The archive has a member named {name!r}, which points outside of it.", hostile=True
            )
        if name in seen:
            raise RefusedFileError(
                "duplicate-member",
                f"The archive has two members named {name!r}: programs differ in which one they read.",
                hostile=True,
            )
        seen.add(name)
        if info.flag_bits & _ENCRYPTED:
            raise RefusedFileError(
                "encrypted-member",
                f"The archive's member {name!r} is encrypted, which hides it from scanners.",
                hostile=True,
            )
        if info.compress_type not in (_STORED, _DEFLATED):
            raise RefusedFileError(
                "odd-compression",
                f"The archive's member {name!r} is packed with method {info.compress_type}, which no dataset uses.",
                hostile=True,
            )
        if info.compress_type == _STORED and info.file_size != info.compress_size:
            raise _mismatch(info, "it is stored as it is but has two sizes")
        total += info.file_size
        swollen = info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(1, info.compress_size)
        if swollen or total > limits.array_bytes:
            raise RefusedFileError(
                "zip-bomb",
                f"The archive's member {name!r} unfolds from {info.compress_size:,} to {info.file_size:,} bytes "
                f"({total:,} in all so far).",
                hostile=True,
            )


def _escapes(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in name
        or any(ord(c) < 32 for c in name)
        or not name
    )


def _check_layout(raw: bytes, infos: list[zipfile.ZipInfo], directory: int) -> list[Smuggled]:
    """Bytes that belong to no member and not to the directory; refused where they could be read as another archive."""
    spans = []
    for info in infos:
        start = info.header_offset
        if start < 0 or start + _LOCAL.size > directory:
            raise _mismatch(info, "its place is outside of the file")
        magic, _, flags, method, _, _, crc, packed, size, n_name, n_extra = _LOCAL.unpack_from(raw, start)
        name_at = start + _LOCAL.size
        own_name = raw[name_at : name_at + n_name]
        late = bool(flags & _HAS_DESCRIPTOR)
        agrees = (
            magic == b"PK\x03\x04"
            and own_name in (_encoded(info, "utf-8"), _encoded(info, "cp437"))
            and method == info.compress_type
            and not flags & _ENCRYPTED
            and late == bool(info.flag_bits & _HAS_DESCRIPTOR)
            and (late or (crc == info.CRC and {packed, size} <= {info.compress_size, info.file_size, 0xFFFFFFFF}))
        )
        if not agrees:
            raise _mismatch(info, "its own header is not that of the directory")
        end = name_at + n_name + n_extra + info.compress_size
        spans.append((start, end + (_descriptor_bytes(raw, end, info) if late else 0), info.orig_filename))
    spans.sort()
    smuggled = []
    at = 0
    for start, end, name in [*spans, (directory, _directory_end(raw, infos, directory), "directory")]:
        if start < at:
            raise RefusedFileError(
                "overlapping-members", f"The archive's member {name!r} overlaps another one, as bombs do.", hostile=True
            )
        if start > at:
            smuggled.append(_outside("archive-gap", f"before {name!r}", raw[at:start]))
        at = end
    comment = int.from_bytes(raw[at - 2 : at], "little")
    if comment:
        smuggled.append(_outside("metadata", "archive comment", raw[at : at + comment]))
    if at + comment < len(raw):
        smuggled.append(_outside("trailing-bytes", "after the archive", raw[at + comment :]))
    return smuggled


def _mismatch(info: zipfile.ZipInfo, how: str) -> RefusedFileError:
    return RefusedFileError(
        "archive-mismatch",
        f"The archive contradicts itself about its member {info.orig_filename!r} ({how}): programs differ in what they read.",
        hostile=True,
    )


def _encoded(info: zipfile.ZipInfo, encoding: str) -> bytes | None:
    try:
        return info.orig_filename.encode(encoding)
    except UnicodeEncodeError:
        return None


def _descriptor_bytes(raw: bytes, at: int, info: zipfile.ZipInfo) -> int:
    """Length of the record behind a member that repeats its sizes: with or without signature, in 32 or 64 bits."""
    for signature in (b"PK\x07\x08", b""):
        for form in ("<III", "<IQQ"):
            record = signature + struct.pack(form, info.CRC, *_fit(form, info.compress_size, info.file_size))
            if raw.startswith(record, at):
                return len(record)
    raise _mismatch(info, "its sizes are not repeated behind it")


def _fit(form: str, *sizes: int) -> tuple[int, ...]:
    return sizes if "Q" in form else tuple(min(size, 0xFFFFFFFF) for size in sizes)


def _directory_end(raw: bytes, infos: list[zipfile.ZipInfo], at: int) -> int:
    """Position behind the directory's fixed end record."""
    for _ in infos:
        lengths = struct.unpack_from("<3H", raw, at + 28)
        at += _CENTRAL_BYTES + sum(lengths)
    if raw.startswith(b"PK\x06\x06", at):
        at += 12 + int.from_bytes(raw[at + 4 : at + 12], "little")
        at += 20 if raw.startswith(b"PK\x06\x07", at) else 0
    if not raw.startswith(b"PK\x05\x06", at):
        raise RefusedFileError(
            "archive-mismatch", "The archive's directory does not end where it says that it does.", hostile=True
        )
    return at + _END_BYTES


def _outside(kind: str, where: str, data: bytes) -> Smuggled:
    if b"PK\x05\x06" in data or b"PK\x03\x04" in data:
        raise RefusedFileError(
            "ambiguous-archive",
            f"The file holds a second archive {where}: programs differ in which one they read.",
            hostile=True,
        )
    return Smuggled(kind, where, len(data), np.frombuffer(data, np.uint8))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except zipfile.BadZipFile:
        data = b""
    except Exception as error:  # zlib.error and whatever a malformed stream makes zipfile raise
        raise RefusedFileError(
            "bad-checksum", f"The archive's member {info.filename!r} cannot be unpacked ({error}).", hostile=True
        ) from None
    if len(data) != info.file_size:
        raise RefusedFileError(
            "bad-checksum",
            f"The archive's member {info.filename!r} does not have the content that it declares.",
            hostile=True,
        )
    return data
