"""Answers of mlx-lm to compare with, computed once and kept under .deps/goldens.

The reference runs in a process of its own: MLX without mx.compile, every floating parameter cast to float32 and the
quantized layers dequantized, so that its products go through BLAS. That changes rounding only.
"""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDENS = REPOSITORY / ".deps" / "goldens"
SAMPLER = ("top_p", "min_p", "min_tokens_to_keep", "top_k", "xtc_probability", "xtc_threshold")
PENALTIES = tuple(
    f"{kind}_{what}" for kind in ("repetition", "presence", "frequency") for what in ("penalty", "context_size")
)


def digest_of(model_dir, cases):
    """One name for everything the answers depend on."""
    digest = hashlib.sha256(json.dumps(cases, sort_keys=True).encode())
    digest.update(Path(__file__).read_bytes())
    for package in ("mlx", "mlx-lm", "transformers", "tokenizers"):
        digest.update(f"{package}={importlib.metadata.version(package)};".encode())
    for file in sorted(Path(model_dir).iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:24]


def environment():
    env = {**os.environ, "MLX_DISABLE_COMPILE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    blas = next((p for p in Path("/usr/lib").glob("*/libopenblas.so.0")), None)
    if blas:
        env["LD_PRELOAD"] = str(blas)
    return env


def reference(name, model_dir, cases):
    """The answers of mlx-lm to `cases`, a list of {prompt | messages, max_tokens, sampling parameters}."""
    golden = GOLDENS / f"{name}-{digest_of(model_dir, cases)}.json"
    if not golden.exists():
        GOLDENS.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, __file__, str(model_dir)],
            check=False,
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr[-4000:]
        temporary = golden.with_suffix(f".{os.getpid()}")
        temporary.write_text(done.stdout)
        temporary.replace(golden)
    return json.loads(golden.read_text())


def load_float32(model_dir):
    import mlx.core as mx
    import mlx_lm
    from mlx.utils import tree_map
    from mlx_lm.utils import dequantize_model

    model, tokenizer = mlx_lm.load(str(model_dir))
    model.update(
        tree_map(lambda p: p.astype(mx.float32) if mx.issubdtype(p.dtype, mx.floating) else p, model.parameters())
    )
    model = dequantize_model(model)
    mx.eval(model.parameters())
    return model, tokenizer


def prompt_ids(tokenizer, case):
    if "messages" in case:
        return list(tokenizer.apply_chat_template(case["messages"], add_generation_prompt=True))
    return tokenizer.encode(case["prompt"])


class WatchedSampler:
    """A sampler that also notes which draws rounding could change: those that noise of its size does change."""

    NOISE = 2e-5
    TRIALS = 4

    def __init__(self, sampler, seed, draws_per_step):
        self.sampler = sampler
        self.seed = seed
        self.draws_per_step = draws_per_step
        self.fragile = []
        self.go_to_step(0)

    def go_to_step(self, step):
        """Puts the global random state where it is before that step."""
        import mlx.core as mx

        mx.random.seed(self.seed)
        for _ in range(step * self.draws_per_step):
            mx.eval(mx.random.uniform())

    def __call__(self, logprobs):
        import mlx.core as mx

        step = len(self.fragile)
        drawn = self.sampler(logprobs).item()
        others = []
        for trial in range(self.TRIALS):
            noise = self.NOISE * mx.random.normal(logprobs.shape, key=mx.random.key(trial))
            self.go_to_step(step)
            others.append(self.sampler(logprobs + noise).item())
        self.go_to_step(step + 1)
        self.fragile.append(any(other != drawn for other in others))
        return mx.array([drawn])


def answer(model, tokenizer, case):
    from mlx_lm import stream_generate
    from mlx_lm.sample_utils import make_logits_processors, make_sampler

    ids = prompt_ids(tokenizer, case)
    special = tokenizer.encode("\n") + list(tokenizer.eos_token_ids)
    filters = {k: case[k] for k in SAMPLER if k in case}
    sampler = make_sampler(case.get("temperature", 0.0), xtc_special_tokens=special, **filters)
    sampler = WatchedSampler(sampler, case.get("seed", 0), 2 if case.get("xtc_probability") else 1)
    bias = {int(k): v for k, v in case.get("logit_bias", {}).items()} or None
    processors = make_logits_processors(bias, **{k: case[k] for k in PENALTIES if k in case})
    text, tokens, logprobs = "", [], []
    for reply in stream_generate(
        model, tokenizer, ids, max_tokens=case["max_tokens"], sampler=sampler, logits_processors=processors
    ):
        text += reply.text
        if reply.finish_reason == "stop":
            break
        tokens.append(reply.token)
        logprobs.append(reply.logprobs[reply.token].item())
    return {
        "ids": ids,
        "tokens": tokens,
        "text": text,
        "decoded": tokenizer.decode(tokens),
        "logprobs": logprobs,
        "fragile": sampler.fragile,
        "finish_reason": reply.finish_reason,
    }


def main():
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    model, tokenizer = load_float32(sys.argv[1])
    print(json.dumps([answer(model, tokenizer, case) for case in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
