"""Tiny random models, built and saved with mlx-lm; every parameter is random, 1-D ones too."""

import importlib
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.utils import load_model, quantize_model, save_config, save_model

mx.set_default_device(mx.cpu)

BASE = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "intermediate_size": 192,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rms_norm_eps": 1e-5,
    "vocab_size": 160,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "mscale": 0.7}
LONGROPE = {
    "type": "longrope",
    "short_factor": [1.0] * 8,
    "long_factor": [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0],
}
WINDOW = 8

# name -> (model_type, what differs from BASE); one entry for each way a family stretches the decoder
CONFIGS = {
    "llama": ("llama", {"rope_scaling": LLAMA3}),
    "llama_tied_bias": ("llama", {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}),
    "llama_linear": ("llama", {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_traditional": True}),
    "llama_dynamic": (
        "llama",
        {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64},
    ),
    "llama_sliding": (
        "llama",
        {
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": WINDOW,
        },
    ),
    "qwen2": ("qwen2", {"tie_word_embeddings": True, "rope_theta": 1000000.0}),
    "qwen3": ("qwen3", {}),
    "qwen3_yarn": ("qwen3", {"rope_scaling": YARN, "tie_word_embeddings": True, "head_dim": 64}),
    "gemma3_text": (
        "gemma3_text",
        {"sliding_window": WINDOW, "sliding_window_pattern": 2, "query_pre_attn_scalar": 24},
    ),
    "phi3": (
        "phi3",
        {"rope_scaling": LONGROPE, "original_max_position_embeddings": 64, "partial_rotary_factor": 0.5},
    ),
    "olmo2": ("olmo2", {}),
}


def _mixture(path, module):
    """A per-layer map with null, false and explicit entries."""
    if not hasattr(module, "to_quantized") or path.endswith("o_proj"):
        return False
    if "down_proj" in path or path == "lm_head":
        return {"group_size": 64, "bits": 6}
    if "layers.1." in path:
        return {"group_size": 32, "bits": 8}
    return True


# name -> None (float) or the arguments of quantize_model
QUANTIZATIONS = {
    "float32": None,
    "4bit_g32": {"group_size": 32, "bits": 4},
    "4bit_g64": {"group_size": 64, "bits": 4},
    "3bit": {"group_size": 64, "bits": 3},
    "6bit": {"group_size": 64, "bits": 6},
    "8bit": {"group_size": 64, "bits": 8},
    "mixed": {"group_size": 64, "bits": 4, "quant_predicate": _mixture},
}


def randomize(model, seed):
    """Replaces every parameter: matrices small, norm weights near their neutral value, biases not zero."""
    keys = iter(mx.random.split(mx.random.key(seed), len(tree_flatten(model.parameters()))))
    plus_one = "gemma" in model.model_type

    def draw(path, value):
        noise = mx.random.normal(value.shape, key=next(keys))
        if value.ndim > 1:
            return noise * 0.12
        if "norm" in path:
            return noise * 0.2 + (0.0 if plus_one else 1.0)
        return noise * 0.2

    model.update(tree_map_with_path(draw, model.parameters()))
    mx.eval(model.parameters())


def build(folder: Path, config_name: str, quantization: str, dtype=mx.float32):
    """Writes the model folder if it is not there yet and returns it."""
    if (folder / "done").exists():
        return folder
    model_type, extra = CONFIGS[config_name]
    config = {**BASE, **extra, "model_type": model_type, "eos_token_id": 2}
    module = importlib.import_module(f"mlx_lm.models.{model_type}")
    model = module.Model(module.ModelArgs.from_dict(config))
    model.eval()
    randomize(model, seed=sum(map(ord, config_name)))
    model.set_dtype(dtype)
    if QUANTIZATIONS[quantization] is not None:
        model, config = quantize_model(model, config, mode="affine", **QUANTIZATIONS[quantization])
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder, model)
    save_config(dict(config), folder / "config.json")
    (folder / "done").touch()
    return folder


def load_float32(folder: Path):
    """The reference: mlx-lm with every floating parameter cast to float32."""
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    mx.eval(model.parameters())
    return model
