"""Time of `burin list` and `burin show` over a cache of many models, warm.

Makes COUNT repos as the Hub's client lays them out, in a temporary folder: blobs under hashes, relative links, refs,
trees, config.json, sharded and single safetensors with real headers whose data are holes, a sparse tokenizer.json of
some MB. Prints the median and the best of the runs and the processor time, on a busy machine the only number that
holds; exits 1 where the best is over the limit.

    bench/hub_listing.py build/release/burin [--models 1000] [--runs 20]
"""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import statistics
import struct
import subprocess
import tempfile
import time

LIST_MS, SHOW_MS = 50, 20


def header(layers, hidden, first=0):
    """A safetensors header of quantized projections, and the length of the data behind it."""
    tensors, at = {}, 0
    for layer in range(first, first + layers):
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
                     "mlp.up_proj", "mlp.down_proj"):  # fmt: skip
            shapes = {"weight": ("U32", hidden // 8, 4), "scales": ("BF16", hidden // 64, 2)}
            shapes["biases"] = shapes["scales"]
            for part, (dtype, columns, width) in shapes.items():
                size = hidden * columns * width
                entry = {"dtype": dtype, "shape": [hidden, columns], "data_offsets": [at, at + size]}
                tensors[f"model.layers.{layer}.{name}.{part}"] = entry
                at += size
    text = json.dumps(tensors).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, at, list(tensors)


class Repo:
    def __init__(self, hub, name, commit):
        self.root = hub / ("models--" + name.replace("/", "--"))
        self.snapshot = self.root / "snapshots" / commit
        self.snapshot.mkdir(parents=True)
        (self.root / "blobs").mkdir()
        (self.root / "refs").mkdir()
        (self.root / "trees").mkdir()
        (self.root / "refs" / "main").write_text(commit)
        self.commit, self.files = commit, {}

    def add(self, name, content, size=None):
        """A file with holes up to `size`; its hash is made up, as no listing reads so much."""
        large = name.endswith(".safetensors") or name == "tokenizer.json"
        seed = f"{self.root}/{name}".encode()
        etag = hashlib.sha256(seed).hexdigest() if large else hashlib.sha1(seed).hexdigest()
        blob = self.root / "blobs" / etag
        blob.write_bytes(content)
        os.truncate(blob, size or len(content))
        (self.snapshot / name).symlink_to(f"../../blobs/{etag}")
        entry = {"size": 134 if large else len(content), "blob_id": hashlib.sha1(seed).hexdigest()}
        self.files[name] = entry | ({"lfs_sha256": etag, "lfs_size": size or len(content)} if large else {})

    def close(self):
        tree = {"format_version": 1, "files": dict(sorted(self.files.items()))}
        (self.root / "trees" / f"{self.commit}.json").write_text(json.dumps(tree, indent=1))


def make_repo(hub, number):
    sizes = [(28, 1024), (36, 2560), (36, 4096), (64, 5120)]
    layers, hidden = sizes[number % len(sizes)]
    repo = Repo(hub, f"{'mlx-community' if number % 3 else 'org'}/Model-{number:04d}-4bit", f"{number:040x}")
    config = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": hidden, "head_dim": 128,
        "num_hidden_layers": layers, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 151936,
        "max_position_embeddings": 40960, "intermediate_size": 3 * hidden, "rope_theta": 1000000, "eos_token_id": 151645,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "rms_norm_eps": 1e-06,
        "quantization": {"group_size": 64, "bits": 4}, "quantization_config": {"group_size": 64, "bits": 4},
    }  # fmt: skip
    repo.add("config.json", json.dumps(config, indent=4).encode())
    repo.add("README.md", b"---\nlibrary_name: mlx\n---\n" * 20)
    repo.add(".gitattributes", b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n" * 30)
    added = {str(i): {"content": f"<|token_{i}|>", "special": True, "lstrip": False} for i in range(40)}
    tokenizer = {"added_tokens_decoder": added, "chat_template": "{{ messages }}" * 300, "eos_token": "<|im_end|>"}
    repo.add("tokenizer_config.json", json.dumps(tokenizer, indent=2).encode())
    repo.add("special_tokens_map.json", b'{"eos_token": "<|im_end|>"}')
    repo.add("tokenizer.json", b'{"version": "1.0"' + b" " * 64, 11 << 20)
    with open(repo.root / "blobs" / repo.files["tokenizer.json"]["lfs_sha256"], "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"}")
    if number % 2:
        text, data, _ = header(layers, hidden)
        repo.add("model.safetensors", text, len(text) + data)
    else:
        weight_map, half = {}, layers // 2
        for shard in (1, 2):
            text, data, names = header(half, hidden, (shard - 1) * half)
            file = f"model-{shard:05d}-of-00002.safetensors"
            repo.add(file, text, len(text) + data)
            weight_map |= dict.fromkeys(names, file)
        index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
        repo.add("model.safetensors.index.json", json.dumps(index, indent=4).encode())
    repo.close()


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(words, env, runs):
    """Milliseconds of each run, and the least processor time of one."""
    times, cpu = [], []
    for _ in range(runs + 2):
        before, start = cpu_seconds(), time.perf_counter()
        subprocess.run(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (cpu_seconds() - before))
    return times[2:], min(cpu[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hub = pathlib.Path(folder) / "hub"
        for number in range(options.models):
            make_repo(hub, number)
        env = {"HOME": folder, "HF_HUB_CACHE": str(hub), "BURIN_MODELS": f"{folder}/models", "PATH": "/usr/bin:/bin"}
        program = str(options.program.resolve())
        late = False
        for words, limit in (
            (["list"], LIST_MS),
            (["list", "--json"], LIST_MS),
            (["list", "--all"], LIST_MS),
            (["list", "--health"], None),
            (["show", "Model-0003-4bit"], SHOW_MS),
            (["show", "org/Model-0000-4bit", "--files"], SHOW_MS),
            (["version"], None),
        ):
            times, cpu = measure([program, *words], env, options.runs)
            median, best = statistics.median(times), min(times)
            print(f"{' '.join(words):32} median {median:7.1f} ms   best {best:7.1f} ms   cpu {cpu:7.1f} ms   limit {limit or '-'}")
            late = late or (limit is not None and best > limit)
    raise SystemExit(late)


if __name__ == "__main__":
    main()
