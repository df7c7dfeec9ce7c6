"""`ddaudit plant`: what is written is the planted set, with a note of what was planted, and its strength is printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from ddaudit.data.originals import load_original
from ddaudit.inspection.opening import open_set
from ddaudit.threats.replaced import Replaced
from ddaudit.training.device import resolve

CLEAN = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"


def test_a_planted_file_holds_what_the_threat_makes_and_says_so(ddaudit, tmp_path):
    made = tmp_path / "bad.safetensors"
    options = ("--in", CLEAN, "--out", made, "--target", "4", "--set", "fraction=0.3", "--seed", "7")
    code, out, err = ddaudit("plant", "replaced", *options)
    assert code == 0, err
    assert "3 of 100 images changed" in out
    assert "success was not measured" in err
    expected = Replaced(target=4, fraction=0.3).plant(open_set(CLEAN).data, 7, resolve("cpu"))
    opened = open_set(made)
    np.testing.assert_array_equal(opened.data.images, expected.data.images)
    np.testing.assert_array_equal(opened.data.labels, expected.data.labels)
    assert opened.data.space.name == "zscore"
    assert any("ddaudit planted 'replaced'" in note for note in opened.provenance.notes)
    with safe_open(made, "numpy") as file:
        texts = file.metadata()
    assert texts["planted_settings"] == "Replaced(target=4, fraction=0.3, trigger='patch')"
    assert texts["planted_seed"] == "7"
    assert texts["source"] == CLEAN.name
    assert re.fullmatch("[0-9a-f]{64}", texts["source_sha256"])
    assert opened.provenance.original == open_set(CLEAN).provenance.original


def test_success_is_printed_with_intervals_and_without_the_targets_own_images(ddaudit, tmp_path):
    made = tmp_path / "bad.safetensors"
    code, out, err = ddaudit(
        "plant", "label-swap", "--in", CLEAN, "--original", "digits", "--models", "2", "--out", made
    )
    assert code == 0, err
    test = load_original("digits").test.labels
    percent = r"[\d.]+ % \[[\d.]+, [\d.]+\]"
    counted = int(np.isin(test, (0, 1)).sum())
    assert re.search(rf"attack success: {percent} of {counted} images of classes 0 and 1 taken for each other", out)
    assert re.search(rf"without the attack: {percent} by models of the clean set", out)
    assert re.search(rf"clean accuracy: {percent}; of the clean set {percent} \(899 held-out images, 2 models", out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("halo",), "no threat 'halo'"),
        (("naive-trigger",), "poisons the raw data: name it with --original"),
        (("label-flip", "--target", "3"), "no setting 'target'; it has source, fraction"),
        (("replaced", "--target", "12"), "no class 12"),
        (("replaced", "--set", "fraction"), "write NAME=VALUE"),
    ],
)
def test_what_cannot_be_planted_is_said_in_a_sentence(ddaudit, tmp_path, arguments, said):
    code, _, err = ddaudit("plant", *arguments, "--in", CLEAN, "--out", tmp_path / "bad.safetensors")
    assert code == 2
    assert said in " ".join(err.split())
    assert not (tmp_path / "bad.safetensors").exists()
