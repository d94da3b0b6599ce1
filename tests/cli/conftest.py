"""The program beside a fake backend module, and a home with small models in it."""

import hashlib
import json
import os
import pathlib
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BURIN_BUILD_DIR") or ROOT / "build" / "dev")
HASH_A = "a" * 40
# What the memory of a model is told from: 2 layers that keep 2 * 2 heads * 16 values of each token.
SIZES = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 4096,
}  # fmt: skip
HASH_B = "ab" + "0" * 38


def tokenizer():
    words = ["<s>", "<unk>", "hello", "world", "you"]
    special = [{"id": i, "content": words[i], "special": True} for i in (0, 1)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "added_tokens": [token | flags for token in special],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
        },
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(words)}, "unk_token": "<unk>"},
    }


def write_model(folder, *, chat=True, **config):
    folder.mkdir(parents=True)
    base = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps(base | config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (folder / "tokenizer_config.json").write_text('{"bos_token": "<s>", "tokenizer_class": "PreTrainedTokenizerFast"}')
    if chat:
        template = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
        (folder / "chat_template.jinja").write_text(template + "{% if add_generation_prompt %}[assistant]{% endif %}")
    header = b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


def write_repo(hub, folder, commit, **config):
    write_model(hub / folder / "snapshots" / commit, **config)
    (hub / folder / "refs").mkdir(exist_ok=True)
    (hub / folder / "refs" / "main").write_text(commit)


def git_hash(content):
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def write_recorded(folder):
    """A workspace as `clone` leaves it, with the hash of every file."""
    write_model(folder)
    files = []
    for path in sorted(folder.iterdir()):
        content, facts = path.read_bytes(), path.stat()
        entry = {"name": path.name, "size_bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}
        files.append(entry | {"etag": git_hash(content)})
    record = {"format_version": 1, "origin": "org/recorded", "revision": HASH_A, "files": files}
    (folder / ".burin").mkdir()
    (folder / ".burin" / "workspace.json").write_text(json.dumps(record))


class Home:
    """A folder to run the program in, with its own models and nothing of the caller's environment."""

    def __init__(self, path, program):
        self.path = path
        self.program = program
        models, hub = path / "models", path / "hub"
        write_model(models / "tiny", max_position_embeddings=256)
        write_model(models / "plain", chat=False)
        (models / "broken").mkdir()
        (models / "broken" / "config.json").write_text('{"model_type": "llama"')
        write_repo(hub, "models--mlx-community--Alpha-1B", HASH_A, quantization={"bits": 4, "group_size": 64})
        write_repo(hub, "models--org--alpha-2b", HASH_A, model_type="strange")
        write_repo(hub, "models--org--alpha-2b", HASH_B, model_type="strange")
        self.env = {
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "HOME": str(path / "user"),
            "BURIN_MODELS": str(models),
            "HF_HUB_CACHE": str(hub),
            "XDG_STATE_HOME": str(path / "state"),
            "TERM": "xterm",
        } | {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}

    def run(self, *words, stdin=b"", **env):
        """(exit status, stdout, stderr) of the program."""
        options = {"cwd": self.path, "env": self.env | env, "input": stdin, "timeout": 60}
        done = subprocess.run([self.program, *words], check=False, capture_output=True, **options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def json(self, *words, **options):
        """(exit status, envelope); anything but one JSON object on stdout is a failure."""
        status, out, err = self.run(*words, **options)
        assert out.count("\n") == 1, (out, err)
        return status, json.loads(out)


@pytest.fixture(scope="session")
def program():
    path = BUILD / "tests" / "cli" / "fake" / "burin"
    if not path.exists():
        message = "the program with the fake backend is not built"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return path


@pytest.fixture
def home(tmp_path, program):
    return Home(tmp_path, program)
