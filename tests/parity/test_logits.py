"""Logits of `burin logits --precision exact` against mlx-lm in float32: full, chunked and stepwise."""

import json
import subprocess

import mlx.core as mx
import numpy as np
import pytest
import tiny_models
from mlx_lm.models.cache import make_prompt_cache

TOLERANCE = 2e-4  # of the largest logit

# (tokens, chunk, steps): around the window of 8, and past the cache's growth step of 256
CASES = [
    (1, 0, 0),
    (2, 0, 2),
    (7, 0, 0),
    (8, 3, 1),
    (9, 0, 0),
    (9, 4, 5),
    (24, 5, 10),
    (300, 0, 0),
    (300, 64, 60),
]


def case_tokens(count):
    return np.random.default_rng(count).integers(0, tiny_models.BASE["vocab_size"], count).tolist()


def pieces(count, chunk, steps):
    """The lengths in which `count` tokens are fed."""
    head = count - steps
    return [min(chunk or head, head - i) for i in range(0, head, chunk or max(head, 1))] + [1] * steps


def reference_logits(model, tokens, lengths):
    cache = make_prompt_cache(model)
    rows, at = [], 0
    for length in lengths:
        out = model(mx.array([tokens[at : at + length]]), cache=cache)
        logits = out[0] if isinstance(out, tuple) else out  # mlx-lm's olmo with a tied head returns its cache too
        rows.append(np.array(logits[0].astype(mx.float32)))
        at += length
    return np.concatenate(rows)


def burin_logits(burin, model_dir, tokens, chunk, steps, out):
    command = [burin, "logits", str(model_dir), "--tokens", ",".join(map(str, tokens)), "--out", str(out)]
    command += ["--chunk", str(chunk), "--steps", str(steps), "--precision", "exact"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return np.array(mx.load(str(out))["logits"])


def one_by_one(count, chunk, steps):
    return [1] * count


# What the reference is fed, where one pass over the text will not do. A dynamic RoPE depends on the pieces. With several
# tokens at once mlx-lm's olmo raises an error, and its phi3small lets tokens see later ones (it adds a mask of booleans).
OWN_FEEDING = {
    "llama_dynamic": pieces,
    "olmo": one_by_one,
    "olmo_tied": one_by_one,
    "phi3small": one_by_one,
    "phi3small_plain": one_by_one,
}


def check(burin, folder, tmp_path, *, feeding=None):
    """Feeding in pieces must not matter, so one full pass is the reference but for `feeding`."""
    model = tiny_models.load_float32(folder)
    full = {}
    for count, chunk, steps in CASES:
        tokens = case_tokens(count)
        if feeding:
            expected = reference_logits(model, tokens, feeding(count, chunk, steps))
        else:
            if count not in full:
                full[count] = reference_logits(model, tokens, [count])
            expected = full[count]
        got = burin_logits(burin, folder, tokens, chunk, steps, tmp_path / "logits.safetensors")
        worst = np.abs(got - expected).max() / np.abs(expected).max()
        assert worst <= TOLERANCE, f"{count} tokens, chunk {chunk}, steps {steps}: {worst:.1e}"


@pytest.mark.parametrize("quantization", tiny_models.QUANTIZATIONS)
@pytest.mark.parametrize("config", tiny_models.CONFIGS)
def test_logits_equal_mlx_lm(burin, tmp_path, tmp_path_factory, config, quantization):
    folder = tmp_path_factory.getbasetemp() / f"{config}-{quantization}"
    check(burin, tiny_models.build(folder, config, quantization), tmp_path, feeding=OWN_FEEDING.get(config))


def test_ids_without_tokens_are_never_chosen(burin, tmp_path, monkeypatch):
    monkeypatch.setitem(tiny_models.CONFIGS, "whole", ("phi3small", {**tiny_models.PHI3SMALL, "vocab_size": 100352}))
    folder = tiny_models.build(tmp_path / "whole", "whole", "float32")
    expected = reference_logits(tiny_models.load_float32(folder), [5, 6], [1, 1])
    got = burin_logits(burin, folder, [5, 6], 0, 0, tmp_path / "logits.safetensors")
    assert np.array_equal(np.isneginf(got), np.isneginf(expected))
    assert np.isneginf(got).sum() == 2 * 91
    told = np.isfinite(got)
    assert np.abs(got[told] - expected[told]).max() <= TOLERANCE * np.abs(expected[told]).max()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("quantization", ["float32", "4bit_g32", "mixed"])
@pytest.mark.parametrize("config", ["llama", "gemma3_text"])
def test_half_precision_checkpoints(burin, tmp_path, tmp_path_factory, config, quantization, dtype):
    folder = tmp_path_factory.getbasetemp() / f"{config}-{quantization}-{dtype}"
    check(burin, tiny_models.build(folder, config, quantization, getattr(mx, dtype)), tmp_path)


@pytest.mark.parametrize("quantization", tiny_models.OTHER_QUANTIZATIONS)
def test_other_shapes_of_quantization(burin, tmp_path, tmp_path_factory, quantization):
    folder = tmp_path_factory.getbasetemp() / f"llama-{quantization}"
    check(burin, tiny_models.build(folder, "llama", quantization), tmp_path)


ALIASES = {"iquestcoder", "llava", "mistral", "qwen2_5_vl", "xverse"}  # run the code of another type


def supported(burin):
    shown = subprocess.run([burin, "show", "--supported", "--json"], check=True, capture_output=True, timeout=60)
    return json.loads(shown.stdout)["data"]


def test_the_supported_architectures_are_the_compared_ones(burin):
    listed = supported(burin)["architectures"]
    assert {entry["model_type"] for entry in listed} == {kind for kind, _ in tiny_models.CONFIGS.values()}
    assert {alias for entry in listed for alias in entry["aliases"]} == ALIASES


def test_the_supported_quantizations_are_the_compared_ones(burin):
    used = [arguments for arguments in (tiny_models.QUANTIZATIONS | tiny_models.OTHER_QUANTIZATIONS).values() if arguments]
    for form in supported(burin)["quantizations"]:
        compared = [arguments for arguments in used if arguments.get("mode", "affine") == form["mode"]]
        assert set(form["bits"]) == {arguments["bits"] for arguments in compared}
        assert set(form["group_sizes"]) == {arguments["group_size"] for arguments in compared}


@pytest.mark.parametrize("config", tiny_models.PUBLISHED)
def test_names_as_published(burin, tmp_path, tmp_path_factory, config):
    """Files as their authors publish them: other names, matrices the other way round, towers without use here."""
    folder = tmp_path_factory.getbasetemp() / f"{config}-float32"
    tiny_models.build(folder, config, "float32")
    check(burin, tiny_models.as_published(folder, tmp_path / "published", config), tmp_path)


# These keep their rotation elsewhere, have none, or one that config.json cannot change.
OTHER_ROTATION = {
    "gemma3",
    "gemma3_text",
    "gpt2",
    "gpt_neox",
    "ministral3",
    "mistral3",
    "phi3small",
    "qwen",
    "qwen2_vl",
    "qwen3_vl",
}
TRANSFORMERS_5 = [name for name, (kind, _) in tiny_models.CONFIGS.items() if kind not in OTHER_ROTATION]


@pytest.mark.parametrize("config", TRANSFORMERS_5)
def test_rope_parameters_are_read(burin, tmp_path, tmp_path_factory, config):
    """mlx-lm reads them in few classes and falls back to its defaults in silence; burin reads them in all."""
    folder = tmp_path_factory.getbasetemp() / f"{config}-float32"
    tiny_models.build(folder, config, "float32")
    moved = tiny_models.with_rope_parameters(folder, tmp_path / "moved")
    tokens = case_tokens(24)
    ours, theirs = (burin_logits(burin, f, tokens, 0, 0, tmp_path / f"{f.name}.safetensors") for f in (moved, folder))
    assert np.array_equal(ours, theirs)
