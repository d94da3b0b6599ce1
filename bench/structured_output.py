"""What grammars cost while an answer is made: tokens a second of held answers over those of plain ones.

Each round runs the plain answer and every case once, so that a ratio is of neighbours in time. Prints the median, the
least and the largest ratio; exits 1 where a median is below the limit.

    bench/structured_output.py build/release/burin [--model starter] [--tokens 128] [--rounds 12] [--limit 0.9]
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

PERSON = {
    "type": "object",
    "properties": {
        "first_name": {"type": "string", "maxLength": 20},
        "last_name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "member": {"type": "boolean"},
    },
    "required": ["first_name", "last_name", "age", "member"],
    "additionalProperties": False,
}
SCHEMAS = {
    "list of integers": {"type": "array", "items": {"type": "integer"}, "minItems": 60},
    "string of 500 characters": {"type": "string", "minLength": 500},
    "list of records": {"type": "array", "items": PERSON, "minItems": 20},
    "list of anything": {"type": "array", "minItems": 60},
}


def cases(folder):
    yield "plain", []
    yield "pattern (?s:.*)", ["--regex", "(?s:.*)"]
    yield "any object", ["--format", "json"]
    for name, schema in SCHEMAS.items():
        path = pathlib.Path(folder) / f"{name}.json"
        path.write_text(json.dumps(schema))
        yield name, ["--format", str(path)]


def tokens_per_second(burin, model, options, count):
    prompt = "Write a very long story about a dragon, with many names and numbers."
    command = [burin, "run", model, prompt, "--max-tokens", str(count), "--json", *options]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    data = json.loads(made.stdout)["data"]
    return data["timings"]["predicted_per_second"], data["usage"]["completion_tokens"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("burin")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--limit", type=float, default=0.9)
    args = parser.parse_args()
    rates, counts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name, options in cases(folder):
                rate, counts[name] = tokens_per_second(args.burin, args.model, options, args.tokens)
                rates.setdefault(name, []).append(rate)
    plain = rates.pop("plain")
    print(f"{'plain':26} {counts['plain']:4} tokens {statistics.median(plain):7.1f} tokens/s")
    slow = []
    for name, values in rates.items():
        ratios = [value / base for value, base in zip(values, plain, strict=True)]
        median = statistics.median(ratios)
        print(
            f"{name:26} {counts[name]:4} tokens {statistics.median(values):7.1f} tokens/s"
            f"  {median:.3f} of plain ({min(ratios):.3f} to {max(ratios):.3f})"
        )
        slow += [name] if median < args.limit else []
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
