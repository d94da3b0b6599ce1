"""Speculative decoding gives the answers of plain decoding, whoever guesses and whatever is drawn."""

import json
import shutil

import pytest
import tiny_models
from generate_probe import FULL, compare_tokens, probe, requests_for
from mlx_reference import reference
from test_generate import PLAIN

COPY = "Repeat this list exactly: red, green, blue, yellow, orange, purple, brown, black, white, grey.\nred, green, blue,"
SOME = slice(None) if FULL else slice(15, None)  # of the prompts, where each takes seconds
SAMPLED = {"temperature": 0.9, "top_p": 0.95, "seed": 3, "repetition_penalty": 1.1}


@pytest.fixture(scope="module")
def cases():
    return [{"prompt": text, "max_tokens": 48} for text in [*PLAIN[:19], COPY]]


@pytest.fixture(scope="module")
def theirs(starter, cases):
    return reference("speculation", starter, cases)


@pytest.fixture(scope="module")
def stranger(starter, tmp_path_factory):
    """A random model with the starter's vocabulary: its guesses are wrong."""
    folder = tmp_path_factory.mktemp("draft")
    tiny_models.build_with_vocabulary(folder, json.loads((starter / "config.json").read_text())["vocab_size"])
    for file in starter.glob("tokenizer*"):
        shutil.copy(file, folder)
    return folder


def speculative(cases, theirs, method, **fields):
    return [request | {"speculation": method, **fields} for request in requests_for(cases, theirs)]


def test_prompt_lookup_is_greedy_decoding(burin, starter, cases, theirs):
    for count in (1, 3, 8) if FULL else (3,):
        _, ours = probe(burin, starter, speculative(cases, theirs, "lookup", num_draft_tokens=count))
        compare_tokens(cases, ours, theirs)
        assert sum(answer["accepted_tokens"] for answer in ours) > 10


def test_a_good_draft_model_is_greedy_decoding(burin, starter, cases, theirs):
    cases, theirs = cases[SOME], theirs[SOME]
    _, ours = probe(burin, starter, speculative(cases, theirs, "model"), draft=starter)
    compare_tokens(cases, ours, theirs)
    drafted = sum(answer["draft_tokens"] for answer in ours)
    assert sum(answer["accepted_tokens"] for answer in ours) > 0.95 * drafted > 0


def test_a_bad_draft_model_is_greedy_decoding(burin, starter, stranger, cases, theirs):
    cases, theirs = cases[SOME], theirs[SOME]
    _, ours = probe(burin, starter, speculative(cases, theirs, "model"), draft=stranger)
    compare_tokens(cases, ours, theirs)
    assert sum(answer["accepted_tokens"] for answer in ours) < 20


@pytest.mark.parametrize("method", ["lookup", "model"])
def test_draws_are_those_of_plain_decoding(burin, starter, cases, theirs, method):
    requests = [request | SAMPLED for request in requests_for(cases[-4:], theirs[-4:])]
    _, plain = probe(burin, starter, requests)
    _, ours = probe(burin, starter, [r | {"speculation": method} for r in requests], draft=starter)
    same = sum(a["tokens"] == b["tokens"] for a, b in zip(ours, plain, strict=True))
    assert same >= len(requests) - 1  # one draw may hang on rounding


def test_a_conversation_keeps_what_was_checked(burin, starter, theirs):
    """The cache after speculation is that of plain decoding: a second turn runs only what is new."""
    first = {"ids": theirs[19]["ids"], "max_tokens": 32, "cache": "a", "speculation": "lookup"}
    _, (one,) = probe(burin, starter, [first])
    ids = theirs[19]["ids"] + one["tokens"] + [28, 198]
    _, (_, two) = probe(burin, starter, [first, first | {"ids": ids}])
    _, (plain,) = probe(burin, starter, [{"ids": ids, "max_tokens": 32}])
    assert two["tokens"] == plain["tokens"]
    assert two["cached_tokens"] >= len(ids) - 3


def test_windows_that_wrap_stop_the_guessing(burin, tmp_path):
    """Gemma 3's windows cannot give tokens back once they are full: the answer goes on without guesses."""
    folder = tiny_models.build(tmp_path / "gemma3", "gemma3_text", "float32")
    request = {"ids": [5, 6, 7, 5, 6], "max_tokens": 40, "ignore_eos": True}
    lookup = request | {"speculation": "lookup"}
    _, (plain, ours) = probe(burin, folder, [request, lookup])
    assert ours["tokens"] == plain["tokens"]


def test_bad_speculation_is_refused(burin, starter):
    bad = [
        ("draft_model", {"speculation": "model"}),
        ("num_draft_tokens", {"speculation": "lookup", "num_draft_tokens": 0}),
        ("num_draft_tokens", {"speculation": "lookup", "num_draft_tokens": 65}),
    ]
    _, answers = probe(burin, starter, [{"ids": [1]} | fields for _, fields in bad])
    assert [answer.get("param") for answer in answers] == [param for param, _ in bad]
