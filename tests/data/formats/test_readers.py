"""Each family's layout is read as its authors meant it; planted sets and independent libraries are the answers."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddaudit.data.distilled import Claim, DistilledSet, LabelledImages
from ddaudit.data.formats import Limits, Reader, Reading, Source, all_readers, assembly, open_distilled, registry
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.formats.packing import unpack
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine import Quarantined, Smuggled
from ddaudit.errors import AuditError, RefusedFileError

M, CLASSES = 20, 10
LABELS = np.arange(CLASSES).repeat(2)


@pytest.fixture
def images() -> np.ndarray:
    """float32 (20, 3, 8, 8), all different."""
    return np.random.default_rng(0).standard_normal((M, 3, 8, 8), dtype=np.float32)


def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, Any], smuggled: tuple[Smuggled, ...] = ()
) -> None:
    """Files with these contents; the process that would read them is left out."""
    for name in contents:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\x93NUMPY")
    found = {
        tmp_path / name: Quarantined(tmp_path / name, "0" * 64, 6, "npy", content, smuggled=smuggled)
        for name, content in contents.items()
    }
    monkeypatch.setattr(assembly, "quarantine", lambda paths, limits: [found[path] for path in paths])


def opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: dict[str, Any],
    smuggled: tuple[Smuggled, ...] = (),
    **wishes: Any,
) -> DistilledSet:
    """What is made of the first of files with these contents."""
    place(tmp_path, monkeypatch, contents, smuggled)
    return open_distilled(tmp_path / next(iter(contents)), **wishes)


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        lambda x: x.transpose(0, 2, 3, 1),
        lambda x: x.reshape(CLASSES, 2, 3, 8, 8),
        lambda x: x.astype(np.float64),
    ],
    ids=["channels first", "channels last", "by class", "float64"],
)
def test_images_reach_one_layout_from_any(layout: Any, images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    stored = {"images": layout(images), "labels": LABELS}
    data = opened(tmp_path, monkeypatch, {"set.npz": stored}).data
    assert np.array_equal(data.images, images)
    assert np.array_equal(data.labels, LABELS)


def test_grey_images_without_a_channel_axis_get_one(tmp_path: Path, monkeypatch: Any) -> None:
    stored = {"images": np.zeros((M, 28, 28), np.float32), "labels": LABELS}
    assert opened(tmp_path, monkeypatch, {"set.npz": stored}).data.shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LABELS.astype(np.float32), LABELS),
        (LABELS[::-1].copy(), LABELS[::-1]),
        (LABELS[:, None], LABELS),
        (np.eye(10)[LABELS], np.eye(10, dtype=np.float32)[LABELS]),
    ],
    ids=["floats", "shuffled", "a column", "soft"],
)
def test_labels_are_read_in_every_form(
    labels: Any, expected: Any, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    data = opened(tmp_path, monkeypatch, {"set.npz": {"images": images, "labels": labels}}).data
    assert data.labels.dtype == (np.float32 if expected.ndim == 2 else np.int64)
    assert np.array_equal(data.labels, expected)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS[:-1], "label-count"),
        (LABELS + 0.5, "not-labels"),
        (LABELS - 1, "label-range"),
        (LABELS * 10**12, "label-range"),
        (np.full(M, np.nan), "not-finite"),
    ],
)
def test_labels_that_cannot_be_classes_are_refused(
    labels: Any, reason: str, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    with pytest.raises(RefusedFileError) as refusal:
        opened(tmp_path, monkeypatch, {"set.npz": {"images": images, "labels": labels}})
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("name", "wishes", "classes"),
    [
        ("images.pt", {}, 10),
        ("images.pt", {"classes": 5}, 5),
        ("images_ipc4.pt", {}, 5),
        ("CIFAR100_ipc1/images.pt", {}, None),
        ("BreastMNIST_10ipc.pt", {}, 2),
    ],
)
def test_missing_labels_are_implied_by_what_is_known_of_the_classes(
    name: str, wishes: Any, classes: int | None, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    if classes is None:
        with pytest.raises(RefusedFileError, match="100 classes"):
            opened(tmp_path, monkeypatch, {name: images}, **wishes)
        return
    found = opened(tmp_path, monkeypatch, {name: images}, **wishes)
    assert np.array_equal(found.data.labels, np.arange(classes).repeat(M // classes))
    assert any("implied" in note for note in found.provenance.notes)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("images_best.pt", "labels_best.pt"),
        ("images_5000.pt", "labels_5000.pt"),
        ("images_5000.pt", "labels_best.pt"),
        ("images_zca_1000.pt", "labels_1000.pt"),
        ("images.npy", "labels.npy"),
        ("X_syn.npy", "y_syn.npy"),
        ("data.pt", "targets.pt"),
        ("CIFAR10_IPC2_normalize_images.pt", "CIFAR10_IPC2_labels.pt"),
    ],
)
def test_labels_are_found_beside_the_images(
    name: str, beside: str, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    shuffled = LABELS[::-1].copy()
    found = opened(tmp_path, monkeypatch, {name: images, beside: shuffled, "lr.pt": np.array(0.02)})
    assert np.array_equal(found.data.labels, shuffled)
    assert found.provenance.learning_rate == pytest.approx(0.02)
    assert [file[0] for file in found.provenance.files] == [name, beside, "lr.pt"]


def test_the_other_snapshots_are_named_when_a_folder_is_opened(
    images: np.ndarray, tmp_path: Path, monkeypatch: Any
) -> None:
    contents = {"a/images_100.pt": images, "a/images_9.pt": images + 1, "a/labels_100.pt": LABELS}
    place(tmp_path, monkeypatch, contents)
    found = open_distilled(tmp_path / "a")
    assert np.array_equal(found.data.images, images)
    assert "images_9.pt" in " ".join(found.provenance.notes)


def test_snapshots_in_a_subfolder_are_not_taken_for_classes(
    images: np.ndarray, tmp_path: Path, monkeypatch: Any
) -> None:
    place(tmp_path, monkeypatch, {"a/runs/images_1.pt": images, "a/runs/images_best.pt": images + 1, "a/x/lr.pt": 1.0})
    found = open_distilled(tmp_path / "a")
    assert np.array_equal(found.data.images, images + 1)
    assert found.provenance.reader == "image-array"


@pytest.mark.parametrize(("run", "taken"), [(None, 2), (0, 0), (1, 1), (-1, 2)])
def test_runs_are_chosen_explicitly_and_the_last_is_the_default(
    run: int | None, taken: int, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    content = {"data": [[images + i, LABELS] for i in range(3)], "accs_all_exps": {"ConvNet": [0.4, 0.5]}}
    found = opened(tmp_path, monkeypatch, {"res_DC.pt": content}, run=run)
    assert np.array_equal(found.data.images, images + taken)
    assert (found.provenance.runs, found.provenance.run) == (3, taken)


def test_a_run_that_does_not_exist_is_refused(images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(RefusedFileError, match="0 to 1"):
        opened(tmp_path, monkeypatch, {"res_DC.pt": {"data": [[images, LABELS]] * 2}}, run=2)


@pytest.mark.parametrize(
    ("stored", "claim"),
    [
        ([0.4, 0.5], Claim(0.45, 0.05, 2)),
        ([40.0, 50.0], Claim(0.45, 0.05, 2)),
        (0.5, Claim(0.5, None, 1)),
        ([float("nan")], None),
        ([1e9], None),
        ([-0.1], None),
        ("text", None),
        ([], None),
        ([10**400], None),
    ],
)
def test_claims_are_fractions_or_left_out(
    stored: Any, claim: Claim | None, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    content = {"data": [[images, LABELS]], "accs_all_exps": {"ConvNet": stored}}
    claims = opened(tmp_path, monkeypatch, {"res_DC.pt": content}).claims
    if claim is None:
        assert claims == {}
    else:
        assert claims["ConvNet"].n == claim.n
        assert claims["ConvNet"].mean == pytest.approx(claim.mean)
        assert claims["ConvNet"].std == (None if claim.std is None else pytest.approx(claim.std))


def test_training_steps_that_repeat_are_counted_once(images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    steps = [[images[i * 10 : i * 10 + 10], LABELS[i * 10 : i * 10 + 10], np.array([0.1 * (e + 1)])]
             for e in range(3) for i in range(2)]  # fmt: skip
    found = opened(tmp_path, monkeypatch, {"results.pth": steps})
    assert np.array_equal(found.data.images, images)
    assert np.array_equal(found.data.labels, LABELS)
    assert found.provenance.learning_rate == pytest.approx(0.2)


def test_unpacking_is_what_idc_does_in_torch() -> None:
    import torch

    stored = torch.rand(4, 3, 32, 32)
    for factor in (2, 3):
        side = -(-32 // factor)
        padded = torch.nn.functional.pad(stored, (0, side * factor - 32) * 2, value=0.5)
        crops = [
            padded[:, :, i * side : (i + 1) * side, j * side : (j + 1) * side]
            for i in range(factor)
            for j in range(factor)
        ]
        expected = torch.nn.functional.interpolate(torch.cat(crops), size=(32, 32), mode="bilinear")
        np.testing.assert_allclose(unpack(stored.numpy(), factor), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "labels", "wishes"),
    [
        ("data_best.pt", LABELS, {"packing": 2}),
        ("cut_factor2_ipc10/data_best.pt", LABELS, {}),
        ("data_best.pt", np.tile(LABELS, 4), {}),
    ],
    ids=["told", "by the name", "by the counts"],
)
def test_packed_images_are_decoded_when_told_named_or_counted(
    name: str, labels: Any, wishes: Any, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    found = opened(tmp_path, monkeypatch, {name: [images, labels]}, **wishes)
    assert np.array_equal(found.data.images, unpack(images, 2))
    assert np.array_equal(found.data.labels, np.tile(LABELS, 4))


def test_unpacking_cannot_exhaust_the_calling_process(images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(RefusedFileError) as refusal:
        opened(
            tmp_path, monkeypatch, {"factor4.pt": [images, LABELS]}, limits=Limits(array_bytes=images.nbytes * 16 - 1)
        )
    assert refusal.value.reason == "too-large"


def test_a_folder_of_tensors_takes_its_classes_from_names(images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    contents = {
        f"set/class{label}_img{i}.pt": image for i, (image, label) in enumerate(zip(images, LABELS, strict=True))
    }
    place(tmp_path, monkeypatch, contents)
    found = open_distilled(tmp_path / "set")
    order = np.argsort([f"class{label}_img{i:02d}" for i, label in enumerate(LABELS)])
    assert np.array_equal(found.data.images, images[order])
    assert np.array_equal(found.data.labels, LABELS[order])


def test_a_folder_of_wordnet_classes_numbers_them_in_order(
    images: np.ndarray, tmp_path: Path, monkeypatch: Any
) -> None:
    folders = ["n01440764", "n02102040", "n02979186"]
    contents = {f"set/{folder}/0.pt": images[i] for i, folder in enumerate(folders)}
    place(tmp_path, monkeypatch, contents)
    assert open_distilled(tmp_path / "set").data.labels.tolist() == [0, 1, 2]


def test_hidden_data_decode_to_images_in_the_layout_of_the_set(
    images: np.ndarray, tmp_path: Path, monkeypatch: Any
) -> None:
    last = images.transpose(0, 2, 3, 1).copy()
    smuggled = (
        Smuggled("storage", "images", 3 * images[0].nbytes, last.ravel()),
        Smuggled("trailing-bytes", "after the archive", last[:2].nbytes, last[:2].ravel().view(np.uint8)),
        Smuggled("trailing-bytes", "after the archive", 7, np.zeros(7, np.uint8)),
    )
    stored = {"images": last[:17], "labels": LABELS[:17], "spare": last[17:]}
    found = opened(tmp_path, monkeypatch, {"set.npz": stored}, smuggled).hidden
    assert [item.kind for item in found] == ["storage", "trailing-bytes", "trailing-bytes", "extra-array"]
    assert np.array_equal(found[0].images, images)
    assert np.array_equal(found[1].images, images[:2])
    assert found[2].images is None
    assert np.array_equal(found[3].images, images[17:])


def test_the_native_format_gives_back_what_was_written(images: np.ndarray, tmp_path: Path) -> None:
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((192, 192)))[0].astype(np.float32)
    space = PixelSpace(
        "zca", np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32), rotation, rotation.T.copy(),
        np.full(192, 0.1, np.float32), confidence=0.75, detail="ridge 0.1",
    )  # fmt: skip
    soft = np.eye(10, dtype=np.float32)[LABELS]
    claims = {"ConvNet": Claim(0.5, 0.01, 5), "MLP": Claim(0.3, None, 1)}
    path = tmp_path / "set.safetensors"
    metadata = {"method": "DSA", "original": "cifar10", "ipc": "2", "learning_rate": "0.01", "note": "ours"}
    save_distilled(LabelledImages(images, soft, 10, space, "S"), path, claims=claims, metadata=metadata)

    found = open_distilled(path)
    assert found.provenance.reader == "native"
    assert np.array_equal(found.data.images, images)
    assert np.array_equal(found.data.labels, soft)
    assert found.claims == claims
    assert (found.provenance.method, found.provenance.original, found.provenance.ipc) == ("DSA", "cifar10", 2)
    assert found.provenance.learning_rate == 0.01
    assert (found.data.space.name, found.data.space.confidence, found.data.space.detail) == ("zca", 0.75, "ridge 0.1")
    assert np.array_equal(found.data.pixels(), space.to_pixels(images))
    assert found.space_evidence


def test_the_native_format_is_plain_safetensors(images: np.ndarray, tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "set.safetensors"
    save_distilled(LabelledImages(images, LABELS, 10, PixelSpace.unit(3), "S"), path)
    with safe_open(path, "np") as file:
        assert np.array_equal(file.get_tensor("images"), images)
        assert file.metadata()["format"] == "ddaudit-distilled"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "2"}, "newer-native"),
        ({"classes": "ten"}, "malformed-native"),
        ({"claims": "[1]"}, "malformed-native"),
        ({"claims": '{"a": [1, 2]}'}, "malformed-native"),
        ({"space.confidence": "nan"}, "malformed-native"),
        ({"space.name": None}, "malformed-native"),
    ],
)
def test_a_native_file_that_breaks_its_schema_is_refused(
    change: Any, reason: str, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    texts = {"format": "ddaudit-distilled", "version": "1", "classes": "10", "space.name": "unit", **change}
    content = {
        "images": images, "labels": LABELS, "space.mean": np.zeros(3, np.float32), "space.std": np.ones(3, np.float32),
        "__metadata__": {key: value for key, value in texts.items() if value is not None},
    }  # fmt: skip
    with pytest.raises(RefusedFileError) as refusal:
        opened(tmp_path, monkeypatch, {"set.safetensors": content})
    assert refusal.value.reason == reason


def test_a_path_that_cannot_be_written_is_an_error_in_words(images: np.ndarray, tmp_path: Path) -> None:
    data = LabelledImages(images, LABELS, 10, PixelSpace.unit(3), "S")
    with pytest.raises(AuditError, match="cannot be written"):
        save_distilled(data, tmp_path / "missing" / "set.safetensors")


@pytest.mark.parametrize("kind", ["hdf5", "parquet", "pictures"])
def test_other_containers_hold_the_same_set(kind: str, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (M, 8, 8, 3), dtype=np.uint8)
    path = tmp_path / "set"
    if kind == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["images"] = pixels
            file.create_dataset("labels", data=LABELS, compression="gzip")
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        import io

        encoded = []
        for image in pixels:
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "PNG")
            encoded.append({"bytes": stream.getvalue(), "path": None})
        parquet.write_table(pa.table({"image": encoded, "label": LABELS}), path)
    else:
        for i, (image, label) in enumerate(zip(pixels, LABELS, strict=True)):
            (path / f"new{label:03d}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path / f"new{label:03d}" / f"class{label:03d}_id{i:03d}.png")
    data = open_distilled(path).data
    assert np.array_equal(data.images, pixels.transpose(0, 3, 1, 2).astype(np.float32))
    assert np.array_equal(data.labels, LABELS)


def test_an_installed_reader_is_listed_and_asked_first(images: np.ndarray, tmp_path: Path, monkeypatch: Any) -> None:
    def read(source: Source) -> Reading | None:
        return Reading(images, LABELS) if source.content == {"mine": 1} else None

    mine = Reader("mine", "a layout of mine", read)

    class Installed(EntryPoint):
        def load(self) -> Reader:
            return mine

    entries = [Installed(name="mine", value="mine:READER", group="ddaudit.formats")]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    assert all_readers()[0] is mine
    found = opened(tmp_path, monkeypatch, {"set.pt": {"mine": 1}})
    assert found.provenance.reader == "mine"


def test_every_reader_has_a_name_of_its_own_and_one_line_of_description() -> None:
    readers = all_readers()
    assert len({reader.name for reader in readers}) == len(readers) >= 7
    assert all(reader.description and "\n" not in reader.description for reader in readers)


@pytest.mark.parametrize("content", [{}, [], "text", 1, None, {"weights": np.zeros((3, 3))}, [np.zeros(3)] * 3])
def test_what_no_reader_knows_is_refused_in_words(content: Any, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(RefusedFileError) as refusal:
        opened(tmp_path, monkeypatch, {"set.pt": content})
    assert (refusal.value.reason, refusal.value.hostile) == ("not-a-dataset", False)
