"""Checkpoints of other quantizers: logits as mlx-lm gives them where it loads the files, as numpy's values elsewhere."""

import json
import math
import struct
import subprocess

import mlx.core as mx
import numpy as np
import pytest
import tiny_models
from mlx_lm.convert import mixed_quant_predicate_builder
from mlx_lm.utils import load_model, quantize_model, save_config, save_model
from test_logits import TOLERANCE, burin_logits, case_tokens, reference_logits

AWQ_SHIFT = np.array([0, 4, 1, 5, 2, 6, 3, 7], dtype=np.uint32) * 4
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32)
SAFETENSORS = {"uint8": "U8", "int32": "I32", "uint32": "U32", "int64": "I64", "float16": "F16", "float32": "F32"}


class Typed:
    """Bytes under a type that numpy has no name for."""

    def __init__(self, kind, values):
        self.kind, self.values = kind, np.ascontiguousarray(values)


def bfloat16(values):
    return Typed("BF16", np.array(mx.array(values).astype(mx.bfloat16).view(mx.uint16)))


def save(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        typed = value if isinstance(value, Typed) else Typed(SAFETENSORS[str(value.dtype)], value)
        raw = typed.values.tobytes()
        header[name] = {"dtype": typed.kind, "shape": typed.values.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A float32 model: its config and its tensors."""
    return load(tiny_models.build(tmp_path_factory.getbasetemp() / "llama_tied_bias-float32", "llama_tied_bias", "float32"))


def load(folder):
    weights = {name: np.array(value) for name, value in mx.load(str(folder / "model.safetensors")).items()}
    return json.loads((folder / "config.json").read_text()), weights


def write(folder, model, quantization, replace):
    """A folder whose projections are what `replace(random, weight)` makes of them: {suffix: tensor}."""
    config, weights = model
    random = np.random.default_rng(3)
    tensors = {}
    for name, value in weights.items():
        if name.endswith("_proj.weight"):
            path = name.removesuffix(".weight")
            tensors.update({f"{path}.{suffix}": tensor for suffix, tensor in replace(random, value).items()})
        else:
            tensors[name] = value.astype(np.float16)
    folder.mkdir(parents=True)
    save(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps({**config, **quantization}))
    return folder


def check(burin, folder, reference, tmp_path):
    tokens = case_tokens(24)
    expected = reference_logits(tiny_models.load_float32(reference), tokens, [24])
    got = burin_logits(burin, folder, tokens, 0, 0, tmp_path / "logits.safetensors")
    assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max()


def refused(burin, folder, tmp_path):
    command = [burin, "logits", str(folder), "--tokens", "1,2", "--out", str(tmp_path / "no.safetensors"), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    error = json.loads(done.stdout)["error"]
    return done.returncode, error["message"], error["hint"]


def both(tmp_path, model, quantization, replace):
    """The folder to test, and one with the values that its codes stand for, for which replace() gives `dense`."""

    def keep(random, weight):
        return {suffix: part for suffix, part in replace(random, weight).items() if suffix != "dense"}

    def values(random, weight):
        return {"weight": replace(random, weight)["dense"].astype(np.float32)}

    return write(tmp_path / "packed", model, quantization, keep), write(tmp_path / "dense", model, {}, values)


# --- AWQ and GPTQ


def pack(codes, shifts):
    """Eight values of the last axis in a word."""
    words = codes.reshape(*codes.shape[:-1], -1, 8).astype(np.uint32) << shifts
    return np.bitwise_or.reduce(words, axis=-1).astype(np.uint32).view(np.int32)


def awq(group_size, *, zeros=True):
    def replace(random, weight):
        rows, columns = weight.shape
        parts = {
            "qweight": pack(random.integers(0, 16, (columns, rows)), AWQ_SHIFT),
            "scales": random.uniform(0.01, 0.02, (columns // group_size, rows)).astype(np.float16),
        }
        if zeros:
            parts["qzeros"] = pack(random.integers(0, 16, (columns // group_size, rows)), AWQ_SHIFT)
        return parts

    return replace


@pytest.mark.parametrize("method", ["awq", "gptq"])
@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("group_size", [32, 64])
def test_awq_as_mlx_lm_reads_it(burin, tmp_path, plain, group_size, zeros, method):
    quantization = {"quant_method": method, "bits": 4, "group_size": group_size}
    folder = write(tmp_path / "m", plain, {"quantization_config": quantization}, awq(group_size, zeros=zeros))
    check(burin, folder, folder, tmp_path)


def test_the_method_of_a_text_config_counts(burin, tmp_path, tmp_path_factory):
    base = tmp_path_factory.getbasetemp() / "mistral3-float32"
    config, weights = load(tiny_models.build(base, "mistral3", "float32"))
    quantization = {"quant_method": "awq", "bits": 4, "group_size": 32}
    config = {**config, "text_config": {**config["text_config"], "quantization_config": quantization}}
    folder = write(tmp_path / "m", (config, weights), {}, awq(32))
    check(burin, folder, folder, tmp_path)


def gptq(group_size, offset, order=None):
    """The layout of AutoGPTQ: eight columns in a word, zero points less one (format 1)."""

    def replace(random, weight):
        rows, columns = weight.shape
        codes, zeros = random.integers(0, 16, (rows, columns)), random.integers(0, 16, (columns // group_size, rows))
        scales = random.uniform(0.01, 0.02, zeros.shape).astype(np.float16)
        groups = np.arange(columns, dtype=np.int32) // group_size
        zero, scale = (np.repeat(v.T.astype(np.float32), group_size, axis=1) for v in (zeros, scales))
        in_order = np.arange(8, dtype=np.uint32) * 4
        bias = (-zero * scale).astype(np.float16).astype(np.float32)  # stored as the scales are, as in mlx-lm
        return {
            "qweight": np.ascontiguousarray(pack(codes, in_order).T),
            "qzeros": pack((zeros - offset) % 16, in_order),
            "scales": scales,
            "g_idx": groups if order is None else order(groups),
            "dense": codes * scale + bias,
        }

    return replace


@pytest.mark.parametrize("version", ["gptq", "gptq_v2", None])
def test_gptq_with_columns_in_order(burin, tmp_path, plain, version):
    quantization = {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": False, "checkpoint_format": version}
    replace = gptq(32, 0 if version == "gptq_v2" else 1)
    folder, dense = both(tmp_path, plain, {"quantization_config": quantization}, replace)
    check(burin, folder, dense, tmp_path)


def test_gptq_in_another_order_is_refused(burin, tmp_path, plain):
    quantization = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    folder, _ = both(tmp_path, plain, {"quantization_config": quantization}, gptq(32, 1, lambda g: g[::-1].copy()))
    code, message, hint = refused(burin, folder, tmp_path)
    assert code == 8 and "g_idx" in message and "MLX conversion" in hint


# --- compressed-tensors, ModelOpt, OCP MX


def integers(bits, group_size, extra=()):
    def replace(random, weight):
        rows, columns = weight.shape
        codes = random.integers(0, 2**bits, (rows, columns))
        scales = np.exp2(random.integers(-7, -4, (rows, columns // group_size))).astype(np.float32) * 1.25 * 8 / 2 ** (bits - 1)
        per_word = 32 // bits
        words = codes.reshape(rows, -1, per_word).astype(np.uint32) << (np.arange(per_word, dtype=np.uint32) * bits)
        return {
            "weight_packed": np.bitwise_or.reduce(words, axis=-1).view(np.int32),
            "weight_scale": bfloat16(scales),
            "weight_shape": np.array([rows, columns], dtype=np.int64),
            "dense": (codes - 2.0 ** (bits - 1)) * np.repeat(scales, group_size, axis=1),
            **{name: np.zeros((rows, columns // group_size), dtype=np.int32) for name in extra},
        }

    return replace


def compressed(kind, **weights):
    group = {"weights": {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", **weights}}
    return {"quant_method": "compressed-tensors", "format": kind, "config_groups": {"group_0": group}}


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("group_size", [32, 64])
def test_packed_integers(burin, tmp_path, plain, bits, group_size):
    quantization = {"quantization_config": compressed("pack-quantized", num_bits=bits)}
    check(burin, *both(tmp_path, plain, quantization, integers(bits, group_size)), tmp_path)


@pytest.mark.parametrize("extra", ["weight_zero_point", "weight_g_idx"])
def test_integers_that_mlx_cannot_hold_are_refused(burin, tmp_path, plain, extra):
    quantization = {"quantization_config": compressed("pack-quantized")}
    folder, _ = both(tmp_path, plain, quantization, integers(4, 32, [extra]))
    code, message, _ = refused(burin, folder, tmp_path)
    assert code == 8 and extra in message


def packed_mx(mode, names, scale_type="U8"):
    def replace(_, weight):
        codes, scales = (np.array(part) for part in mx.quantize(mx.array(weight), mode=mode))
        dense = mx.dequantize(mx.array(codes), mx.array(scales), mode=mode, dtype=mx.float32)
        codes = codes if names[0] == "weight" else codes.view(np.uint8)
        return {names[0]: codes, names[1]: Typed(scale_type, scales), "dense": np.array(dense)}

    return replace


def test_packed_mxfp4(burin, tmp_path, plain):
    quantization = {"quantization_config": compressed("mxfp4-pack-quantized", type="float")}
    replace = packed_mx("mxfp4", ("weight_packed", "weight_scale"))
    check(burin, *both(tmp_path, plain, quantization, replace), tmp_path)


def test_packed_nvfp4_without_a_global_scale(burin, tmp_path, plain):
    quantization = {"quantization_config": compressed("nvfp4-pack-quantized", type="float")}
    replace = packed_mx("nvfp4", ("weight_packed", "weight_scale"), "F8_E4M3")
    check(burin, *both(tmp_path, plain, quantization, replace), tmp_path)


MLX_NAMES = [
    ("mxfp4", {"quant_method": "mxfp4"}),
    ("mxfp8", {"quant_method": "mxfp8"}),
    ("mxfp8", {"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [32, 32]}),
    ("mxfp4", compressed("mxfp4-pack-quantized")),
    ("nvfp4", compressed("nvfp4-pack-quantized")),
    ("affine", compressed("pack-quantized")),
    ("nvfp4", {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16}),
    ("nvfp4", {"quant_method": "modelopt", "quantization": {"quant_algo": "NVFP4"}}),
]


@pytest.mark.parametrize(("mode", "quantization"), MLX_NAMES)
def test_names_of_mlx_under_a_foreign_method(burin, tmp_path, plain, mode, quantization):
    def affine(_, weight):
        return dict(zip(("weight", "scales", "biases"), map(np.array, mx.quantize(mx.array(weight), 32, 4))))

    replace = affine if mode == "affine" else packed_mx(mode, ("weight", "scales"))
    folder, _ = both(tmp_path, plain, {"quantization_config": quantization}, lambda r, w: {"dense": w, **replace(r, w)})
    check(burin, folder, folder, tmp_path)


def e4m3(codes):
    return np.array(mx.from_fp8(mx.array(codes), dtype=mx.float32))


def nvfp4(names, *, divides):
    def replace(random, weight):
        rows, columns = weight.shape
        codes, scales = random.integers(0, 16, (rows, columns)), random.integers(1, 0x7F, (rows, columns // 16), np.uint8)
        factor = np.float32(3e-4)
        dense = E2M1[codes] * np.repeat(e4m3(scales), 16, axis=1) * factor
        return {
            names[0]: (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8),
            "weight_scale": Typed("F8_E4M3", scales),
            names[1]: np.array([1 / factor if divides else factor], dtype=np.float32).reshape([1] if divides else []),
            "input_scale": np.array([1.0], dtype=np.float32),
            "dense": dense,
        }

    return replace


def test_packed_nvfp4_with_its_global_scale(burin, tmp_path, plain):
    quantization = {"quantization_config": compressed("nvfp4-pack-quantized", type="float")}
    replace = nvfp4(("weight_packed", "weight_global_scale"), divides=True)
    check(burin, *both(tmp_path, plain, quantization, replace), tmp_path)


@pytest.mark.parametrize("where", ["config.json", "hf_quant_config.json"])
def test_modelopt_nvfp4(burin, tmp_path, plain, where):
    settings = {"quant_algo": "NVFP4", "group_size": 16, "exclude_modules": ["lm_head"]}
    inside = {"quantization_config": {"quant_method": "modelopt", **settings}} if where == "config.json" else {}
    folder, dense = both(tmp_path, plain, inside, nvfp4(("weight", "weight_scale_2"), divides=False))
    if not inside:
        (folder / where).write_text(json.dumps({"producer": {"name": "modelopt"}, "quantization": settings}))
    check(burin, folder, dense, tmp_path)


# --- fp8


def fp8(block, scale_type=np.float32):
    """As deepseek_v3's sanitize takes it apart: bfloat16 codes times a scale for each block."""

    def replace(random, weight):
        rows, columns = weight.shape
        codes = random.integers(0, 0x7F, weight.shape, np.uint8) | random.integers(0, 2, weight.shape, np.uint8) << 7
        high, wide = block or weight.shape
        count = (1,) if block is None else (math.ceil(rows / high), math.ceil(columns / wide))
        scales = random.uniform(1e-4, 2e-3, count).astype(scale_type)
        spread = scales.astype(np.float32).reshape(1, 1) if block is None else scales.astype(np.float32)
        spread = np.repeat(np.repeat(spread, high, axis=0), wide, axis=1)[:rows, :columns]
        dense = (mx.from_fp8(mx.array(codes), dtype=mx.bfloat16) * mx.array(spread)).astype(mx.bfloat16)
        return {"weight": Typed("F8_E4M3", codes), "weight_scale_inv": scales, "dense": np.array(dense.astype(mx.float32))}

    return replace


@pytest.mark.parametrize("block", [[128, 128], [64, 32], None])
def test_fp8_blocks(burin, tmp_path, plain, block):
    quantization = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": block}
    folder, dense = both(tmp_path, plain, {"quantization_config": quantization}, fp8(block))
    check(burin, folder, dense, tmp_path)


def test_fp8_tiles_with_powers_of_two_stay_packed(burin, tmp_path, plain):
    def replace(random, weight):
        rows, columns = weight.shape
        codes = random.integers(0, 0x7F, weight.shape, np.uint8)
        scales = random.integers(113, 117, (rows // 32, columns // 32), np.uint8)
        spread = np.repeat(np.repeat(np.exp2(scales.astype(np.float32) - 127), 32, axis=0), 32, axis=1)
        return {
            "weight": Typed("F8_E4M3", codes),
            "weight_scale_inv": Typed("F8_E8M0", scales),
            "dense": e4m3(codes) * spread,
        }

    quantization = {"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [32, 32]}
    check(burin, *both(tmp_path, plain, {"quantization_config": quantization}, replace), tmp_path)


# --- what is refused, and what is torn

REFUSED = {
    "bitnet": {"quant_method": "bitnet"},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "hqq": {"quant_method": "hqq"},
    "unnamed": {"something": 1},
    "8 bits": {"quant_method": "awq", "bits": 8},
    "gptq with 3 bits": {"quant_method": "gptq", "bits": 3},
    "desc_act": {"quant_method": "gptq", "bits": 4, "desc_act": True},
    "gemv": {"quant_method": "awq", "bits": 4, "version": "gemv"},
    "float-quantized": compressed("float-quantized"),
    "symmetric": compressed("pack-quantized", symmetric=False),
    'ModelOpt quantization "FP8"': {"quant_method": "modelopt", "quant_algo": "FP8"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_methods_are_refused_by_name(burin, tmp_path, plain, name):
    folder = write(tmp_path / "m", plain, {"quantization_config": REFUSED[name]}, lambda _, w: {"weight": w})
    code, message, hint = refused(burin, folder, tmp_path)
    assert code == 8 and name in message and "MLX conversion" in hint


TORN = {
    "no scales": lambda parts: parts.pop("scales"),
    "flat codes": lambda parts: parts.update(qweight=parts["qweight"].reshape(-1)),
    "scales of another width": lambda parts: parts.update(scales=parts["scales"][:, :-8].copy()),
    "zeros of another shape": lambda parts: parts.update(qzeros=parts["qzeros"][:, :-1].copy()),
    "scales that are integers": lambda parts: parts.update(scales=parts["scales"].astype(np.int32)),
}


@pytest.mark.parametrize("name", TORN)
def test_torn_matrices_are_corrupt(burin, tmp_path, plain, name):
    def replace(random, weight):
        parts = awq(32)(random, weight)
        TORN[name](parts)
        return parts

    folder = write(tmp_path / "m", plain, {"quantization_config": {"quant_method": "awq", "bits": 4}}, replace)
    code, message, _ = refused(burin, folder, tmp_path)
    assert code == 7 and "proj" in message


FP8 = {"quant_method": "fp8", "weight_block_size": [64, 64]}
TILES = {"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [32, 32]}
NVFP4 = compressed("nvfp4-pack-quantized")
NVFP4_NAMES = ("weight_packed", "weight_global_scale")
CUT = {
    "fp8 without codes": (FP8, fp8([64, 64]), lambda parts: parts.pop("weight")),
    "fp8 with few scales": (FP8, fp8([64, 64]), lambda parts: parts.update(weight_scale_inv=parts["weight_scale_inv"][1:])),
    "fp8 of floats": (FP8, fp8([64, 64]), lambda parts: parts.update(weight=np.zeros((8, 8), dtype=np.float32))),
    "tiles with float scales": (TILES, fp8([32, 32]), lambda parts: None),
    "integers without scales": (compressed("pack-quantized"), integers(4, 32), lambda parts: parts.pop("weight_scale")),
    "integers that are floats": (
        compressed("pack-quantized"),
        integers(4, 32),
        lambda parts: parts.update(weight_packed=parts["weight_packed"].astype(np.float32)),
    ),
    "nvfp4 without scales": (NVFP4, nvfp4(NVFP4_NAMES, divides=True), lambda parts: parts.pop("weight_scale")),
    "nvfp4 with two global scales": (
        NVFP4,
        nvfp4(NVFP4_NAMES, divides=True),
        lambda parts: parts.update(weight_global_scale=np.ones(2, dtype=np.float32)),
    ),
    "mxfp4 without scales": (
        compressed("mxfp4-pack-quantized"),
        packed_mx("mxfp4", ("weight_packed", "weight_scale")),
        lambda parts: parts.pop("weight_scale"),
    ),
}


@pytest.mark.parametrize("name", CUT)
def test_matrices_that_do_not_fit_together_are_corrupt(burin, tmp_path, plain, name):
    quantization, whole, cut = CUT[name]

    def replace(random, weight):
        parts = whole(random, weight)
        parts.pop("dense")
        cut(parts)
        return parts

    folder = write(tmp_path / "m", plain, {"quantization_config": quantization}, replace)
    code, message, hint = refused(burin, folder, tmp_path)
    assert code == 7 and "proj" in message and "download" in hint


# --- MLX's own maps


@pytest.mark.parametrize("recipe", ["mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"])
def test_recipes_of_mlx_lm(burin, tmp_path, tmp_path_factory, recipe):
    base = tiny_models.build(tmp_path_factory.getbasetemp() / "qwen3-float32", "qwen3", "float32")
    model, config = load_model(base)
    predicate = mixed_quant_predicate_builder(recipe, model)
    model, config = quantize_model(model, config, group_size=64, bits=4, quant_predicate=predicate)
    save_model(tmp_path / recipe, model)
    save_config(dict(config), tmp_path / recipe / "config.json")
    check(burin, tmp_path / recipe, tmp_path / recipe, tmp_path)


@pytest.mark.parametrize("only_copy", [False, True])
def test_true_false_and_null_in_the_map(burin, tmp_path, tmp_path_factory, only_copy):
    base = tiny_models.build(tmp_path_factory.getbasetemp() / "llama-mixed", "llama", "mixed")
    folder = tmp_path / "edited"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(base / "model.safetensors")
    config = json.loads((base / "config.json").read_text())
    own = config["quantization"]
    own["model.layers.0.self_attn.q_proj"] = True
    own["model.layers.0.self_attn.k_proj"] = {"group_size": None, "bits": None}
    own["model.layers.0.self_attn.o_proj"] = False
    config["quantization_config"] = own
    (folder / "config.json").write_text(json.dumps(config))
    if only_copy:
        del config["quantization"]
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
        (tmp_path / "copy" / "model.safetensors").symlink_to(base / "model.safetensors")
    check(burin, tmp_path / "copy" if only_copy else folder, folder, tmp_path)
