"""Zip archives that unfold, escape, contradict themselves or hide a second archive."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from hostile_code import PAYLOADS, View, pickled
from hostile_registry import hostile
from hostile_tensors import LABELS, NUMBERS, SHAPE, data, set_of

MEMBERS = {
    "archive/data.pkl": pickled(set_of(View(SHAPE, NUMBERS))),
    "archive/version": b"3\n",
    "archive/data/0": data(),
    "archive/data/1": LABELS,
}


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytearray:
    """A zip archive with those members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return bytearray(stream.getvalue())


def npy(array: np.ndarray) -> bytes:
    """The array as a npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


ARRAYS = {"images.npy": npy(np.full(SHAPE, 0.5, np.float32)), "labels.npy": npy(np.arange(10))}


def written(folder: Path, content: bytes, name: str = "images_best.pt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def patched(content: bytearray, member: str, offset: int, value: bytes, *, central: bool, local: bool) -> bytearray:
    """Change a field of a member's headers; ``offset`` counts from the field that follows the version needed."""
    name = member.encode()
    if local:
        at = content.index(b"PK\x03\x04", content.index(name) - 30) + 6 + offset
        content[at : at + len(value)] = value
    if central:
        at = content.rindex(name) - 46 + 8 + offset
        content[at : at + len(value)] = value
    return content


FORMS = {"torch zip": (MEMBERS, "archive/data/0", "images_best.pt"), "npz": (ARRAYS, "images.npy", "distilled.npz")}

for _form, (_members, _images, _file) in FORMS.items():
    _root = "archive/" if _form == "torch zip" else ""

    @hostile("encrypted member", _form, "encrypted-member")
    def _encrypted(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, patched(archive(members), images, 0, b"\x01\x00", central=True, local=True), file)

    @hostile("wrong checksum", _form, "bad-checksum")
    def _checksum(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, patched(archive(members), images, 8, b"\0\0\0\0", central=True, local=True), file)

    @hostile("directory and member disagree on the name", _form, "archive-mismatch")
    def _names(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        other = images[:-1] + "X"
        content = archive(members)
        at = content.index(images.encode())
        content[at : at + len(other)] = other.encode()
        return written(folder, content, file)

    @hostile("directory and member disagree on the flags", _form, "archive-mismatch")
    def _flags(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, patched(archive(members), images, 0, b"\x01\x00", central=False, local=True), file)

    @hostile("stored member with two sizes", _form, "archive-mismatch")
    def _sizes(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(
            folder, patched(archive(members), images, 16, b"\xff\xff\xff\x0f", central=True, local=True), file
        )

    @hostile("name that climbs out", _form, "path-trick")
    def _climbs(folder: Path, canary: Path, members=_members, images=_images, file=_file, root=_root) -> Path:
        return written(folder, archive({**members, f"{root}../../etc/cron.d/job": b"* * * * * root true"}), file)

    @hostile("absolute name", _form, "path-trick")
    def _absolute(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, archive({**members, str(canary): b""}), file)

    @hostile("symbolic link", _form, "path-trick")
    def _link(folder: Path, canary: Path, members=_members, images=_images, file=_file, root=_root) -> Path:
        stream = io.BytesIO(archive(members))
        with zipfile.ZipFile(stream, "a") as target:
            link = zipfile.ZipInfo(f"{root}link")
            link.external_attr = 0o120777 << 16
            target.writestr(link, "/etc/passwd")
        return written(folder, stream.getvalue(), file)

    @hostile("one name twice", _form, "duplicate-member")
    def _twice(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        content = archive({**members, images + "_": members[images]})
        name = (images + "_").encode()
        # Same length of names in both places: the second member takes the name of a third that is as long.
        first = (images[:-1] + "_" + images[-1]).encode()
        content = archive({**members, first.decode(): members[images], name.decode(): members[images]})
        return written(folder, bytes(content).replace(first, name), file)

    @hostile("overlapping members", _form, "overlapping-members")
    def _overlap(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, overlapping(archive(members), images), file)

    @hostile("method that no dataset uses", _form, "odd-compression")
    def _method(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, archive(members, zipfile.ZIP_LZMA), file)

    @hostile("20,000 members", _form, "too-many-members")
    def _many(folder: Path, canary: Path, members=_members, images=_images, file=_file, root=_root) -> Path:
        return written(folder, archive({**members, **{f"{root}m{i}": b"" for i in range(20_000)}}), file)

    @hostile("second archive behind the first", _form, "ambiguous-archive")
    def _second(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        evil = archive({"archive/data.pkl": pickled(PAYLOADS["os.system"](canary)), "archive/version": b"3\n"})
        return written(folder, evil + archive(members), file)

    @hostile("member that the directory does not list", _form, "ambiguous-archive")
    def _unlisted(folder: Path, canary: Path, members=_members, images=_images, file=_file) -> Path:
        return written(folder, unlisted(members, pickled(PAYLOADS["os.system"](canary))), file)


def overlapping(content: bytearray, images: str) -> bytearray:
    """Make the directory place the labels' member into the images' one, whose data hold a copy of its header."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        infos = source.infolist()
    last, first = infos[-1], next(info for info in infos if info.filename == images)
    whole = 30 + len(last.filename) + last.file_size
    start = first.header_offset + 30 + len(images) + 1000
    content[start : start + whole] = content[last.header_offset : last.header_offset + whole]
    return patched(content, last.filename, 34, struct.pack("<I", start), central=True, local=False)


def unlisted(members: dict[str, bytes], hidden: bytes) -> bytes:
    """A member between the others that only a parser without the directory sees."""
    full = archive({**members, "zz": hidden})
    short = archive(members)
    directory = short.index(b"PK\x01\x02")
    extra = full[full.index(b"PK\x03\x04", full.index(b"zz") - 30) : full.index(b"PK\x01\x02")]
    end = short.rindex(b"PK\x05\x06")
    short[end + 16 : end + 20] = struct.pack("<I", directory + len(extra))
    return bytes(short[:directory] + extra + short[directory:])


@hostile("2 MB unfold to 512 MB", "torch zip", "zip-bomb")
def _bomb(folder: Path, canary: Path) -> Path:
    return written(folder, _bomb_of("archive/data/0", {"archive/data.pkl": MEMBERS["archive/data.pkl"]}))


@hostile("2 MB unfold to 512 MB", "npz", "zip-bomb")
def _npz_bomb(folder: Path, canary: Path) -> Path:
    return written(folder, _bomb_of("images.npy", {}), "distilled.npz")


def _bomb_of(name: str, members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for other, content in members.items():
            target.writestr(other, content)
        with target.open(name, "w") as member:
            for _ in range(512):
                member.write(bytes(2**20))
    return stream.getvalue()


@hostile("bomb that declares a small size", "npz", "bad-checksum")
def _lying_bomb(folder: Path, canary: Path) -> Path:
    content = archive({"images.npy": bytes(2**24)}, zipfile.ZIP_DEFLATED)
    return written(
        folder, patched(content, "images.npy", 16, struct.pack("<I", 1000), central=True, local=True), "d.npz"
    )


@hostile("compressed members", "torch zip", "deflated-torch-file")
def _deflated(folder: Path, canary: Path) -> Path:
    return written(folder, archive(MEMBERS, zipfile.ZIP_DEFLATED))


@hostile("zip behind a legacy file", "legacy torch", "ambiguous-archive")
def _polyglot(folder: Path, canary: Path) -> Path:
    from hostile_tensors import legacy_of

    path = legacy_of(folder, View(SHAPE, NUMBERS), data())
    evil = archive({"archive/data.pkl": pickled(PAYLOADS["os.system"](canary)), "archive/version": b"3\n"})
    path.write_bytes(path.read_bytes() + evil)
    return path
