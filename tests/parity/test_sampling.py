"""A seed gives mlx-lm's draws: every filter, penalty and bias, alone and together."""

import pytest
from generate_probe import FULL, compare_tokens, equal_pairs, probe, requests_for
from mlx_reference import reference

SETTINGS = {
    "temperature": {"temperature": 0.7},
    "top_p": {"temperature": 1.0, "top_p": 0.9},
    "min_p": {"temperature": 1.3, "min_p": 0.05},
    "min_tokens_to_keep": {"temperature": 1.5, "min_p": 0.7, "min_tokens_to_keep": 4},
    "top_k": {"temperature": 0.8, "top_k": 40},
    "xtc": {"temperature": 1.0, "xtc_probability": 0.5, "xtc_threshold": 0.1},
    "all filters": {
        "temperature": 0.9,
        "top_p": 0.95,
        "min_p": 0.02,
        "top_k": 50,
        "xtc_probability": 0.3,
        "xtc_threshold": 0.05,
    },
    "repetition": {"temperature": 0.7, "repetition_penalty": 1.3},
    "presence and frequency": {
        "temperature": 0.7,
        "presence_penalty": 0.6,
        "frequency_penalty": 0.4,
        "frequency_context_size": 5,
    },
    "logit_bias": {"temperature": 1.0, "logit_bias": {"28": 4.0, "260": -3.0, "30": -100.0}},
    "greedy with every processor": {
        "repetition_penalty": 1.2,
        "repetition_context_size": 0,
        "presence_penalty": 0.3,
        "presence_context_size": 7,
        "frequency_penalty": 0.2,
        "logit_bias": {"253": 2.0},
    },
}
PROMPTS = ["The old lighthouse keeper opened the door and", "Five facts about rivers:\n1."]


def cases():
    seeds = (0, 1, 2**40 + 7) if FULL else (3,)
    return [
        {"prompt": PROMPTS[(index + seed) % 2], "max_tokens": 24, "seed": seed, **setting}
        for index, setting in enumerate(SETTINGS.values())
        for seed in seeds
    ]


@pytest.fixture(scope="module")
def sampled(burin, starter):
    asked = cases()
    theirs = reference("sampled", starter, asked)
    _, ours = probe(burin, starter, requests_for(asked, theirs))
    return asked, ours, theirs


def test_draws_are_those_of_mlx_lm(sampled):
    compare_tokens(*sampled)
    for our, their in equal_pairs(*sampled[1:]):
        assert our["text"] == their["decoded"]


def test_logprobs_are_those_before_the_filters(sampled):
    for our, their in equal_pairs(*sampled[1:]):
        assert our["logprobs"] == pytest.approx(their["logprobs"], abs=5e-4)


def test_a_request_does_not_disturb_the_next(burin, starter, sampled):
    asked, ours, theirs = sampled
    requests = requests_for(asked, theirs)
    _, backwards = probe(burin, starter, requests[::-1])
    assert [a["tokens"] for a in backwards[::-1]] == [a["tokens"] for a in ours]


def test_without_a_seed_answers_differ(burin, starter, sampled):
    request = {"ids": sampled[2][0]["ids"], "max_tokens": 24, "temperature": 1.5}
    _, answers = probe(burin, starter, [request, request])
    assert answers[0]["tokens"] != answers[1]["tokens"]
