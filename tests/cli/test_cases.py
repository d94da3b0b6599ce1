"""Text cases: tests/cli/cases/*.test.

A case is `== NAME`, then `$ COMMAND` (run by sh in a fresh home), then stdout as expected, then `! LINE` for each line
of stderr, then `? STATUS` (left out: 0). `<*>` stands for any text within a line.
"""

import pathlib
import re
import subprocess

import pytest

CASES = pathlib.Path(__file__).parent / "cases"


def read_cases():
    for file in sorted(CASES.glob("*.test")):
        for block in re.split(r"^== ", file.read_text(), flags=re.MULTILINE)[1:]:
            name, _, body = block.partition("\n")
            yield pytest.param(body, id=f"{file.stem}: {name}")


def pattern(lines):
    return "".join(".*".join(map(re.escape, line.split("<*>"))) + "\n" for line in lines)


@pytest.mark.parametrize("body", list(read_cases()))
def test_case(home, body):
    lines = [line for line in body.rstrip().split("\n") if not line.startswith("#")]
    command = lines.pop(0).removeprefix("$ ")
    status = [int(line[2:]) for line in lines if line.startswith("? ")] or [0]
    err = [line[2:] for line in lines if line.startswith("! ")]
    out = [line for line in lines if not line.startswith(("? ", "! "))]
    words = ["sh", "-c", command]
    done = subprocess.run(words, check=False, cwd=home.path, env=home.env, capture_output=True, timeout=60)
    got_out, got_err = done.stdout.decode(), done.stderr.decode()
    assert re.fullmatch(pattern(out), got_out), got_out + got_err
    assert re.fullmatch(pattern(err), got_err), got_err
    assert done.returncode == status[0]
