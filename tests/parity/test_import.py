"""`burin import` against the PyPI gguf package: every tensor bit for bit, and refusals by name."""

import json
import subprocess

import gguf
import mlx.core as mx
import numpy as np
import pytest
import tiny_models
from test_logits import TOLERANCE, burin_logits, reference_logits

HEADS, KV_HEADS, HIDDEN, FEED_FORWARD, VOCAB = 4, 2, 256, 512, 8
TYPES = gguf.GGMLQuantizationType


# Bytes of one block and where its float16 factors stand; the gguf package cannot quantize to these.
K_BLOCKS = {"Q2_K": (84, [80, 82]), "Q3_K": (110, [108]), "Q4_K": (144, [0, 2]), "Q5_K": (176, [0, 2]), "Q6_K": (210, [208])}
K_BLOCKS["IQ4_XS"] = (136, [0])


def run_import(burin, file, name, home, *options):
    command = [burin, "import", str(file), "--name", name, "--json", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env={"BURIN_MODELS": str(home)})
    return done.returncode, json.loads(done.stdout)


def interleaved_back(rows, heads):
    """GGUF keeps the two halves of a llama head pairwise."""
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def llama_shapes():
    kv = HIDDEN // HEADS * KV_HEADS
    return {
        "token_embd.weight": (VOCAB, HIDDEN),
        "output_norm.weight": (HIDDEN,),
        "blk.0.attn_norm.weight": (HIDDEN,),
        "blk.0.ffn_norm.weight": (HIDDEN,),
        "blk.0.attn_q.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_k.weight": (kv, HIDDEN),
        "blk.0.attn_v.weight": (kv, HIDDEN),
        "blk.0.attn_output.weight": (HIDDEN, HIDDEN),
        "blk.0.ffn_gate.weight": (FEED_FORWARD, HIDDEN),
        "blk.0.ffn_up.weight": (FEED_FORWARD, HIDDEN),
        "blk.0.ffn_down.weight": (HIDDEN, FEED_FORWARD),
    }


def random_k_blocks(random, kind, shape, scale):
    """Random codes and sub-scales; super-scales of every size that float16 has when `scale` is None."""
    size, factors = K_BLOCKS[kind]
    blocks = random.integers(0, 256, (shape[0], shape[1] // 256, size), dtype=np.uint8)
    for at in factors:
        if scale is None:
            values = random.normal(size=blocks.shape[:2]) * 2.0 ** random.integers(-24, 12, blocks.shape[:2])
            values.flat[:3] = [0.0, 65504.0, -6e-8]
        else:
            values = random.uniform(0.5, 1.0, blocks.shape[:2]) * scale
        blocks[..., at : at + 2] = values.astype(np.float16)[..., None].view(np.uint8)
    return blocks.reshape(shape[0], -1)


def random_float_blocks(random, kind, shape):
    """MXFP4 and NVFP4 with every scale that is a number."""
    size, scales, largest = (17, 1, 254) if kind == "MXFP4" else (36, 4, 126)
    blocks = random.integers(0, 256, (shape[0], shape[1] // (32 if kind == "MXFP4" else 64), size), dtype=np.uint8)
    blocks[..., :scales] = random.integers(0, largest + 1, blocks[..., :scales].shape)
    return blocks.reshape(shape[0], -1)


def make_data(random, kind, shape, scale):
    if kind.name in K_BLOCKS:
        return random_k_blocks(random, kind.name, shape, scale)
    if kind.name == "IQ4_NL":
        blocks = random.integers(0, 256, (shape[0], shape[1] // 32, 18), dtype=np.uint8)
        blocks[..., :2] = random.normal(size=blocks.shape[:2]).astype(np.float16)[..., None].view(np.uint8)
        return blocks.reshape(shape[0], -1)
    if kind.name in ("MXFP4", "NVFP4"):
        return random_float_blocks(random, kind.name, shape)
    if kind.name.startswith(("IQ", "TQ")):
        values, size = gguf.GGML_QUANT_SIZES[kind]
        return random.integers(0, 256, (shape[0], shape[1] // values * size), dtype=np.uint8)
    return gguf.quants.quantize(random.normal(size=shape).astype(np.float32) * 0.1, kind)


def write_gguf(path, kind_of, scale=None):
    """A one-layer llama whose matrices are of the type that `kind_of(name)` gives; returns their values."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["<s>", "a", "b", "ab", "c", "d", "e", "f"])
    writer.add_token_types([3, 1, 1, 1, 1, 1, 1, 1])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    random = np.random.default_rng(5)
    expected = {}
    for name, shape in llama_shapes().items():
        kind = TYPES[kind_of(name)] if len(shape) == 2 else TYPES.F32
        data = make_data(random, kind, shape, scale)
        writer.add_tensor(name, data, raw_dtype=kind)
        with np.errstate(all="ignore"):  # blocks of random bytes hold infinities, too
            expected[name] = gguf.quants.dequantize(data, kind).reshape(shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


MLX_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def mlx_path(name):
    parts = name.split(".")
    path = MLX_NAMES[parts[-2]]
    return path if parts[0] != "blk" else f"model.layers.{parts[1]}.{path}"


def dequantized(weights, path, quantization):
    if f"{path}.scales" not in weights:
        return np.array(weights[f"{path}.weight"].astype(mx.float32))
    entry = quantization.get(path) or quantization
    scales, biases = weights[f"{path}.scales"], weights.get(f"{path}.biases")
    if biases is not None:
        scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
    layout = {key: entry[key] for key in ("group_size", "bits", "mode")}
    return np.array(mx.dequantize(weights[f"{path}.weight"], scales, biases, **layout, dtype=mx.float32))


def check_folder(folder, expected, heads, kv_heads):
    weights = mx.load(str(folder / "model.safetensors"))
    quantization = json.loads((folder / "config.json").read_text()).get("quantization", {})
    for name, values in expected.items():
        if "attn_q." in name or "attn_k." in name:
            values = interleaved_back(values, heads if "attn_q." in name else kv_heads)
        got = dequantized(weights, mlx_path(name), quantization)
        assert np.array_equal(got, values), name


EXACT = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "IQ4_NL", "IQ4_XS", "MXFP4", "NVFP4"]


@pytest.mark.parametrize("kind", EXACT)
def test_every_exact_type_comes_over_bit_for_bit(burin, tmp_path, kind):
    expected = write_gguf(tmp_path / "model.gguf", lambda _: kind)
    code, reply = run_import(burin, tmp_path / "model.gguf", kind.lower(), tmp_path)
    assert code == 0, reply
    assert reply["data"]["requantized"] == []
    check_folder(tmp_path / kind.lower(), expected, HEADS, KV_HEADS)


@pytest.mark.parametrize("kind", ["IQ3_S", "IQ2_XXS", "TQ1_0", "TQ2_0"])
def test_other_types_are_refused_by_name(burin, tmp_path, kind):
    write_gguf(tmp_path / "model.gguf", lambda name: kind if "ffn_up" in name else "F16")
    for options in ([], ["--requantize", "8"]):
        code, reply = run_import(burin, tmp_path / "model.gguf", "odd", tmp_path, *options)
        assert code == 8 and kind in reply["error"]["message"]
        assert not (tmp_path / "odd").exists()


@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K", "Q6_K"])
def test_groups_of_16_are_refused_unless_asked_for(burin, tmp_path, kind):
    write_gguf(tmp_path / "model.gguf", lambda _: kind)
    code, reply = run_import(burin, tmp_path / "model.gguf", "sixteen", tmp_path)
    assert code == 8 and kind in reply["error"]["message"] and "--requantize 8" in reply["error"]["hint"]
    assert not (tmp_path / "sixteen").exists()


def relative_error(pairs):
    """sqrt of the squared error over the squares, of (before, after)."""
    error = sum(np.sum((after.astype(np.float64) - before) ** 2) for before, after in pairs)
    return np.sqrt(error / sum(np.sum(before.astype(np.float64) ** 2) for before, _ in pairs))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K", "Q6_K"])
def test_requantized_tensors_are_those_of_mlx_and_the_error_is_told(burin, tmp_path, kind, bits):
    values = write_gguf(tmp_path / "model.gguf", lambda _: kind, scale=0.01)
    code, reply = run_import(burin, tmp_path / "model.gguf", "again", tmp_path, "--requantize", str(bits))
    assert code == 0, reply
    expected = {}
    for name, value in values.items():
        w = mx.array(value)
        parts = mx.quantize(w, 64, bits) if value.ndim == 2 else None
        expected[name] = np.array(mx.dequantize(*parts, 64, bits)) if parts else value
    check_folder(tmp_path / "again", expected, HEADS, KV_HEADS)
    (row,) = reply["data"]["requantized"]
    errors = {name: relative_error([(values[name], expected[name])]) for name in values if values[name].ndim == 2}
    overall = relative_error([(values[name], expected[name]) for name in errors])
    assert (row["type"], row["bits"], row["group_size"], row["tensors"]) == (kind, bits, 64, len(errors))
    assert row["rms_error"] == pytest.approx(overall, rel=1e-6)
    assert row["max_rms_error"] == pytest.approx(max(errors.values()), rel=1e-6)
    assert errors[row["worst"]] == pytest.approx(max(errors.values()), rel=1e-6)


def test_sixteen_bits_keep_float16(burin, tmp_path):
    values = write_gguf(tmp_path / "model.gguf", lambda _: "Q6_K", scale=0.01)
    code, reply = run_import(burin, tmp_path / "model.gguf", "half", tmp_path, "--requantize", "16")
    assert code == 0, reply
    halves = {name: v.astype(np.float16).astype(np.float32) if v.ndim == 2 else v for name, v in values.items()}
    check_folder(tmp_path / "half", halves, HEADS, KV_HEADS)
    assert 0 < reply["data"]["requantized"][0]["rms_error"] < 4e-4
    assert "quantization" not in json.loads((tmp_path / "half" / "config.json").read_text())


def test_values_beyond_float16_are_refused(burin, tmp_path):
    write_gguf(tmp_path / "model.gguf", lambda _: "Q6_K")
    code, reply = run_import(burin, tmp_path / "model.gguf", "half", tmp_path, "--requantize", "16")
    assert code == 8 and "float16" in reply["error"]["message"]
    assert not (tmp_path / "half").exists()


def medium(name):
    """The mixture of a Q4_K_M file."""
    return "Q6_K" if "attn_v" in name or "ffn_down" in name or "token_embd" in name else "Q4_K"


def test_a_mixed_file_runs_as_mlx_lm_runs_it(burin, tmp_path):
    values = write_gguf(tmp_path / "model.gguf", medium, scale=0.0008)
    code, reply = run_import(burin, tmp_path / "model.gguf", "mixed", tmp_path, "--requantize", "8")
    assert code == 0, reply
    assert [row["type"] for row in reply["data"]["requantized"]] == ["Q6_K"]
    folder = tmp_path / "mixed"
    exact = {name: value for name, value in values.items() if value.ndim == 1 or medium(name) == "Q4_K"}
    check_folder(folder, exact, HEADS, KV_HEADS)
    quantization = reply["data"]["quantization"]
    assert (quantization["bits"], quantization["group_size"]) == (4, 32)
    assert quantization["model.embed_tokens"] == {"group_size": 64, "bits": 8, "mode": "affine"}
    tokens = [1, 5, 2, 7, 7, 0]
    expected = reference_logits(tiny_models.load_float32(folder), tokens, [len(tokens)])
    got = burin_logits(burin, folder, tokens, 0, 0, tmp_path / "logits.safetensors")
    assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize(("kind", "field"), [("Q4_K", b"\x00\x7c"), ("Q6_K", b"\x00\xfe"), ("MXFP4", b"\xff"), ("NVFP4", b"\x7f")])
def test_scales_that_are_no_numbers_are_refused(burin, tmp_path, kind, field):
    write_gguf(tmp_path / "model.gguf", lambda _: kind)
    offset = next(t.data_offset for t in gguf.GGUFReader(str(tmp_path / "model.gguf")).tensors if "ffn_up" in t.name)
    with (tmp_path / "model.gguf").open("r+b") as file:
        file.seek(offset + (208 if kind == "Q6_K" else 0))
        file.write(field)
    code, reply = run_import(burin, tmp_path / "model.gguf", "bad", tmp_path, "--requantize", "8")
    assert code == 7 and "ffn_up" in reply["error"]["message"]
    assert not (tmp_path / "bad").exists()


def test_the_starter_equals_its_gguf(starter, starter_gguf):
    reader = gguf.GGUFReader(str(starter_gguf))
    expected = {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape([int(n) for n in t.shape[::-1]])
        for t in reader.tensors
    }
    assert len(expected) == 272
    check_folder(starter, expected, 9, 3)
