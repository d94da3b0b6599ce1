"""What text cases cannot say: every command's envelope, terminals, signals, speed of starting."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from conftest import SIZES, write_model, write_recorded
from terminal import Terminal

# One call of every command that succeeds, and one that does not.
CALLS = {
    "bench": (["tiny", "--repetitions", "2"], ["tiny", "--prompt-tokens", "0", "--gen-tokens", "0"]),
    "completion": (["bash"], ["tcsh"]),
    "config": (["set", "run.temperature", "0.7"], ["set", "run.temperature", "hot"]),
    "detokenize": (["tiny", "2,3"], ["tiny", "x"]),
    "doctor": ([], ["extra"]),
    "clone": (["Alpha-1B", "copy"], ["nothing"]),
    "fits": (["sized", "--context", "1000"], ["tiny"]),
    "health": (["tiny", "--deep"], ["tiny", "--repair", "--nothing"]),
    "help": (["run"], ["nothing"]),
    "import": (["a.gguf", "--name", "made"], ["a.gguf", "--name", ".."]),
    "info": ([], ["extra"]),
    "list": ([], ["a", "b"]),
    "logits": (["tiny", "--tokens", "1", "--out", "l.safetensors"], ["tiny"]),
    "perplexity": (["tiny", "--text", "m.json"], ["tiny", "--text", "none.json"]),
    "pull": (["mlx-community/Alpha-1B", "--offline"], ["org/none", "--offline"]),
    "recommend": (["chat"], ["cooking"]),
    "rm": (["tiny"], ["tin"]),
    "run": (["tiny", "hi"], ["tiny", "fail"]),
    "search": (["tiny", "--offline"], ["tiny", "--limit", "0"]),
    "show": (["tiny", "--files", "--config"], ["nothing"]),
    "template": (["tiny", "--messages", "m.json"], ["tiny", "--messages", "none.json"]),
    "tokenize": (["tiny", "hello"], ["tiny"]),
    "verify": (["recorded"], ["nothing"]),
    "version": ([], ["--unknown"]),
}


@pytest.fixture
def files(home):
    (home.path / "a.gguf").write_bytes(b"GGUFxxxx")
    (home.path / "m.json").write_text('[{"role": "user", "content": "hi"}]')
    write_recorded(home.path / "models" / "recorded")
    write_model(home.path / "models" / "sized", **SIZES)
    return home


def test_every_command_has_calls_here(home):
    _, envelope = home.json("help", "--json")
    assert [command["name"] for command in envelope["data"]["commands"]] == sorted(CALLS)


@pytest.mark.parametrize("command", CALLS)
def test_success_is_one_envelope(files, command):
    status, envelope = files.json(command, *CALLS[command][0], "--json")
    assert status == 0
    assert list(envelope) == ["status", "command", "data", "error"]
    assert envelope["status"] == "success" and envelope["command"] == command
    assert isinstance(envelope["data"], dict) and envelope["error"] is None


@pytest.mark.parametrize("command", CALLS)
def test_failure_is_one_envelope(files, command):
    status, envelope = files.json(command, *CALLS[command][1], "--json")
    assert status != 0
    assert list(envelope) == ["status", "command", "data", "error"]
    assert envelope["status"] == "error" and envelope["command"] == command and envelope["data"] is None
    assert envelope["error"]["type"] and envelope["error"]["message"]


@pytest.mark.parametrize("command", CALLS)
def test_help_has_an_example(home, command):
    status, out, err = home.run("help", command)
    assert (status, err) == (0, "")
    assert f"usage: burin {command}" in out and f"burin {command}" in out.split("examples:\n")[1]
    assert home.run(command, "--help")[1] == out
    assert home.json(command, "--help", "--json")[1]["data"]["name"] == command


def test_model_objects_have_the_keys_of_the_contract(home):
    _, envelope = home.json("list", "--json")
    models = {model["name"]: model for model in envelope["data"]["models"]}
    assert envelope["data"]["count"] == len(models) == 5
    assert set(models["tiny"]) >= {
        "name", "hash", "size_bytes", "last_modified", "framework", "model_type", "capabilities", "health",
        "runtime_compatible", "reason", "cached",
    }  # fmt: skip
    assert models["broken"]["health"] == "unhealthy"
    assert models["mlx-community/Alpha-1B"]["quantization"] == {"bits": 4, "group_size": 64}
    assert models["org/alpha-2b"]["runtime_compatible"] is False
    assert str(home.path) not in json.dumps(envelope)


@pytest.mark.parametrize("name", ["../tiny", "tiny/../tiny", "\x1b[31m", "a\nb", "%s%n", "x" * 5000, "@", "é"])
def test_hostile_names_are_not_found(home, name):
    for command in ("show", "tokenize", "run"):
        status, envelope = home.json(command, "--json", "--", name, *([] if command == "show" else ["hi"]))
        assert (status, envelope["error"]["type"]) == (3, "model_not_found")


def test_text_without_utf8_is_an_error(home):
    status, envelope = home.json("tokenize", "tiny", "-", "--json", stdin=b"\xff\xfe")
    assert (status, envelope["error"]["type"]) == (2, "invalid_argument")
    status, out, _ = home.run("show", b"\xff\xfe", "--json")
    assert status == 3 and json.loads(out)["error"]["type"] == "model_not_found"


def test_deep_and_long_lines_of_a_batch_are_errors(home):
    lines = b"[" * 100000 + b"\n" + b'{"text":"' + b"hello " * 200000 + b'"}\n{"text":"you"}'
    status, out, _ = home.run("tokenize", "tiny", "--batch", stdin=lines)
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and "error" in answers[0] and len(answers[1]["ids"]) == 200001 and answers[2]["ids"] == [0, 4]


def test_no_terminal_means_no_colour(home):
    assert "\x1b" not in "".join(map(str, home.run("show", "nothing")))


def test_colour_on_a_terminal_unless_refused(home):
    terminal = Terminal(home, "show", "nothing")
    assert terminal.finish() == 3 and b"\x1b[1;31merror:" in terminal.seen
    terminal = Terminal(home, "show", "nothing", NO_COLOR="1")
    assert terminal.finish() == 3 and b"\x1b" not in terminal.seen


def test_controls_never_reach_a_terminal(home):
    config = {"model_type": "\u001b]0;title\u0007llama", "note": "\u202e\u009b31m"}
    (home.path / "models" / "tiny" / "config.json").write_text(json.dumps(config, ensure_ascii=False))
    terminal = Terminal(home, "show", "tiny", "--config")
    assert terminal.finish() == 0
    assert b"\x1b" not in terminal.seen and b"\xe2\x80\xae" not in terminal.seen and b"\xc2\x9b" not in terminal.seen
    terminal = Terminal(home, "show", "--", "\x1b[31m")
    assert terminal.finish() == 3 and b"\\x1b[31m" in terminal.seen


def test_answers_lose_controls_on_a_terminal_only(home):
    assert home.run("run", "plain", "escape")[1] == "a\x1b[31mb\rc\x9bd\n"
    terminal = Terminal(home, "run", "plain", "escape", "--no-stream", NO_COLOR="1")
    assert terminal.finish() == 0
    assert b"a[31mbcd\r\n" in terminal.seen.replace(b"\r\x1b[K", b"")


def interrupted(home, number, *words):
    process = subprocess.Popen(
        [home.program, *words], cwd=home.path, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if "--json" in words:
        time.sleep(1)
    else:
        assert process.stdout.read(3) == b"..."
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_answer(home, number):
    status, out, err = interrupted(home, number, "run", "plain", "slow")
    assert status == 130 and out.endswith(b"\n") and b"interrupted" in err


def test_a_signal_gives_an_envelope(home):
    status, out, _ = interrupted(home, signal.SIGINT, "run", "plain", "slow", "--json")
    assert status == 130 and json.loads(out)["error"]["type"] == "cancelled"


def test_chat(home):
    chat = Terminal(home, "run", "tiny")
    chat.read_until(">>> ")
    chat.send("hello\r")
    assert "<s>[user]hello" in chat.read_until("tokens/s")
    chat.send("/system be brief\r")
    chat.read_until("system message set")
    chat.send('"""one\r')
    chat.read_until("... ")
    chat.send('two"""\r')
    shown = chat.read_until("tokens/s")
    assert "[system]be brief[user]hello[assistant]" in shown and "[user]one\r\ntwo" in shown
    chat.send("/save chat.json\r")
    chat.read_until("saved to chat.json")
    chat.send("/clear\r")
    chat.read_until("conversation cleared")
    chat.send("/load chat.json\r")
    chat.read_until("loaded 5 messages")
    chat.send("/bye\r")
    assert chat.finish() == 0
    saved = json.loads((home.path / "chat.json").read_text())
    assert [message["role"] for message in saved["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    history = home.path / "state" / "burin" / "chat_history"
    assert "hello" in history.read_text() and history.stat().st_mode & 0o077 == 0


def test_ctrl_c_stops_the_answer_not_the_chat(home):
    chat = Terminal(home, "run", "tiny")
    chat.read_until(">>> ")
    chat.send("slow\r")
    chat.read_until("....")
    chat.send("\x03")
    chat.read_until("; stopped")
    chat.read_until(">>> ")
    chat.send("half a line\x03")
    chat.read_until(">>> ")
    chat.send("/clear\r")
    chat.read_until("conversation cleared")
    chat.send("again\r")
    assert "<s>[user]again\r\n" in chat.read_until("tokens/s")
    chat.send("fail\r")
    chat.read_until("no memory left")
    chat.read_until(">>> ")
    chat.send("\x04")
    assert chat.finish() == 0


def test_an_interrupted_import_leaves_nothing(home):
    before = sorted(os.listdir(home.path / "models"))
    (home.path / "a.gguf").write_bytes(b"SLOW")
    status, out, _ = interrupted(home, signal.SIGINT, "import", "a.gguf", "--name", "made", "--json")
    assert status == 130 and json.loads(out)["error"]["type"] == "cancelled"
    assert sorted(os.listdir(home.path / "models")) == before


def test_rm_asks_about_a_part_of_a_name(home):
    for answer, gone in (("n", False), ("y", True)):
        terminal = Terminal(home, "rm", "alpha-1")
        assert "remove mlx-community/Alpha-1B (" in terminal.read_until("[y/N] ")
        terminal.send(f"{answer}\r")
        assert terminal.finish() == (0 if gone else 130)
        assert (home.path / "hub" / "models--mlx-community--Alpha-1B").exists() is not gone


def test_an_interrupted_deep_check_says_so(home):
    write_recorded(home.path / "models" / "recorded")
    os.truncate(home.path / "models" / "recorded" / "model.safetensors", 64 << 30)
    status, out, _ = interrupted(home, signal.SIGINT, "health", "recorded", "--deep", "--json")
    assert status == 130 and json.loads(out)["error"]["type"] == "cancelled"
    terminal = Terminal(home, "health", "recorded", "--deep")
    terminal.read_until("of 68.7GB")
    terminal.send("\x03")
    assert terminal.finish() == 130


def test_a_listing_needs_few_descriptors(home):
    for number in range(250):
        write_model(home.path / "models" / f"m{number}")
    words = ["prlimit", "--nofile=40", str(home.program), "list", "--json"]
    done = subprocess.run(words, env=home.env, check=True, capture_output=True)
    models = json.loads(done.stdout)["data"]["models"]
    assert len(models) == 255 and sum(model["runtime_compatible"] for model in models) == 253


def test_version_and_help_start_at_once(home):
    for words in (["version"], ["help"]):
        times = []
        for _ in range(20):
            start = time.perf_counter()
            subprocess.run([home.program, *words], env=home.env, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - start)
        assert min(times) < (0.2 if any(re.search("SAN", name) for name in home.env) else 0.02), times
