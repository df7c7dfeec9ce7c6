"""Small changes to files that keep enough of their form to reach the code behind the first check."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

_NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 10**9)
_WORDS = (
    b"images", b"labels", b"data", b"nan", b"Infinity", b"-1", b"1e999", b"[[[[", b"{}", b"\n", b"\x00", b"PK\x05\x06",
    b"PK\x03\x04", b"\x93NUMPY", b"cposix\nsystem\n", b"R.", b"\x80\x02", b"]", b"(", b"t", b"h\x00", b"q\x00", b"Q", b"b",
    b"torch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"numpy\ndtype\n", b"f8", b"|O", b"'shape': (0,)",
)  # fmt: skip


def mutate(data: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """A changed copy; members of archives and chunks of pictures are changed inside, with their checksums made right."""
    if draw.random() < 0.75:
        members = _members(data)
        if members:
            return _mutate_member(members, draw)
        if data.startswith(b"\x89PNG"):
            return _mutate_chunk(data, draw)
    if draw.random() < 0.05:
        other = draw.choice(others)
        return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other) + 1) :]
    return change(data, draw)


def change(data: bytes, draw: random.Random) -> bytes:
    """One to six edits: bits, bytes, numbers, words, pieces repeated, moved, cut or put in."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        if not changed:
            return b""
        # Headers are where the decisions are: half of the edits go to the first 512 bytes.
        at = draw.randrange(min(len(changed), 512) if draw.random() < 0.5 else len(changed))
        length = draw.choice((1, 2, 4, 8, 16, 64, 1024))
        match draw.randrange(8):
            case 0:
                changed[at] ^= 1 << draw.randrange(8)
            case 1:
                changed[at] = draw.randrange(256)
            case 2:
                size, order = draw.choice((1, 2, 4, 8)), draw.choice(("little", "big"))
                number = draw.choice(_NUMBERS) % 2 ** (8 * size)
                changed[at : at + size] = number.to_bytes(size, order)
            case 3:
                word = draw.choice(_WORDS)
                changed[at : at + (len(word) if draw.random() < 0.5 else 0)] = word
            case 4:
                changed[at:at] = changed[at : at + length] * draw.choice((1, 2, 50))
            case 5:
                del changed[at : at + length]
            case 6:
                changed[at:at] = draw.randbytes(length)
            case 7:
                if draw.random() < 0.3:
                    del changed[at:]
                else:
                    to = draw.randrange(len(changed))
                    changed[to : to + length] = changed[at : at + length]
    return bytes(changed)


def _members(data: bytes) -> dict[str, bytes]:
    """The members of a sound archive; empty for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            return {info.filename: source.read(info) for info in source.infolist()}
    except Exception:  # many seeds are broken on purpose
        return {}


def _mutate_member(members: dict[str, bytes], draw: random.Random) -> bytes:
    names = list(members)
    name = draw.choice(names)
    match draw.randrange(8):
        case 0:
            members.pop(name)
        case 1:
            members[change(name.encode(), draw).decode("latin1").replace("\0", "") or "x"] = members.pop(name)
        case 2:
            members[name] = members[draw.choice(names)]
        case _:
            # The smallest members hold the structure.
            name = draw.choice([*sorted(names, key=lambda n: len(members[n]))[:2], name])
            members[name] = change(members[name], draw)
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if draw.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as target:
        for member, content in members.items():
            target.writestr(member, content)
    return stream.getvalue()


def _mutate_chunk(data: bytes, draw: random.Random) -> bytes:
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at + 4 : at + 8 + length])
        at += 12 + length
    which = draw.randrange(len(chunks))
    chunks[which] = change(chunks[which], draw)
    if draw.random() < 0.2:
        draw.shuffle(chunks)
    body = (struct.pack(">I", max(0, len(c) - 4)) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return data[:8] + b"".join(body)
