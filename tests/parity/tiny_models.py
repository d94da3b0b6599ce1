"""Tiny random models, built and saved with mlx-lm; every parameter is random, 1-D ones too."""

import importlib
import json
import sys
import types
from pathlib import Path

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.utils import load_model, quantize_model, save_config, save_model

mx.set_default_device(mx.cpu)
sys.modules.setdefault("hf_olmo", types.ModuleType("hf_olmo"))  # mlx-lm's olmo asks whether it is there, no more

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
    "rope_theta": 5000.0,
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
MINISTRAL = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
    "llama_4_scaling_beta": 0.1,
}
WINDOW = 8
OLMO = {"d_model": 128, "n_layers": 4, "n_heads": 4, "mlp_hidden_size": 384, "embedding_size": 160}
PHI3SMALL = {
    "dense_attention_every_n_layers": 2,
    "ff_intermediate_size": 192,
    "gegelu_limit": 2.0,
    "layer_norm_epsilon": 1e-5,
    "mup_attn_multiplier": 2.0,
    "blocksparse_block_size": 32,
    "blocksparse_num_local_blocks": 2,
    "blocksparse_vert_stride": 3,
}

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
    "olmo3": ("olmo3", {"sliding_window": WINDOW, "rope_scaling": YARN}),
    "gemma": ("gemma", {}),
    "gemma2": ("gemma2", {"query_pre_attn_scalar": 24, "attn_logit_softcapping": 4.0}),
    "gemma3": (
        "gemma3",
        {
            "vocab_size": 160,
            "text_config": {
                **BASE,
                "model_type": "gemma3_text",
                "sliding_window": WINDOW,
                "sliding_window_pattern": 2,
            },
        },
    ),
    "granite": (
        "granite",
        {
            "logits_scaling": 8.0,
            "attention_multiplier": 0.1,
            "embedding_multiplier": 12.0,
            "residual_multiplier": 0.2,
            "attention_bias": True,
            "mlp_bias": True,
        },
    ),
    "smollm3": ("smollm3", {"no_rope_layer_interval": 2}),
    "starcoder2": ("starcoder2", {"norm_epsilon": 1e-5}),
    "cohere": ("cohere", {"layer_norm_eps": 1e-5, "use_qk_norm": True}),
    "cohere_bias": ("cohere", {"layer_norm_eps": 1e-5, "layer_norm_bias": True, "attention_bias": True}),
    "cohere2": ("cohere2", {"layer_norm_eps": 1e-5, "sliding_window": WINDOW, "sliding_window_pattern": 2}),
    "glm": ("glm", {"attention_bias": True, "tie_word_embeddings": True}),
    "glm4": ("glm4", {"attention_bias": True, "partial_rotary_factor": 0.5}),
    "stablelm": ("stablelm", {"layer_norm_eps": 1e-5, "use_qkv_bias": True, "partial_rotary_factor": 0.25}),
    "stablelm_parallel": (
        "stablelm",
        {
            "layer_norm_eps": 1e-5,
            "use_qkv_bias": False,
            "partial_rotary_factor": 0.5,
            "use_parallel_residual": True,
            "qk_layernorm": True,
        },
    ),
    "ernie4_5": ("ernie4_5", {"use_bias": True}),
    "hunyuan_v1_dense": (
        "hunyuan_v1_dense",
        {"rope_scaling": {"alpha": 1000.0, "factor": 1.0, "type": "dynamic"}, "attention_bias": True},
    ),
    "exaone": ("exaone", {"num_layers": 4, "layer_norm_epsilon": 1e-5, "attention_bias": True, "mlp_bias": True}),
    "exaone4": (
        "exaone4",
        {"sliding_window": WINDOW, "sliding_window_pattern": "LLG", "rope_scaling": LLAMA3},
    ),
    "exaone4_full": (
        "exaone4",
        {"sliding_window": None, "sliding_window_pattern": None, "rope_scaling": LLAMA3},
    ),
    "seed_oss": ("seed_oss", {"attention_bias": True, "attention_out_bias": True}),
    "helium": ("helium", {"attention_bias": True, "mlp_bias": True}),
    "internlm2": ("internlm2", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    "internlm3": ("internlm3", {"bias": True, "qkv_bias": True}),
    "mimo": ("mimo", {}),
    "nemotron": ("nemotron", {"hidden_act": "relu2", "norm_eps": 1e-5, "attention_bias": True, "mlp_bias": True}),
    "phi": ("phi", {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5}),
    "minicpm": ("minicpm", {"dim_model_base": 64, "scale_depth": 1.4, "scale_emb": 12.0}),
    "gpt2": (
        "gpt2",
        {"n_ctx": 512, "n_embd": 128, "n_head": 4, "n_layer": 3, "n_positions": 512, "layer_norm_epsilon": 1e-5},
    ),
    "gpt_neox": ("gpt_neox", {"layer_norm_eps": 1e-5, "rotary_emb_base": 10000, "rotary_pct": 0.25}),
    "gpt_neox_serial": (
        "gpt_neox",
        {
            "layer_norm_eps": 1e-5,
            "rotary_emb_base": 10000,
            "rotary_pct": 1.0,
            "use_parallel_residual": False,
        },
    ),
    "qwen": ("qwen", {"kv_channels": 32, "layer_norm_epsilon": 1e-5, "intermediate_size": 384}),
    "apertus": (
        "apertus",
        {
            "mlp_bias": False,
            "attention_bias": False,
            "post_norm": False,
            "qk_norm": True,
            "rope_scaling": LLAMA3,
        },
    ),
    "nanochat": ("nanochat", {}),
    "olmo": ("olmo", {**OLMO, "weight_tying": False}),
    "olmo_tied": ("olmo", {**OLMO, "weight_tying": True, "rope_traditional": True, "mlp_hidden_size": 256}),
    "phi3small": ("phi3small", PHI3SMALL),
    "phi3small_plain": (
        "phi3small",
        {
            **PHI3SMALL,
            "dense_attention_every_n_layers": 8,
            "mup_use_scaling": False,
            "mup_embedding_multiplier": 0.0,
            "mup_width_multiplier": None,
            "rope_position_scale": 0.5,
        },
    ),
    "ministral3": ("ministral3", {"rope_parameters": MINISTRAL}),
    "mistral3": ("mistral3", {"text_config": {**BASE, "model_type": "mistral"}}),
    "mistral3_ministral": (
        "mistral3",
        {"text_config": {**BASE, "model_type": "ministral3", "rope_parameters": MINISTRAL}},
    ),
    "qwen2_vl": ("qwen2_vl", {"text_config": {**BASE, "model_type": "qwen2"}}),
    "qwen3_vl": ("qwen3_vl", {"text_config": {**BASE, "model_type": "qwen3"}}),
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
    "mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "mxfp8": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
    "nvfp4": {"group_size": 16, "bits": 4, "mode": "nvfp4"},
    "mixed": {"group_size": 64, "bits": 4, "quant_predicate": _mixture},
}
# The shapes that the loader takes besides: one architecture shows that they are read.
OTHER_QUANTIZATIONS = {
    "2bit_g128": {"group_size": 128, "bits": 2},
    "5bit_g32": {"group_size": 32, "bits": 5},
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
    model = _random_model(config, seed=sum(map(ord, config_name)))
    model.set_dtype(dtype)
    arguments = (QUANTIZATIONS | OTHER_QUANTIZATIONS)[quantization]
    if arguments is not None:
        model, config = quantize_model(model, config, **arguments)
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder, model)
    save_config(dict(config), folder / "config.json")
    (folder / "done").touch()
    return folder


def _random_model(config, seed):
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    model = module.Model(module.ModelArgs.from_dict(config))
    model.eval()
    randomize(model, seed)
    return model


def build_with_vocabulary(folder: Path, vocab_size: int):
    """A random llama whose embeddings have rows for `vocab_size` tokens."""
    config = {**BASE, "model_type": "llama", "vocab_size": vocab_size}
    save_model(folder, _random_model(config, seed=1))
    save_config(dict(config), folder / "config.json")


def _gpt2(name, value):
    conv = name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
    return name.removeprefix("model."), value.T if conv else value


def _gpt_neox(name, value):
    inner = name.removeprefix("model.")
    if inner.startswith("embed_out"):
        return inner, value
    return "gpt_neox." + inner.replace("h.", "layers.", 1) if inner.startswith("h.") else "gpt_neox." + inner, value


def _nested(name, value):
    name = name.removeprefix("language_model.")
    return name.replace("model.", "model.language_model.", 1) if name.startswith("model.") else name, value


def _same(name, value):
    return name, value


# name -> (how its authors name and lay out a tensor, tensors that the decoder has no use for)
PUBLISHED = {
    "gpt2": (_gpt2, ["h.0.attn.bias"]),
    "gpt_neox": (_gpt_neox, ["gpt_neox.layers.0.attention.bias", "gpt_neox.layers.0.attention.rotary_emb.inv_freq"]),
    "qwen2_vl": (_nested, ["visual.blocks.0.weight"]),
    "qwen3_vl": (_nested, ["model.visual.blocks.0.weight"]),
    "mistral3": (_nested, ["model.vision_tower.ln_pre.weight", "model.multi_modal_projector.norm.weight"]),
    "gemma3": (_same, ["vision_tower.vision_model.head", "multi_modal_projector.mm_input_projection_weight"]),
    "mimo": (_same, ["model.mtp_layers.0.input_layernorm.weight"]),
    "internlm2": (_same, ["model.layers.0.attention.rope.inv_freq"]),
    "llama": (_same, ["model.layers.0.self_attn.rotary_emb.inv_freq"]),
}


def as_published(folder: Path, out: Path, config_name: str):
    """A copy of a float32 folder with the names and layouts of the original files."""
    rename, unused = PUBLISHED[config_name]
    out.mkdir()
    (out / "config.json").write_text((folder / "config.json").read_text())
    weights = dict(rename(name, value) for name, value in mx.load(str(folder / "model.safetensors")).items())
    weights.update({name: mx.ones((4,)) for name in unused})
    mx.save_safetensors(str(out / "model.safetensors"), weights)
    return out


def with_rope_parameters(folder: Path, out: Path):
    """A copy whose config.json holds everything about rotation where transformers 5 puts it."""
    out.mkdir()
    config = json.loads((folder / "config.json").read_text())
    scaling = config.pop("rope_scaling", None) or {"rope_type": "default"}
    moved = {key: config.pop(key) for key in ("rope_theta", "partial_rotary_factor") if key in config}
    config["rope_parameters"] = {**scaling, **moved}
    (out / "config.json").write_text(json.dumps(config))
    (out / "model.safetensors").symlink_to(folder / "model.safetensors")
    return out


class Float32Embedding(nn.QuantizedEmbedding):
    """Rows in float32: mx.dequantize gives bfloat16 for the modes besides affine, whatever the model's type."""

    def __call__(self, x):
        return super().__call__(x).astype(mx.float32)


def load_float32(folder: Path):
    """The reference: mlx-lm with every floating parameter cast to float32."""
    model, config = load_model(folder)
    model.set_dtype(mx.float32)
    if config["model_type"] == "phi3small":  # mlx-lm writes past the logits of smaller vocabularies
        ids = [i for i in model._dummy_tokenizer_ids.tolist() if i < config["vocab_size"]]
        model._dummy_tokenizer_ids = mx.array(ids, dtype=mx.int32)
    for module in model.modules():
        if type(module) is nn.QuantizedEmbedding:
            module.__class__ = Float32Embedding
    mx.eval(model.parameters())
    return model
