"""What a policy makes of a scan, and what somebody accepted, is seen in every report."""

import io
import json
from datetime import date
from xml.etree import ElementTree

import pytest
from parsed_page import Page
from rich.console import Console
from tricks import TRICKS

from ddaudit.reporting import print_scorecard, read_scorecard, render, write_reports
from ddaudit.results import Gate, Scorecard, Waiver

REASON = "The originals are public."


@pytest.fixture(scope="module")
def waived(scorecard):
    waivers = [
        Waiver(id=check, sha256="a" * 64, reason=REASON, expires=date(2026, 12, 31), state=state)
        for check, state in (("DD-PRV-TRACE", "used"), ("DD-PRV-MIA", "expired"))
    ]
    gate = Gate(policy="publish", exit_code=3, reasons=["DD-PRV-MIA: inconclusive, which is no pass"])
    return scorecard.model_copy(update={"waivers": waivers, "gate": gate})


def in_terminal(card):
    out = io.StringIO()
    print_scorecard(card, Console(file=out, width=80))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize("name", ["html", "markdown", "markdown-short", "terminal"])
def test_people_see_the_gate_its_reasons_and_every_waiver(waived, name):
    text = in_terminal(waived) if name == "terminal" else render(waived, name)
    text = " ".join(("".join(Page(text).text) if name == "html" else text).replace("\\", "").split())
    assert "stopped" not in text
    assert "not settled, which is no pass (exit code 3)" in text
    assert "DD-PRV-MIA: inconclusive, which is no pass" in text
    assert f"accepted until 2026-12-31: {REASON}" in text
    assert "expired on 2026-12-31, counts as none" in text


def test_the_dataset_card_tells_what_its_publisher_accepted(waived):
    card = render(waived, "card")
    assert "Accepted by the publisher" in card
    assert REASON in card


def test_a_waived_finding_is_suppressed_in_sarif_and_others_are_not(waived):
    results = json.loads(render(waived, "sarif"))["runs"][0]["results"]
    suppressed = {r["ruleId"]: r["suppressions"] for r in results if "suppressions" in r}
    assert list(suppressed) == ["DD-PRV-TRACE"]
    assert suppressed["DD-PRV-TRACE"] == [{"kind": "external", "justification": f"accepted until 2026-12-31: {REASON}"}]


def test_a_waived_failure_is_skipped_in_junit_with_its_reason(waived, scorecard):
    def failures(card):
        return len(ElementTree.fromstring(render(card, "junit").encode()).findall(".//failure"))

    assert (failures(scorecard), failures(waived)) == (1, 0)
    assert f"waived, accepted until 2026-12-31: {REASON}; fail: " in render(waived, "junit")


def test_the_in_toto_statement_names_what_was_waived(waived):
    assert json.loads(render(waived, "intoto"))["predicate"]["waived"] == ["DD-PRV-TRACE"]


def test_a_report_with_waivers_and_one_from_before_there_were_any_can_be_read(waived, scorecard, tmp_path):
    (path,) = write_reports(waived, tmp_path, ["json"])
    assert read_scorecard(path) == waived
    old = json.loads(render(scorecard, "json"))
    del old["waivers"], old["gate"]
    path.write_text(json.dumps(old))
    assert read_scorecard(path) == scorecard


def test_a_reason_is_shown_and_never_interpreted(waived):
    def saying(texts):
        waivers = [waived.waivers[1].model_copy(update={"reason": text}) for text in texts]
        gate = Gate(policy=texts[0], exit_code=1, reasons=list(texts))
        return waived.model_copy(update={"waivers": waivers, "gate": gate, "checks": []})

    hostile, harmless = saying(TRICKS), saying(["harmless"] * len(TRICKS))
    plain, tricked = Page(render(harmless, "html")), Page(render(hostile, "html"))
    assert [tag for tag, _ in tricked.tags] == [tag for tag, _ in plain.tags]
    for name in ("markdown", "markdown-short", "card", "sarif", "junit"):
        assert "\x1b" not in render(hostile, name)
    assert "\x1b" not in in_terminal(hostile)
    assert Scorecard.model_validate_json(render(hostile, "json")) == hostile
