"""Every GGUF family: a tiny model written as GGUF by the gguf package's own name map must give mlx-lm's logits again."""

import importlib

import gguf
import numpy as np
import pytest
import tiny_models
from mlx.utils import tree_flatten
from mlx_lm.utils import save_config, save_model
from test_import import run_import
from test_logits import TOLERANCE, burin_logits, case_tokens, reference_logits

WINDOW = 8
SIZES = {**tiny_models.BASE, "num_hidden_layers": 7, "rope_theta": 10000.0}


def softcaps(writer):
    writer.add_attn_logit_softcapping(4.0)
    writer.add_final_logit_softcapping(9.0)
    writer.add_sliding_window(WINDOW)


def multipliers(writer):
    writer.add_attention_scale(0.1)
    writer.add_embedding_scale(12.0)
    writer.add_residual_scale(0.2)
    writer.add_logit_scale(8.0)


def cohere(writer):
    writer.add_logit_scale(0.25)
    writer.add_sliding_window(WINDOW)


GRANITE = {"attention_multiplier": 0.1, "embedding_multiplier": 12.0, "residual_multiplier": 0.2, "logits_scaling": 8.0}

# GGUF architecture -> (model_type, what differs from SIZES, metadata of this family only)
FAMILIES = {
    "cohere2": ("cohere2", {"layer_norm_eps": 1e-5, "sliding_window": WINDOW, "sliding_window_pattern": 4, "logit_scale": 0.25}, cohere),
    "command-r": ("cohere", {"layer_norm_eps": 1e-5, "logit_scale": 0.25, "use_qk_norm": True}, cohere),
    "ernie4_5": ("ernie4_5", {"use_bias": True}, None),
    "gemma": ("gemma", {}, None),
    "gemma2": (
        "gemma2",
        {"attn_logit_softcapping": 4.0, "final_logit_softcapping": 9.0, "query_pre_attn_scalar": 32},
        softcaps,
    ),
    "gemma3": (
        "gemma3_text",
        {"sliding_window": WINDOW, "sliding_window_pattern": 6, "query_pre_attn_scalar": 32},
        lambda writer: writer.add_sliding_window(WINDOW),
    ),
    "granite": ("granite", {**GRANITE, "attention_bias": True, "mlp_bias": True}, multipliers),
    "llama": ("llama", {"attention_bias": True}, None),
    "olmo2": ("olmo2", {}, None),
    "phi3": ("phi3", {"partial_rotary_factor": 0.5}, None),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}, None),
    "qwen3": ("qwen3", {}, None),
    "seed_oss": ("seed_oss", {"attention_bias": True, "attention_out_bias": True}, None),
    "smollm3": ("smollm3", {"no_rope_layer_interval": 4}, None),
    "starcoder2": ("starcoder2", {"norm_epsilon": 1e-5}, None),
}
INTERLEAVED = {"granite", "llama", "smollm3"}
LAYER_NORMS = {"cohere2", "command-r", "starcoder2"}


def build(folder, architecture):
    model_type, extra, _ = FAMILIES[architecture]
    config = {**SIZES, **extra, "model_type": model_type}
    module = importlib.import_module(f"mlx_lm.models.{model_type}")
    model = module.Model(module.ModelArgs.from_dict(config))
    tiny_models.randomize(model, seed=len(architecture))
    folder.mkdir()
    save_model(folder, model)
    save_config(config, folder / "config.json")
    return model, config


def pairwise(value, heads):
    """The two halves of a head, pair by pair, as the conversion script of the llama family stores them."""
    return value.reshape(heads, 2, -1, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def stored(architecture, name, value, config):
    if "gemma" in architecture and name.endswith("norm.weight"):
        return value + 1
    if architecture in INTERLEAVED and ".q_proj." in name:
        return pairwise(value, config["num_attention_heads"])
    if architecture in INTERLEAVED and ".k_proj." in name:
        return pairwise(value, config["num_key_value_heads"])
    return value


def add_metadata(writer, architecture, config):
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(int(config["head_dim"] * config.get("partial_rotary_factor", 1.0)))
    (writer.add_layer_norm_eps if architecture in LAYER_NORMS else writer.add_layer_norm_rms_eps)(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["a", "b", "ab", *(f"t{i}" for i in range(3, config["vocab_size"]))])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    if FAMILIES[architecture][2]:
        FAMILIES[architecture][2](writer)


def write_gguf(path, architecture, model, config):
    writer = gguf.GGUFWriter(str(path), architecture)
    add_metadata(writer, architecture, config)
    kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(kind, config["num_hidden_layers"])
    for name, value in tree_flatten(model.parameters()):
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert gguf_name, f"{name} has no place in {architecture}"
        writer.add_tensor(gguf_name, stored(architecture, name, np.array(value), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("architecture", FAMILIES)
def test_logits_of_an_imported_family(burin, tmp_path, architecture):
    model, config = build(tmp_path / "original", architecture)
    write_gguf(tmp_path / "model.gguf", architecture, model, config)
    code, reply = run_import(burin, tmp_path / "model.gguf", "imported", tmp_path)
    assert code == 0, reply
    tokens = case_tokens(24)
    expected = reference_logits(tiny_models.load_float32(tmp_path / "original"), tokens, [24])
    folder = tmp_path / "imported"
    for got in (
        burin_logits(burin, folder, tokens, 0, 0, tmp_path / "logits.safetensors"),
        reference_logits(tiny_models.load_float32(folder), tokens, [24]),  # mlx-lm reads the folder, too
    ):
        assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_every_family_is_compared(burin, tmp_path):
    writer = gguf.GGUFWriter(str(tmp_path / "model.gguf"), "unheard-of")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    code, reply = run_import(burin, tmp_path / "model.gguf", "no", tmp_path)
    assert code == 8 and "unheard-of" in reply["error"]["message"]
    assert set(reply["error"]["hint"].removeprefix("supported: ").split(", ")) == set(FAMILIES)
