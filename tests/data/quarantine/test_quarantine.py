"""What the reading process may do, what it may cost, and what it says when it is stopped."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.quarantine import Limits, quarantine, sandbox
from ddaudit.data.quarantine.container import flatten, unflatten
from ddaudit.data.quarantine.magic import head_of, kind_of
from ddaudit.errors import RefusedFileError

ROOT = Path(__file__).resolve().parents[3]


#: A reading process whose opener never returns.
SPINNING = """
import sys
sys.path.insert(0, sys.argv[1])
from ddaudit.data.quarantine import worker
def spin(*_):
    while True: pass
worker.open_file = spin
worker.main()
"""


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    path = tmp_path / "set.npz"
    np.savez(path, images=np.zeros((10, 1, 28, 28), np.float32), labels=np.arange(10))
    return path


def refusal_of(paths: list[Path], limits: Limits | None = None) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as refusal:
        quarantine(paths, limits or Limits())
    return refusal.value


def run_in_a_worker(code: str, tmp_path: Path) -> str:
    """What a reading process prints that runs ``code`` once it is confined."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from ddaudit.data.quarantine.limits import Limits\n"
        "from ddaudit.data.quarantine.worker import Confinement\n"
        "Confinement(Limits(memory_bytes=2**28), Path.cwd())\n"
        f"try:\n    {code}\n    print('done')\n"
        "except BaseException as error:\n    print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(ROOT)],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("import socket; socket.socket()", "PermissionError"),
        ("import subprocess; subprocess.run(['true'])", "PermissionError"),
        ("import os; os.system('true')", "PermissionError"),
        ("import os; os.fork()", "PermissionError"),
        ("open('../elsewhere', 'w')", "PermissionError"),
        ("import pickle, os; pickle.loads(pickle.dumps(os.getcwd))", "PermissionError"),
        ("bytearray(2**30)", "MemoryError"),
        ("open('answer.json', 'w').close()", "done"),
        ("bytearray(2**20)", "done"),
    ],
)
def test_a_confined_process_can_only_compute_and_write_its_answer(code: str, outcome: str, tmp_path: Path) -> None:
    assert run_in_a_worker(code, tmp_path) == outcome


def test_the_calling_process_opens_a_torch_file_without_importing_torch(tmp_path: Path) -> None:
    import torch

    torch.save({"images": torch.zeros(10, 1, 28, 28), "labels": torch.arange(10)}, tmp_path / "set.pt")
    program = (
        "import sys; from pathlib import Path; from ddaudit.data.formats import open_distilled\n"
        f"print(len(open_distilled(Path({str(tmp_path / 'set.pt')!r})).data), 'torch' in sys.modules, 'pickle' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == ["10", "False"]


def test_the_reading_process_has_no_environment_and_imports_nothing_from_beside_the_file(
    tmp_path: Path, npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module of that name beside the file, or on PYTHONPATH, would be imported in place of the real one.
    (tmp_path / "numpy.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert quarantine([npz])[0].content["labels"].tolist() == list(range(10))
    assert not (tmp_path / "canary").exists()


def test_a_file_beyond_the_size_limit_is_refused_before_it_is_read(npz: Path) -> None:
    refusal = refusal_of([npz], Limits(file_bytes=1000))
    assert refusal.reason == "file-too-large"
    assert not refusal.hostile


def test_arrays_beyond_the_limit_are_refused_over_all_files_together(npz: Path) -> None:
    assert quarantine([npz], Limits(array_bytes=40_000))
    assert refusal_of([npz, npz], Limits(array_bytes=40_000)).reason in ("too-large", "zip-bomb")


def test_reading_that_takes_too_long_is_ended(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", "import time; time.sleep(60)")
    refusal = refusal_of([npz], Limits(wall_seconds=1))
    assert (refusal.reason, refusal.hostile) == ("time-limit", True)


def test_reading_that_computes_too_long_is_ended(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", SPINNING)
    refusal = refusal_of([npz], Limits(cpu_seconds=1))
    assert (refusal.reason, refusal.hostile) == ("time-limit", True)


def test_reading_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npy"
    np.save(path, np.zeros(2**24, np.float64))
    refusal = refusal_of([path], Limits(memory_bytes=2**27))
    assert (refusal.reason, refusal.hostile) == ("memory-limit", True)


def test_a_reading_process_that_dies_is_a_refusal(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    refusal = refusal_of([npz])
    assert (refusal.reason, refusal.hostile) == ("reader-died", True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs-pointer"),
        (b"class,label\ncat,0\ndog,1\n", "text-file"),
        (b"cat\ndog\nship\n", "text-file"),
        ("Übersicht über die Klassen\n".encode() * 50, "text-file"),
        (b"(see the README)\n", "text-file"),
        (b"\x00\x01\x02\x03 nothing known", "unknown-format"),
        (b"\x1f\x8b\x08\x00 packed", "unknown-format"),
        (b"", "empty"),
    ],
)
def test_what_is_no_container_is_refused_by_name_and_not_called_hostile(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "images_best.pt"
    path.write_bytes(content)
    with pytest.raises(RefusedFileError) as refusal:
        kind_of(head_of(path, Limits()), path.name)
    assert (refusal.value.reason, refusal.value.hostile) == (reason, False)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        # 640 and 66,176 as eight bytes, before the JSON.
        (b"\x80\x02\0\0\0\0\0\0{}", "safetensors"),
        (b"\x80\x02\x01\0\0\0\0\0{}", "safetensors"),
        # A pickle of two texts, the second of which begins with a brace: not to be taken for harmless.
        (b"\x80\x02U\x01\0\0\0\0{}", "pickle"),
    ],
)
def test_a_header_whose_length_looks_like_a_pickle_is_told_from_one(head: bytes, kind: str) -> None:
    assert kind_of(head, "set.safetensors") == kind


def test_a_download_that_broke_off_is_not_called_hostile(npz: Path) -> None:
    whole = npz.read_bytes()
    npz.write_bytes(whole[: len(whole) // 2])
    refusal = refusal_of([npz])
    assert (refusal.reason, refusal.hostile) == ("damaged-archive", False)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"m/code/__torch__.py": b"", "m/data.pkl": b"\x80\x02N.", "m/constants.pkl": b""}, "torchscript"),
        ({"m/archive_format": b"pt2", "m/data.pkl": b"\x80\x02N."}, "exported-program"),
        ({"word/document.xml": b"<w/>"}, "not-a-dataset"),
        ({"m/data.pkl": b"\x80\x02ctorch.nn.modules.linear\nLinear\n)R."}, "full-module"),
    ],
)
def test_programs_and_documents_are_refused_by_name(members: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    refusal = refusal_of([path])
    assert (refusal.reason, refusal.hostile) == (reason, False)


def test_bytes_behind_an_archive_and_extra_members_are_handed_over(npz: Path) -> None:
    with zipfile.ZipFile(npz, "a") as archive:
        archive.writestr("notes.txt", b"hidden text")
        archive.comment = b"a comment"
    with open(npz, "ab") as stream:
        stream.write(b"payload")
    found = {item.kind: item.array.tobytes() for item in quarantine([npz])[0].smuggled if item.array is not None}
    assert found == {"extra-member": b"hidden text", "metadata": b"a comment", "trailing-bytes": b"payload"}


def test_bytes_behind_a_npy_array_are_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "set.npy"
    np.save(path, np.arange(4))
    path.write_bytes(path.read_bytes() + b"payload")
    (item,) = quarantine([path])[0].smuggled
    assert (item.kind, item.n_bytes) == ("trailing-bytes", 7)


def test_text_and_trailing_bytes_of_pictures_are_handed_over(tmp_path: Path) -> None:
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=text)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif, comment=b"made by hand")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + b"payload")
    png, jpeg = quarantine([tmp_path / "a.png", tmp_path / "a.jpg"])
    assert [(item.kind, item.text) for item in png.smuggled] == [("metadata", "Comment hello")]
    assert [item.kind for item in jpeg.smuggled] == ["metadata", "metadata", "trailing-bytes"]
    assert "a description" in jpeg.smuggled[0].text
    assert jpeg.smuggled[1].text == "made by hand"


def test_every_layout_of_memory_and_byte_order_arrives_plain(tmp_path: Path) -> None:
    numbers = np.arange(24, dtype=">f4").reshape(2, 3, 4)
    for name, array in {"big": numbers, "fortran": np.asfortranarray(numbers), "half": numbers.astype("<f2")}.items():
        np.save(tmp_path / f"{name}.npy", array)
    for file in quarantine(sorted(tmp_path.glob("*.npy"))):
        assert file.content.flags.c_contiguous
        assert file.content.dtype.isnative
        assert np.array_equal(file.content, np.arange(24).reshape(2, 3, 4))


def test_content_survives_the_way_between_the_processes() -> None:
    content = {"data": [[np.arange(3), 1.5], None, True], 7: "text", "nested": {"empty": [], "inf": float("inf")}}
    skeleton, arrays = flatten(content, Limits())
    back = unflatten(json.loads(json.dumps(skeleton)), arrays)
    assert np.array_equal(back["data"][0].pop(0), content["data"][0].pop(0))
    assert back == content


def test_sums_are_those_of_sha256sum(npz: Path) -> None:
    expected = subprocess.run(["sha256sum", npz], capture_output=True, text=True, check=True).stdout.split()[0]
    file = quarantine([npz])[0]
    assert (file.sha256, file.n_bytes) == (expected, os.path.getsize(npz))


def test_an_archive_of_a_standard_writer_passes_with_every_way_of_writing_it(tmp_path: Path) -> None:
    """Descriptors behind the members, 64 bit sizes and streams that cannot seek are all in use."""
    array = io.BytesIO()
    np.save(array, np.arange(10))

    class Pipe(io.RawIOBase):
        def __init__(self, stream: io.BufferedWriter) -> None:
            self.stream = stream

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:  # type: ignore[no-untyped-def, override]
            return self.stream.write(data)

    paths = [tmp_path / name for name in ("piped.npz", "deflated.npz", "wide.npz")]
    with open(paths[0], "wb") as stream, zipfile.ZipFile(Pipe(stream), "w") as archive:
        archive.writestr("a.npy", array.getvalue())
    with zipfile.ZipFile(paths[1], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", array.getvalue())
    with zipfile.ZipFile(paths[2], "w") as archive, archive.open("a.npy", "w", force_zip64=True) as member:
        member.write(array.getvalue())
    for file in quarantine(paths):
        assert file.content["a"].tolist() == list(range(10))
        assert not file.smuggled
