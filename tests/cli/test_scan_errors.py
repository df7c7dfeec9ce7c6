"""What the user sees when a scan cannot start: one sentence that says what to do, exit code 2, nothing left behind."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"


def text_named_pt(folder):
    path = folder / "notes.pt"
    path.write_text("These are my notes, not a dataset.\n")
    return path, "digits", ["notes.pt"]


def missing_file(folder):
    return folder / "nowhere.pt", "digits", ["nowhere.pt"]


def other_size(folder):
    path = folder / "large.npz"
    np.savez(path, images=np.random.default_rng(0).random((10, 3, 32, 32), np.float32), labels=np.arange(10))
    return path, "digits", ["32x32", "8x8", "--original"]


def other_classes(folder):
    path = folder / "more.safetensors"
    images = np.random.default_rng(0).random((12, 1, 8, 8), np.float32)
    save_file({"images": images, "labels": np.arange(12)}, path)
    return path, "digits", ["12 classes", "10", "--original"]


def unknown_original(folder):
    return EXAMPLE, "cifar11", ["cifar11"]


def original_not_there(folder):
    return EXAMPLE, "cifar10", ["--data-root"]


@pytest.mark.parametrize(
    "make", [text_named_pt, missing_file, other_size, other_classes, unknown_original, original_not_there]
)
def test_a_scan_that_cannot_start_says_why_in_a_sentence(ddaudit, tmp_path, make):
    path, original, words = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    code, out, err = ddaudit("scan", path, "--original", original, "--device", "cpu", "--quiet")
    assert code == 2
    assert out == ""
    assert err.startswith("Error: ")
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_folder_that_cannot_be_written_is_found_before_the_work(ddaudit, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    code, _, err = ddaudit(
        "scan", EXAMPLE, "--original", "digits", "--output", tmp_path / "taken" / "report", "--quiet"
    )
    assert code == 2
    assert "taken" in err
    assert "Choose a folder" in err
    assert (tmp_path / "taken").read_text() == "a file where the folder should be"


def test_unknown_profiles_and_formats_name_those_that_exist(ddaudit):
    code, _, err = ddaudit("scan", EXAMPLE, "--original", "digits", "--profile", "hasty", "--quiet")
    assert (code, "quick" in err) == (2, True)
    code, _, err = ddaudit("scan", EXAMPLE, "--original", "digits", "--format", "pdf", "--quiet")
    assert (code, "html" in err) == (2, True)


def test_recipes_and_architectures_that_do_not_exist_are_found_before_the_work(ddaudit):
    for option, wrong, known in (("--recipe", "swift", "published"), ("--architecture", "ConvNext", "ConvNet")):
        code, _, err = ddaudit("scan", EXAMPLE, "--original", "digits", option, wrong, "--quiet")
        assert code == 2
        assert f"'{wrong}'" in err
        assert known in err
