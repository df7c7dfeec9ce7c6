"""SARIF 2.1.0, the format in which code hosts show findings.

Only what asks for attention becomes a result: hosts show every result as an alert, whatever its kind. What passed is
counted, and what did not run is a notification of the run. Fingerprints hold for the same check on the same bytes.

References
----------
OASIS, *Static Analysis Results Interchange Format (SARIF) Version 2.1.0*, 2020.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from ddaudit.reporting.glossary import PILLARS
from ddaudit.reporting.untrusted import visible
from ddaudit.reporting.wording import power_sentence, waiver_of, waiver_sentence
from ddaudit.results import CheckResult, Scorecard, Verdict

# "open": evaluated, but not enough to tell (SARIF 3.27.9). Whatever is not "fail" has the level "none".
_KIND_AND_LEVEL: dict[Verdict, tuple[str, str]] = {
    "fail": ("fail", "error"),
    "warn": ("fail", "warning"),
    "inconclusive": ("open", "none"),
}
# The bands of code hosts: high is 7.0 and above, medium 4.0, low 0.1.
_SECURITY_SEVERITY: dict[Verdict, str] = {"fail": "8.0", "warn": "5.0", "inconclusive": "3.0"}


def render(scorecard: Scorecard) -> str:
    """The findings as one SARIF run."""
    rules = [_rule(check) for check in scorecard.checks]
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": scorecard.tool.name,
                        "version": scorecard.tool.version,
                        "rules": rules,
                    }
                },
                "automationDetails": {"id": f"{scorecard.tool.name}/{scorecard.tool.profile}/"},
                "invocations": [_invocation(scorecard)],
                "artifacts": [
                    {"location": {"uri": _uri(scorecard)}, "hashes": {"sha-256": scorecard.subject.sha256}},
                ],
                "results": [
                    _result(index, check, scorecard)
                    for index, check in enumerate(scorecard.checks)
                    if check.verdict in _KIND_AND_LEVEL
                ],
                "properties": {
                    "verdict": scorecard.overall.verdict,
                    "pillars": dict(scorecard.pillars),
                    "passed": [check.id for check in scorecard.checks if check.verdict == "pass"],
                },
            }
        ],
    }
    return json.dumps(log, indent=2, allow_nan=False) + "\n"


def _rule(check: CheckResult) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": _plain(check.title)},
        "fullDescription": {"text": _plain(f"{check.title}. {PILLARS[check.pillar]} {check.threat_model}".strip())},
        "help": {"text": _plain(check.advice or power_sentence(check))},
        "properties": {"tags": ["dataset", check.pillar], **_severity(check.verdict)},
    }


def _severity(verdict: Verdict) -> dict[str, str]:
    return {"security-severity": _SECURITY_SEVERITY[verdict]} if verdict in _SECURITY_SEVERITY else {}


def _result(index: int, check: CheckResult, scorecard: Scorecard) -> dict[str, Any]:
    kind, level = _KIND_AND_LEVEL[check.verdict]
    same_thing = hashlib.sha256(f"{check.id} {scorecard.subject.sha256}".encode()).hexdigest()
    sentences = [check.finding, check.advice, power_sentence(check)]
    return {
        "ruleId": check.id,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": {"text": " ".join(_plain(s) for s in sentences if s)},
        "locations": [
            {
                # A dataset has no lines, but hosts drop a result without one.
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(scorecard), "index": 0},
                    "region": {"startLine": 1},
                }
            }
        ],
        "partialFingerprints": {"checkAndFile/v1": same_thing},
        **_suppression(scorecard, check),
        "properties": {"verdict": check.verdict, "pillar": check.pillar},
    }


def _suppression(scorecard: Scorecard, check: CheckResult) -> dict[str, Any]:
    """A waived finding stays a result, suppressed by something outside of the file (SARIF 3.35)."""
    waiver = waiver_of(scorecard, check.id)
    if waiver is None:
        return {}
    return {"suppressions": [{"kind": "external", "justification": _plain(waiver_sentence(waiver))}]}


def _plain(text: str) -> str:
    r"""A message in which viewers find neither a link nor a placeholder (SARIF 3.11.5 and 3.11.6).

    >>> _plain("[click](javascript:x) {0}")
    '\\[click\\](javascript:x) {{0}}'
    """
    text = visible(text)
    if "](" in text:
        text = text.replace("[", "\\[").replace("]", "\\]")
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text)


def _invocation(scorecard: Scorecard) -> dict[str, Any]:
    notifications = [
        {
            "descriptor": {"id": left_out.id},
            "level": "note",
            "message": {"text": _plain(f"{left_out.title or left_out.id} did not run: {left_out.reason}")},
        }
        for left_out in scorecard.not_run
    ]
    return {
        "commandLine": visible(scorecard.tool.command),
        "executionSuccessful": True,
        "toolExecutionNotifications": notifications,
    }


def _uri(scorecard: Scorecard) -> str:
    path = PurePath(scorecard.subject.path)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), safe="/")
