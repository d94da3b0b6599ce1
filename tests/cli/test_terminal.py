"""What a person at a terminal sees, byte for byte: tests/cli/transcripts/*.txt, played on a pseudo terminal.

The head of a transcript has one `word: text` a line: `command` (burin, or a program of the system), `columns`, `env` NAME=VALUE, then in
order `wait` for a text and `keys` to type (\\r, \\t, \\x03), at last `status`. Below `---` stands all that was shown: <e> is the escape
byte, <r> a carriage return that moves back, <*> any text within a line. BURIN_RECORD=1 writes down anew what is shown.
"""

import os
import pathlib
import re
import shlex
import shutil

import pytest
from terminal import Terminal

TRANSCRIPTS = pathlib.Path(__file__).parent / "transcripts"


def split(text):
    """([(word, text)], what is expected)"""
    head, _, expected = text.partition("---\n")
    lines = [line for line in head.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(": ", 1)) for line in lines], expected


def shown(output):
    """Every byte that moves the terminal, made visible; blanks at the end of a line too."""
    text = output.replace("\r\n", "\n").replace("\x1b", "<e>").replace("\r", "<r>").replace("\x07", "<bell>").replace("\x08", "<b>")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), repr(text)
    return re.sub(r" +$", lambda blanks: "\u2423" * len(blanks[0]), text, flags=re.MULTILINE) + ("" if text.endswith("\n") else "\n")


def matches(expected, text):
    return re.fullmatch(".*".join(map(re.escape, expected.split("<*>"))), text) is not None


def play(home, steps):
    """(all that was shown, exit status)"""
    facts = {word: text for word, text in steps if word in {"command", "columns"}}
    env = dict(text.split("=", 1) for word, text in steps if word == "env")
    program, *words = shlex.split(facts["command"])
    path = home.program if program == "burin" else shutil.which(program)
    if path is None:
        pytest.skip(f"no {program} here")
    terminal = Terminal(home, *words, program=path, columns=int(facts.get("columns", 80)), **env)
    output = ""
    for word, text in steps:
        if word == "wait":
            output += terminal.read_until(text.strip('"'))
        elif word == "keys":
            terminal.send(text.encode().decode("unicode_escape"))
    status = terminal.finish()
    return output + terminal.seen.decode(), status


@pytest.mark.parametrize("file", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda file: file.stem)
def test_transcript(home, file):
    text = file.read_text()
    steps, expected = split(text)
    output, status = play(home, steps)
    got = shown(output.replace(str(home.path), "HOME"))
    if os.environ.get("BURIN_RECORD"):
        if not matches(expected, got):
            file.write_text(text.partition("---\n")[0] + "---\n" + got)
    else:
        assert matches(expected, got), got
    assert status == int(dict(steps).get("status", 0)), got


def test_the_required_scenes_are_there():
    scenes = {file.stem for file in TRANSCRIPTS.glob("*.txt")}
    assert scenes >= {
        "chat", "chat_narrow", "chat_interrupted", "completion", "damaged_model", "dumb_terminal",
        "interrupted", "no_color", "pipe", "wrong_name",
    }  # fmt: skip
