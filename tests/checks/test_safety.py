"""The two safety checks: what is planted in a set is found, under the right name and verdict, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.checks.registry import all_checks
from ddaudit.checks.safety.file import file
from ddaudit.checks.safety.schema import schema
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.inspection.opening import open_set
from ddaudit.reporting.metrics import METRICS, metric_parts
from ddaudit.results import CheckResult, Image, Table
from ddaudit.training.store import Store


@pytest.fixture
def sound() -> DistilledSet:
    """Twenty different images of noise, two a class, in a z-score space, a third of the values beyond the displayable range."""
    images = np.random.default_rng(0).normal(size=(20, 1, 8, 8)).astype(np.float32)
    data = LabelledImages(images, np.arange(10).repeat(2), 10, PixelSpace.zscore((0.5,), (0.5,)), "audited file")
    return DistilledSet(data, {}, Provenance("set.pt", "0" * 64, "image-array"))


def case_of(distilled: DistilledSet, original: Original | None = None) -> AuditCase:
    return AuditCase(distilled, original, AuditConfig(device="cpu"), torch.device("cpu"), Store(None))


def with_arrays(
    distilled: DistilledSet, images: np.ndarray | None = None, labels: np.ndarray | None = None
) -> DistilledSet:
    data = distilled.data
    return replace(
        distilled,
        data=replace(
            data, images=data.images if images is None else images, labels=data.labels if labels is None else labels
        ),
    )


def values(result: CheckResult) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in result.metrics}


def test_a_sound_set_passes_and_values_beyond_the_screen_are_counted_and_not_judged(sound: DistilledSet) -> None:
    result = schema.run(case_of(sound))
    assert result.verdict == "pass"
    outside = float(((sound.data.images < -1) | (sound.data.images > 1)).mean())
    assert values(result)["values_outside_range"] == pytest.approx(outside, abs=0.01)
    assert outside > 0.25
    assert {name: value for name, value in values(result).items() if value} == {
        "class_imbalance": 1.0,
        "values_outside_range": pytest.approx(outside, abs=0.01),
    }


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_fails(sound: DistilledSet, bad: float) -> None:
    images = sound.data.images.copy()
    images[3, 0, 0, 0] = bad
    result = schema.run(case_of(with_arrays(sound, images=images)))
    assert result.verdict == "fail"
    assert values(result)["images_not_finite"] == 1


def test_a_label_of_no_class_fails(sound: DistilledSet) -> None:
    labels = sound.data.labels.copy()
    labels[0] = 12
    result = schema.run(case_of(with_arrays(sound, labels=labels)))
    assert result.verdict == "fail"
    assert values(result)["labels_out_of_range"] == 1


def test_a_missing_class_fails_where_the_original_is_known_and_warns_where_it_is_not(
    sound: DistilledSet, digits: Original
) -> None:
    labels = sound.data.labels.copy()
    labels[labels == 7] = 6
    lacking = with_arrays(sound, labels=labels)
    assert schema.run(case_of(lacking)).verdict == "warn"
    result = schema.run(case_of(lacking, digits))
    assert result.verdict == "fail"
    assert "7" in result.finding
    assert values(result)["classes_missing"] == 1


def planted(kind: str, images: np.ndarray) -> np.ndarray:
    images = images.copy()
    if kind == "duplicate_images":
        images[1] = images[0]
    elif kind == "near_duplicate_images":
        images[1] = images[0] * 1.01
    else:
        images[1] = 0.25
    return images


@pytest.mark.parametrize("kind", ["duplicate_images", "near_duplicate_images", "constant_images"])
def test_repeated_and_blank_images_warn_and_are_shown(sound: DistilledSet, kind: str) -> None:
    result = schema.run(case_of(with_arrays(sound, images=planted(kind, sound.data.images))))
    assert result.verdict == "warn"
    assert values(result)[kind] == 1
    (picture,) = (item for item in result.evidence if isinstance(item, Image))
    assert "Shown: 1." in picture.caption


def test_imbalance_warns(sound: DistilledSet) -> None:
    labels = np.array([0] * 11 + list(range(1, 10)))
    result = schema.run(case_of(with_arrays(sound, labels=labels)))
    assert result.verdict == "warn"
    assert values(result)["class_imbalance"] == 11


def test_soft_labels_have_no_range_to_leave(sound: DistilledSet) -> None:
    scores = (10 * np.eye(10)[sound.data.labels] - 3).astype(np.float32)
    result = schema.run(case_of(with_arrays(sound, labels=scores)))
    assert result.verdict == "pass"
    assert "labels_out_of_range" not in values(result)


def test_safety_runs_first_and_without_an_original(sound: DistilledSet) -> None:
    first, second = all_checks()[:2]
    assert (first.id, second.id) == ("DD-SAF-FILE", "DD-SAF-SCHEMA")
    assert not first.needs_original
    assert not second.needs_original
    assert file.run(case_of(sound)).verdict == "pass"


def test_every_safety_metric_is_explained_in_the_glossary(sound: DistilledSet) -> None:
    names = [metric.name for check in (file, schema) for metric in check.run(case_of(sound)).metrics]
    assert [name for name in names if metric_parts(name)[0] not in METRICS] == []


def test_a_view_is_reported_with_the_training_images_behind_it(digits: Original, tmp_path: Path) -> None:
    behind = torch.from_numpy(digits.train.pixels(np.arange(40)))
    torch.save(behind[:20], tmp_path / "images.pt")
    torch.save(torch.arange(10).repeat_interleave(2), tmp_path / "labels.pt")
    opened = open_set(tmp_path / "images.pt", digits)
    result = file.run(case_of(opened, digits))
    assert result.verdict == "fail"
    assert values(result)["hidden_training_images"] == values(result)["hidden_images"] == 40
    assert "40 of them are exact training images" in result.finding


def test_without_an_original_hidden_images_still_fail_and_are_not_called_training_images(
    digits: Original, tmp_path: Path
) -> None:
    held_out = digits.test.pixels(np.arange(40))
    np.savez(tmp_path / "set.npz", images=held_out[:20], labels=np.arange(10).repeat(2), spare=held_out[20:])
    opened = open_set(tmp_path / "set.npz")
    assert values(file.run(case_of(opened)))["hidden_images"] == 20
    assert "hidden_training_images" not in values(file.run(case_of(opened)))
    against = file.run(case_of(opened, digits))
    assert values(against)["hidden_training_images"] == 0
    assert against.verdict == "fail"


def test_content_that_is_no_image_warns_and_is_described(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(1).random((20, 8, 8), np.float32))
    with path.open("ab") as stream:
        stream.write(b"something else")
    opened = open_set(path)
    result = file.run(case_of(opened))
    assert result.verdict == "warn"
    assert values(result)["hidden_images"] == 0
    assert values(result)["hidden_bytes"] == len(b"something else")
    (table,) = (item for item in result.evidence if isinstance(item, Table) and item.name == "hidden_content")
    assert table.rows[0][0] == "trailing-bytes"
    assert "convert" in result.advice


def test_a_whitened_set_without_hidden_content_passes(sound: DistilledSet, digits: Original) -> None:
    whitened = sound.with_space(PixelSpace.zca(digits.train))
    assert file.run(case_of(whitened, digits)).verdict == "pass"
    assert schema.run(case_of(whitened, digits)).verdict == "pass"


@pytest.mark.realdata
@pytest.mark.slow
def test_rded_is_reported_as_carrying_640_training_images_and_fails(real_data: Path) -> None:
    cifar10 = load_original("cifar10", data_root=real_data / "originals")
    opened = open_set(real_data / "distilled" / "rded_cifar10_ipc1", cifar10)
    result = file.run(case_of(opened, cifar10))
    assert result.verdict == "fail"
    assert values(result)["hidden_images"] == 640
    assert values(result)["hidden_training_images"] == 640
    assert schema.run(case_of(opened, cifar10)).verdict == "pass"
