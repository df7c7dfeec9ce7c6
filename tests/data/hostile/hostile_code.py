"""Code that runs when a pickle is loaded, under the disguises that scanners have been seen to miss."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hostile_registry import hostile


class Call:
    """Pickles as a call of ``function`` with ``arguments``; the function is named, never imported."""

    def __init__(self, function: str, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments


def pickled(content: Any, protocol: int = 2, legacy: bool = False) -> bytes:
    """A pickle in which every ``Call`` is made when it is loaded, and every ``View`` becomes a tensor."""
    stream = io.BytesIO()
    pickler = _Pickler(stream, protocol)
    pickler.legacy = legacy
    pickler.dump(content)
    return stream.getvalue()


class View:
    """Pickles as a tensor: a view of the storage ``key``, which is said to hold ``held`` float32 numbers."""

    def __init__(self, shape: tuple[int, ...], held: int, key: str = "0", offset: int = 0, stride: Any = None) -> None:
        self.shape, self.held, self.key, self.offset = shape, held, key, offset
        self.stride = stride or tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape)))


class _Storage:
    """The persistent id by which torch names a storage; the legacy form has one field more."""

    def __init__(self, view: View, legacy: bool) -> None:
        fields = ("storage", Global("torch.FloatStorage"), view.key, "cpu", view.held)
        self.identifier = (*fields, None) if legacy else fields


class Global:
    """Stands for a global, written by its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Pickler(pickle._Pickler):  # the Python one: its ``save`` can be extended
    legacy = False

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, View):
            storage = _Storage(obj, self.legacy)
            arguments = (storage, obj.offset, obj.shape, obj.stride, False, Call("collections.OrderedDict"))
            self.save(Call("torch._utils._rebuild_tensor_v2", *arguments))
        elif isinstance(obj, _Storage):
            self.save(obj.identifier)
            self.write(pickle.BINPERSID)
        elif isinstance(obj, Call):
            self.save(Global(obj.function))
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(obj, Global):
            module, _, name = obj.name.rpartition(".")
            if self.proto >= 4:
                self.save(module)
                self.save(name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        else:
            super().save(obj, save_persistent_id)


def touch(canary: Path) -> str:
    """Python source that creates the canary."""
    return f"open({str(canary)!r}, 'w').close()"


def shell(canary: Path) -> str:
    """A shell command that creates the canary."""
    return f"touch '{canary}'"


#: By name: a call that creates the canary when it is made.
PAYLOADS: dict[str, Callable[[Path], Call]] = {
    "os.system": lambda canary: Call("posix.system", shell(canary)),
    "builtins.exec": lambda canary: Call("builtins.exec", touch(canary)),
    "builtins.eval": lambda canary: Call("builtins.eval", touch(canary)),
    "os.mkdir": lambda canary: Call("posix.mkdir", str(canary)),
    "subprocess.call": lambda canary: Call("subprocess.call", ["touch", str(canary)]),
    "timeit.timeit": lambda canary: Call("timeit.timeit", "pass", touch(canary)),
    "pydoc.pipepager": lambda canary: Call("pydoc.pipepager", "", shell(canary)),
    "cProfile.runctx": lambda canary: Call("cProfile.runctx", touch(canary), {}, {}, str(canary)),
    "runpy.run_path": lambda canary: Call("runpy.run_path", str(canary.with_suffix(".py"))),
    "torch helper": lambda canary: Call("torch.utils.collect_env.run", shell(canary)),
    "numpy helper": lambda canary: Call("numpy.testing._private.utils.runstring", touch(canary), {}),
}


def dataset_with(call: Any) -> dict[str, Any]:
    """What a distilled set looks like, with the call in place of its accuracies."""
    return {"data": [], "accs_all_exps": call}


def torch_zip(folder: Path, data_pkl: bytes, extra: dict[str, bytes] | None = None) -> Path:
    """A zip torch file around that pickle."""
    path = folder / "res_DC_CIFAR10_ConvNet_10ipc.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"data.pkl": data_pkl, "version": b"3\n", **(extra or {})}.items():
            archive.writestr(f"archive/{name}", data)
    return path


def legacy_torch(
    folder: Path, content: bytes, magic: bytes | None = None, storages: dict[str, bytes] | None = None
) -> Path:
    """A legacy torch file around that pickle, with the float32 storages behind it."""
    path = folder / "res_DC_CIFAR10_ConvNet_10ipc.pt"
    number = 0x1950A86A20F9469CFC6C
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [magic or pickle.dumps(number, 2), pickle.dumps(1001, 2), pickle.dumps(system, 2), content]
    parts.append(pickle.dumps(sorted(storages or {}), 2))
    for _, data in sorted((storages or {}).items()):
        parts.append((len(data) // 4).to_bytes(8, "little") + data)
    path.write_bytes(b"".join(parts))
    return path


def raw(folder: Path, data: bytes) -> Path:
    """A bare pickle."""
    path = folder / "distilled.pkl"
    path.write_bytes(data)
    return path


def _register(name: str, payload: Callable[[Path], Call]) -> None:
    def source(canary: Path) -> None:
        canary.with_suffix(".py").write_text(touch(canary))

    @hostile(name, "raw pickle", "forbidden-global", runs=True)
    def _raw(folder: Path, canary: Path) -> Path:
        source(canary)
        return raw(folder, pickled(dataset_with(payload(canary)), 4))

    @hostile(name, "torch zip", "forbidden-global", runs=True)
    def _zip(folder: Path, canary: Path) -> Path:
        source(canary)
        return torch_zip(folder, pickled(dataset_with(payload(canary))))

    @hostile(name, "legacy torch", "forbidden-global", runs=True)
    def _legacy(folder: Path, canary: Path) -> Path:
        source(canary)
        return legacy_torch(folder, pickled(dataset_with(payload(canary))))


for _name, _payload in PAYLOADS.items():
    _register(_name, _payload)


@hostile("text protocol", "raw pickle", "forbidden-global", runs=True)
def _text_protocol(folder: Path, canary: Path) -> Path:
    return raw(folder, f"cposix\nsystem\n(V{shell(canary)}\ntR.".encode())


@hostile("INST instruction", "raw pickle", "forbidden-global", runs=True)
def _inst(folder: Path, canary: Path) -> Path:
    return raw(folder, f"(V{shell(canary)}\niposix\nsystem\n.".encode())


@hostile("class of the main module", "raw pickle", "forbidden-global")
def _main_class(folder: Path, canary: Path) -> Path:
    return raw(folder, pickled(dataset_with(Call("__main__.SyntheticSet", 10))))


@hostile("harmless first pickle", "raw pickle", "forbidden-global")
def _second_pickle(folder: Path, canary: Path) -> Path:
    return raw(folder, pickle.dumps({"images": [1.0]}, 2) + pickled(PAYLOADS["os.system"](canary)))


@hostile("breaks off after the call", "raw pickle", "forbidden-global", runs=True)
def _broken(folder: Path, canary: Path) -> Path:
    return raw(folder, pickled(PAYLOADS["os.system"](canary))[:-1] + b"\xff\xff")


@hostile("breaks off after the call", "torch zip", "forbidden-global", runs=True)
def _broken_zip(folder: Path, canary: Path) -> Path:
    return torch_zip(folder, pickled(PAYLOADS["os.system"](canary))[:-1] + b"\xff\xff")


@hostile("global with a computed name", "raw pickle", "forbidden-global", runs=True)
def _computed(folder: Path, canary: Path) -> Path:
    module, name = (b"cbuiltins\nstr\n" + _text(part) + b"\x85R" for part in ("posix", "system"))
    return raw(folder, b"\x80\x04" + module + name + pickle.STACK_GLOBAL + _text(shell(canary)) + b"\x85R.")


@hostile("module imported from beside the file", "raw pickle", "forbidden-global")
def _import(folder: Path, canary: Path) -> Path:
    (folder / "payload.py").write_text(touch(canary))
    return raw(folder, pickled(dataset_with(Call("importlib.import_module", "payload")), 4))


def _text(value: str) -> bytes:
    return pickle.BINUNICODE + len(value).to_bytes(4, "little") + value.encode()


@hostile("global by extension number", "raw pickle", "obfuscated-global")
def _extension(folder: Path, canary: Path) -> Path:
    return raw(folder, b"\x80\x02\x82\x07" + _text(shell(canary)) + b"\x85R.")


@hostile("call in the magic number", "legacy torch", "forbidden-global", runs=True)
def _magic(folder: Path, canary: Path) -> Path:
    return legacy_torch(folder, pickle.dumps({}, 2), magic=pickled(PAYLOADS["os.system"](canary)))


@hostile("codec with side effects", "torch zip", "odd-codec")
def _codec(folder: Path, canary: Path) -> Path:
    return torch_zip(folder, pickled(dataset_with(Call("_codecs.encode", "text", "idna"))))


@hostile("numpy type changed after it was named", "torch zip", "odd-numpy-type")
def _numpy_type(folder: Path, canary: Path) -> Path:
    fields = pickle.dumps((3, "|", None, ("a",), {"a": 0}, 8, 1, 16), 2)[2:-1]
    code = b"\x80\x02cnumpy\ndtype\n" + _text("V8") + b"\x85R" + fields + b"b."
    return torch_zip(folder, code)


@hostile("tensor with attributes", "torch zip", "forbidden-global")
def _rebuild_from_type(folder: Path, canary: Path) -> Path:
    return torch_zip(folder, pickled(Call("torch._tensor._rebuild_from_type_v2", 1, 2, (), {})))


@hostile("objects in an array", "npy", "object-array", runs=True)
def _object_npy(folder: Path, canary: Path) -> Path:
    path = folder / "images.npy"
    path.write_bytes(_object_array(canary))
    return path


@hostile("objects in an array", "npz", "object-array", runs=True)
def _object_npz(folder: Path, canary: Path) -> Path:
    path = folder / "distilled.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", _object_array(canary))
    return path


@hostile("objects in an array", "torch zip", "object-array")
def _object_torch(folder: Path, canary: Path) -> Path:
    return torch_zip(folder, pickled(dataset_with(Call("numpy.dtype", "O8", False, True))))


def _object_array(canary: Path) -> bytes:
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + pickled(PAYLOADS["os.system"](canary))
