"""What a file is, from its first bytes; its name is never asked."""

from __future__ import annotations

import os
import pickletools
import stat
from pathlib import Path

from ddaudit.data.quarantine.limits import Limits
from ddaudit.errors import RefusedFileError

#: torch.save before 1.6 begins with the pickle of this number.
LEGACY_TORCH_MAGIC = 0x1950A86A20F9469CFC6C

HEAD_BYTES = 512


def head_of(path: Path, limits: Limits) -> bytes:
    """The first bytes of a regular file.

    Raises
    ------
    RefusedFileError
        Where there is no such file, it is a device, pipe or socket, it is empty, or it is larger than the limit.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise RefusedFileError("no-such-file", f"{path} cannot be read: {error}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise RefusedFileError("not-a-file", f"{path} is a device, pipe or socket, not a file.", hostile=True)
    if status.st_size == 0:
        raise RefusedFileError("empty", f"{path.name} is empty.")
    if status.st_size > limits.file_bytes:
        raise RefusedFileError(
            "file-too-large",
            f"{path.name} has {status.st_size / 2**20:,.0f} MiB, more than the limit of "
            f"{limits.file_bytes / 2**20:,.0f} MiB; raise the limit if you know it to be this large.",
        )
    try:
        with open(path, "rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise RefusedFileError("unreadable", f"{path} cannot be read: {error.strerror}.") from None


def kind_of(head: bytes, name: str) -> str:
    """Name of the container format that the first bytes show.

    Parameters
    ----------
    head : bytes
        At least the first 512 bytes, or the whole file.
    name : str
        What a refusal calls the file.

    Returns
    -------
    str
        "zip" (torch or npz; the member names tell), "pickle" (legacy torch or bare), "npy", "hdf5",
        "safetensors", "parquet", "png" or "jpeg".

    Raises
    ------
    RefusedFileError
        Reason "git-lfs-pointer", "text-file" or "unknown-format": none of them is dangerous, none of them is a dataset.
    """
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise RefusedFileError(
            "git-lfs-pointer",
            f"{name} is a Git LFS pointer of {len(head)} bytes, not the file itself: the images were never downloaded. "
            "Run `git lfs pull` in the repository that it came from, or download the file from its web page.",
        )
    for magic, kind in _MAGIC:
        if head.startswith(magic) and not (kind == "pickle" and _is_length_of_safetensors(head)):
            return kind
    if _begins_like_safetensors(head):
        return "safetensors"
    for magic, words in _OTHERS:
        if head.startswith(magic):
            raise RefusedFileError("unknown-format", f"{name} is {words}.")
    if _is_unsigned_pickle(head):
        return "pickle"
    if _is_text(head):
        first = head.decode("utf-8", "replace").strip().splitlines()[0][:60]
        raise RefusedFileError("text-file", f"{name} is a text file (it begins {first!r}), not a dataset of images.")
    raise RefusedFileError(
        "unknown-format",
        f"{name} begins with {head[:8].hex(' ')}, which is none of the formats that distilled sets come in "
        "(torch, npy, npz, HDF5, safetensors, Parquet, PNG, JPEG).",
    )


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
    (b"\x93NUMPY", "npy"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PAR1", "parquet"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
)


_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "packed with gzip; unpack it first"),
    (b"BZh", "packed with bzip2; unpack it first"),
    (b"\xfd7zXZ\x00", "packed with xz; unpack it first"),
    (b"(\xb5/\xfd", "packed with zstd; unpack it first"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"GIF8", "a GIF; ddaudit reads PNG and JPEG pictures"),
    (b"%PDF", "a PDF document, not a dataset"),
    (b"\x7fELF", "a program, not a dataset"),
)


_INSTRUCTIONS = frozenset(opcode.code for opcode in pickletools.opcodes)


def _begins_like_safetensors(head: bytes) -> bool:
    """A length in eight bytes, then JSON."""
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32


def _is_length_of_safetensors(head: bytes) -> bool:
    """A header of 640 bytes writes its length as a pickle writes its version; but no pickle goes on with a zero."""
    return _begins_like_safetensors(head) and chr(head[2]) not in _INSTRUCTIONS


def _is_unsigned_pickle(head: bytes) -> bool:
    """Protocols 0 and 1 have no signature, and a list of words begins like one: all instructions must make sense."""
    at = 0
    try:
        for opcode, _, position in pickletools.genops(head):
            at = position or 0
            if opcode.name == "STOP":
                return at > 0
    except Exception:  # whatever a malformed stream leads pickletools to
        # The head may end within an instruction.
        return len(head) == HEAD_BYTES and at > HEAD_BYTES - 128
    return False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut in two at the end of the head.
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f" for c in text) and bool(text.strip())
