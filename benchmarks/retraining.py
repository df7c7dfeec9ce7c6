"""Retraining by ddaudit beside a plain implementation of the reference loop: same machine, same run.

    python benchmarks/retraining.py FILE --original cifar10 --data-root DIR [--networks 5] [--epochs 300] [--workers N]
    python benchmarks/retraining.py FILE --original cifar10 --data-root DIR --profile
    python benchmarks/retraining.py --table

The plain loop is the field's evaluation as published (Zhao et al. 2021): DataLoader, eager, one network after the other with
torch's default threads, accuracy of the last epoch. ddaudit trains the same networks through its executor into an empty store. Each
runs in a process of its own, starts included; memory is the proportional set size of the process and its children, sampled. What was
measured is written to benchmarks/results/retraining.json; ``--profile`` adds where one thread's time goes in ddaudit's training; ``--table`` prints
the tables of docs/retraining.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import set_name, write_json
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode
from watched_process import run

from ddaudit.data.formats import open_distilled
from ddaudit.data.originals import load_original
from ddaudit.data.pixelspace import infer
from ddaudit.models import build
from ddaudit.models.layers import HalvingPool
from ddaudit.seeds import derive_seed
from ddaudit.training.device import repeatable, threads
from ddaudit.training.process_executor import Processes
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train, train_into

RESULTS = Path(__file__).parent / "results" / "retraining.json"
#: What operators of a step are called in the table, by a part of their name.
PARTS = {
    "convolution": "convolutions",
    "conv2d": "convolutions",
    "mkldnn": "convolutions",
    "pool": "pooling",
    "norm": "norm",
    "relu": "ReLU",
    "threshold": "ReLU",
    "_foreach": "optimizer",
    "sgd": "optimizer",
}


def main() -> None:
    """Measure the machine, then both loops, and write; or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--original")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=["plain", "ddaudit"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps((plain if asked.only == "plain" else ours)(asked)))
        return
    if asked.profile:
        write_json(asked.out, json.loads(asked.out.read_text(encoding="utf-8")) | {"profile": profiled(asked)})
    elif not asked.table:
        found = {
            "set": set_name(asked.file),
            "networks": asked.networks,
            "epochs": asked.epochs,
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "peak": matrix_product_peak(),
            "work": asked.networks * (asked.epochs + 1) * flops_of_an_epoch(asked.file),
            "loops": {name: in_a_process_of_its_own(name) for name in ("plain", "ddaudit")},
        }
        write_json(asked.out, found)
    print("\n".join(lines(json.loads(asked.out.read_text(encoding="utf-8")))))


def lines(found: dict[str, Any]) -> list[str]:
    """The table of the page, and the sentence beneath it."""
    peak = found["peak"]
    table = [
        f"| loop | time (s) | accuracy (%) | steady GFLOP/s | of the matrix-product peak ({peak / 1e9:.0f}) | memory (MB) |",
        "|---" * 6 + "|",
    ]
    for name, of in found["loops"].items():
        rate = found["work"] / of["training_seconds"]
        table.append(
            f"| {name} | {of['seconds']:.0f} | {100 * np.mean(of['accuracies']):.2f} "
            f"| {rate / 1e9:.0f} | {100 * rate / peak:.0f} % | {of['memory'] / 1e6:,.0f} |"
        )
    ratio = found["loops"]["plain"]["seconds"] / found["loops"]["ddaudit"]["seconds"]
    table += ["", f"{ratio:.2f} times as fast"]
    if "profile" in found:
        shares, rates = found["profile"]["shares"], found["profile"]["rates"]
        table += ["", f"| {' | '.join(shares)} |", "|---" * len(shares) + "|"]
        table.append(f"| {' | '.join(f'{100 * share:.0f} %' for share in shares.values())} |")
        what = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items())
        table += ["", f"GFLOP/s of one thread: {what}"]
    return table


def profiled(asked: argparse.Namespace, epochs: int = 30) -> dict[str, Any]:
    """The shares of one thread's processor time by kind of operator, and the rates of its convolutions and of a matrix product."""
    data, _, _ = the_data(asked)
    network = build("ConvNet", shape=data.shape, classes=data.classes, seed=0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)

    def step() -> None:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with threads(1), repeatable():
        step()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as watched:
            for _ in range(epochs):
                step()
    seconds: dict[str, float] = dict.fromkeys([*dict.fromkeys(PARTS.values()), "all else"], 0.0)
    for event in watched.key_averages(group_by_input_shape=True):
        depthwise = any(shape[1:] == [1, 2, 2] for shape in event.input_shapes if isinstance(shape, list))
        name = "pool" if depthwise or event.key == "aten::add" else event.key.lower()
        part = next((part for piece, part in PARTS.items() if piece in name), "all else")
        seconds[part] += event.self_cpu_time_total / 1e6
    total = sum(seconds.values())
    torch.set_num_threads(1)
    flops = epochs * flops_of_an_epoch(asked.file)
    return {
        "shares": {part: spent / total for part, spent in seconds.items()},
        "rates": {"convolutions": flops / seconds["convolutions"], "matrix product": matrix_product_peak()},
    }


def in_a_process_of_its_own(name: str) -> dict[str, Any]:
    """What that loop reports, with wall time from start to end and the largest memory of the process and its children."""
    found = run([sys.executable, *sys.argv, "--only", name])
    if found.code:
        raise SystemExit(f"the loop {name!r} failed")
    return json.loads(found.printed) | {"seconds": found.seconds, "memory": found.memory}


def plain(asked: argparse.Namespace) -> dict[str, Any]:
    """The published loop."""
    data, pixels, labels = the_data(asked)
    held_out = torch.from_numpy(data.space.to_native(pixels))
    accuracies, seconds = [], 0.0
    for i in range(asked.networks):
        started = time.perf_counter()
        network = build("ConvNet", shape=data.shape, classes=data.classes, seed=derive_seed(0, "plain", i))
        as_published(network)
        loader = DataLoader(
            TensorDataset(torch.from_numpy(data.images), torch.from_numpy(data.labels)), batch_size=256, shuffle=True
        )
        loss_of, lr = nn.CrossEntropyLoss(), 0.01
        optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, weight_decay=0.0005)
        for epoch in range(asked.epochs + 1):
            network.train()
            right = 0
            for images, targets in loader:
                output = network(images.float())
                loss = loss_of(output, targets.long())
                right += int((output.argmax(1) == targets).sum())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if epoch == asked.epochs // 2 + 1:
                optimizer = torch.optim.SGD(network.parameters(), lr=lr * 0.1, momentum=0.9, weight_decay=0.0005)
        seconds += time.perf_counter() - started
        network.eval()
        with torch.no_grad():
            answers = torch.cat([network(part).argmax(1) for part in held_out.split(256)]).numpy()
        accuracies.append(float((answers == labels).mean()))
    return {"accuracies": accuracies, "training_seconds": seconds}


def as_published(network: nn.Module) -> None:
    """Put the pooling layer of the published code in the place of ours, which is faster on the CPU and gives the same bits."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, HalvingPool):
                setattr(parent, name, nn.AvgPool2d(2))


def ours(asked: argparse.Namespace) -> dict[str, Any]:
    """The same networks through the executor, into a store of their own."""
    data, pixels, labels = the_data(asked)
    recipe = Recipe("published", epochs=asked.epochs)
    seeds = [derive_seed(0, "train", i) for i in range(asked.networks)]
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        with Processes(asked.workers) as executor:
            tasks = [(train_into, (Path(name), data, recipe, seed, "cpu")) for seed in seeds]
            executor.ahead(tasks, lambda done, of: None)
        seconds = time.perf_counter() - started
        store = Store(Path(name))
        models = [train(data, recipe, seed, torch.device("cpu"), store) for seed in seeds]
        assert not store.made, "the executor left a network to be trained here"
        accuracies = [float((m.logits(pixels).argmax(1) == labels).mean()) for m in models]
    return {"accuracies": accuracies, "training_seconds": seconds}


def the_data(asked: argparse.Namespace) -> tuple[Any, np.ndarray, np.ndarray]:
    """The set in its pixel space, and the held-out images with their labels."""
    original = load_original(asked.original, data_root=asked.data_root)
    distilled = open_distilled(asked.file)
    space, evidence = infer(distilled.data.images, distilled.data.labels, original)
    return distilled.with_space(space, evidence).data, original.test.pixels(), original.test.labels


def flops_of_an_epoch(file: Path) -> float:
    """Multiplications and additions, forwards and backwards, of one pass over the set."""
    data = open_distilled(file).data
    network = build("ConvNet", shape=data.shape, classes=data.classes, seed=0)
    with FlopCounterMode(display=False) as counter:
        nn.functional.cross_entropy(network(torch.from_numpy(data.images)), torch.from_numpy(data.labels)).backward()
    return float(counter.get_total_flops())


def matrix_product_peak(side: int = 2048, repeats: int = 10) -> float:
    """FLOP/s of the best of several float32 matrix products on all cores."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


if __name__ == "__main__":
    main()
