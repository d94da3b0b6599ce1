"""The completion scripts, run by the shells themselves: what they offer, and that no name is ever evaluated."""

import os
import shutil
import subprocess
import time

import pytest
from terminal import Terminal

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "it's",
    'say "x"',
    "semi;touch pwned",
    "star*",
    "back\\slash",
    "org/name-1.0",
    "a~root",
    "#note",
    "-dash",
    "é",
]
SHELLS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
LOAD = {
    "bash": 'source <(burin completion bash); printf "rea%s\\n" dy\r',
    "zsh": 'autoload -U compinit; compinit -u -D; source <(burin completion zsh); printf "rea%s\\n" dy\r',
    "fish": 'burin completion fish | source; printf "rea%s\\n" dy\r',
}
# (line as typed up to the cursor, what is offered)
OFFERS = [
    ("burin sho", ["show"]),
    ("burin run ti", ["tiny"]),
    ("burin run mlx", ["mlx-community/Alpha-1B"]),
    ("burin run tiny --prec", ["--precision"]),
    ("burin run tiny --precision ", ["exact", "fast"]),
    ("burin run --precision fast --no-stream pl", ["plain"]),
    ("burin run --max-tokens ", []),
    ("burin help detok", ["detokenize"]),
    ("burin completion ", ["bash", "fish", "zsh"]),
    ("burin nothing ", []),
    ("burin run zzz", []),
]


def shell(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} here")
    return path


@pytest.fixture
def liar(home):
    """A `burin` in front of the real one that lists hostile names; `pick` says which."""
    folder = home.path / "liar"
    folder.mkdir()
    (folder / "burin").write_text(
        f'#!/bin/sh\n[ "$3" = --names ] || exec {home.program} "$@"\ncat {home.path}/names\necho oops >&2\n'
    )
    (folder / "burin").chmod(0o755)
    home.env["PATH"] = f"{folder}:{home.env['PATH']}"
    return home


def bash_offers(home, line):
    words = line.split(" ")
    script = 'source <(burin completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _burin; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        [shell("bash"), "-c", script, "-", *words], check=True, cwd=home.path, env=home.env, capture_output=True, timeout=60
    )
    assert done.stderr == b""
    return sorted(filter(None, done.stdout.decode().split("\n")))


def fish_offers(home, line):
    words = [shell("fish"), "--no-config", "-c", "burin completion fish | source; complete -C $argv[1]", line]
    done = subprocess.run(words, check=True, cwd=home.path, env=home.env, capture_output=True, timeout=60)
    assert done.stderr == b""
    return sorted(entry.split("\t")[0] for entry in done.stdout.decode().splitlines())


@pytest.mark.parametrize(("line", "expected"), OFFERS)
def test_bash_offers(home, line, expected):
    assert bash_offers(home, line) == expected


@pytest.mark.parametrize(("line", "expected"), OFFERS)
def test_fish_offers(home, line, expected):
    assert fish_offers(home, line) == expected


def test_bash_reads_an_option_with_an_equals_sign(home):
    assert bash_offers(home, "burin run tiny --precision = f") == ["fast"]
    assert bash_offers(home, "burin run tiny --precision =") == ["exact", "fast"]
    assert bash_offers(home, "burin run --precision = fast pl") == ["plain"]


class Session:
    """An interactive shell that has loaded its script."""

    def __init__(self, home, name):
        self.file = home.path / "typed"
        self.terminal = Terminal(home, *SHELLS[name], program=shell(name), columns=200, HISTFILE="", fish_history="")
        time.sleep(0.3)
        self.terminal.send(LOAD[name])
        self.terminal.read_until("ready\r\n")

    def typed(self, line, end=""):
        """The arguments of the command line after `line`, a Tab and `end`, as the shell itself reads them."""
        self.terminal.send(line + "\t")
        time.sleep(0.4)
        self.terminal.send("\x01printf '%s\\n' \x05" + end + " > typed; printf '<do%s>' ne\r")
        self.terminal.read_until("<done>")
        return self.file.read_text().splitlines()

    def leave(self):
        self.terminal.send("exit\r")
        self.terminal.finish()


@pytest.mark.parametrize("name", SHELLS)
def test_names_are_completed_and_never_evaluated(liar, name):
    session = Session(liar, name)
    for hostile in HOSTILE:
        (liar.path / "names").write_text(hostile + "\n")
        assert session.typed("burin run ")[:3] == ["burin", "run", hostile]
    session.leave()
    assert "pwned" not in os.listdir(liar.path)


def test_an_open_quote_gets_no_name_that_would_be_evaluated_in_it(liar):
    session = Session(liar, "bash")
    for hostile in ("$(touch pwned)", "`touch pwned`", 'say "x"'):
        (liar.path / "names").write_text(hostile + "\n")
        assert session.typed('burin run "', end='"') == ["burin", "run", ""]
    (liar.path / "names").write_text("org/name\n")
    assert session.typed('burin run "or') == ["burin", "run", "org/name"]
    session.leave()
    assert "pwned" not in os.listdir(liar.path)


@pytest.mark.parametrize("name", SHELLS)
def test_files_and_commands_by_keyboard(home, name):
    (home.path / "my chat.json").write_text("[]")
    session = Session(home, name)
    words = session.typed("burin template tiny --messages my")
    assert words[:5] == ["burin", "template", "tiny", "--messages", "my chat.json"]
    assert session.typed("burin detok")[:2] == ["burin", "detokenize"]
    assert session.typed("burin run ./mod")[2].rstrip("/") == "./models"
    session.leave()


@pytest.mark.parametrize("name", SHELLS)
def test_scripts_are_quiet_without_models(home, name):
    home.env |= {"BURIN_MODELS": "/nonexistent", "HF_HUB_CACHE": "/dev/null"}
    assert home.run("completion", name, "--names", "models") == (0, "", "")
    syntax = {"bash": "-n", "zsh": "-n", "fish": "--no-execute"}[name]
    script = home.run("completion", name)[1]
    done = subprocess.run([shell(name), syntax, "/dev/stdin"], check=False, input=script.encode(), capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_names_come_at_once(home):
    for number in range(500):
        (home.path / "hub" / f"models--org--model-{number}" / "snapshots").mkdir(parents=True)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        status, out, _ = home.run("completion", "bash", "--names", "models")
        times.append(time.perf_counter() - start)
        assert status == 0 and len(out.splitlines()) == 505
    assert min(times) < (0.5 if any("SAN" in variable for variable in home.env) else 0.03), times


def test_hidden_options_are_nowhere(home):
    assert "--names" not in home.run("help", "completion")[1]
    assert home.run("completion", "bash")[1].count("--names") == 1
