"""What a pickle would do, read off its instructions without following them.

A pickle is a program for a small stack machine. Here the machine is run with symbols in place of objects: strings,
numbers and tuples of them are kept, everything else is an opaque mark. That is enough to name every global that the
program asks for, every storage that it refers to, and what it passes to the codecs.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from ddaudit.data.quarantine.allowlist import STORAGE_ITEM_BYTES, judge_globals
from ddaudit.data.quarantine.limits import Limits
from ddaudit.errors import RefusedFileError


@dataclass(frozen=True)
class Global:
    """``module.name`` as the pickle names it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Called:
    """What a call of ``function`` returned."""

    function: Global


@dataclass(frozen=True)
class StorageReference:
    """The storage ``key`` that a tensor is a view of, with the bytes that the pickle says it has."""

    key: str
    n_bytes: int


@dataclass
class PickleScan:
    """What one pickle asks for; ``constant`` is its result where that is a plain number or string."""

    globals: set[str] = field(default_factory=set)
    storages: dict[str, StorageReference] = field(default_factory=dict)
    instructions: int = 0
    constant: Any = None


_OPAQUE = object()
_MARK = object()


def scan_pickle(stream: BytesIO, name: str, limits: Limits) -> PickleScan:
    """Read one pickle off the stream, which is left behind its last instruction.

    Parameters
    ----------
    stream : BytesIO
        At the first instruction.
    name : str
        What a refusal calls the file.

    Raises
    ------
    RefusedFileError
        As ``judge_globals`` does, also where the pickle breaks off after its code would have run; and with the reasons
        "obfuscated-global", "odd-codec", "pickle-too-long" and "malformed-pickle".
    """
    scan = PickleScan()
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    broken = None
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            scan.instructions += 1
            if scan.instructions > limits.instructions:
                raise RefusedFileError(
                    "pickle-too-long",
                    f"The pickle in {name} has over {limits.instructions:,} instructions; datasets have thousands.",
                    hostile=True,
                )
            _step(opcode, argument, stack, memo, scan)
    except RefusedFileError as refusal:
        broken = refusal
    except Exception as error:  # pickletools, the stack and the memo raise whatever a malformed stream leads them to
        broken = RefusedFileError(
            "malformed-pickle", f"The pickle in {name} is malformed or cut short ({type(error).__name__}: {error})."
        )
    judge_globals(scan.globals, name)
    if broken is not None:
        raise broken
    return scan


def _step(
    opcode: pickletools.OpcodeInfo, argument: Any, stack: list[Any], memo: dict[int, Any], scan: PickleScan
) -> None:
    name = opcode.name
    if name in ("PROTO", "FRAME"):
        return
    if name in ("GLOBAL", "INST"):
        module, _, attribute = argument.partition(" ")
        found = Global(module, attribute)
        scan.globals.add(str(found))
        if name == "INST":
            _pop_to_mark(stack)
        stack.append(found if name == "GLOBAL" else _OPAQUE)
    elif name == "STACK_GLOBAL":
        attribute, module = stack.pop(), stack.pop()
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise RefusedFileError(
                "obfuscated-global",
                "The file's pickle computes the name of the code that it wants to run.",
                hostile=True,
            )
        scan.globals.add(f"{module}.{attribute}")
        stack.append(Global(module, attribute))
    elif name in ("EXT1", "EXT2", "EXT4"):
        raise RefusedFileError(
            "obfuscated-global", "The file's pickle asks for code by a number of the extension registry.", hostile=True
        )
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "POP":
        stack.pop()
    elif name == "POP_MARK":
        _pop_to_mark(stack)
    elif name == "DUP":
        stack.append(stack[-1])
    elif name == "TUPLE":
        stack.append(tuple(_pop_to_mark(stack)))
    elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
        count = int(name[-1])
        items = tuple(stack[-count:])
        del stack[-count:]
        stack.append(items)
    elif name == "EMPTY_TUPLE":
        stack.append(())
    elif name == "REDUCE":
        arguments, function = stack.pop(), stack.pop()
        _check_call(function, arguments)
        stack.append(Called(function) if isinstance(function, Global) else _OPAQUE)
    elif name == "BUILD":
        state = stack.pop()
        _check_state(stack[-1], state)
    elif name == "BINPERSID":
        reference = _storage_reference(stack.pop())
        known = scan.storages.setdefault(reference.key, reference)
        if known.n_bytes < reference.n_bytes:
            scan.storages[reference.key] = reference
        stack.append(_OPAQUE)
    elif name == "PERSID":
        raise RefusedFileError("malformed-pickle", "The file's pickle refers to outside objects by text.", hostile=True)
    elif name == "STOP":
        result = stack.pop()
        scan.constant = result if isinstance(result, (int, str)) else None
    elif not opcode.stack_before and len(opcode.stack_after) == 1:
        plain = isinstance(argument, (str, bytes, int, float))
        stack.append(argument if plain else _constant.get(name, lambda: _OPAQUE)())
    else:
        _generic_step(opcode, stack)


_constant: dict[str, Callable[[], Any]] = {"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False}


def _generic_step(opcode: pickletools.OpcodeInfo, stack: list[Any]) -> None:
    """Any other instruction, by the stack effect that Python's own documentation of the format gives for it."""
    before = opcode.stack_before
    if pickletools.stackslice in before:
        _pop_to_mark(stack)
        before = before[: before.index(pickletools.markobject)]
    for _ in before:
        stack.pop()
    stack.extend(_OPAQUE for _ in opcode.stack_after)


def _pop_to_mark(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1
    while stack[at] is not _MARK:
        at -= 1
        if at < 0:
            raise IndexError("no mark on the stack")
    items = stack[at + 1 :]
    del stack[at:]
    return items


def _check_call(function: Any, arguments: Any) -> None:
    """numpy scalars pass their bytes through ``_codecs.encode(text, "latin1")``; other codecs run other code."""
    if isinstance(function, Global) and str(function) == "_codecs.encode":
        codec = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else None
        if codec not in ("latin1", "latin-1"):
            raise RefusedFileError(
                "odd-codec", f"The file's pickle runs the codec {codec!r}; plain data needs latin1 only.", hostile=True
            )


def _check_state(built: Any, state: Any) -> None:
    """A numpy type that is given fields or a subtype after it was named is another type."""
    if isinstance(built, Called) and str(built.function) == "numpy.dtype":
        plain = isinstance(state, tuple) and len(state) >= 5 and state[2:5] == (None, None, None)
        if not plain:
            raise RefusedFileError(
                "odd-numpy-type", "The file's pickle changes a numpy type after naming it.", hostile=True
            )


def _storage_reference(identifier: Any) -> StorageReference:
    """("storage", class, key, location, number of elements, ...) as torch writes it."""
    try:
        kind, storage, key, _, count = identifier[:5]
        kind = kind.decode("ascii") if isinstance(kind, bytes) else kind
        key = key.decode("ascii") if isinstance(key, bytes) else key
        if kind != "storage" or not isinstance(storage, Global) or not isinstance(key, str):
            raise ValueError(kind)
        if type(count) is not int or count < 0:
            raise ValueError(count)
        return StorageReference(key, count * STORAGE_ITEM_BYTES[storage.name])
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        raise RefusedFileError(
            "malformed-pickle", "The file's pickle refers to a storage in a way that torch never writes.", hostile=True
        ) from None
