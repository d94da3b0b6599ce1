"""The last line of ./dev test counts every kind of result, and no silence passes for success."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import summary

PASSED = '<testcase name="p" status="run"/>'
FAILED = '<testcase name="f" status="fail"><failure message=""/></testcase>'
SKIPPED = '<testcase name="s" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>'
MISSING = '<testcase name="m" status="notrun"><skipped message="Unable to find executable"/></testcase>'
BROKEN = '<testcase name="b"><error message=""/></testcase>'


@pytest.mark.parametrize(
    ("cases", "last_line", "status"),
    [
        (PASSED * 3, "3 passed, 0 failed", 0),
        (PASSED + FAILED, "1 passed, 1 failed", 1),
        (PASSED + SKIPPED, "1 passed, 0 failed, 1 skipped", 0),
        (PASSED + MISSING, "1 passed, 1 failed", 1),
        (PASSED + BROKEN, "1 passed, 1 failed", 1),
        (SKIPPED, "0 passed, 0 failed, 1 skipped", 1),
        ("", "0 passed, 0 failed", 1),
    ],
)
def test_counts(tmp_path, capsys, cases, last_line, status):
    (tmp_path / "ctest.xml").write_text(f"<testsuite>{cases}</testsuite>")
    assert summary.main(tmp_path, ["ctest"]) == status
    assert capsys.readouterr().out.splitlines()[-1] == last_line


@pytest.mark.parametrize("text", [None, "<testsuite><testcase"])
def test_a_suite_without_a_whole_report_has_failed(tmp_path, capsys, text):
    if text is not None:
        (tmp_path / "cli.xml").write_text(text)
    assert summary.main(tmp_path, ["cli"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
