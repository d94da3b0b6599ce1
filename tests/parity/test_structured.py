"""Structured output on the starter model: every answer that is complete satisfies its schema, as another validator says."""

import json
import re

import jsonschema
import pytest
from generate_probe import FULL, probe
from schema_cases import schemas

VALIDATOR = jsonschema.Draft202012Validator
STRIDE = 1 if FULL else 12
MAX_TOKENS = 400
PROMPT = "Here is an example of the data in JSON:\n"
# What a cut text may lack: the rest of a word, a number, an escape, a name, a value.
MISSING = ["", "0", "e", "ue", "rue", "se", "lse", "alse", "l", "ll", "ull", '"', '\\"', "null", '":0', ":0", '"":0', '\\":0']


def is_beginning(text):
    """Whether `text` can be continued to JSON."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"?', '""', text)
    closers = "".join({"{": "}", "[": "]"}[c] for c in reversed(unclosed(bare)))
    for missing in MISSING:
        try:
            json.loads(text + missing + closers)
        except json.JSONDecodeError:
            continue
        return True
    return False


def unclosed(text):
    stack = []
    for c in text:
        if c in "{[":
            stack.append(c)
        elif c in "}]":
            stack.pop()
    return stack


def request(schema, seed):
    sampling = {} if seed is None else {"temperature": 1.0, "seed": seed}
    return {"prompt": PROMPT, "max_tokens": MAX_TOKENS, "format": ["schema", json.dumps(schema)], **sampling}


def check(schema, answer):
    """True when the answer is complete."""
    assert "error" not in answer, (schema, answer)
    assert answer["final_events"] == 1
    assert answer["streamed"] == answer["text"]
    if answer["finish_reason"] == "length":
        assert is_beginning(answer["text"]), (schema, answer["text"])
        return False
    assert answer["finish_reason"] == "stop"
    value = json.loads(answer["text"])
    validator = VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER)
    errors = [error.message for error in validator.iter_errors(value)]
    assert not errors, (schema, answer["text"], errors)
    return True


@pytest.fixture(scope="module")
def cases():
    made = schemas()[::STRIDE]
    for schema in made:
        VALIDATOR.check_schema(schema)
    return made


@pytest.mark.parametrize("sampled", [False, True], ids=["greedy", "sampled"])
def test_complete_answers_satisfy_their_schema(burin, starter, cases, sampled):
    requests = [request(schema, seed if sampled else None) for seed, schema in enumerate(cases)]
    _, answers = probe(burin, starter, requests, "fast")
    complete = [check(schema, answer) for schema, answer in zip(cases, answers, strict=True)]
    print(f"{sum(complete)} of {len(complete)} complete, {sum(len(a['tokens']) for a in answers)} tokens")
    assert sum(complete) >= 0.85 * len(complete)


def test_other_forms(burin, starter):
    forms = [
        (["regex", "[A-Z][a-z]{2,8} [0-9]{4}"], lambda text: re.fullmatch("[A-Z][a-z]{2,8} [0-9]{4}", text)),
        (["regex", "(?:yes|no)"], lambda text: text in ("yes", "no")),
        (["json", ""], lambda text: isinstance(json.loads(text), dict)),
        (["lark", 'start: "(" num ("," num){2} ")"\nnum: /[0-9]{1,3}/'], lambda t: re.fullmatch(r"\(\d+,\d+,\d+\)", t)),
        (["lark", "start: /x+/ <|im_end|>"], lambda text: re.fullmatch("x+", text)),
    ]
    requests = [
        {"prompt": PROMPT, "max_tokens": 200, "format": form, "temperature": 1.0, "seed": seed}
        for form, _ in forms
        for seed in range(3)
    ]
    _, answers = probe(burin, starter, requests, "fast")
    checks = [check for _, check in forms for _ in range(3)]
    for made, answer, is_good in zip(requests, answers, checks, strict=True):
        assert "error" not in answer, (made, answer)
        assert answer["finish_reason"] == "length" or is_good(answer["text"]), (made["format"], answer["text"])


def test_refusals_name_the_field(burin, starter):
    refused = [["schema", '{"not": {}}'], ["schema", "false"], ["regex", "("], ["lark", "start: nowhere"]]
    requests = [{"prompt": PROMPT, "max_tokens": 5, "format": form} for form in refused]
    requests.append({"prompt": PROMPT, "max_tokens": 5})
    _, answers = probe(burin, starter, requests)
    assert [answer.get("param") for answer in answers] == ["format"] * 4 + [None]
