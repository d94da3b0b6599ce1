"""SentencePiece vocabularies inside GGUF files: ids as sentencepiece itself and as transformers' conversion give them."""

import io
import json
import random
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from test_import import run_import
from test_tokenizer import batch, odd_text
from tokenizers import AddedToken
from transformers import LlamaTokenizer
from transformers.convert_slow_tokenizer import LlamaConverter
from transformers.tokenization_utils_base import generate_merges

TEXTS = 4000
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def train(**options):
    """A BPE vocabulary as Llama's was made: no normalization, digits apart, bytes for what is unknown."""
    lines = [line for file in sorted(Path(__file__).parent.glob("*.py")) for line in file.read_text().splitlines()]
    rng = random.Random(1)
    lines += [odd_text(rng, []).replace("\n", " ") for _ in range(400)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in lines if line.strip()),
        model_writer=model,
        **{
            "model_type": "bpe",
            "vocab_size": 1500,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            "byte_fallback": True,
            "split_digits": True,
            "allow_whitespace_only_pieces": True,
            "character_coverage": 0.98,
            "control_symbols": ["<|turn|>"],
            "user_defined_symbols": ["<fim>", "@@"],
            "minloglevel": 2,
            **options,
        },
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def spm():
    return train()


def pieces_of(model):
    parsed = proto.ModelProto()
    parsed.ParseFromString(model)
    return [(piece.piece, piece.score, piece.type) for piece in parsed.pieces]


def write(path, pieces, change=lambda writer: None, *, scores=True, types=True):
    """A file with a vocabulary and an embedding table; nothing more is needed to import it."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.encode() if isinstance(piece, str) else piece for piece, _, _ in pieces])
    if scores:
        writer.add_token_scores([score for _, score, _ in pieces][: None if scores is True else scores])
    if types:
        writer.add_token_types([int(kind) for _, _, kind in pieces][: None if types is True else types])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    change(writer)
    writer.add_tensor("token_embd.weight", np.zeros((len(pieces), 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def imported(burin, tmp_path, pieces, change=lambda writer: None):
    write(tmp_path / "model.gguf", pieces, change)
    code, reply = run_import(burin, tmp_path / "model.gguf", "spm", tmp_path)
    assert code == 0, reply
    return tmp_path / "spm"


def texts(seed, added=()):
    rng = random.Random(seed)
    fixed = ["", " ", "  a", "a  ", "aaaaaaa", " \n\t ", "\u2581", "<0x41>", "x\u2581y"]
    lines = fixed + [odd_text(rng, list(added)) for _ in range(TEXTS)]
    return lines if added else [line for line in lines if "@@" not in line]


def ids(burin, folder, lines):
    return [reply.get("ids") for reply in batch(burin, "tokenize", folder, [{"text": line} for line in lines])]


def check_against_sentencepiece(model, lines, got, before=(1,), behind=()):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    for line, ours in zip(lines, got):
        assert ours == [*before, *processor.encode(line), *behind], repr(line)


def test_ids_are_those_of_sentencepiece(burin, tmp_path, spm):
    lines = texts("plain")
    folder = imported(burin, tmp_path, pieces_of(spm))
    check_against_sentencepiece(spm, lines, ids(burin, folder, lines))


def converted(spm_pieces):
    """What transformers makes of the same pieces, with the space in front that sentencepiece puts there always."""
    vocab = {piece: index for index, (piece, _, _) in enumerate(spm_pieces)}
    merges = generate_merges(vocab, [(piece, score) for piece, score, _ in spm_pieces])
    tokenizer = LlamaTokenizer(vocab=vocab, merges=merges)
    legacy = SimpleNamespace(original_tokenizer=SimpleNamespace())  # the form in which Llama's own files put the space
    tokenizer.backend_tokenizer.normalizer = LlamaConverter.normalizer(legacy, None)
    tokenizer.backend_tokenizer.pre_tokenizer = None
    added = [(piece, kind) for piece, _, kind in spm_pieces if kind in (CONTROL, USER_DEFINED)]
    for piece, kind in added:
        tokenizer.add_tokens([AddedToken(piece, normalized=False, special=kind == CONTROL)], special_tokens=kind == CONTROL)
    return tokenizer


def test_ids_and_text_are_those_of_transformers(burin, tmp_path, spm):
    reference = converted(pieces_of(spm))
    lines = texts("reference", ["<|turn|>", "<fim>", "@@"])
    folder = imported(burin, tmp_path, pieces_of(spm))
    got = ids(burin, folder, lines)
    for line, ours in zip(lines, got):
        assert ours == [1, *reference.encode(line, add_special_tokens=False)], repr(line)
    replies = batch(burin, "detokenize", folder, [{"ids": row[1:]} for row in got])
    for row, reply in zip(got, replies):
        assert reply["text"] == reference.decode(row[1:]), row


def test_added_tokens_are_found_in_text(burin, tmp_path, spm):
    folder = imported(burin, tmp_path, pieces_of(spm))
    by_piece = {piece: index for index, (piece, _, _) in enumerate(pieces_of(spm))}
    (got,) = ids(burin, folder, ["a<|turn|>@@<fim>"])
    assert [by_piece[p] for p in ("<|turn|>", "@@", "<fim>")] == got[-3:]
    decoder = json.loads((folder / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    special = {entry["content"]: entry["special"] for entry in decoder.values()}
    assert special == {"<unk>": True, "<s>": True, "</s>": True, "<|turn|>": True, "<fim>": False, "@@": False}


def test_the_flags_of_the_file_count(burin, tmp_path, spm):
    def flags(writer):
        writer.add_add_bos_token(False)
        writer.add_add_eos_token(True)
        writer.add_add_space_prefix(False)

    model = train(add_dummy_prefix=False)
    lines = texts("flags")[:500]
    folder = imported(burin, tmp_path, pieces_of(model), flags)
    got = ids(burin, folder, lines)
    check_against_sentencepiece(model, lines, got, before=(), behind=(2,))
    replies = batch(burin, "detokenize", folder, [{"ids": row[:-1]} for row in got])
    assert all(reply["text"] == line for line, reply in zip(lines, replies) if "\u2581" not in line)


def test_extra_spaces_go_where_the_file_says_so(burin, tmp_path):
    model = train(remove_extra_whitespaces=True)
    folder = imported(burin, tmp_path, pieces_of(model), lambda w: w.add_remove_extra_whitespaces(True))
    lines = ["  the  quick ", "a", "   ", "x   y"]
    check_against_sentencepiece(model, lines, ids(burin, folder, lines))


def test_without_bytes_the_unknown_is_one_token(burin, tmp_path):
    model = train(byte_fallback=False)
    folder = imported(burin, tmp_path, pieces_of(model))
    lines = ["the \U0001f9ff\U0001f9ff\U0001f9ff fox", "\u1b80"]
    check_against_sentencepiece(model, lines, ids(burin, folder, lines))


BASE = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("a", -1.0, NORMAL), ("b", -2.0, NORMAL)]
HOSTILE = {
    "no scores": (BASE, {"scores": False}, "scores"),
    "too few scores": (BASE, {"scores": 3}, "scores"),
    "a score that is no number": ([*BASE, ("c", float("nan"), NORMAL)], {}, "score"),
    "an infinite score": ([*BASE, ("c", float("-inf"), NORMAL)], {}, "score"),
    "a piece twice": ([*BASE, ("a", -3.0, NORMAL)], {}, "twice"),
    "no UTF-8": ([*BASE, (b"\xff\xfe", -3.0, NORMAL)], {}, "UTF-8"),
    "too few types": (BASE, {"types": 4}, "token_type"),
    "an endless piece": ([*BASE, ("a" * 5000, -3.0, NORMAL)], {}, "5000 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_vocabularies_are_refused(burin, tmp_path, name):
    pieces, options, named = HOSTILE[name]
    write(tmp_path / "model.gguf", pieces, **options)
    code, reply = run_import(burin, tmp_path / "model.gguf", "bad", tmp_path)
    assert code == 7 and named in reply["error"]["message"], reply
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("key", ["bos", "eos", "unknown"])
def test_ids_outside_the_vocabulary_are_refused(burin, tmp_path, key):
    write(tmp_path / "model.gguf", BASE)
    raw = (tmp_path / "model.gguf").read_bytes()
    name = f"tokenizer.ggml.{key}_token_id".encode()
    at = raw.index(name) + len(name) + 4
    (tmp_path / "model.gguf").write_bytes(raw[:at] + (5).to_bytes(4, "little") + raw[at + 4 :])
    code, reply = run_import(burin, tmp_path / "model.gguf", "bad", tmp_path)
    assert code == 7 and key in reply["error"]["message"], reply


def test_a_normalization_table_is_refused_by_name(burin, tmp_path):
    write(tmp_path / "model.gguf", BASE, lambda w: w.add_precompiled_charsmap(b"\x04\x00\x00\x00abcd"))
    code, reply = run_import(burin, tmp_path / "model.gguf", "bad", tmp_path)
    assert code == 8 and "precompiled_charsmap" in reply["error"]["message"], reply
