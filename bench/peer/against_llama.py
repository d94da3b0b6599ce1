"""burin against llama.cpp on this machine: paired, interleaved runs of separate processes.

    .venv/bin/python3 bench/peer/against_llama.py --burin build/release/burin

Each test runs burin and every candidate of llama.cpp in turn (ABBA); its fastest candidate by median is the peer. Printed
are the median ratio of the pairs with its spread, and both speeds. Model files and llama.cpp stay in --work (some 2 GB).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import llama_cpp
import shapes

TESTS = {
    "pp128": {"prompt": 128},
    "pp512": {"prompt": 512},
    "tg64": {"gen": 64},
    "tg32@d4096": {"gen": 32, "depth": 4096},
    "tg32x4": {"gen": 32, "batch": 4},
}


def run_burin(arguments, folder, test):
    command = [arguments.burin, "bench", str(folder), "--json", "--threads", arguments.threads]
    command += ["--repetitions", "1", "--warmup", "1", "--prompt-tokens", test.get("prompt", 0)]
    command += ["--gen-tokens", test.get("gen", 0), "--depth", test.get("depth", 0), "--batch", test.get("batch", 1)]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return json.loads(done.stdout)["data"]["results"][0]["tokens_per_second"]["median"]


def run_llama(programs, arguments, file, test):
    if "batch" in test:
        return run_llama_batch(programs, arguments, file, test)
    command = [programs / "llama-bench", "-m", file, "-t", arguments.threads, "-fa", 1, "-r", 1, "-o", "json"]
    command += ["-p", test.get("prompt", 0), "-n", test.get("gen", 0), "-d", test.get("depth", 0)]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return json.loads(done.stdout)[-1]["avg_ts"]


def run_llama_batch(programs, arguments, file, test):
    command = [programs / "llama-batched-bench", "-m", file, "-t", arguments.threads, "-fa", "on", "-c", 2048]
    command += ["-npp", 1, "-ntg", test["gen"], "-npl", test["batch"], "--output-format", "jsonl"]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines[-1]["speed_tg"]


def measure(programs, arguments, folder, files, test):
    """(burin's speeds, {kind: llama.cpp's speeds}), one of each a round, the order turning."""
    ours, theirs = [], {kind: [] for kind in files}
    for pair in range(arguments.pairs):
        if pair % 2 == 0:
            ours.append(run_burin(arguments, folder, test))
        for kind, file in files.items():
            theirs[kind].append(run_llama(programs, arguments, file, test))
        if pair % 2 == 1:
            ours.append(run_burin(arguments, folder, test))
    return ours, theirs


def report(name, ours, theirs):
    kind = max(theirs, key=lambda key: statistics.median(theirs[key]))
    ratios = sorted(a / b for a, b in zip(ours, theirs[kind]))
    print(f"{name:<24} {statistics.median(ratios):5.2f}x  ({ratios[0]:.2f} to {ratios[-1]:.2f})   "
          f"burin {statistics.median(ours):8.1f}   llama.cpp {kind} {statistics.median(theirs[kind]):8.1f} tokens/s",
          flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--burin", default="build/release/burin", help="the program to measure")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/peer").resolve())
    parser.add_argument("--shape", action="append", choices=shapes.SHAPES, help="default: qwen3-0.6b")
    parser.add_argument("--model", nargs=2, action="append", metavar=("FOLDER", "GGUF"), help="a model in both forms")
    parser.add_argument("--test", action="append", choices=TESTS, help="default: all")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    programs = llama_cpp.build(arguments.work)
    models = [
        (name, *shapes.make(name, arguments.work, programs / "llama-quantize"))
        for name in arguments.shape or ([] if arguments.model else ["qwen3-0.6b"])
    ]
    models += [(pathlib.Path(folder).name, folder, {"gguf": file}) for folder, file in arguments.model or []]
    for name, folder, files in models:
        for test in arguments.test or TESTS:
            report(f"{name} {test}", *measure(programs, arguments, folder, files, TESTS[test]))


if __name__ == "__main__":
    sys.exit(main())
