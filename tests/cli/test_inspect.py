"""`ddaudit inspect`: what a file is and whether it is safe, told at once, in every form, to the right exit code."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from rich.cells import cell_len
from safetensors.numpy import save_file

from ddaudit.data.distilled import Claim, LabelledImages
from ddaudit.data.formats import all_readers, assembly
from ddaudit.data.formats.gathering import gather
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine import Limits, quarantine

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"

KEYS = {
    "": "schema_version tool command verdict finding file refusal contents claims provenance safety pixel_space "
    "schema_findings original suggestion notes",
    "file": "path sha256 files",
    "contents": "reader runs run images classes ipc shape values labels",
    "contents.labels": "kind range classes",
    "provenance": "method original ipc learning_rate",
    "safety": "verdict finding globals hidden hidden_images hidden_training_images",
    "pixel_space": "name detail confidence evidence",
    "original": "name train test",
}


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def inspected(ddaudit, *arguments):
    """Exit code and JSON."""
    code, out, _ = ddaudit("inspect", *arguments, "--format", "json")
    return code, json.loads(out)


def words(text):
    return " ".join(text.split())


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return open, (str(self.canary), "w")


def hidden_digits(folder):
    """Twenty held-out digits with twenty training images beside them that no label belongs to."""
    digits = load_original("digits")
    path = folder / "hidden.npz"
    shown, spare = digits.test.pixels(np.arange(20)), digits.train.pixels(np.arange(20))
    np.savez(path, images=shown, labels=np.arange(10).repeat(2), spare=spare)
    return path


def test_torch_is_not_imported(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.random.default_rng(0).random((20, 1, 8, 8)), labels=np.arange(20) % 10)
    code = (
        "import sys; from ddaudit.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: sys.exit(end.code or sorted({'torch', 'torchvision', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    options = ["--original", "digits", "--output", str(tmp_path / "out")]
    ended = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(tmp_path / "set.npz"), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLE.parents[1],
        env={**os.environ, "DDAUDIT_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "inspection.html").is_file()


def test_everything_that_a_file_is_comes_under_stable_keys(ddaudit):
    code, found = inspected(ddaudit, EXAMPLE, "--original", "digits")
    assert code == 0
    for place, keys in KEYS.items():
        part = found
        for step in filter(None, place.split(".")):
            part = part[step]
        assert set(part) == set(keys.split()), place
    assert found["schema_version"] == "1.0"
    assert found["contents"]["shape"] == [1, 8, 8]
    assert (found["contents"]["images"], found["contents"]["classes"], found["contents"]["ipc"]) == (100, 10, 10)
    assert found["contents"]["labels"] == {"kind": "hard", "range": {"low": 0.0, "high": 9.0}, "classes": 10}
    assert found["provenance"] == {"method": "DM", "original": "digits", "ipc": 10, "learning_rate": None}
    assert (found["pixel_space"]["name"], found["pixel_space"]["confidence"]) == ("zscore", 1.0)
    assert found["original"] == {"name": "digits", "train": 898, "test": 899}
    assert found["command"].startswith("ddaudit inspect")
    (file,) = found["file"]["files"]
    assert file["sha256"] == found["file"]["sha256"] == sha256_by_another_program(EXAMPLE)
    names = "shape finite label-range classes-missing balance duplicates near-duplicates constant-images gamut"
    assert [each["name"] for each in found["schema_findings"]] == names.split()
    assert {each["verdict"] for each in found["schema_findings"]} == {"pass"}


def sha256_by_another_program(path):
    return subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]


def test_hidden_images_fail_and_are_counted_among_the_training_images(ddaudit, tmp_path):
    path = hidden_digits(tmp_path)
    code, found = inspected(ddaudit, path, "--original", "digits")
    assert (code, found["verdict"]) == (1, "fail")
    assert (found["safety"]["hidden_images"], found["safety"]["hidden_training_images"]) == (20, 20)
    assert found["safety"]["hidden"][0]["kind"] == "extra-array"
    code, found = inspected(ddaudit, path)
    assert (code, found["safety"]["hidden_training_images"]) == (1, None)
    assert "20 of them are exact training images" in words(ddaudit("inspect", path, "--original", "digits")[1])


def test_a_hostile_file_is_refused_by_name_with_exit_code_1_and_without_effect(ddaudit, tmp_path):
    path, canary = tmp_path / "set.pt", tmp_path / "canary"
    path.write_bytes(pickle.dumps({"images": Payload(canary)}))
    code, found = inspected(ddaudit, path)
    assert (code, found["verdict"]) == (1, "fail")
    assert found["refusal"]["reason"] == "forbidden-global"
    assert "open" in found["refusal"]["message"]
    assert found["contents"] is None
    assert found["file"]["sha256"] == sha256_by_another_program(path)
    code, text, _ = ddaudit("inspect", path, "--output", tmp_path / "out")
    assert code == 1
    assert "forbidden-global" in text
    assert words(found["refusal"]["message"]) in words(text)
    assert "Do not open this file" in text
    assert "Refused" in (tmp_path / "out" / "inspection.html").read_text(encoding="utf-8")
    assert not canary.exists()


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", b"notes\n"])
def test_what_is_no_dataset_ends_with_a_sentence_and_exit_code_2(ddaudit, tmp_path, content):
    path = tmp_path / "set.pt"
    path.write_bytes(content)
    code, out, err = ddaudit("inspect", path, "--output", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "set.pt" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_nothing_named_is_a_usage_error(ddaudit):
    code, _, err = ddaudit("inspect")
    assert code == 2
    assert "--formats" in err


def test_formats_lists_every_reader(ddaudit):
    code, out, _ = ddaudit("inspect", "--formats")
    assert code == 0
    for reader in all_readers():
        assert reader.name in out
        assert words(reader.description)[:30] in words(out)


def test_the_pixel_space_can_be_named_for_any_number_of_channels(ddaudit, tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, images=np.random.default_rng(0).normal(size=(10, 3, 8, 8)), labels=np.arange(10))
    assert inspected(ddaudit, path)[1]["pixel_space"]["name"] == "unknown"
    _, found = inspected(ddaudit, path, "--pixel-space", "zscore:0.5/0.5")
    assert found["pixel_space"]["name"] == "zscore"
    assert found["pixel_space"]["detail"].startswith("mean 0.5 0.5 0.5") or found["pixel_space"]["confidence"] == 1.0
    code, _, err = ddaudit("inspect", path, "--pixel-space", "zscore:0.5,0.5/0.5,0.5")
    assert code == 2
    assert "2 channels" in err


def test_an_available_original_is_named_and_not_loaded(ddaudit, tmp_path):
    _, found = inspected(ddaudit, EXAMPLE)
    assert found["original"] is None
    assert "--original digits" in found["suggestion"]
    path = tmp_path / "res_DM_CIFAR10_1ipc.npz"
    np.savez(path, images=np.random.default_rng(0).normal(size=(10, 3, 32, 32)), labels=np.arange(10))
    assert "--data-root DIR" in inspected(ddaudit, path)[1]["suggestion"]
    (tmp_path / "cifar10.npz").write_bytes(b"not even an archive: reading it would fail")
    code, found = inspected(ddaudit, path, "--data-root", tmp_path)
    assert code == 0
    assert found["suggestion"].endswith("training images.")
    assert f"in {tmp_path}: add --original cifar10" in found["suggestion"]


def strange_set(folder):
    """Everything in it that its author may choose is chosen to do harm where it is shown."""
    path = folder / "a\x1b[2J\u202e<script>alert(1)<.safetensors"
    images = np.random.default_rng(0).normal(size=(10, 1, 8, 8)).astype(np.float32)
    data = LabelledImages(images, np.arange(10), 10, PixelSpace.unit(1), "set")
    save_distilled(
        data,
        path,
        claims={"\x1b[31mNet</td><img src=x>": Claim(0.5, None, 1)},
        metadata={"original": "cifar10; rm -rf ~ #", "method": "[bold]DM\x07\x9b"},
    )
    return path


def test_the_terminal_shows_a_strangers_words_without_obeying_them(ddaudit, tmp_path):
    code, out, _ = ddaudit("inspect", strange_set(tmp_path))
    assert code == 0
    assert not [c for c in out if c != "\n" and not c.isprintable()]
    assert r"a\x1b[2J" in out
    assert "[bold]DM" in out
    assert max(map(cell_len, out.splitlines())) <= 80


def test_a_name_from_the_file_never_becomes_a_command_to_paste(ddaudit, tmp_path):
    _, found = inspected(ddaudit, strange_set(tmp_path))
    assert "rm" not in found["suggestion"]
    assert "--original NAME" in found["suggestion"]


def test_json_is_plain_ascii(ddaudit, tmp_path):
    _, out, _ = ddaudit("inspect", strange_set(tmp_path), "--format", "json")
    assert out.isascii()
    assert not [c for c in out if c != "\n" and not c.isprintable()]


def test_with_output_both_files_are_written_and_the_terminal_still_tells(ddaudit, tmp_path):
    code, out, err = ddaudit("inspect", EXAMPLE, "--output", tmp_path / "out")
    assert code == 0
    assert "100 images" in out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["inspection.html", "inspection.json"]
    assert "inspection.json" in err
    ddaudit("inspect", EXAMPLE, "--output", tmp_path / "one", "--format", "html")
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["inspection.html"]


def test_html_goes_to_stdout_where_no_folder_is_named(ddaudit):
    code, out, _ = ddaudit("inspect", EXAMPLE, "--format", "html")
    assert code == 0
    assert out.startswith("<!doctype html>")
    assert out.rstrip().endswith("</html>")


def test_packed_images_are_decoded_when_told(ddaudit, tmp_path):
    save_file(
        {"images": np.random.default_rng(0).random((10, 1, 8, 8), np.float32), "labels": np.arange(10)},
        tmp_path / "set.safetensors",
    )
    assert inspected(ddaudit, tmp_path / "set.safetensors")[1]["contents"]["images"] == 10
    _, found = inspected(ddaudit, tmp_path / "set.safetensors", "--packing", "2")
    assert found["contents"]["images"] == 40
    assert any("2 x 2" in note for note in found["notes"])


def test_a_folder_of_pictures_is_read_and_every_file_has_its_sum(ddaudit, tmp_path):
    for label in range(3):
        (tmp_path / "set" / f"class{label}").mkdir(parents=True)
        for i in range(2):
            pixels = np.random.default_rng(10 * label + i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Pillow.fromarray(pixels).save(tmp_path / "set" / f"class{label}" / f"{i}.png")
    code, found = inspected(ddaudit, tmp_path / "set")
    assert code == 0
    assert (found["contents"]["images"], found["contents"]["classes"]) == (6, 3)
    for file in found["file"]["files"]:
        assert file["sha256"] == sha256_by_another_program(tmp_path / "set" / file["name"])


#: (exit code, reader, m, label kind, runs, architectures that the file makes claims for), as published.
FOLDERS = {
    "camdm_cifar10_ipc10": (0, "condensation", 100, "hard", 1, 1),
    "dc_cifar10_ipc1": (0, "condensation", 10, "hard", 5, 1),
    "dc_cifar10_ipc10": (0, "condensation", 100, "hard", 1, 6),
    "dc_mnist_ipc1": (0, "condensation", 10, "hard", 5, 6),
    "dc_mnist_ipc10_member_split": (0, "image-array", 100, "hard", 1, 0),
    "dc_mnist_ipc1_legacy_torch": (0, "condensation", 10, "hard", 1, 1),
    "dd_mnist_ipc10": (0, "named-arrays", 100, "hard", 1, 0),
    "dd_mnist_steps": (0, "training-steps", 100, "hard", 1, 0),
    "dm_breastmnist_ipc10": (0, "condensation", 20, "hard", 5, 1),
    "dm_cifar10_ipc1": (0, "condensation", 10, "hard", 1, 1),
    "dsa_cifar10_ipc1": (0, "condensation", 10, "hard", 5, 1),
    "dsa_cifar10_ipc10_tiles": (0, "named-arrays", 100, "hard", 1, 0),
    "kip_cifar10_ipc10": (0, "image-array", 100, "soft", 1, 0),
    "kmeans_cifar10_ipc10": (0, "image-array", 100, "hard", 1, 0),
    "kmeans_cifar10_ipc1_raw": (0, "image-array", 10, "hard", 1, 0),
    "mtt_cifar10_ipc10": (0, "image-array", 100, "hard", 1, 0),
    "mtt_zca_cifar10_ipc10": (0, "image-array", 100, "hard", 1, 0),
    "random_cifar10_ipc10": (0, "image-array", 100, "hard", 1, 0),
    "rded_cifar10_ipc1": (1, "class-folder", 10, "hard", 1, 0),
    "reject_lfs_pointer": (2, "Git LFS pointer"),
    "reject_text_embeddings": (2, "text embeddings"),
}


@pytest.fixture(scope="module")
def read_once(real_data):
    """Every published file, read by one confined process: importing torch twenty times would take a minute."""
    folders = [real_data / "distilled" / name for name, (code, *_) in FOLDERS.items() if code < 2]
    return {file.path: file for file in quarantine([path for f in folders for path in gather(f, Limits()).paths])}


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_published_folder_is_inspected_or_refused(ddaudit, real_data, monkeypatch, read_once, folder):
    expected, path = FOLDERS[folder], real_data / "distilled" / folder
    if expected[0] == 2:
        code, out, err = ddaudit("inspect", path)
        assert (code, out) == (2, "")
        assert expected[1] in words(err)
        return
    monkeypatch.setattr(assembly, "quarantine", lambda paths, limits: [read_once[path] for path in paths])
    code, found = inspected(ddaudit, path)
    contents = found["contents"]
    assert (
        code,
        contents["reader"],
        contents["images"],
        contents["labels"]["kind"],
        contents["runs"],
        len(found["claims"]),
    ) == expected
    assert found["safety"]["hidden_images"] == (640 if folder.startswith("rded") else 0)
    terminal = ddaudit("inspect", path)[1]
    assert max(map(cell_len, terminal.splitlines())) <= 80


@pytest.mark.realdata
@pytest.mark.slow
def test_every_folder_of_the_real_data_is_expected(real_data):
    assert {folder.name for folder in (real_data / "distilled").iterdir()} == set(FOLDERS)


@pytest.mark.realdata
@pytest.mark.slow
def test_rded_is_shown_to_carry_640_training_images(ddaudit, real_data):
    path, root = real_data / "distilled" / "rded_cifar10_ipc1", real_data / "originals"
    code, found = inspected(ddaudit, path, "--original", "cifar10", "--data-root", root)
    assert (code, found["safety"]["hidden_images"], found["safety"]["hidden_training_images"]) == (1, 640, 640)
