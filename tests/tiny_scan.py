"""A whole scan in a second or two, here or as a process that may be killed."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from unittest import mock

import ddaudit
from ddaudit.checks import all_checks
from ddaudit.results import Scorecard
from ddaudit.training import recipe, registry
from ddaudit.training.recipe import Recipe

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits_ipc10_clean.safetensors"
CONFIG = ddaudit.AuditConfig(
    device="cpu",
    seeds=2,
    control_draws=2,
    test_examples=100,
    attacks=("fgsm", "pgd"),
    attack_examples=10,
    attack_models=2,
    attack_steps=2,
    known_controls=6,
    inversion_controls=6,
    inversion_planted=1,
    inversion_models=1,
    inversion_epochs=6,
    inversion_images=10,
    inversion_batch=2,
    inversion_steps=10,
    distillation_steps=2,
)


#: They leave models, attacks, distillations and inversions in the store.
CHECKS = ("DD-UTL-ACCURACY", "DD-ROB-ATTACKS", "DD-BKD-INVERT")


def _short(*, threads: int, pixels: int) -> Recipe:
    return Recipe("fast", epochs=6, lr=0.05, schedule="cosine", threads=threads)


@contextmanager
def few_epochs() -> Iterator[None]:
    """The fast recipe made faster."""
    with mock.patch.object(recipe, "fast", _short), mock.patch.object(registry, "fast", _short):
        yield


def tiny_scan(store: Path, checks: Sequence[str] = CHECKS, **settings: object) -> Scorecard:
    """The example, scanned with little of everything by the checks that leave something in the store."""
    config = replace(CONFIG, store=store, **settings)
    with few_epochs():
        return ddaudit.scan(EXAMPLE, "digits", config=config, checks=checks).without_times()


def serve() -> None:
    """For every line on stdin, ``[store, output, checks, seconds]`` in JSON, fork a scan and say how it ended, as ``os.waitpid`` does.

    The scan writes the scorecard to the output; it is killed after so many seconds where they are given. Forked, it need not import
    anything again.
    """
    for imported_late in ("ddaudit.audit", "art.attacks.evasion", "art.estimators.classification", "torch._dynamo"):
        import_module(imported_late)
    all_checks()
    for line in sys.stdin:
        store, output, checks, seconds = json.loads(line)
        scan = os.fork()
        if scan == 0:
            Path(output).write_text(tiny_scan(Path(store), checks).model_dump_json())
            os._exit(0)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(scan, signal.SIGKILL)
        print(os.waitpid(scan, 0)[1], flush=True)


if __name__ == "__main__":
    serve()
