"""The reports say what was looked for, with which power, and what nobody looked for."""

import re
from pathlib import Path

import pytest

from ddaudit.reporting import read_scorecard, render
from ddaudit.reporting.coverage import THREATS, unasked
from ddaudit.results import NotRun, Scorecard

REPORTS = Path(__file__).parents[1] / "cli" / "reports"


@pytest.fixture(scope="module")
def clean():
    return read_scorecard(REPORTS / "clean-0.json")


def plain(text):
    """The words of a report without its markup and its footnote marks."""
    without_meanings = re.sub(r'<span class="meaning">.*?</dfn>', "", text)
    return " ".join(re.sub(r"<[^>]+>|\[\^[\w-]+\]", "", without_meanings).split()).replace("&#39;", "'")


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_what_no_check_looks_for_is_named_with_its_meaning(clean, name):
    shown = plain(render(clean, name))
    assert {"A bound on what leaks, by canaries", "Published triggers", "Single members, by LiRA"} <= {
        threat.title for threat in unasked(clean)
    }
    for threat in unasked(clean):
        assert threat.title in shown
        assert threat.meaning in shown


@pytest.mark.parametrize("name", ["markdown-short", "card"])
def test_short_reports_name_it_too(clean, name):
    shown = plain(render(clean, name))
    assert all(threat.title in shown for threat in unasked(clean))


def test_a_threat_that_a_check_looks_for_is_no_longer_named_whether_that_check_ran_or_not(clean):
    (threat,) = [t for t in unasked(clean) if "DD-PRV-CANARY" in t.checks]
    left_out = NotRun(id="DD-PRV-CANARY", title="Canaries", pillar="privacy", reason="No canary key was given.")
    assert threat not in unasked(clean.model_copy(update={"not_run": [left_out]}))
    ran = clean.checks[0].model_copy(update={"id": "DD-PRV-CANARY"})
    assert threat not in unasked(clean.model_copy(update={"checks": [ran]}))


def test_every_pillar_has_its_blind_spots_and_each_is_a_sentence(clean):
    assert {threat.pillar for threat in THREATS} == set(clean.pillars)
    for threat in THREATS:
        assert threat.meaning[0].isupper()
        assert threat.meaning.endswith(".")


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_the_power_of_every_check_stands_in_the_table(clean, name):
    shown = plain(render(clean, name))
    table = shown[shown.index("What was looked for", shown.index("DD-FAI-CLASS")) :]
    for check in clean.checks:
        row = table[table.index(check.id) :]
        assert check.threat_model in row
        assert (f"{check.power.value:.2f}" if check.power else "not needed") in row[:600]


@pytest.fixture(scope="module")
def safety_alone(clean):
    checks = [check for check in clean.checks if check.pillar == "safety"]
    left_out = [
        NotRun(id=check.id, title=check.title, pillar=check.pillar, reason="It needs the original dataset.")
        for check in clean.checks
        if check.pillar != "safety"
    ]
    return Scorecard.assemble(clean.tool, clean.subject, None, checks, left_out)


@pytest.mark.parametrize("name", ["html", "markdown", "markdown-short", "card"])
def test_a_pass_on_some_pillars_says_on_which_and_why_the_others_were_not_examined(safety_alone, clean, name):
    assert safety_alone.overall.verdict == "pass"
    shown = plain(render(safety_alone, name))
    assert "Pass on safety alone" in shown
    assert "Not examined: utility, privacy, robustness, backdoor and fairness." in shown
    assert shown.count("It needs the original dataset") >= 5
    assert "alone" not in plain(render(clean, name)).partition("looked and found nothing")[0]


def test_the_page_of_such_a_pass_is_not_green(safety_alone, clean):
    assert '<section class="verdict v-not-run"' in render(safety_alone, "html")
    assert '<section class="verdict v-pass"' in render(clean, "html")
