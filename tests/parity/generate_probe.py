"""Requests to the backend module by way of the test program `generate_probe`, which lies beside burin."""

import json
import os
import subprocess
from pathlib import Path

FULL = os.environ.get("BURIN_FULL") == "1"


def probe(program, model_dir, requests, precision="exact", draft=None):
    """(facts of the model, one answer for each request)."""
    binary = Path(os.environ.get("BURIN_PROBE", Path(program).parent / "generate_probe"))
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [str(binary), str(model_dir), precision, *(["0", str(draft)] if draft else [])]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts, *answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return facts, answers


def requests_for(cases, answers):
    """The same requests with mlx-lm's prompt ids."""
    return [
        {key: value for key, value in case.items() if key not in ("prompt", "messages")} | {"ids": answer["ids"]}
        for case, answer in zip(cases, answers, strict=True)
    ]


def compare_tokens(cases, ours, theirs):
    """Asserts equal tokens, but for steps where rounding chose: few, and only where mlx-lm's own draw is fragile."""
    by_rounding = 0
    for case, our, their in zip(cases, ours, theirs, strict=True):
        if our["tokens"] == their["tokens"]:
            continue
        pairs = zip(our["tokens"] + [None], their["tokens"] + [None], strict=False)
        at = next(i for i, (a, b) in enumerate(pairs) if a != b)
        assert their["fragile"][at], (case, at, our["tokens"], their["tokens"])
        by_rounding += 1
    assert by_rounding <= 1 + len(cases) // 20


def equal_pairs(ours, theirs):
    """The answers with equal tokens, in pairs."""
    return [(a, b) for a, b in zip(ours, theirs, strict=True) if a["tokens"] == b["tokens"]]
