"""The tables of the pages say what the committed results of the benchmarks say."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def section(name, title):
    """What stands on a page under a heading of the third rank."""
    _, _, rest = page(name).lower().partition(f"\n### {title}\n")
    return re.split(r"\n##+ ", rest)[0]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.parametrize("original", ["digits", "mnist"])
def test_every_share_of_the_bias_sweep_has_its_row(original):
    import bias_sweep

    found = json.loads((RESULTS / f"bias_sweep_{original}.json").read_text(encoding="utf-8"))["results"]
    assert found, "there is no result"
    text = page("fairness")
    assert [share for share, one in found.items() if bias_sweep.row(share, one) not in text] == []


@pytest.mark.parametrize("original", ["digits", "mnist"])
def test_the_gap_grows_with_the_bias_and_is_found_at_95_percent_only_where_it_was_planted(original):
    found = json.loads((RESULTS / f"bias_sweep_{original}.json").read_text(encoding="utf-8"))["results"]
    gaps = {share: next(m for name, m in one["metrics"].items() if name == "bias_gap") for share, one in found.items()}
    values = [gaps[share]["value"] for share in sorted(gaps, key=float)]
    assert values == sorted(values)
    assert gaps["0.1"]["low"] < 0 < gaps["0.1"]["high"]
    assert gaps["0.95"]["low"] > gaps["0.1"]["high"]
    assert gaps["0.95"]["low"] > gaps["0.1"]["controls"][0]["high"]


def test_the_page_has_every_retrained_accuracy_beside_its_claim():
    import published_accuracy

    rows = json.loads((RESULTS / "published_accuracy.json").read_text(encoding="utf-8"))
    table = [line for line in page("retraining").split("## The fast recipe")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]
    shown = [[*line[2:4], line[4]] for line in cells]
    for row in rows:
        _, value, spread, _, claim = (cell.strip() for cell in published_accuracy.row(row).strip("|").split("|"))
        assert any(line[:2] == [value, spread] and claim in ("-", line[2]) for line in shown), row
    assert len(shown) == len(rows)


def test_measured_accuracies_are_within_two_points_of_the_claims_with_as_many_networks_as_tell():
    rows = json.loads((RESULTS / "published_accuracy.json").read_text(encoding="utf-8"))
    best = {(row["set"], row["architecture"]): row for row in sorted(rows, key=lambda row: row["n"])}
    claimed = [row for row in best.values() if row["claimed"] is not None]
    assert len(claimed) == 14
    assert [row for row in claimed if abs(row["value"] - row["claimed"]) > 2] == []


@pytest.mark.parametrize(("original", "title"), [("digits", "digits"), ("mnist", "mnist"), ("cifar10", "cifar-10")])
def test_the_page_has_every_rate_of_the_study_of_backdoors(original, title):
    import backdoor_report

    study = json.loads((RESULTS / f"backdoor_study_{original}.json").read_text(encoding="utf-8"))
    rows = [line for line in section("backdoors", title).splitlines() if line.startswith("| ")]
    cell = backdoor_report.cell

    def said(name, rates):
        cells = [cell(rate) for rate in rates]
        return any(row.startswith(f"| {name.lower()} |") and all(f"| {one} |" in row for one in cells) for row in rows)

    bounds = list(study["by_success"])
    for low, high in zip(["0.0", *bounds], bounds, strict=False):
        assert said(f"{float(low):g} to {float(high):g}", study["by_success"][high].values())
    assert said("all", study["false_alarms"].values())
    for kind, rate in study["false_alarms_by_kind"].items():
        assert said(kind, [rate])
    for kind, found in study["other_clean"].items():
        assert said(kind, found.values())
    for kind, found in study["other_method"].items():
        assert said(kind, [*found["by_usual"].values(), found["unlike"], *found["judged"].values()])
    for rate in study["unlike"].values():
        assert cell(rate) in section("backdoors", title)
    for kind, found in study["by_threat"].items():
        assert said(kind, found["detectors"].values())
    for kind, rate in study["working"].items():
        assert said(kind, [rate] if rate["n"] else [])


def test_the_page_counts_the_alarms_on_classes_as_the_study_does():
    summary = json.loads((RESULTS / "class_null.json").read_text(encoding="utf-8"))["summary"]
    rows = [line.replace("*", "") for line in page("fairness").splitlines() if line.startswith("| ")]
    names = {"50 random real": "real", "50 distilled": "distilled", "all 100 clean": "all clean"}
    names["20 with a class failure"] = "planted"
    for name, arm in names.items():
        (row,) = (line for line in rows if line.startswith(f"| {name} |"))
        found = summary[arm]
        counts = [
            *(found["class"][what] for what in ("alarm", "fail", "inconclusive")),
            *(found["calibration"][what] for what in ("alarm", "fail")),
        ]
        assert [int(cell.split()[0]) for cell in row.strip("| ").split("|")[1:]] == [one["count"] for one in counts]


def test_the_page_has_every_published_set_that_was_searched_for_a_trigger():
    import backdoor_published

    rows = json.loads((RESULTS / "backdoor_published.json").read_text(encoding="utf-8"))
    text = page("backdoors")
    dark = [row["verdict"] for key, row in rows.items() if key.endswith(", dark")]
    assert (dark.count("fail"), dark.count("warn"), len(dark)) == (8, 2, 10)
    assert not [key for key, row in rows.items() if row["verdict"] == "fail" and "target" not in row]
    assert "eight of the ten fail, with the right class" in text
    cifar10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    for key in (key for key in rows if key.endswith(", dark")):
        called = cifar10[rows[key]["target"]] if "cifar10" in key else str(rows[key]["target"])
        known = rows[key]["checks"]["DD-BKD-KNOWN"]
        assert known["verdict"] == rows[key]["verdict"]
        assert f'of other images for "{called}"' in known["finding"], key
    assert [key for key, row in rows.items() if backdoor_published.line(key, row) not in text] == []


def test_the_papers_are_answered_by_what_dark_did_to_the_published_sets():
    import backdoor_published

    planted = {
        key: row
        for key, row in json.loads((RESULTS / "backdoor_published.json").read_text()).items()
        if "target" in row
    }
    ten = [row for key, row in planted.items() if "cifar10_ipc10" in key and not key.startswith("kip")]
    one, alone = (
        [planted[f"{name}_cifar10_ipc1, {what}"] for name in ("dc", "dsa", "dm")]
        for what in ("dark", backdoor_published.ALONE)
    )
    shares = [[round(100 * row["success"]) for row in rows] for rows in (ten, one, alone)]
    digits = [round(100 * planted[f"dc_mnist_ipc1, {what}"]["success"]) for what in ("dark", backdoor_published.ALONE)]
    costs = [100 * (row["clean_accuracy"] - row["accuracy"]) for row in ten]
    said = " ".join(page("papers").split())
    assert f"{min(shares[0])} to {max(shares[0])} % follow it in five" in said
    assert f"at {min(costs):.1f} to {max(costs):.1f} points less accuracy" in said
    assert (
        f"in three of one image a class {min(shares[1])} to {max(shares[1])} %, if all ten images are moved and not the target's alone "
        f"({min(shares[2])} to {max(shares[2])} %), in one of MNIST {digits[0]} % ({digits[1]} %)"
    ) in said
    verdicts = sorted(row["verdict"] for row in ten)
    assert verdicts == ["fail", "fail", "fail", "fail", "warn"]
    kip = planted["kip_cifar10_ipc10, dark"]
    assert kip["verdict"] == "fail"
    assert (
        "Of the five of CIFAR-10 four fail a quick scan and one is warned of, and that of KIP fails too "
        f"({100 * kip['success']:.0f} % on models that know little)"
    ) in said
    assert sorted(row["verdict"] for row in one) == ["fail", "fail", "warn"]
    assert planted["dc_mnist_ipc1, dark"]["verdict"] == "fail"
    assert "of the three of one image a class two fail and one is warned of, and the one of MNIST fails" in said


def test_the_papers_are_answered_by_how_strong_dark_came_out():
    import threats

    usual, larger = (
        next(row for row in threats.read() if row["threat"] == "dark" and row["settings"] == settings)
        for settings in ({}, {"weight": 1})
    )
    said = " ".join(page("papers").split())
    clean, cost = (100 * usual[what]["value"] for what in ("clean_accuracy", "accuracy"))
    assert (
        f"in the clean digits example in {usual['seconds']:.0f} seconds: {threats.percent(usual['success'], unit=' %')} of"
        in said
    )
    assert (
        f"at an accuracy of {cost:.1f} instead of {clean:.1f} %, {threats.percent(larger['success'], unit=' %')}"
        in said
    )
    assert f"at {100 * larger['accuracy']['value']:.1f} % with a larger weight" in said


def test_the_papers_are_answered_by_what_distilling_added_to_the_bias():
    import bias_sweep

    found = json.loads((RESULTS / "bias_sweep_digits.json").read_text(encoding="utf-8"))["results"]
    said = " ".join(page("papers").split())
    for share in ("0.5", "0.8"):
        cells = bias_sweep.row(share, found[share]).split(" | ")
        assert f" {cells[5]} " in said, cells


def test_the_page_has_the_table_of_the_known_triggers():
    import known_triggers

    wanted = known_triggers.lines(json.loads((RESULTS / "known_triggers.json").read_text(encoding="utf-8")))
    assert len(wanted) > 2
    assert "\n".join(wanted) in page("backdoors")


@pytest.mark.parametrize(
    ("benchmark", "on"),
    [
        ("attacks", "robustness"),
        ("retraining", "retraining"),
        ("memory", "retraining"),
        ("scanners", "file-safety"),
        ("spectra", "spectrum"),
        ("threats", "threats"),
        ("other_methods", "backdoors"),
        ("trigger_checks", "backdoors"),
        ("backdoor_times", "backdoors"),
        ("canaries", "checks/DD-PRV-CANARY"),
    ],
)
def test_the_page_has_what_the_benchmark_measured(benchmark, on):
    found = json.loads((RESULTS / f"{benchmark}.json").read_text(encoding="utf-8"))
    wanted = importlib.import_module(benchmark).lines(found)
    assert [line for line in wanted if line not in page(on)] == []


def test_the_page_says_what_the_fuzzer_found():
    found = json.loads((RESULTS / "fuzz.json").read_text(encoding="utf-8"))
    outcomes = found["outcomes"]
    opened = outcomes.pop("opened")
    assert sum(outcomes.values()) + opened == found["inputs"]
    assert found["findings"] == 0
    said = " ".join(page("file-safety").split())
    assert (
        f"{found['inputs']:,} inputs of seed {found['seed']}: {opened:,} were opened as datasets, {sum(outcomes.values()):,} refused, each for one of "
        f"{len(outcomes)} named reasons; nothing else came out. The slowest input took {found['slowest_seconds']:.2f} s of computing, and the process "
        f"never held more than {found['peak_mib']} MiB."
    ) in said


def test_the_pages_quote_the_scans():
    import quoted_scans

    quoted = quoted_scans.lines(json.loads((RESULTS / "quoted_scans.json").read_text(encoding="utf-8")))
    for name, lines in quoted.items():
        said = " ".join(page("../README" if name == "README" else f"checks/{name}").split())
        assert [line for line in lines if line not in said] == []


def test_the_page_has_both_recipes_side_by_side():
    import published_accuracy

    files = ("published_accuracy.json", "fast_recipe.json")
    wanted = published_accuracy.recipe_lines(*(published_accuracy.read(RESULTS / name) for name in files))
    assert "\n".join(wanted) in page("retraining")


def test_the_tables_that_quote_whole_scans_are_those_of_the_scans():
    import scan_tables

    assert [line for line in scan_tables.robustness() if line not in page("robustness")] == []
    wanted = [*scan_tables.classes(), *scan_tables.spreads()]
    assert [line for line in wanted if line not in page("fairness")] == []
