"""The globals that a pickle may ask for, by name; everything else is somebody's code."""

from __future__ import annotations

from ddaudit.errors import RefusedFileError

#: Bytes per element of the storage classes that torch saves under these names.
STORAGE_ITEM_BYTES = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "UntypedStorage": 1,
}

_NUMPY_ROOTS = ("numpy.core.multiarray", "numpy._core.multiarray")

#: The only globals that a file may ask for; each builds plain data and nothing else.
ALLOWED_GLOBALS = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.nn.parameter.Parameter",
        "torch.Size",
        "torch.device",
        "numpy.dtype",
        "numpy.ndarray",
        "_codecs.encode",
        "torch.storage.UntypedStorage",
        *(f"{root}.{name}" for root in _NUMPY_ROOTS for name in ("scalar", "_reconstruct")),
        *(f"torch.{name}" for name in STORAGE_ITEM_BYTES if name != "UntypedStorage"),
        *(f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8")),
        *(f"torch.{name}" for name in ("uint8", "bool", "strided")),
    }
)

_REBUILDERS_OF_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "sparse-tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "sparse-tensor",
    "torch.serialization._get_layout": "sparse-tensor",
    "torch._utils._rebuild_qtensor": "quantized-tensor",
    "torch._utils._rebuild_nested_tensor": "nested-tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "empty-tensor",
}


def judge_globals(found: set[str], name: str) -> None:
    """Refuse a pickle that asks for any global off the allow-list.

    Raises
    ------
    RefusedFileError
        Reason "forbidden-global", naming them; "sparse-tensor" and its like for tensors that are not plain arrays;
        "full-module" where everything asked for belongs to a torch module: a model was saved, not a dataset.
    """
    forbidden = sorted(found - ALLOWED_GLOBALS)
    if not forbidden:
        return
    if all(g in _REBUILDERS_OF_OTHER_TENSORS for g in forbidden):
        reason = _REBUILDERS_OF_OTHER_TENSORS[forbidden[-1]]
        raise RefusedFileError(
            reason,
            f"{name} holds a {reason.replace('-', ' ')}. Such tensors can be made to read foreign memory, and images "
            "are never stored so: save dense tensors.",
            hostile=True,
        )
    if any(g.startswith("torch.nn.modules.") for g in forbidden) and all(
        g.startswith(("torch.nn.", "torchvision.models.", "torch._utils.", "builtins.set", "__builtin__.set"))
        for g in forbidden
    ):
        raise RefusedFileError(
            "full-module",
            f"{name} holds a whole neural network ({forbidden[0]} and others), not a dataset; "
            "a network saved so runs code when it is loaded.",
        )
    listed = ", ".join(forbidden[:5]) + (f" and {len(forbidden) - 5} more" if len(forbidden) > 5 else "")
    raise RefusedFileError(
        "forbidden-global",
        f"{name} asks for {listed} when it is loaded. A dataset needs nothing but tensors, arrays and numbers: "
        "this is code that would run on your machine.",
        hostile=True,
    )
