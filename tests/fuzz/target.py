"""The fuzzed process: confined as a reading process is, it opens mutated files and random containers until told to stop."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from containers import random_source
from mutation import mutate

from ddaudit.data.formats.assembly import interpret
from ddaudit.data.formats.reader import Source
from ddaudit.data.quarantine.container import Quarantined, Smuggled, flatten, unflatten
from ddaudit.data.quarantine.limits import GIB, MIB, Limits
from ddaudit.data.quarantine.opening import open_file
from ddaudit.data.quarantine.worker import Confinement
from ddaudit.data.schema import examine
from ddaudit.errors import RefusedFileError

#: One input may compute this long and take this much; both are far below the limits of a reading process.
SECONDS = 5
LIMITS = Limits(
    array_bytes=64 * MIB, memory_bytes=GIB, cpu_seconds=10**6, instructions=50_000, items=20_000, members=1_000
)


class Hang(BaseException):
    """Not an Exception, so that no handler of the readers takes it for a bad file."""


def main() -> None:
    """Take ``first``, ``last``, ``seconds`` and ``seed`` from the command line; append one line of JSON an input to ``log``."""
    first, last, seconds, seed = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    import h5py  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    folder = Path.cwd()
    honest, hostile = ([p.read_bytes() for p in sorted(folder.glob(f"{kind}-*"))] for kind in ("honest", "hostile"))
    Confinement(LIMITS, folder)
    signal.signal(signal.SIGPROF, _ring)
    end = time.monotonic() + seconds
    with open(folder / "log", "a", buffering=1) as log:
        for index in range(first, last):
            if time.monotonic() > end:
                break
            draw = random.Random(f"{seed}/{index}")
            line: dict[str, Any] = {"index": index}
            started = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                line["outcome"] = _one(draw, honest, hostile, folder)
            except RefusedFileError as refusal:
                line["outcome"] = refusal.reason
            except BaseException as error:  # everything else is what the fuzzer looks for
                line |= {"outcome": f"FOUND {type(error).__name__}", "trace": traceback.format_exc()[-3000:]}
                shutil.copy(folder / "input", folder / f"finding-{index}")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            log.write(json.dumps({**line, "seconds": time.process_time() - started}) + "\n")


def _one(draw: random.Random, honest: list[bytes], hostile: list[bytes], folder: Path) -> str:
    path = folder / "input"
    if draw.random() < 0.2:
        path.write_bytes(b"no file: a random container")
        examine(interpret(random_source(draw), LIMITS))
        return "opened"
    seed = draw.choice(honest if draw.random() < 0.7 else hostile)
    path.write_bytes(mutate(seed, [*honest, *hostile], draw))
    kind, opened = open_file(path, LIMITS)
    skeleton, arrays = flatten(opened.content, LIMITS)
    content = unflatten(json.loads(json.dumps(skeleton)), arrays)
    smuggled = tuple(
        Smuggled(item.kind, item.where, item.n_bytes, None if item.array is None else np.array(item.array), item.text)
        for item in opened.smuggled
    )
    file = Quarantined(path, "0" * 64, path.stat().st_size, kind, content, opened.globals, smuggled)
    examine(interpret(Source(path, {path.name: file}, path.name), LIMITS))
    return "opened"


def _ring(*_: object) -> None:
    raise Hang


if __name__ == "__main__":
    main()
