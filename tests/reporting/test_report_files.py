"""Reports on disk: whole or not at all, and the JSON one comes back as it was."""

import json
import os
from pathlib import Path

import pytest

from ddaudit.errors import AuditError
from ddaudit.reporting import FORMATS, read_scorecard, render, write_reports
from ddaudit.results import Metric, Scorecard


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_the_json_report_reads_back_as_the_same_scorecard(which, request, tmp_path):
    card = request.getfixturevalue(which)
    (path,) = write_reports(card, tmp_path, ["json"])
    assert read_scorecard(path) == card
    assert read_scorecard(tmp_path) == card


def test_json_is_strict_and_harmless_in_a_terminal(scorecard, hostile):
    endless = scorecard.checks[0].model_copy(
        update={"metrics": [Metric(name="x", value=float("inf"), low=float("nan"))]}
    )
    text = render(scorecard.model_copy(update={"checks": [endless]}), "json")
    metric = json.loads(text, parse_constant=pytest.fail)["checks"][0]["metrics"][0]
    assert metric["value"] is None
    assert metric["low"] is None
    text = render(hostile, "json")
    assert text.isascii()
    assert all(c == "\n" or c.isprintable() for c in text)


def test_every_format_is_written_under_its_own_name(scorecard, tmp_path):
    paths = write_reports(scorecard, tmp_path / "new" / "folder", list(FORMATS))
    assert [p.name for p in paths] == [f.file_name for f in FORMATS.values()]
    assert len(set(paths)) == len(FORMATS)
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == sorted(p.name for p in paths)
    for name, path in zip(FORMATS, paths, strict=True):
        assert path.read_text(encoding="utf-8") == render(scorecard, name)


def test_a_write_that_fails_leaves_the_old_reports_and_nothing_half_written(scorecard, tmp_path, monkeypatch):
    write_reports(scorecard, tmp_path, ["json", "markdown"])
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    real, written = Path.write_text, []

    def disk_full(self, *args, **kwargs):
        written.append(self)
        if len(written) == 2:
            real(self, "half a rep")
            raise OSError(28, os.strerror(28))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", disk_full)
    with pytest.raises(AuditError, match="No space left"):
        write_reports(scorecard.without_times(), tmp_path, ["json", "markdown"])
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_one_sentence(scorecard, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AuditError, match=r"could not be written to .*--output"):
        write_reports(scorecard, tmp_path / "file", ["json"])
    with pytest.raises(AuditError, match=r"could not be written to .*--output"):
        write_reports(scorecard, tmp_path / "file" / "below", ["json"])


def test_an_unknown_format_is_named_before_anything_is_written(scorecard, tmp_path):
    with pytest.raises(AuditError, match=r"no report format 'pdf'; choose from json, html"):
        write_reports(scorecard, tmp_path / "out", ["json", "pdf"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not json", "not a report"),
        (b"\xff\xfe", "not a report"),
        (b"[]", "not a report"),
        (b"[" * 100_000, "not a report"),
        (b'{"schema_version": "1.0"}', "tool: Field required"),
        (b'{"schema_version": "9.0"}', "version '9.0'"),
    ],
)
def test_what_is_not_a_report_is_refused_in_one_sentence(content, says, tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(AuditError, match=says) as refused:
        read_scorecard(path)
    assert "\n" not in str(refused.value)


def test_a_report_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(AuditError, match=r"could not be read: No such file"):
        read_scorecard(tmp_path / "none.json")


def test_a_report_without_the_optional_fields_still_opens(scorecard, tmp_path):
    content = json.loads(render(scorecard, "json"))
    del content["not_run"]
    for check in content["checks"]:
        for optional in ("threat_model", "power", "metrics", "evidence", "assumptions", "trained"):
            del check[optional]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    old = read_scorecard(path)
    assert isinstance(old, Scorecard)
    for name in FORMATS:
        assert old.overall.finding[:20] in render(old, name)
