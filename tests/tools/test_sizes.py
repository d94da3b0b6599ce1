"""The size checker finds each broken budget, asks a reason for an exception, and finds nothing in this tree."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import sizes


@pytest.fixture
def findings(tmp_path):
    """findings(SOURCE, EXCEPTIONS) of a tree that holds one source file."""

    def make(source, exceptions=""):
        (tmp_path / "src/base").mkdir(parents=True)
        (tmp_path / "tools").mkdir()
        (tmp_path / "src/base/a.cpp").write_text(source)
        (tmp_path / "tools/size_exceptions.txt").write_text(exceptions)
        return sizes.check(tmp_path)[1]

    return make


def function(lines):
    return "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"


MANY_BRANCHES = "int f(int x) {\n" + "".join(f"  if (x == {n}) return {n};\n" for n in range(15)) + "  return 0;\n}\n"
MANY_PARAMETERS = "int f(" + ", ".join(f"int a{n}" for n in range(7)) + ") { return 0; }\n"


def test_this_tree_is_within_budget():
    assert sizes.check(ROOT)[1] == []


def test_a_long_file_is_found(findings):
    assert findings("// x\n" * 401) == ["src/base/a.cpp: lines 401, budget 400"]


def test_a_long_function_is_found(findings):
    found = findings(function(61) + function(2) * 40)
    assert found == ["src/base/a.cpp:f: lines 61, budget 60"]


def test_many_long_functions_are_found_together(findings):
    assert findings(function(41) * 3) == ["95 % of functions are within 41 lines, budget 40"]


def test_a_function_of_sixteen_branches_is_found(findings):
    assert findings(MANY_BRANCHES) == ["src/base/a.cpp:f: branches 16, budget 15"]


def test_seven_parameters_are_found(findings):
    assert findings(MANY_PARAMETERS) == ["src/base/a.cpp:f: parameters 7, budget 6"]


def test_an_exception_holds_up_to_its_own_limit(findings):
    assert findings(MANY_PARAMETERS, "src/base/a.cpp:f parameters=7 # as the reference has it\n") == []


def test_an_exception_is_no_free_pass(findings):
    assert findings(MANY_PARAMETERS, "src/base/a.cpp:f parameters=6 # as the reference has it\n") != []


def test_an_exception_without_a_reason_is_refused(findings):
    with pytest.raises(SystemExit):
        findings(MANY_PARAMETERS, "src/base/a.cpp:f parameters=7\n")


def test_an_exception_that_is_not_needed_is_found(findings):
    found = findings("int f();\n", "src/base/a.cpp:f parameters=7 # as the reference has it\n")
    assert found == ["size_exceptions.txt: src/base/a.cpp:f parameters is no longer needed"]
