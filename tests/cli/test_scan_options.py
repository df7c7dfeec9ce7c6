"""What a scan is told reaches the work: packing, recipe, architectures."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ipc10_clean.safetensors"


def test_packed_images_are_decoded_when_told(ddaudit, tmp_path):
    path = tmp_path / "set.safetensors"
    save_file({"images": np.random.default_rng(0).random((10, 1, 8, 8), np.float32), "labels": np.arange(10)}, path)
    ddaudit("scan", path, "--packing", "2", "--check", "DD-SAF-SCHEMA", "--format", "json")
    assert json.loads((tmp_path / "ddaudit-report" / "report.json").read_text())["subject"]["images"] == 40


@pytest.mark.slow
def test_the_architectures_that_are_named_are_those_that_are_trained(ddaudit, tmp_path):
    ddaudit(
        "scan", EXAMPLE, "--original", "digits", "--check", "DD-UTL-CROSSARCH", "--architecture", "MLP", "--format", "json"
    )  # fmt: skip
    (check,) = json.loads((tmp_path / "ddaudit-report" / "report.json").read_text())["checks"]
    assert [m["name"] for m in check["metrics"]] == ["accuracy[MLP]", "gain_over_random[MLP]", "collapse[MLP]"]
    assert check["metrics"][0]["value"] > 0.8


@pytest.mark.parametrize(
    ("option", "check", "sentence"),
    [
        (("--recipe", "swift"), "DD-UTL-ACCURACY", "There is no recipe 'swift'; there are fast, published."),
        (("--profile", "standard", "--distiller", "XY"), "DD-PRV-LIRA", "There is no distiller 'XY'; there are DM"),
        (
            ("--profile", "standard", "--distiller", "no_such:make"),
            "DD-PRV-LIRA",
            "The distiller 'no_such:make' (no_such:make) cannot",
        ),
        (("--architecture", "Transformer"), "DD-UTL-CROSSARCH", "There is no architecture 'Transformer'; there are"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(ddaudit, tmp_path, option, check, sentence):
    code, _, err = ddaudit("scan", EXAMPLE, "--original", "digits", "--check", check, *option)
    assert code == 2
    assert f"Error: {sentence}" in err
    assert not (tmp_path / "ddaudit-report").exists()


def test_attributes_reach_the_check_and_a_wrong_line_is_named(ddaudit, tmp_path):
    file = tmp_path / "tone.csv"
    file.write_text("tone\n" + "dark\nlight\n" * 898 + "dark\n")
    scan = ("scan", EXAMPLE, "--original", "digits", "--attributes", file, "--check", "DD-FAI-GROUP", "--dry-run")
    code, out, _ = ddaudit(*scan)
    assert code == 0
    assert "attribute" in out
    file.write_text("tone\n" + "dark\nlight\n" * 898 + "\n")
    code, _, err = ddaudit(*scan)
    assert code == 2
    assert "tone.csv, line 1798 has 0 columns" in " ".join(err.split())
    code, _, err = ddaudit("scan", EXAMPLE, "--attributes", file)
    assert code == 2
    assert "name it with --original" in " ".join(err.split())


def test_a_record_of_members_reaches_the_check_and_a_wrong_line_is_named(ddaudit, tmp_path):
    record = tmp_path / "members.txt"
    record.write_text("".join(f"{i}\n" for i in range(0, 898, 2)))
    scan = ("scan", EXAMPLE, "--original", "digits", "--members", record, "--check", "DD-PRV-MIA", "--dry-run")
    code, out, _ = ddaudit(*scan)
    assert code == 0
    assert "models of held-out subsets" in out
    record.write_text(record.read_text() + "898\n")
    code, out, err = ddaudit(*scan)
    assert (code, out) == (2, "")
    assert "members.txt, line 450: there is no training image 898" in " ".join(err.split())
    code, _, err = ddaudit("scan", EXAMPLE, "--members", record)
    assert code == 2
    assert "name it with --original" in " ".join(err.split())
