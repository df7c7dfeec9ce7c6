"""`ddaudit convert`: what is written is read back as it was, and nothing else is taken along."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
from safetensors import safe_open

from ddaudit.data.distilled import Claim, LabelledImages
from ddaudit.data.formats.native import save_distilled
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.inspection.opening import open_set

M = 20


def noise(channels=1, seed=0):
    return np.random.default_rng(seed).normal(size=(M, channels, 8, 8)).astype(np.float32)


def soft_pair(folder):
    """KIP's layout: channels last, labels beside it."""
    np.save(folder / "images.npy", noise(3).transpose(0, 2, 3, 1))
    np.save(folder / "labels.npy", 50 * np.random.default_rng(1).normal(size=(M, 10)).astype(np.float32))
    return folder / "images.npy"


def eight_bit(folder):
    np.savez(folder / "dm_2ipc.npz", images=(np.arange(M * 64) % 256).astype(np.uint8).reshape(M, 8, 8))
    return folder / "dm_2ipc.npz"


def hard(folder):
    np.savez(folder / "set.npz", images=noise(), labels=np.arange(M) % 10, lr=np.float64(0.0123))
    return folder / "set.npz"


def claiming(folder):
    data = LabelledImages(noise(), np.arange(M) % 10, 12, PixelSpace.zscore((0.3,), (0.2,)), "set")
    claims = {"ConvNet": Claim(0.4217, 0.0043, 10), "MLP": Claim(0.27, None, 1)}
    save_distilled(
        data,
        folder / "native.safetensors",
        claims=claims,
        metadata={"method": "DC", "ipc": "2", "learning_rate": "0.01"},
    )
    return folder / "native.safetensors"


def same_space(a: PixelSpace, b: PixelSpace) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(PixelSpace))


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (soft_pair, ()),
        (soft_pair, ("--pixel-space", "zscore:0.5/0.25")),
        (soft_pair, ("--pixel-space", "unit")),
        (eight_bit, ()),
        (hard, ("--original", "digits")),
        (hard, ("--original", "digits", "--pixel-space", "zca:0.1x")),
        (claiming, ()),
    ],
    ids=lambda value: value.__name__ if callable(value) else " ".join(value) or "-",
)
def test_a_converted_set_is_read_back_as_it_was(ddaudit, tmp_path, build, options):
    path = build(tmp_path)
    given = dict(zip(options[::2], options[1::2], strict=True))
    original = load_original(given["--original"]) if "--original" in given else None
    before = open_set(path, original, pixel_space=given.get("--pixel-space"))
    code, out, _ = ddaudit("convert", path, tmp_path / "out.safetensors", *options)
    assert code == 0
    assert f"{M} images" in out
    after = open_set(tmp_path / "out.safetensors")
    assert after.provenance.reader == "native"
    assert np.array_equal(after.data.images, before.data.images)
    assert np.array_equal(after.data.labels, before.data.labels)
    assert after.data.labels.dtype == before.data.labels.dtype
    assert after.data.classes == before.data.classes
    assert same_space(after.data.space, before.data.space)
    assert after.claims == before.claims
    assert (after.provenance.method, after.provenance.ipc, after.provenance.learning_rate) == (
        before.provenance.method,
        before.provenance.ipc,
        before.provenance.learning_rate,
    )
    assert after.provenance.original == (original.name if original else before.provenance.original)


def test_a_file_is_read_back_whatever_the_length_of_its_header(tmp_path):
    path = tmp_path / "out.safetensors"
    data = LabelledImages(noise(), np.arange(M) % 10, 10, PixelSpace.unit(1), "set")
    texts = ("x" * length for length in range(0, 400, 8))
    while not path.exists() or not path.read_bytes().startswith(b"\x80\x02"):
        save_distilled(data, path, metadata={"note": next(texts)})
    assert np.array_equal(open_set(path).data.images, data.images)


def test_the_file_says_what_it_was_made_from(ddaudit, tmp_path):
    path = hard(tmp_path)
    ddaudit("convert", path, tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "numpy") as file:
        texts = file.metadata()
    assert texts["source"] == "set.npz"
    assert texts["source_sha256"] == open_set(path).provenance.sha256
    assert texts["learning_rate"] == "0.0123"


def test_a_space_that_was_unknown_is_inferred_once_there_is_an_original(ddaudit, tmp_path):
    digits = load_original("digits")
    pixels = digits.train.pixels(np.arange(M))
    native = PixelSpace.zscore(*digits.constants).to_native(pixels)
    np.savez(tmp_path / "set.npz", images=native, labels=digits.train.labels[:M])
    ddaudit("convert", tmp_path / "set.npz", tmp_path / "out.safetensors")
    assert open_set(tmp_path / "out.safetensors").data.space.name == "unknown"
    assert open_set(tmp_path / "out.safetensors", digits).data.space.name == "zscore"


def test_hidden_content_is_left_behind_and_named(ddaudit, tmp_path):
    np.savez(tmp_path / "set.npz", images=noise(), labels=np.arange(M) % 10, spare=noise(seed=5))
    assert open_set(tmp_path / "set.npz").hidden
    code, _, err = ddaudit("convert", tmp_path / "set.npz", tmp_path / "out.safetensors")
    assert code == 0
    assert "left behind: the array 'spare'" in " ".join(err.split())
    assert not open_set(tmp_path / "out.safetensors").hidden


@pytest.mark.parametrize(
    ("destination", "words"), [("out.npz", "ends in .safetensors"), ("native.safetensors", "another one")]
)
def test_what_would_mislead_or_destroy_is_not_written(ddaudit, tmp_path, destination, words):
    path = claiming(tmp_path)
    before = path.read_bytes()
    code, _, err = ddaudit("convert", path, tmp_path / destination)
    assert code == 2
    assert words in " ".join(err.split())
    assert path.read_bytes() == before
    assert not (tmp_path / "out.npz").exists()


class Payload:
    def __reduce__(self):
        return print, ("opened",)


def test_of_a_hostile_file_nothing_is_written(ddaudit, tmp_path):
    (tmp_path / "set.pt").write_bytes(pickle.dumps(Payload()))
    code, out, err = ddaudit("convert", tmp_path / "set.pt", tmp_path / "out.safetensors")
    assert (code, out) == (2, "")
    assert "print" in err
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.realdata
@pytest.mark.slow
def test_a_run_of_a_published_file_is_converted_with_its_claims(ddaudit, tmp_path, real_data):
    path = real_data / "distilled" / "dc_cifar10_ipc1" / "res_DC_CIFAR10_ConvNet_1ipc.pt"
    code, _, _ = ddaudit("convert", path, tmp_path / "out.safetensors", "--run", "0")
    assert code == 0
    before, after = open_set(path, run=0), open_set(tmp_path / "out.safetensors")
    assert np.array_equal(after.data.images, before.data.images)
    assert not np.array_equal(after.data.images, open_set(path).data.images)
    assert after.claims == before.claims
    assert round(after.claims["ConvNet"].mean, 4) == 0.2803
    assert (after.provenance.method, after.provenance.original, after.provenance.ipc) == ("DC", "cifar10", 1)
