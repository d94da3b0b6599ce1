"""Greedy answers of the starter model are mlx-lm's, token by token and letter by letter."""

import json
import subprocess

import pytest
from generate_probe import compare_tokens, equal_pairs, probe, requests_for
from mlx_reference import reference

PLAIN = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea,",
    "def fibonacci(n):\n",
    "Water boils at a temperature of",
    "1, 1, 2, 3, 5, 8, 13,",
    "Dear Sir or Madam,\n\nI am writing to",
    "La capitale de l'Italie est",
    "import numpy as np\n\n# compute the mean of an array\n",
    "Q: What is the largest planet?\nA:",
    "The quick brown fox",
    "Die Hauptstadt von Deutschland ist",
    "#include <stdio.h>\n\nint main(void) {\n",
    "SELECT name, COUNT(*) FROM users",
    "<html>\n<head>\n<title>",
    "Ingredients:\n- 2 eggs\n- 1 cup of flour\n",
    "東京は日本の",
    "A haiku about autumn:\n",
    "x" * 200,
    "In 1969, humans first",
    "The three laws of motion are:\n1.",
]
CHAT = [
    "What is the capital of France?",
    "Write one sentence about the moon.",
    "List three colours.",
    "Translate 'good morning' into Spanish.",
    "What is 12 times 12?",
    "Explain gravity to a child.",
    "Give me a name for a cat.",
    "Say only the word yes.",
    "Who wrote Hamlet? 🎭",
    "Summarise: the cat sat on the mat, and then it slept all day long in the sun.",
]


def cases():
    plain = [{"prompt": text, "max_tokens": 48} for text in PLAIN]
    return plain + [{"messages": [{"role": "user", "content": text}], "max_tokens": 48} for text in CHAT]


@pytest.fixture(scope="module")
def greedy(burin, starter):
    asked = cases()
    theirs = reference("greedy", starter, asked)
    _, ours = probe(burin, starter, requests_for(asked, theirs))
    return asked, ours, theirs


def test_tokens_are_those_of_mlx_lm(greedy):
    compare_tokens(*greedy)


def test_text_and_finish_reason_are_those_of_mlx_lm(greedy):
    for our, their in equal_pairs(*greedy[1:]):
        assert our["text"] == their["decoded"]
        # mlx-lm's byte-level detokenizer drops the very first space of an answer; the tokenizer keeps it
        assert their["text"] in (our["text"], our["text"].removeprefix(" "))
        assert our["finish_reason"] == their["finish_reason"]


def test_logprobs_are_those_of_mlx_lm(greedy):
    for our, their in equal_pairs(*greedy[1:]):
        assert our["logprobs"] == pytest.approx(their["logprobs"], abs=5e-4)


def test_events_join_to_the_text_and_end_once(greedy):
    for our in greedy[1]:
        assert our["streamed"] == our["text"]
        assert our["final_events"] == 1


def test_prefill_in_small_chunks_changes_nothing(burin, starter, greedy):
    asked, ours, theirs = greedy
    requests = [request | {"prefill_step_size": 3} for request in requests_for(asked, theirs)[:4]]
    _, chunked = probe(burin, starter, requests)
    for our, chunk in zip(ours[:4], chunked, strict=True):
        assert chunk["tokens"] == our["tokens"]


def test_stop_strings_cut_the_text(burin, starter, greedy):
    _, ours, theirs = greedy
    requests, expected = [], []
    for our, their in zip(ours, theirs, strict=True):
        stop = our["text"][7:12]
        if len(stop) == 5:
            requests.append({"ids": their["ids"], "max_tokens": 48, "stop": ["\0never", stop]})
            expected.append(our["text"][: our["text"].index(stop)])
    _, stopped = probe(burin, starter, requests)
    for answer, text in zip(stopped, expected, strict=True):
        assert answer["text"] == text == answer["streamed"]
        assert answer["finish_reason"] == "stop"


def test_stop_strings_that_never_come_change_nothing(burin, starter, greedy):
    ours, theirs = greedy[1][:6], greedy[2][:6]
    requests = [
        {"ids": their["ids"], "max_tokens": 48, "stop": [our["text"][-3:] + "\0"]}
        for our, their in zip(ours, theirs, strict=True)
    ]
    _, answers = probe(burin, starter, requests)
    assert [a["text"] for a in answers] == [our["text"] for our in ours]


def test_bad_requests_are_refused_and_the_next_one_is_answered(burin, starter):
    bad = [
        ("prompt", {"ids": []}),
        ("prompt", {"ids": [10**6]}),
        ("prompt", {"ids": [-1]}),
        ("prompt", {"ids": [1] * 9000}),
        ("max_tokens", {"ids": [1], "max_tokens": 0}),
        ("stop", {"ids": [1], "stop": [""]}),
        ("top_k", {"ids": [1], "temperature": 1, "top_k": 10**6}),
        ("temperature", {"ids": [1], "temperature": -1}),
    ]
    _, answers = probe(burin, starter, [request for _, request in bad] + [{"ids": [1], "max_tokens": 2}])
    assert [a.get("param") for a in answers[:-1]] == [param for param, _ in bad]
    assert len(answers[-1]["tokens"]) == 2


def test_the_program_gives_the_same_answer(burin, starter, greedy):
    asked, ours, _ = greedy
    case = next(i for i, c in enumerate(asked) if "messages" in c)
    question = asked[case]["messages"][0]["content"]
    command = [
        str(burin),
        "run",
        str(starter),
        question,
        "--json",
        "--precision",
        "exact",
        "--max-tokens",
        "48",
        "--temperature",
        "0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["tokens"] == ours[case]["tokens"]
    assert data["response"] == ours[case]["text"]
