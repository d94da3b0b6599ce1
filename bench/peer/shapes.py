"""Random models of known shapes, as an MLX folder and as GGUF files of equal bits per weight."""

import json
import pathlib
import subprocess
import sys

import numpy as np

SHAPES = {
    "qwen3-0.6b": {
        "arch": "qwen3", "hidden": 1024, "intermediate": 3072, "layers": 28, "heads": 16, "kv_heads": 8, "head_dim": 128,
        "vocab": 151936, "context": 40960, "theta": 1e6, "eps": 1e-6,
    },
    "llama-1b": {
        "arch": "llama", "hidden": 2048, "intermediate": 8192, "layers": 16, "heads": 32, "kv_heads": 8, "head_dim": 64,
        "vocab": 128256, "context": 131072, "theta": 5e5, "eps": 1e-5,
    },
}  # fmt: skip

# The module of a layer in MLX's names, and in GGUF's.
MATRICES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
HEAD_NORMS = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}


def matrix_shapes(s):
    q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    rows = [q, kv, kv, s["hidden"], s["intermediate"], s["intermediate"], s["hidden"]]
    columns = [s["hidden"], s["hidden"], s["hidden"], q, s["hidden"], s["hidden"], s["intermediate"]]
    return dict(zip(MATRICES, zip(rows, columns)))


def tensors(s):
    """(MLX name, GGUF name, shape): norms have one dimension."""
    yield "model.embed_tokens", "token_embd", (s["vocab"], s["hidden"])
    yield "model.norm", "output_norm", (s["hidden"],)
    for i in range(s["layers"]):
        for name, shape in matrix_shapes(s).items():
            yield f"model.layers.{i}.{name}", f"blk.{i}.{MATRICES[name]}", shape
        for name, gguf_name in NORMS.items():
            yield f"model.layers.{i}.{name}", f"blk.{i}.{gguf_name}", (s["hidden"],)
        if s["arch"] == "qwen3":
            for name, gguf_name in HEAD_NORMS.items():
                yield f"model.layers.{i}.{name}", f"blk.{i}.{gguf_name}", (s["head_dim"],)


def random_matrix(random, shape):
    return random.standard_normal(shape, dtype=np.float32) * 0.02


def write_mlx(s, folder):
    import mlx.core as mx

    random = np.random.default_rng(1)
    arrays = {}
    for name, _, shape in tensors(s):
        if len(shape) == 1:
            arrays[f"{name}.weight"] = mx.ones(shape, mx.bfloat16)
            continue
        codes, scales, biases = mx.quantize(mx.array(random_matrix(random, shape)), group_size=64, bits=4)
        arrays[f"{name}.weight"] = codes
        arrays[f"{name}.scales"] = scales.astype(mx.bfloat16)
        arrays[f"{name}.biases"] = biases.astype(mx.bfloat16)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": s["arch"], "hidden_size": s["hidden"], "intermediate_size": s["intermediate"],
        "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"], "num_key_value_heads": s["kv_heads"],
        "head_dim": s["head_dim"], "vocab_size": s["vocab"], "max_position_embeddings": s["context"],
        "rope_theta": s["theta"], "rms_norm_eps": s["eps"], "tie_word_embeddings": True,
        "quantization": {"group_size": 64, "bits": 4},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "mlx"})


def write_gguf(s, path):
    import gguf

    writer = gguf.GGUFWriter(str(path), s["arch"])
    writer.add_block_count(s["layers"])
    writer.add_context_length(s["context"])
    writer.add_embedding_length(s["hidden"])
    writer.add_feed_forward_length(s["intermediate"])
    writer.add_head_count(s["heads"])
    writer.add_head_count_kv(s["kv_heads"])
    writer.add_key_length(s["head_dim"])
    writer.add_value_length(s["head_dim"])
    writer.add_rope_dimension_count(s["head_dim"])
    writer.add_layer_norm_rms_eps(s["eps"])
    writer.add_rope_freq_base(s["theta"])
    writer.add_vocab_size(s["vocab"])
    writer.add_tokenizer_model("none")
    writer.add_file_type(1)
    random = np.random.default_rng(1)
    for _, name, shape in tensors(s):
        value = np.ones(shape, np.float32) if len(shape) == 1 else random_matrix(random, shape).astype(np.float16)
        writer.add_tensor(f"{name}.weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, folder: pathlib.Path, quantize):
    """The MLX folder, and {kind: GGUF file}; made once. `quantize` is llama.cpp's program."""
    mlx, files = folder / name, {kind: folder / f"{name}.{kind}.gguf" for kind in ("q4_0", "q4_k_s")}
    if not (mlx / "model.safetensors").exists():
        write_mlx(SHAPES[name], mlx)
    missing = [kind for kind, file in files.items() if not file.exists()]
    if missing:
        half = folder / f"{name}.f16.gguf"
        write_gguf(SHAPES[name], half)
        for kind in missing:
            print(f"quantizing {name} to {kind}", file=sys.stderr)
            subprocess.run([quantize, "--pure", half, files[kind], kind], check=True, capture_output=True)
        half.unlink()
    return mlx, files
