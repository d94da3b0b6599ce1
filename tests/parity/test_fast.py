"""`fast` against `exact`: every architecture with packed weights, and the starter over real text."""

import json
import os
import pathlib
import subprocess

import mlx.core as mx
import numpy as np
import pytest
import tiny_models
from generate_probe import probe

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINDOW = 512
LARGEST = 0.1  # these models are narrow and random: a rounded activation weighs much; what is wired wrongly exceeds 0.5
TOKENS = 10_240 if os.environ.get("BURIN_FULL") else 2_048


def logits(burin, folder, tokens, out, precision, *more):
    command = [burin, "logits", str(folder), "--tokens", ",".join(map(str, tokens)), "--out", str(out)]
    subprocess.run([*command, "--precision", precision, *more], check=True, capture_output=True, timeout=300)
    return np.array(mx.load(str(out))["logits"])


@pytest.mark.parametrize("quantization", ["4bit_g64", "8bit"])
@pytest.mark.parametrize("config", tiny_models.CONFIGS)
def test_every_architecture_stays_close_to_exact(burin, tmp_path, tmp_path_factory, config, quantization):
    folder = tiny_models.build(tmp_path_factory.getbasetemp() / f"{config}-{quantization}", config, quantization)
    tokens = np.random.default_rng(1).integers(0, tiny_models.BASE["vocab_size"], 70).tolist()
    for more in ([], ["--chunk", "9", "--steps", "5"]):
        exact = logits(burin, folder, tokens, tmp_path / "exact.safetensors", "exact", *more)
        told = np.isfinite(exact)
        size = np.sqrt(np.mean(exact[told] ** 2))
        fast = logits(burin, folder, tokens, tmp_path / "fast.safetensors", "fast", *more)
        error = np.sqrt(np.mean((fast[told] - exact[told]) ** 2))
        assert error < LARGEST * size, f"{more}: {error / size:.1e} of the logits' own size"


LAYER_BY_LAYER = {"phi3small", "phi3small_plain"}  # the decoder step has no sparse attention


@pytest.mark.parametrize("config", tiny_models.CONFIGS)
def test_all_but_a_few_run_as_one_step(burin, tmp_path_factory, config):
    """A step keeps two bytes of each key and value, a layer of its own four."""
    folder = tiny_models.build(tmp_path_factory.getbasetemp() / f"{config}-4bit_g64", config, "4bit_g64")
    width = {precision: probe(burin, folder, [], precision)[0]["kv_bytes_per_token"] for precision in ("fast", "exact")}
    assert width["exact"] == width["fast"] * (1 if config in LAYER_BY_LAYER else 2)


@pytest.mark.parametrize("quantization", ["3bit", "6bit", "2bit_g128", "5bit_g32", "mxfp4", "nvfp4"])
def test_other_widths_are_packed_too(burin, tmp_path, tmp_path_factory, quantization):
    test_every_architecture_stays_close_to_exact(burin, tmp_path, tmp_path_factory, "qwen3", quantization)


def text_tokens(burin, starter):
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n\n".join(page.read_text() for page in pages)
    command = [burin, "tokenize", str(starter), "-", "--json"]
    run = subprocess.run(command, input=text, capture_output=True, check=True, text=True, timeout=60)
    return json.loads(run.stdout)["data"]["ids"][:TOKENS]


def log_softmax(rows):
    shifted = rows - rows.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def test_the_starter_loses_next_to_nothing(burin, starter, tmp_path):
    tokens = text_tokens(burin, starter)
    divergence, exact_loss, fast_loss = [], [], []
    for begin in range(0, len(tokens), WINDOW):
        window = tokens[begin : begin + WINDOW]
        exact = log_softmax(logits(burin, starter, window, tmp_path / "exact.safetensors", "exact").astype(np.float64))
        fast = log_softmax(logits(burin, starter, window, tmp_path / "fast.safetensors", "fast").astype(np.float64))
        divergence.append((np.exp(exact) * (exact - fast)).sum(-1))
        at = np.arange(len(window) - 1), window[1:]
        exact_loss.append(-exact[at])
        fast_loss.append(-fast[at])
    divergence = np.concatenate(divergence)
    growth = np.exp(np.concatenate(fast_loss).mean() - np.concatenate(exact_loss).mean()) - 1
    print(f"{len(divergence)} tokens: mean KL {divergence.mean():.2e}, median {np.median(divergence):.1e}, "
          f"largest {divergence.max():.1e}, perplexity {growth:+.3%}")  # fmt: skip
    assert divergence.mean() < 1e-3
    assert abs(growth) < (0.002 if os.environ.get("BURIN_FULL") else 0.005)
