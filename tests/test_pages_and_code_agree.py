"""The pages say what the code does: every number that a verdict rests on, every check, every setting."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from ddaudit.checks import all_checks, claims
from ddaudit.checks.backdoor import advisory, carriers, known, label_witnesses, labels, standing, study
from ddaudit.checks.fairness import attribute_share, calibration, class_accuracy, group
from ddaudit.checks.privacy import (
    canary,
    dpsgd,
    lira,
    membership_attacks,
    membership_folds,
    membership_outcomes,
    mia,
    trace,
    tracing,
)
from ddaudit.checks.robustness import attacks, corruption, ood, soundness
from ddaudit.checks.utility import cross_architecture, spectral_profile
from ddaudit.checks.verdicts import REQUIRED_POWER, judge
from ddaudit.cli.app import app
from ddaudit.config import PROFILES
from ddaudit.data import schema
from ddaudit.policy import CLEAR, FINDINGS, INCONCLUSIVE, POLICIES
from ddaudit.reporting.wording import ENOUGH_POWER
from ddaudit.results import PILLARS, SEVERITY, Power
from ddaudit.settings import Settings, read_settings
from ddaudit.signing import FILE_NAME
from ddaudit.statistics.epsilon import largest_one_run_epsilon
from ddaudit.statistics.two_way_draws import RESAMPLES

DOCS = Path(__file__).parents[1] / "docs"
VERDICTS = " ".join((DOCS / "verdicts.md").read_text(encoding="utf-8").split())


def page(check_id):
    return " ".join((DOCS / "checks" / f"{check_id}.md").read_text(encoding="utf-8").split())


def test_every_check_has_a_page_and_every_page_a_check():
    assert {p.stem for p in (DOCS / "checks").glob("*.md")} == {check.id for check in all_checks()}


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_a_page_has_the_question_what_it_assumes_and_what_it_cannot_see(check):
    text = page(check.id)
    assert text.startswith(f"# {check.id}: ")
    assert check.question in text
    for part in ("How it is answered", "How to read it", "What it assumes", "What it cannot see", "References"):
        assert f"## {part}" in text
    assert re.search(r"\*\*fail\*\*|- \*\*fail", text)


def test_the_verdict_of_a_check_follows_the_rules_of_the_page_in_their_order():
    assert f"power of at least {REQUIRED_POWER:g}" in VERDICTS
    assert REQUIRED_POWER == ENOUGH_POWER
    weak, strong = Power(value=0.79, defect=""), Power(value=0.8, defect="")
    rules = [
        ({"material": True, "shown": True, "power": weak, "sound": False}, "inconclusive"),
        ({"material": True, "shown": True, "power": weak}, "fail"),
        ({"material": False, "shown": True, "power": weak}, "warn"),
        ({"material": False, "shown": False, "power": strong}, "pass"),
        ({"material": False, "shown": False, "power": weak}, "inconclusive"),
    ]
    numbered = re.findall(r"(\d)\. ((?:(?! \d\. ).)*?): \*\*([a-z]+)\*\*", VERDICTS)
    assert [said for _, _, said in numbered] == [verdict for _, verdict in rules]
    for given, verdict in rules:
        assert judge(**given) == verdict


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("DD-UTL-ACCURACY", f"by more than {100 * claims.CLAIM_MARGIN:g} points"),
        ("DD-UTL-CROSSARCH", f"a drop of {100 * cross_architecture.PLANTED_DROP:g} points"),
        ("DD-PRV-TRACE", f"at most {100 * trace.FALSE_DISCOVERY_RATE:g} % of the flagged"),
        ("DD-PRV-TRACE", f"at least {100 * trace.MATERIAL_SHARE:g} % of the synthetic images"),
        ("DD-PRV-TRACE", f"p below {trace.LEANING_P:g}"),
        ("DD-PRV-TRACE", f"in {100 * trace.FOUND:g} % of cases"),
        ("DD-PRV-TRACE", f"correlation of {tracing.STRENGTHS[-1]:g} with its start"),
        ("DD-PRV-MIA", f"its AUC lies above {mia.MATERIAL_AUC:.2f}"),
        ("DD-PRV-MIA", f"true AUC of {mia.PLANTED_AUC:.2f}"),
        ("DD-PRV-MIA", f"over all six at {100 * membership_outcomes.LEVEL:g} %"),
        ("DD-PRV-MIA", f"The {100 * membership_outcomes.HARDEST:g} % of candidates"),
        ("DD-PRV-MIA", f"resampled apart, {membership_outcomes.RESAMPLES:,} times"),
        ("DD-PRV-MIA", f"less its mean over {membership_folds.CLOSENESS_SETS} random real sets"),
        ("DD-PRV-MIA", f"gamma {membership_attacks.GAMMA:g}, a {membership_attacks.A:g}"),
        ("DD-PRV-MIA", f"at {100 * mia.LOW_RATES[0]:g} % and {100 * mia.LOW_RATES[1]:g} % false positives"),
        ("DD-PRV-LIRA", f"lies above {lira.MATERIAL_AUC:.2f}"),
        ("DD-PRV-LIRA", f"true AUC of {lira.PLANTED_AUC:.2f}"),
        ("DD-PRV-LIRA", f"at least {100 * lira.COMPARABLE:g} % of the train split"),
        ("DD-PRV-LIRA", f"thorough {PROFILES['thorough'].shadow_sets} of {PROFILES['thorough'].shadow_pool:,}"),
        (
            "DD-PRV-LIRA",
            f"standard makes {PROFILES['standard'].shadow_sets} shadows of a pool of {PROFILES['standard'].shadow_pool:,}",
        ),
        ("DD-PRV-CANARY", f"bound above {canary.MATERIAL_EPSILON:g}"),
        ("DD-PRV-CANARY", f"an epsilon of {canary.PLANTED_EPSILON:g}"),
        ("DD-PRV-DPSGD", f"that of DP-SGD lies above {dpsgd.MATERIAL_GAP:.2f}"),
        ("DD-PRV-DPSGD", f"true AUC {dpsgd.PLANTED_GAP:.2f} above"),
        ("DD-PRV-DPSGD", f"({100 * dpsgd.CONFIDENCE:g} % each)"),
        ("DD-PRV-DPSGD", f"on {PROFILES['standard'].dpsgd_images:,} images of the original at most"),
        ("DD-PRV-DPSGD", f"at most, {PROFILES['standard'].dpsgd_steps:,} steps"),
        (
            "DD-PRV-DPSGD",
            f"thorough on {PROFILES['thorough'].dpsgd_images:,}, {PROFILES['thorough'].dpsgd_steps:,} steps",
        ),
        ("DD-ROB-ATTACKS", f"more than {100 * attacks.MARGIN:g} points below"),
        ("DD-ROB-ATTACKS", f"a drop of {100 * attacks.PLANTED_DROP:g} points"),
        ("DD-ROB-ATTACKS", f"to within {100 * attacks.EQUAL:g} points"),
        ("DD-ROB-SANITY", f"leave room for {100 * soundness.SLACK:g} % of the images"),
        ("DD-ROB-CORRUPTION", f"more than {100 * corruption.MARGIN:g} points below"),
        ("DD-ROB-CORRUPTION", f"a drop of {100 * corruption.PLANTED_DROP:g} points"),
        ("DD-ROB-OOD", f"more than {ood.MARGIN:g} below"),
        ("DD-ROB-OOD", f"a drop of {ood.PLANTED_DROP:g}"),
        ("DD-BKD-INVERT", f"one clean set in {1 / standing.OFF_P:.0f}"),
        ("DD-BKD-INVERT", f"p below {study.FAIL_P:g}"),
        ("DD-BKD-INVERT", f"p below {study.WARN_P:g}"),
        ("DD-BKD-INVERT", f"`level_p_value[inversion]` below {standing.UNLIKE_P:g}"),
        ("DD-BKD-INVERT", f"less than {study.UTILITY_FLOOR:g} times chance"),
        ("DD-BKD-INVERT", f"turns at least {100 * study.VALID_SUCCESS:g} % of"),
        ("DD-BKD-TRANSFER", f"adjusted p is below {study.FAIL_P:g}"),
        ("DD-BKD-TRANSFER", f"it is below {study.WARN_P:g}"),
        ("DD-BKD-TRANSFER", f"less than {study.UTILITY_FLOOR:g} times chance"),
        ("DD-BKD-SAMPLES", f"(p below {study.WARN_P:g})"),
        ("DD-BKD-SAMPLES", f"INVERT's p is below {study.FAIL_P:g}"),
        ("DD-BKD-SAMPLES", f"random halves of {carriers.GROUPS} groups"),
        ("DD-BKD-SAMPLES", f"{carriers.NAMED} at most"),
        ("DD-BKD-SAMPLES", f"Levels are {100 * carriers.LEVEL:g} %"),
        ("DD-BKD-SAMPLES", f"at least {advisory.LEAST_IMAGES} images"),
        ("DD-BKD-KNOWN", f"p below {study.FAIL_P:g}"),
        ("DD-BKD-KNOWN", f"p below {study.WARN_P:g}"),
        ("DD-BKD-KNOWN", f"more than {100 * known.MATERIAL:g} % of other images"),
        ("DD-BKD-LABELS", f"p below {labels.FAIL_P:g}"),
        ("DD-BKD-LABELS", f"p below {label_witnesses.WARN_P:g}"),
        ("DD-BKD-LABELS", f"how often {100 * label_witnesses.PLANTED_SHARE:g} % of its labels"),
        ("DD-BKD-LABELS", f"{label_witnesses.TRIALS} trials"),
        ("DD-BKD-LABELS", f"less than {label_witnesses.READABLE:g} times as often"),
        ("DD-BKD-LABELS", f"{PROFILES['quick'].label_images:,} images in the quick profile"),
        (
            "DD-BKD-LABELS",
            f"{PROFILES['standard'].label_images:,} in standard, {PROFILES['thorough'].label_images:,} in thorough",
        ),
        ("DD-FAI-CLASS", f"more than {100 * class_accuracy.MARGIN:g} points below"),
        ("DD-FAI-CLASS", f"lies {100 * class_accuracy.PLANTED_DROP:g} points below"),
        ("DD-FAI-CLASS", f"at {100 - 100 * class_accuracy.CLASS_LEVEL:g} %"),
        ("DD-FAI-CLASS", f"at {100 - 100 * class_accuracy.SPREAD_LEVEL:g} %"),
        ("DD-FAI-CLASS", f"since noise adds to a spread; {RESAMPLES:,} resamples"),
        ("DD-FAI-CALIBRATION", f"more than {100 * calibration.MARGIN:g} points above"),
        ("DD-FAI-CALIBRATION", f"accuracy lay {100 * calibration.PLANTED:g} points further"),
        ("DD-FAI-CALIBRATION", f"cut into {calibration.BINS} equally large groups"),
        ("DD-FAI-CALIBRATION", f"Below {calibration.LEAST_IN_A_GROUP} answers a group"),
        ("DD-FAI-GROUP", f"to exceed {100 * group.MARGIN:g} points"),
        ("DD-FAI-GROUP", f"a gap of {100 * group.PLANTED_GAP:g} points"),
        ("DD-FAI-GROUP", f"fewer than {group.LEAST_ON_A_SIDE} held-out examples"),
        ("DD-FAI-GROUP", f"at least {group.LEAST_IN_A_CELL} held-out examples"),
        ("DD-FAI-GROUP", f"tells {100 * attribute_share.LEAST_ACCURACY:g} % of the conflicting"),
        ("DD-FAI-GROUP", f"of each class and side, {RESAMPLES:,} times"),
        ("DD-UTL-SPECTRUM", f"are {spectral_profile.DRAWS} sets of random held-out images"),
        ("DD-UTL-SPECTRUM", f"from {spectral_profile.LEAST_HELD_OUT:,} of them"),
        ("DD-SAF-SCHEMA", f"less than {100 * schema.NEAR:g} % of the median"),
    ],
)
def test_the_margins_on_the_pages_are_those_of_the_code(check, says):
    assert says in page(check)


def test_the_coverages_on_the_page_are_those_of_the_study():
    text = (DOCS / "statistics.md").read_text(encoding="utf-8")
    study = DOCS.parent / "benchmarks" / "results" / "interval_coverage.json"
    rows = json.loads(study.read_text(encoding="utf-8"))
    said = [f"| `{one['interval']}` | {one['setting']} | {100 * one['covered']:.1f} |" for one in rows]
    assert re.findall(r"^\| `[^`]+` \| [^|]+ \| [0-9.]+ \|$", text, re.MULTILINE) == said
    assert {one["runs"] for one in rows} == {int(re.search(r"([0-9]+) simulated audits", text)[1])}


def test_the_page_on_verdicts_has_the_exit_codes_and_the_shipped_policies():
    for code, meaning in ((CLEAR, "Nothing stands"), (FINDINGS, "Findings at or above"), (INCONCLUSIVE, "A check is")):
        assert f"| {code} | {meaning}" in VERDICTS
    use, publish = POLICIES["use"], POLICIES["publish"]
    assert f"| `fail_on` | {use.fail_on} | {publish.fail_on} |" in VERDICTS
    assert set(PILLARS) < set(publish.required)
    checks = [name for name in publish.required if name not in PILLARS]
    assert f"| `required` | {', '.join(use.required)} | all six pillars, {', '.join(checks)} |" in VERDICTS
    assert not use.allow_inconclusive
    assert not publish.allow_inconclusive
    assert FILE_NAME in VERDICTS


def test_the_example_of_a_policy_is_one_that_is_accepted_and_shows_every_setting(tmp_path):
    example = re.search(r"```toml\n(.*?)```", (DOCS / "verdicts.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    file = tmp_path / "ddaudit.toml"
    file.write_text(example)
    settings = read_settings(file, {}, {}, [check.id for check in all_checks()])
    assert settings.gate.waivers[0].reason
    assert set(Settings.model_fields) - set(tomllib.loads(example)) == {"device", "data_root"}


def test_the_commands_and_options_that_the_pages_name_exist():
    commands = typer.main.get_command(app).commands
    pages = [DOCS / "verdicts.md", *(DOCS / "how-to").glob("*.md"), *(DOCS / "checks").glob("*.md")]
    named = re.findall(r"`ddaudit ([a-z]+)([^`]*)`", "\n".join(p.read_text(encoding="utf-8") for p in pages))
    assert named
    for name, rest in named:
        command = commands[name]
        if isinstance(command, typer.core.TyperGroup):
            command = command.commands[rest.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_the_readme_lists_every_check():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\w+) \| `(DD-[A-Z-]+)` \|", readme, re.MULTILINE) == [
        (c.pillar, c.id) for c in all_checks()
    ]


def test_links_lead_somewhere_and_every_picture_is_small_and_shown():
    shown = set()
    for file in (DOCS.parent / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", file.read_text(encoding="utf-8")):
            if not target.startswith("https://"):
                assert (file.parent / target).exists(), f"{file.name}: {target}"
                shown.add((file.parent / target).resolve())
    pictures = set((DOCS / "images").resolve().iterdir())
    assert pictures <= shown
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 300_000


def test_the_page_on_reading_a_report_explains_every_verdict_and_shows_every_kind_of_example():
    text = (DOCS / "reading-a-report.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| ([a-z ]+) \| [A-Z]", text, re.MULTILINE)) == {v.replace("-", " ") for v in SEVERITY}
    for example in ("clean", "leak", "backdoor"):
        assert f"images/report-{example}.png" in text


def test_the_page_of_commands_is_the_one_that_the_command_line_makes():
    made = subprocess.run(
        [sys.executable, "-m", "typer", "ddaudit.cli.app", "utils", "docs", "--name", "ddaudit", "--title", "Commands"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert page == made, "make it again: python -m typer ddaudit.cli.app utils docs --name ddaudit --title Commands"


def test_every_page_is_in_the_table_of_contents():
    listed = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {str(p.relative_to(DOCS).with_suffix("")) for p in DOCS.rglob("*.md")} - {"index"}
    assert {page for page in pages if not page.startswith("checks/")} == listed


def test_the_how_to_says_what_canaries_can_show_at_most():
    text = (DOCS / "how-to" / "audit-with-canaries.md").read_text(encoding="utf-8")
    for canaries in (100, 300, 500, 1000):
        most = largest_one_run_epsilon(canaries, canaries // 2, delta=1e-5)
        assert f"| {canaries} | {canaries // 2} | {most:.2f} |" in text
