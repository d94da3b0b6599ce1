"""`burin import` against the PyPI gguf package: every tensor bit for bit, and refusals by name."""

import json
import subprocess

import gguf
import mlx.core as mx
import numpy as np
import pytest

HEADS, KV_HEADS, HIDDEN, VOCAB = 4, 2, 64, 8
TYPES = gguf.GGMLQuantizationType


def run_import(burin, file, name, home):
    command = [burin, "import", str(file), "--name", name, "--json"]
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
        "blk.0.ffn_gate.weight": (96, HIDDEN),
        "blk.0.ffn_up.weight": (96, HIDDEN),
        "blk.0.ffn_down.weight": (HIDDEN, 96),
    }


def write_gguf(path, matrix_type):
    """A one-layer llama whose matrices are of `matrix_type`; returns what each tensor dequantizes to."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(96)
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
        values = random.normal(size=shape).astype(np.float32)
        kind = matrix_type if len(shape) == 2 else TYPES.F32
        data = gguf.quants.quantize(values, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
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
    scales, biases = (weights[f"{path}.{part}"].astype(mx.float32) for part in ("scales", "biases"))
    return np.array(mx.dequantize(weights[f"{path}.weight"], scales, biases, entry["group_size"], entry["bits"]))


def check_folder(folder, expected, heads, kv_heads):
    weights = mx.load(str(folder / "model.safetensors"))
    quantization = json.loads((folder / "config.json").read_text()).get("quantization", {})
    for name, values in expected.items():
        if "attn_q." in name or "attn_k." in name:
            values = interleaved_back(values, heads if "attn_q." in name else kv_heads)
        got = dequantized(weights, mlx_path(name), quantization)
        assert np.array_equal(got, values), name


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0"])
def test_every_exact_type_comes_over_bit_for_bit(burin, tmp_path, kind):
    expected = write_gguf(tmp_path / "model.gguf", TYPES[kind])
    code, reply = run_import(burin, tmp_path / "model.gguf", kind.lower(), tmp_path)
    assert code == 0, reply
    check_folder(tmp_path / kind.lower(), expected, HEADS, KV_HEADS)


def test_other_types_are_refused_by_name(burin, tmp_path):
    write_gguf(tmp_path / "model.gguf", TYPES.Q5_0)
    code, reply = run_import(burin, tmp_path / "model.gguf", "five", tmp_path)
    assert code == 8 and "Q5_0" in reply["error"]["message"]
    assert not (tmp_path / "five").exists()


def test_the_starter_equals_its_gguf(starter, starter_gguf):
    reader = gguf.GGUFReader(str(starter_gguf))
    expected = {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape([int(n) for n in t.shape[::-1]])
        for t in reader.tensors
    }
    assert len(expected) == 272
    check_folder(starter, expected, 9, 3)
