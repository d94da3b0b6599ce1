"""The sessions in docs/howto/manage-models.md, played by a shell on a pseudo terminal against the fake hub.

A session is a fenced block below `<!-- session: NAME -->`; the scene of that name here says what the hub offers and what
is typed. What differs from run to run (rates, time left, ports) is compared by its form. BURIN_RECORD=1 writes down anew
what is shown; look at it as somebody new to it would.
"""

import hashlib
import json
import os
import pathlib
import re
import time

import pytest
from hub_data import safetensors
from hub_faults import Fault
from screen import Session

DOC = pathlib.Path(__file__).resolve().parents[2] / "docs" / "howto" / "manage-models.md"
BLOCK = re.compile(r"<!-- session: (?P<name>\w+) -->\n```console\n(?P<text>.*?)```\n", re.DOTALL)
MIB = 1 << 20
MODEL = "mlx-community/Tiny-Qwen3-4bit"
CONFIG = {
    "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 1024, "intermediate_size": 3072,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": True,
    "quantization": {"bits": 4, "group_size": 64},
}  # fmt: skip
RECORDS = os.environ.get("BURIN_RECORD") == "1"
FAST = "" if RECORDS else " --retry-base 10"  # typed, and not shown


def model_files(**config):
    shards = {f"model-0000{i}-of-00002.safetensors": safetensors(f"x{i}", 8 * MIB) for i in (1, 2)}
    index = {f"x{i}": name for i, name in enumerate(shards, 1)}
    texts = {
        "config.json": CONFIG | config,
        "model.safetensors.index.json": {"metadata": {"total_size": 16 * MIB}, "weight_map": index},
        "tokenizer.json": {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"hello": 0}, "unk_token": "hello"}},
    }
    return {name: json.dumps(text).encode() for name, text in texts.items()} | shards


def paused(hub, after):
    """Both shards come at a speed, and stop for a while after so many bytes."""
    hub.faults[:] = [Fault(origin="cdn", method="GET", rate=10 * MIB, stall=(after, 2), times=2)]


def pull(session, hub, burin):
    hub.add(MODEL, model_files())
    paused(hub, 6 * MIB)
    session.start(f"burin pull {MODEL}")
    session.picture(" 75%", 3)
    session.end()


def interrupted(session, hub, burin):
    hub.add(MODEL, model_files())
    paused(hub, 4 * MIB)
    session.start(f"burin pull {MODEL}")
    session.until(lambda: sum(" 50%" in row for row in session.screen.rows) == 3)
    session.interrupt()
    session.picture("^C")
    session.end()
    paused(hub, 2 * MIB)
    session.start(f"burin pull {MODEL}")
    session.picture(" 75%", 3)
    session.end()


def ambiguous(session, hub, burin):
    for repo in (MODEL, "mlx-community/Tiny-Llama-4bit"):
        hub.add(repo, {"config.json": b"{}"})
        assert burin.pull(repo)[0] == 0
    session.run("burin show tiny")


def gated(session, hub, burin):
    hub.add("google/gemma-tiny", model_files(), gated="manual")
    session.run("burin pull google/gemma-tiny")


def no_network(session, hub, burin):
    hub.add(MODEL, model_files())
    assert burin.pull(MODEL)[0] == 0
    hub.close()
    session.run("burin pull mlx-community/Other-4bit" + FAST, timeout=90)
    session.run(f"burin pull {MODEL}" + FAST)


def local_dir(session, hub, burin):
    hub.add(MODEL, model_files())
    assert burin.pull(MODEL)[0] == 0
    session.run(f"burin pull {MODEL} --local-dir tiny")
    session.run("echo '{}' > tiny/config.json")
    later = time.time() + 5  # as people take longer than a clock's step
    os.utime(burin.home / "tiny" / "config.json", (later, later))
    session.run(f"burin pull {MODEL} --local-dir tiny")


def damaged(session, hub, burin):
    hub.add(MODEL, model_files())
    assert burin.pull(MODEL)[0] == 0
    (shard,) = burin.cache.glob("*/snapshots/*/model-00002*")
    blob = shard.resolve()
    data = bytearray(blob.read_bytes())
    data[5 * MIB] ^= 1
    blob.write_bytes(data)
    session.run("burin health tiny --deep")
    session.run(f"burin health --deep --repair {MODEL}")  # as the line above says


def remove(session, hub, burin):
    repo = hub.add(MODEL, model_files())
    assert burin.pull(MODEL)[0] == 0
    old = repo.branches["main"][:7]
    repo.commit(model_files(rope_theta=2000000))
    assert burin.pull(MODEL)[0] == 0
    session.run(f"burin rm {MODEL}@{old} --dry-run")
    session.run(f"burin rm {MODEL}@{old}")


def search(session, hub, burin):
    for number, name in enumerate((MODEL, "mlx-community/Tiny-Llama-4bit", "google/tiny-gemma-mlx")):
        card = {"downloads": 12345 // (number * 40 + 1), "pipeline_tag": "text-generation", "tags": ["mlx"], "library_name": "mlx"}
        hub.add(name, {"config.json": b"{}"}, card=card, gated="manual" if name.startswith("google") else False)
    session.run("burin search tiny")


def fits(session, hub, burin):
    repo = hub.add("mlx-community/Qwen3-8B-4bit", {"config.json": json.dumps(CONFIG | {"hidden_size": 4096, "num_hidden_layers": 36}).encode()})
    size = 4_600_000_000
    oid = hashlib.sha256(b"weights").hexdigest()
    lfs = {"oid": oid, "size": size, "pointerSize": 135}
    repo.extra_entries.append({"type": "file", "oid": "1" * 40, "size": size, "path": "model.safetensors", "lfs": lfs})
    session.run("burin fits mlx-community/Qwen3-8B-4bit --context 32768 --memory 8000000000")


SCENES = [pull, interrupted, gated, no_network, local_dir, ambiguous, damaged, remove, search, fits]


def comparable(text):
    """Without what differs from run to run, and the blanks that its width moves."""
    text = re.sub(r" +[\d.]+[kMG]?B/s", " RATE", text)
    text = re.sub(r", (\d+:\d\d|-) left", ", TIME left", text)
    return re.sub(r"again in [\d.]+ s", "again in TIME", text)


def seen_by_a_person(session, hub):
    text = "\n".join(session.shown) + "\n"
    text = text.replace(FAST, "").replace(hub.endpoint, "https://huggingface.co")
    return re.sub(r"does not run here: .*MLX.*", "runs here", text)


def in_doc():
    return {match["name"]: match["text"] for match in BLOCK.finditer(DOC.read_text())}


def record(name, text):
    def put(match):
        return f"<!-- session: {name} -->\n```console\n{text}```\n" if match["name"] == name else match[0]

    DOC.write_text(BLOCK.sub(put, DOC.read_text()))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_session(scene, hub, burin):
    session = Session(burin)
    scene(session, hub, burin)
    session.close()
    got = seen_by_a_person(session, hub)
    assert str(burin.home) not in got and "127.0.0.1" not in got, got
    if RECORDS and comparable(in_doc()[scene.__name__]) != comparable(got):
        record(scene.__name__, got)
    assert comparable(got) == comparable(in_doc()[scene.__name__])


@pytest.mark.parametrize("columns", [20, 40, 63, 200])
def test_bars_stay_within_the_window(columns, hub, burin):
    """Even with the ^C behind them: a bar that were broken at the edge would not be cleared whole."""
    hub.add(MODEL, model_files())
    paused(hub, 4 * MIB)
    session = Session(burin, columns)
    session.start(f"burin pull {MODEL}")
    session.until(lambda: sum(" 50%" in row for row in session.screen.rows) == 3)
    session.interrupt()
    session.picture("^C")
    session.end()
    session.close()
    lines = session.shown[session.shown.index(next(line for line in session.shown if "^C" in line)) + 1 :]
    assert lines[0] == "error: interrupted; what came so far is kept", session.shown


def test_every_session_is_played():
    assert [match["name"] for match in BLOCK.finditer(DOC.read_text())] == [scene.__name__ for scene in SCENES]
