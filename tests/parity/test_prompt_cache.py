"""Caches against mlx-lm's: quantized, limited in size, and as files that either side reads."""

import mlx.core as mx
import numpy as np
import pytest
import tiny_models
from generate_probe import probe
from mlx_lm.generate import generate_step
from mlx_lm.models import cache as mlx_cache
from mlx_lm.tokenizer_utils import load as load_tokenizer

GENERATED = 24
IDS = np.random.default_rng(1).integers(3, tiny_models.BASE["vocab_size"], 40).tolist()

# name -> (tiny model, our parameters, mlx-lm's arguments, mlx-lm's caches or none for the model's own)
KINDS = {
    "whole": ("llama", {}, {}, None),
    "windows": ("gemma3_text", {}, {}, None),
    "limited": ("llama", {"max_kv_size": 16}, {}, lambda: mlx_cache.RotatingKVCache(16, keep=4)),
    **{
        f"quantized_{bits}": (
            "llama",
            {"kv_bits": bits, "kv_group_size": 32, "quantized_kv_start": 0},
            {"kv_bits": bits, "kv_group_size": 32, "quantized_kv_start": 0},
            None,
        )
        for bits in (4, 8)
    },
    "quantized_later": (
        "llama",
        {"kv_bits": 4, "kv_group_size": 32, "quantized_kv_start": 50},
        {"kv_bits": 4, "kv_group_size": 32, "quantized_kv_start": 50},
        None,
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {name: tiny_models.build(root / name, name, "float32") for name in ("llama", "gemma3_text", "qwen3")}


def make_cache(model, kind):
    one = KINDS[kind][3]
    return [one() for _ in model.layers] if one else mlx_cache.make_prompt_cache(model)


def generate(model, ids, cache, kind, count=GENERATED):
    """mlx-lm's (tokens, logprobs); it runs a step ahead, so `cache` then holds all of them."""
    tokens, logprobs = [], []
    for token, row in generate_step(mx.array(ids), model, max_tokens=count, prompt_cache=cache, **KINDS[kind][2]):
        tokens.append(int(token))
        logprobs.append(row[tokens[-1]].item())
    return tokens, logprobs


def first_turn(model, kind):
    """mlx-lm's answer to IDS, and a cache that lacks its last token, as ours does."""
    cache = make_cache(model, kind)
    generate(model, IDS, cache, kind, GENERATED - 1)
    return generate(model, IDS, make_cache(model, kind), kind)[0], cache


def request(kind, **fields):
    return {"ignore_eos": True, "max_tokens": GENERATED, **KINDS[kind][1], **fields}


def assert_same(kind, ours, tokens, logprobs):
    assert ours["tokens"] == tokens
    # rounding may push a key or value over the border to the next code
    assert ours["logprobs"] == pytest.approx(logprobs, abs=2e-2 if "quantized" in kind else 2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_that_of_mlx_lm(burin, folders, kind):
    folder = folders[KINDS[kind][0]]
    model = tiny_models.load_float32(folder)
    expected = generate(model, IDS, make_cache(model, kind), kind)
    _, answers = probe(burin, folder, [request(kind, ids=IDS), request(kind, ids=IDS, cache="a")])
    for answer in answers:
        assert_same(kind, answer, *expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_goes_on_from_its_cache(burin, folders, kind):
    """The second turn runs only what is new, and is that of a cache which was continued by mlx-lm."""
    folder = folders[KINDS[kind][0]]
    model = tiny_models.load_float32(folder)
    first, cache = first_turn(model, kind)
    more = [5, 6, 7, 8, 9]
    expected = generate(model, [first[-1], *more], cache, kind)
    _, (_, ours) = probe(
        burin, folder, [request(kind, ids=IDS, cache="a"), request(kind, ids=IDS + first + more, cache="a")]
    )
    assert_same(kind, ours, *expected)
    assert ours["cached_tokens"] == len(IDS) + len(first) - 1
    assert ours["cache_size"] == len(IDS) + 2 * len(first) + len(more) - 1


def test_what_differs_is_run_again(burin, folders):
    prompts = [IDS, IDS[:20] + [9, 9, 9], IDS[:20] + [9, 9, 9], [7, 7], IDS]
    expected = probe(burin, folders["llama"], [request("whole", ids=ids) for ids in prompts])[1]
    _, ours = probe(burin, folders["llama"], [request("whole", ids=ids, cache="a") for ids in prompts])
    assert [answer["tokens"] for answer in ours] == [answer["tokens"] for answer in expected]
    assert [answer["cached_tokens"] for answer in ours] == [0, 20, 22, 0, 0]


def test_a_window_that_has_wrapped_starts_anew(burin, folders):
    prompts = [IDS, IDS[:30] + [9]]
    expected = probe(burin, folders["gemma3_text"], [request("windows", ids=ids) for ids in prompts])[1]
    _, ours = probe(burin, folders["gemma3_text"], [request("windows", ids=ids, cache="a") for ids in prompts])
    assert [answer["tokens"] for answer in ours] == [answer["tokens"] for answer in expected]
    assert ours[1]["cached_tokens"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_mlx_lm_goes_on_from_our_file(burin, folders, kind, tmp_path):
    folder = folders[KINDS[kind][0]]
    file = tmp_path / "cache.safetensors"
    _, (ours,) = probe(burin, folder, [request(kind, ids=IDS, cache="a", save=str(file))])
    model = tiny_models.load_float32(folder)
    cache, metadata = mlx_cache.load_prompt_cache(str(file), return_metadata=True)
    assert metadata["model"] == folder.name
    _, theirs = first_turn(model, kind)
    assert [type(c).__name__ for c in cache] == [type(c).__name__ for c in theirs]
    expected = generate(model, [ours["tokens"][-1], 5, 6], theirs, kind)
    assert generate(model, [ours["tokens"][-1], 5, 6], cache, kind)[0] == expected[0]


@pytest.mark.parametrize("kind", KINDS)
def test_we_go_on_from_a_file_of_mlx_lm(burin, folders, kind, tmp_path):
    folder = folders[KINDS[kind][0]]
    model = tiny_models.load_float32(folder)
    first, cache = first_turn(model, kind)
    file = tmp_path / "cache.safetensors"
    mlx_cache.save_prompt_cache(str(file), cache, {"model": "x", "tokenizer_config": "{}"})
    more = [first[-1], 5, 6, 7]
    expected = generate(model, more, cache, kind)
    _, (ours,) = probe(burin, folder, [request(kind, ids=more, cache="a", load=str(file))])
    assert_same(kind, ours, *expected)
    assert ours["cached_tokens"] == len(IDS) + len(first) - 1


def test_the_second_turn_of_a_chat_runs_only_what_is_new(burin, starter):
    tokenizer = load_tokenizer(starter)
    messages = [{"role": "user", "content": "What is the capital of France?"}]

    def turn():
        ids = list(tokenizer.apply_chat_template(messages, add_generation_prompt=True))
        return {"ids": ids, "max_tokens": 40, "cache": "chat"}

    first = turn()
    _, (one,) = probe(burin, starter, [first])
    assert one["finish_reason"] == "stop"
    messages += [{"role": "assistant", "content": one["text"]}, {"role": "user", "content": "And of Italy?"}]
    second = turn()
    _, (_, two) = probe(burin, starter, [first, second])
    # the prompt, the answer and its <|im_end|>
    assert two["cached_tokens"] == len(first["ids"]) + len(one["tokens"]) + 1
    assert second["ids"][: two["cached_tokens"]][-1] == tokenizer.eos_token_id


def test_our_file_remembers_its_tokens(burin, folders, tmp_path):
    file = str(tmp_path / "cache.safetensors")
    _, (first,) = probe(burin, folders["llama"], [request("whole", ids=IDS, cache="a", save=file)])
    again = request("whole", ids=IDS + first["tokens"] + [5], cache="a", load=file)
    _, (second,) = probe(burin, folders["llama"], [again])
    assert second["cached_tokens"] == len(IDS) + GENERATED - 1


def test_a_file_of_another_model_is_refused(burin, folders, tmp_path):
    file = str(tmp_path / "cache.safetensors")
    probe(burin, folders["llama"], [request("whole", ids=IDS, cache="a", save=file)])
    for other in ("qwen3", "gemma3_text"):
        _, (refused,) = probe(burin, folders[other], [request("whole", ids=IDS, cache="a", load=file)])
        assert "made by another model" in refused["error"]


def test_parameters_that_a_model_cannot_have_are_refused(burin, folders):
    bad = {
        "kv_bits": [{"kv_bits": 7}, {"kv_bits": 8, "max_kv_size": 16, "kv_group_size": 32}],
        "kv_group_size": [{"kv_bits": 8, "kv_group_size": 64}, {"kv_bits": 8, "kv_group_size": 33}],
        "max_kv_size": [{"max_kv_size": 4}, {"max_kv_size": -1}],
        "quantized_kv_start": [{"kv_bits": 8, "kv_group_size": 32, "quantized_kv_start": -1}],
    }
    asked = [(param, {"ids": IDS, **fields}) for param, cases in bad.items() for fields in cases]
    _, answers = probe(burin, folders["llama"], [fields for _, fields in asked])
    assert [answer.get("param") for answer in answers] == [param for param, _ in asked]


@pytest.fixture(scope="module")
def packed_windows(tmp_path_factory):
    """A model of windows and full attention that `fast` runs as one step."""
    return tiny_models.build(tmp_path_factory.mktemp("packed") / "gemma3_text", "gemma3_text", "4bit_g64")


def newest(cache):
    """Keys and values in their order."""
    if isinstance(cache, mlx_cache.RotatingKVCache):
        size = min(cache.offset, cache.max_size)
        return [cache._temporal_order(rows)[..., -size:, :] for rows in (cache.keys, cache.values)]
    return [rows[..., : cache.offset, :] for rows in (cache.keys, cache.values)]


def test_a_step_writes_windows_as_mlx_lm_has_them(burin, packed_windows, tmp_path):
    file = str(tmp_path / "cache.safetensors")
    _, (ours,) = probe(burin, packed_windows, [request("windows", ids=IDS, cache="a", save=file)], "fast")
    model = tiny_models.load_float32(packed_windows)
    theirs = mlx_cache.make_prompt_cache(model)
    model(mx.array([IDS + ours["tokens"][:-1]]), cache=theirs)
    read = mlx_cache.load_prompt_cache(file)
    assert [(type(c), c.offset) for c in read] == [(type(c), c.offset) for c in theirs]
    for our, their in zip(read, theirs, strict=True):
        for a, b in zip(newest(our), newest(their), strict=True):
            assert a.shape == b.shape
            assert mx.sqrt(mx.mean((a - b) ** 2) / mx.mean(b**2)).item() < 0.1
    next_row = [model(mx.array([[5]]), cache=cache)[0, -1] for cache in (read, theirs)]
    assert (mx.abs(next_row[0] - next_row[1]).max() / mx.abs(next_row[1]).max()).item() < 0.1


def test_a_step_goes_on_from_its_file_and_after_guesses(burin, packed_windows, tmp_path):
    file = str(tmp_path / "cache.safetensors")
    first = request("windows", ids=IDS, cache="a", save=file)
    _, (one,) = probe(burin, packed_windows, [first], "fast")
    more = request("windows", ids=IDS + one["tokens"] + [5, 6], cache="a")
    _, (_, straight) = probe(burin, packed_windows, [first, more], "fast")
    _, (restored,) = probe(burin, packed_windows, [more | {"load": file}], "fast")
    assert restored["cached_tokens"] == straight["cached_tokens"] == len(IDS) + GENERATED - 1
    assert restored["logprobs"] == straight["logprobs"]
    plain = request("windows", ids=[7, 8, 9, 10] * 20)
    _, (a, b) = probe(burin, packed_windows, [plain, plain | {"speculation": "lookup"}], "fast")
    assert (a["tokens"], a["logprobs"]) == (b["tokens"], b["logprobs"])
    assert b["draft_tokens"] > 0
