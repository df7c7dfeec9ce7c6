"""What each machine format promises, held against the structure that its specification asks for."""

import copy
import hashlib
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from ddaudit.errors import AuditError
from ddaudit.reporting import FORMATS, json_schema, render
from ddaudit.results import SCHEMA_VERSION, Scorecard

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / f"scorecard-{SCHEMA_VERSION}.json"

SARIF_SCHEMA = Path(
    os.environ.get(
        "SARIF_SCHEMA",
        Path(__file__).parents[2] / "build/node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json",
    )
)


def _strict(properties, required=()):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _listed(items):
    return {"type": "array", "items": items}


TEXT = {"type": "string", "minLength": 1}
MESSAGE = _strict({"text": TEXT}, ["text"])
ANY = {"type": "object"}
LOCATION = _strict(
    {"uri": {"type": "string", "pattern": r"^[^\s<>\"\\^`{|}]*$"}, "index": {"type": "integer"}}, ["uri"]
)
#: The part of SARIF 2.1.0 that is used, after the OASIS specification; a name that it does not have is refused.
SARIF = _strict(
    {
        "$schema": TEXT,
        "version": {"const": "2.1.0"},
        "runs": _listed(
            _strict(
                {
                    "tool": _strict(
                        {
                            "driver": _strict(
                                {
                                    "name": TEXT,
                                    "version": TEXT,
                                    "rules": _listed(
                                        _strict(
                                            {
                                                "id": TEXT,
                                                "shortDescription": MESSAGE,
                                                "fullDescription": MESSAGE,
                                                "help": MESSAGE,
                                                "properties": _strict(
                                                    {
                                                        "tags": _listed(TEXT) | {"uniqueItems": True},
                                                        "security-severity": {"pattern": r"^\d\.\d$"},
                                                    }
                                                ),
                                            },
                                            ["id"],
                                        )
                                    ),
                                },
                                ["name"],
                            )
                        },
                        ["driver"],
                    ),
                    "automationDetails": _strict({"id": TEXT}),
                    "invocations": _listed(
                        _strict(
                            {
                                "commandLine": {"type": "string"},
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": _listed(
                                    _strict(
                                        {
                                            "descriptor": _strict({"id": TEXT}),
                                            "level": {"enum": ["none", "note", "warning", "error"]},
                                            "message": MESSAGE,
                                        },
                                        ["message"],
                                    )
                                ),
                            },
                            ["executionSuccessful"],
                        )
                    ),
                    "artifacts": _listed(_strict({"location": LOCATION, "hashes": ANY})),
                    "results": _listed(
                        _strict(
                            {
                                "ruleId": TEXT,
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": MESSAGE,
                                "locations": _listed(
                                    _strict(
                                        {
                                            "physicalLocation": _strict(
                                                {
                                                    "artifactLocation": LOCATION,
                                                    "region": _strict({"startLine": {"type": "integer", "minimum": 1}}),
                                                }
                                            )
                                        }
                                    )
                                ),
                                "partialFingerprints": {"additionalProperties": TEXT},
                                "properties": ANY,
                            },
                            ["message"],
                        )
                    ),
                    "properties": ANY,
                },
                ["tool"],
            )
        ),
    },
    ["version", "runs"],
)


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_sarif_has_the_structure_of_its_specification(which, request):
    log = json.loads(render(request.getfixturevalue(which), "sarif"))
    jsonschema.validate(log, SARIF)
    run = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["kind"] == "fail" or result["level"] == "none"
    assert len({rule["id"] for rule in run["tool"]["driver"]["rules"]}) == len(run["tool"]["driver"]["rules"])


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_sarif_is_valid_by_its_official_schema(which, request):
    if not SARIF_SCHEMA.is_file():
        pytest.skip(f"the SARIF schema is not at {SARIF_SCHEMA} (npm install --prefix build @microsoft/jest-sarif)")
    log = json.loads(render(request.getfixturevalue(which), "sarif"))
    official = jsonschema.Draft4Validator(json.loads(SARIF_SCHEMA.read_text(encoding="utf-8-sig")))
    official.validate(log)
    log["runs"][0]["results"][0]["kind"] = "bad"
    assert not official.is_valid(log)


def test_sarif_alerts_on_what_needs_attention_and_on_nothing_else(scorecard):
    run = json.loads(render(scorecard, "sarif"))["runs"][0]
    found = {r["ruleId"]: (r["kind"], r["level"]) for r in run["results"]}
    assert found == {
        "DD-PRV-TRACE": ("fail", "error"),
        "DD-PRV-MIA": ("open", "none"),
        "DD-ROB-ATTACKS": ("fail", "warning"),
    }
    (invocation,) = run["invocations"]
    assert [n["descriptor"]["id"] for n in invocation["toolExecutionNotifications"]] == [
        "DD-PRV-CANARY",
        "DD-UTL-CROSSARCH",
    ]


def test_a_sarif_fingerprint_stays_with_the_check_and_the_file(scorecard):
    def fingerprints(card):
        results = json.loads(render(card, "sarif"))["runs"][0]["results"]
        return [r["partialFingerprints"]["checkAndFile/v1"] for r in results]

    renamed = scorecard.model_copy(update={"subject": scorecard.subject.model_copy(update={"path": "other.pt"})})
    changed = scorecard.model_copy(update={"subject": scorecard.subject.model_copy(update={"sha256": "0" * 64})})
    assert fingerprints(renamed) == fingerprints(scorecard)
    assert not set(fingerprints(changed)) & set(fingerprints(scorecard))
    assert len(set(fingerprints(scorecard))) == 3


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_junit_counts_add_up_and_only_a_fail_fails(which, request):
    card = request.getfixturevalue(which)
    root = ElementTree.fromstring(render(card, "junit").encode())
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(card.checks) + len(card.not_run)
    verdicts = {check.id: check.verdict for check in card.checks}
    for case in cases:
        verdict = verdicts.get(case.get("name").split()[0], "not-run")
        assert case.get("classname").startswith("ddaudit.")
        assert float(case.get("time")) >= 0
        assert len(case) == 1
        assert (
            case[0].tag
            == {
                "fail": "failure",
                "warn": "system-out",
                "pass": "system-out",
                "inconclusive": "skipped",
                "not-run": "skipped",
            }[verdict]
        )
    for element in [root, *root.findall("testsuite")]:
        assert int(element.get("tests")) == len(element.findall(".//testcase"))
        assert int(element.get("failures")) == len(element.findall(".//failure"))
        assert element.get("errors") == "0"
    for suite in root.findall("testsuite"):
        assert int(suite.get("skipped")) == len(suite.findall(".//skipped"))


#: What build servers that validate accept: of each element the attributes (those it must have first) and the children.
#: JUnit has no official schema; this is what Jenkins' published one (junit-10) allows of what is used here.
JUNIT = {
    "testsuites": ((), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (("name", "tests", "failures", "errors"), {"time", "skipped"}, {"testcase"}),
    "testcase": (("name",), {"classname", "time"}, {"failure", "skipped", "system-out"}),
    "failure": ((), {"message", "type"}, set()),
    "skipped": ((), {"message", "type"}, set()),
    "system-out": ((), set(), set()),
}


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_junit_has_the_elements_and_attributes_that_build_servers_accept_and_no_other(which, request):
    root = ElementTree.fromstring(render(request.getfixturevalue(which), "junit").encode())
    for element in root.iter():
        required, optional, children = JUNIT[element.tag]
        assert set(required) <= set(element.attrib) <= optional | set(required), element.tag
        assert {child.tag for child in element} <= children
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))


def test_the_in_toto_statement_is_about_this_file_and_this_report(scorecard):
    statement = json.loads(render(scorecard, "intoto"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    (subject,) = statement["subject"]
    assert subject == {"name": "digits_ipc10_leak.pt", "digest": {"sha256": scorecard.subject.sha256}}
    assert re.match(r"^[a-z][a-z0-9+.-]*:", statement["predicateType"])
    report = hashlib.sha256(render(scorecard, "json").encode()).hexdigest()
    assert statement["predicate"]["report"]["digest"]["sha256"] == report
    assert statement["predicate"]["verdict"] == "fail"
    assert statement["predicate"]["checks"]["DD-PRV-MIA"] == "inconclusive"


def test_the_dataset_card_says_what_failed_what_was_not_run_and_of_which_file(scorecard):
    card = render(scorecard, "card")
    assert card.startswith("## Audit\n")
    for check in scorecard.checks:
        assert check.id in card
    assert "needs the publisher's canary key" in card
    assert scorecard.subject.sha256 in card
    assert scorecard.tool.command in card


def test_the_published_json_schema_is_current():
    assert PUBLISHED.read_text(encoding="utf-8") == json_schema.text(), (
        f"run python -m ddaudit.reporting.json_schema {PUBLISHED.relative_to(Path(__file__).parents[2])}"
    )


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_the_json_report_validates_against_the_published_schema(which, request):
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    report = json.loads(render(request.getfixturevalue(which), "json"))
    jsonschema.Draft202012Validator(schema).validate(report)
    broken = copy.deepcopy(report)
    broken["overall"]["verdict"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(broken)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_scorecard_gives_the_same_report_and_times_alone_change_little(scorecard, name):
    again = Scorecard.model_validate_json(render(scorecard, "json"))
    assert render(again, name) == render(scorecard, name)
    slower = scorecard.model_copy(
        update={"checks": [c.model_copy(update={"seconds": c.seconds * 3 + 1}) for c in scorecard.checks]}
    )
    assert render(slower.without_times(), name) == render(scorecard.without_times(), name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_scorecard_with_nothing_in_it_still_renders(scorecard, name):
    empty = Scorecard.assemble(
        scorecard.tool,
        scorecard.subject.model_copy(update={"images": None, "classes": None, "ipc": None, "shape": None}),
        None,
        [],
        [],
    )
    assert render(empty, name)


def test_an_unknown_format_is_refused(scorecard):
    with pytest.raises(AuditError, match="no report format 'docx'"):
        render(scorecard, "docx")
