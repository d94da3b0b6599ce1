"""Writes the seed corpora under fuzz/corpus: small valid files of every kind that the targets read.

Run it after a change of formats: .venv/bin/python3 fuzz/make_seeds.py
"""

import json
import pathlib
import struct
import sys

import gguf
import mlx.core as mx
import numpy as np
from mlx_lm.models import cache

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
sys.path.insert(0, str(ROOT / "tests" / "parity"))

QUANTIZATIONS = {
    "affine": {"quantization": {"group_size": 64, "bits": 4, "lm_head": False, "model.norm": {"group_size": None}}},
    "mxfp4": {"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}},
    "copy": {"quantization_config": {"group_size": 32, "bits": 8}},
    "awq": {"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}},
    "gptq": {"quantization_config": {"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"}},
    "fp8": {"quantization_config": {"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [32, 32]}},
    "modelopt": {"quantization_config": {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}},
    "compressed": {
        "quantization_config": {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int", "symmetric": True}}},
        }
    },
}
BLOCK_TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4", "NVFP4"]
FAMILIES = ["gemma", "gemma2", "gemma3", "llama", "olmo2", "phi3", "qwen2", "qwen3", "seed_oss", "smollm3", "ernie4_5"]


def save(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def configs():
    import tiny_models

    for name, (model_type, extra) in tiny_models.CONFIGS.items():
        config = {**tiny_models.BASE, **extra, "model_type": model_type}
        save("config", name, b"\1" + json.dumps(config, separators=(",", ":")).encode())
    base = {**tiny_models.BASE, "model_type": "llama"}
    for name, quantization in QUANTIZATIONS.items():
        text = json.dumps({**base, **quantization}, separators=(",", ":"))
        save("config", f"quantization_{name}", b"\0" + text.encode())


def texts():
    values = {
        "scalars": [None, True, False, 0, -1, 1.5e-7, 2**53, "a\u00e9\U0001f600\n", ""],
        "nested": {"a": [[[{"b": [1, {"c": {}}]}]]]},
        "tokenizer": {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "added_tokens": []},
        "tagged": {"time_step_limit": [0.0, {"__float__": "Infinity"}]},
    }
    for name, value in values.items():
        save("json", name, json.dumps(value).encode())


def tensors(entries, metadata=None):
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, (kind, shape, size) in entries.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += bytes(size)
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors():
    save("safetensors", "empty", tensors({}))
    save("safetensors", "two", tensors({"a": ("F32", [2, 2], 16), "b": ("BF16", [3], 6)}, {"format": "mlx"}))
    save("safetensors", "scalar", tensors({"s": ("F16", [], 2), "none": ("U8", [0, 4], 0)}))
    packed = {"w.weight": ("U32", [2, 4], 32), "w.scales": ("F16", [2, 1], 4), "w.biases": ("F16", [2, 1], 4)}
    save("safetensors", "quantized", tensors(packed, {"format": "mlx"}))
    save("safetensors", "fp8", tensors({"w.weight": ("F8_E4M3", [2, 2], 4), "w.weight_scale_inv": ("F8_E8M0", [1, 1], 1)}))


def gguf_file(path, family, block_type, tokenizer):
    writer = gguf.GGUFWriter(str(path), family)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(256)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_sliding_window(8)
    writer.add_rope_freq_base(10000.0)
    tokens = ["<unk>", "<s>", "</s>", "a", "b", "ab"]
    writer.add_tokenizer_model(tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types([2, 3, 3, 1, 1, 1])
    if tokenizer == "llama":
        writer.add_token_scores([0.0, 0.0, 0.0, -1.0, -2.0, -3.0])
        writer.add_add_space_prefix(True)
    else:
        writer.add_tokenizer_pre("smollm")
        writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    kind = gguf.GGMLQuantizationType[block_type]
    values, size = gguf.GGML_QUANT_SIZES[kind]
    matrix = np.zeros((len(tokens), 256 // values * size), dtype=np.uint8)
    writer.add_tensor("token_embd.weight", matrix, raw_dtype=kind)
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(256, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def models():
    for target in ("gguf", "gguf_model"):
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, block_type in enumerate(BLOCK_TYPES):
            family = FAMILIES[number % len(FAMILIES)]
            tokenizer = "llama" if number % 2 else "gpt2"
            gguf_file(folder / f"{block_type.lower()}_{family}_{tokenizer}", family, block_type, tokenizer)


def prompt_caches():
    """As mlx-lm writes them; no parameter is large."""
    folder = CORPUS / "prompt_cache"
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "whole": cache.KVCache,
        "limited": lambda: cache.RotatingKVCache(8, keep=2),
        "quantized": lambda: cache.QuantizedKVCache(32, 4),
    }
    for name, kind in kinds.items():
        layers = [kind(), kind()]
        for layer in layers:
            layer.step = 2
            layer.update_and_fetch(mx.ones((1, 1, 2, 32)), mx.ones((1, 1, 2, 32)))
        cache.save_prompt_cache(str(folder / f"{name}.safetensors"), layers, {"model": "m", "tokenizer_config": "{}"})
        (folder / f"{name}.safetensors").rename(folder / name)


if __name__ == "__main__":
    configs()
    texts()
    safetensors()
    models()
    prompt_caches()
