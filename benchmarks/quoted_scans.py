"""Scans that README and two pages of checks quote: the three examples, whole, the clean one beside DP-SGD, a set whose members are known.

    python benchmarks/quoted_scans.py --sets DIR --data-root DIR
    python benchmarks/quoted_scans.py --table

``--only`` makes some of them anew and leaves the others. benchmarks/results/quoted_scans.json keeps what was found; ``--table`` prints the lines of README.md, docs/checks/DD-PRV-MIA.md and
docs/checks/DD-PRV-DPSGD.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from result_files import write_json
from validation_page import first, line, metrics, with_ends

from ddaudit import scan
from ddaudit.config import AuditConfig, profile
from ddaudit.results import PILLARS, Scorecard

RESULTS = Path(__file__).parent / "results" / "quoted_scans.json"
EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("clean", "leak", "backdoor")
DPSGD, MIA = "DD-PRV-DPSGD", "DD-PRV-MIA"
BESIDE, MEMBERS = "beside DP-SGD", "dc_mnist_ipc10_member_split"
#: The checks whose numbers the pages quote.
QUOTED = (DPSGD, MIA, "DD-PRV-TRACE")
NOISE = (0.0, 1.0, 4.0)
ATTACKS = ("loss", "calibrated", "rmia", "lira", "regression", "nearest")
#: Rate of false positives of which DD-PRV-MIA's page speaks.
FALSE_POSITIVES = 0.1
HOW = {"clean": "distribution matching from noise", "leak": "from real images"}


def main() -> None:
    """Scan, or print what the pages quote."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--sets", type=Path, help="folder of the published sets")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--only", nargs="+", default=[*NAMES, BESIDE, MEMBERS], help="the scans to make")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    for name in () if asked.table else asked.only:
        found[name] = kept(scanned(name, asked))
        write_json(asked.out, found)
    for page, said in lines(found).items():
        print("\n".join([f"{page}:", *said, ""]))


def scanned(name: str, asked: argparse.Namespace) -> Scorecard:
    """One of the scans."""
    if name == BESIDE:
        return scan(path("clean"), "digits", config=quick(dpsgd_noise=NOISE), checks=[DPSGD])
    if name in NAMES:
        return scan(path(name), "digits", config=quick())
    folder = asked.sets / MEMBERS
    lots = np.load(folder / "membership_split_mnist_train_indices.npz")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for side, word in (("member", "in"), ("nonmember", "out")):
            file.writelines(f"{row} {word}\n" for row in lots[side])
        file.flush()
        images = folder / "X_target_condensed.npy"
        return scan(images, "mnist", config=quick(), data_root=asked.data_root, members=file.name, checks=[MIA])


def path(name: str) -> Path:
    """The file of an example."""
    return EXAMPLES / f"digits_ipc10_{name}.safetensors"


def kept(card: Scorecard) -> dict[str, Any]:
    """Verdicts and findings of a scan, the numbers of the quoted checks, and what of their figures and tables is quoted."""
    whole = card.model_dump(mode="json")
    of_check = ("id", "verdict", "finding", "power", "metrics")
    checks = [
        {name: check[name] for name in (of_check if check["id"] in QUOTED else of_check[:3])}
        for check in whole["checks"]
    ]
    evidence = {
        one["name"]: one for check in whole["checks"] for one in check["evidence"] if check["id"] in (DPSGD, MIA)
    }
    shown = {"roc": evidence["roc"]["series"][0]} if "roc" in evidence else {}
    shown |= {name: one for name, one in evidence.items() if name == "accuracy_and_leakage"}
    return {"overall": whole["overall"]["verdict"], "pillars": whole["pillars"], "checks": checks, "evidence": shown}


def lines(found: dict[str, Any]) -> dict[str, list[str]]:
    """What each page quotes."""
    return {
        "README": [*(verdicts(name, found[name]) for name in NAMES), nearest(found["clean"]), traced(found["leak"])],
        MIA: [
            *(areas(name, found[name]) for name in HOW),
            *(accused(found[name]) for name in HOW),
            *known(found[MEMBERS]),
        ],
        DPSGD: beside_dpsgd(found[BESIDE]),
    }


def verdicts(name: str, row: dict[str, Any]) -> str:
    """A row of the README."""
    return line([name, *(row["pillars"][pillar] for pillar in PILLARS), row["overall"]])


def nearest(row: dict[str, Any]) -> str:
    """The README's figure of the clean example."""
    return with_ends(first(row, MIA, "auc[nearest]"), lambda value: f"{value:.3f}")


def traced(row: dict[str, Any]) -> str:
    """The README's count in the leaking example."""
    share = first(row, "DD-PRV-TRACE", "traced_share")
    assert share is not None
    return f"for {round(share['value'] * share['n'])} of its {share['n']} images"


def areas(name: str, row: dict[str, Any]) -> str:
    """AUC of every attack on membership."""
    by_name = {metric["name"]: metric for metric in metrics(row, MIA, "auc[")}
    shown = [short(by_name[f"auc[{attack}]"]) for attack in ATTACKS]
    return line([f"`{path(name).stem}` ({HOW[name]})", *shown])


def short(metric: dict[str, Any]) -> str:
    """An area without its leading zeros."""
    return with_ends(metric, lambda value: f"{value:.3f}".lstrip("0"))


def accused(row: dict[str, Any]) -> str:
    """Members that the best attack finds while it accuses few others."""
    curve = row["evidence"]["roc"]
    at = min(range(len(curve["x"])), key=lambda i: abs(curve["x"][i] - FALSE_POSITIVES))
    found, low, high = (100 * curve[what][at] for what in ("y", "low", "high"))
    return f"{found:.1f} % [{low:.1f}, {high:.1f}]"


def known(row: dict[str, Any]) -> list[str]:
    """What is found where members and non-members are recorded: verdict, areas, members found at few false positives, and both controls."""
    by_name = {metric["name"]: metric for metric in metrics(row, MIA, "")}
    (check,) = row["checks"]
    found = [by_name[f"auc[{attack}]"] for attack in ATTACKS]
    rates = [100 * by_name[f"tpr@fpr=0.01[{attack}]"]["value"] for attack in ATTACKS]
    blind, told = ([one["controls"][i]["value"] for one in found] for i in (0, 1))
    return [
        f"**{check['verdict']}**",
        *(f"`{attack}` {short(one)}" for attack, one in zip(ATTACKS, found, strict=True)),
        f"at 1 % false positives {min(rates):.1f} to {max(rates):.1f} % of the members",
        f"blind baselines lie between {between(blind)}, the positive controls between {between(told)}",
    ]


def between(values: list[float]) -> str:
    """The smallest and the largest."""
    return " and ".join(f"{value:.3f}".lstrip("0") for value in (min(values), max(values)))


def beside_dpsgd(row: dict[str, Any]) -> list[str]:
    """The table beside DP-SGD, and what the set gives away above it."""
    table = row["evidence"]["accuracy_and_leakage"]
    rows = [released(dict(zip(table["columns"][:4], cells, strict=False)), cells[4:]) for cells in table["rows"]]
    more = {metric["name"]: metric for metric in metrics(row, DPSGD, "auc_above_dpsgd[")}
    by_loss, by_reference = (
        with_ends(more[f"auc_above_dpsgd[{attack}]"], lambda value: f"{value:+.3f}")
        for attack in ("loss", "calibrated")
    )
    (check,) = (one for one in row["checks"] if one["id"] == DPSGD)
    return [*rows, f"{by_loss} by the loss", f"{by_reference} calibrated", f"power of {check['power']['value']:.2f}"]


def released(what: dict[str, Any], areas: list[float]) -> str:
    """A row of it: areas are value, low and high of one attack after the other."""
    name = "the set" if what["noise"] is None else f"DP-SGD, noise {what['noise']:g}"
    epsilon = what["epsilon"]
    said = "none" if epsilon is None else epsilon if isinstance(epsilon, str) else f"{epsilon:.3g}"
    shown = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (areas[:3], areas[3:6])]
    return line([name, said, f"{100 * what['accuracy']:.1f} %", *shown])


def quick(**settings: Any) -> AuditConfig:
    """The quick profile on the processor."""
    return profile("quick", device="cpu", **settings)


if __name__ == "__main__":
    main()
