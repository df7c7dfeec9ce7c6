"""JUnit XML: one test case a check, one suite a pillar, for build servers that show tests.

A failure is a verdict of ``fail`` that no waiver accepts, and nothing else. ``inconclusive``, ``not-run`` and what is
waived are skipped with the reason, so that nobody reads them as passed; a warning passes and says so in its output.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ddaudit.reporting.untrusted import visible
from ddaudit.reporting.wording import power_sentence, waiver_of, waiver_sentence
from ddaudit.results import PILLARS, CheckResult, NotRun, Scorecard, Waiver


def render(scorecard: Scorecard) -> str:
    """The scorecard as a JUnit report."""
    root = ET.Element("testsuites", name=visible(scorecard.tool.name))
    for pillar in PILLARS:
        checks = [check for check in scorecard.checks if check.pillar == pillar]
        left_out = [not_run for not_run in scorecard.not_run if not_run.pillar == pillar]
        if checks or left_out:
            _suite(root, pillar, checks, left_out, scorecard)
    # The root has no count of what was skipped: readers that validate refuse the attribute there.
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(check.seconds for check in scorecard.checks):.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(
    root: ET.Element, pillar: str, checks: list[CheckResult], left_out: list[NotRun], scorecard: Scorecard
) -> None:
    suite = ET.SubElement(root, "testsuite", name=pillar)
    for check in checks:
        _case(suite, check, waiver_of(scorecard, check.id))
    for not_run in left_out:
        case = ET.SubElement(suite, "testcase", name=not_run.id, classname=f"ddaudit.{pillar}", time="0.000")
        ET.SubElement(case, "skipped", message=visible(f"not run: {not_run.reason}"))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{sum(check.seconds for check in checks):.3f}")


def _case(suite: ET.Element, check: CheckResult, waiver: Waiver | None) -> None:
    name = visible(f"{check.id} {check.title}")
    time = f"{check.seconds:.3f}"
    case = ET.SubElement(suite, "testcase", name=name, classname=f"ddaudit.{check.pillar}", time=time)
    finding = visible(check.finding)
    if waiver is not None:
        ET.SubElement(
            case, "skipped", message=visible(f"waived, {waiver_sentence(waiver)}; {check.verdict}: {finding}")
        )
    elif check.verdict == "fail":
        failure = ET.SubElement(case, "failure", message=finding, type="fail")
        failure.text = "\n".join(filter(None, [finding, visible(check.advice), visible(power_sentence(check))]))
    elif check.verdict in ("inconclusive", "not-run"):
        ET.SubElement(case, "skipped", message=f"{check.verdict}: {finding}")
    else:
        ET.SubElement(case, "system-out").text = f"{check.verdict}: {finding}"
