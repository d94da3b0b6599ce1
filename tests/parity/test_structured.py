"""Structured output on the starter model: every answer satisfies its schema, as another validator says, even where its
tokens ran out."""

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
def request(schema, seed):
    sampling = {} if seed is None else {"temperature": 1.0, "seed": seed}
    return {"prompt": PROMPT, "max_tokens": MAX_TOKENS, "format": ["schema", json.dumps(schema)], **sampling}


def check(schema, answer):
    """True when the model itself came to the end."""
    assert "error" not in answer, (schema, answer)
    assert answer["final_events"] == 1
    assert answer["streamed"] == answer["text"]
    value = json.loads(answer["text"])
    validator = VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER)
    errors = [error.message for error in validator.iter_errors(value)]
    assert not errors, (schema, answer["text"], errors)
    return answer["finish_reason"] == "stop"


@pytest.fixture(scope="module")
def cases():
    made = schemas()[::STRIDE]
    for schema in made:
        VALIDATOR.check_schema(schema)
    return made


@pytest.mark.parametrize("sampled", [False, True], ids=["greedy", "sampled"])
def test_answers_satisfy_their_schema(burin, starter, cases, sampled):
    requests = [request(schema, seed if sampled else None) for seed, schema in enumerate(cases)]
    _, answers = probe(burin, starter, requests, "fast")
    ended = [check(schema, answer) for schema, answer in zip(cases, answers, strict=True)]
    print(f"{sum(ended)} of {len(ended)} ended by the model, {sum(len(a['tokens']) for a in answers)} tokens")


def test_answers_are_complete_with_few_tokens(burin, starter, cases):
    short = [schema for schema in cases if len(json.dumps(schema)) < 1500]  # no end of the longest is that short
    requests = [request(schema, None) | {"max_tokens": 100} for schema in short]
    _, answers = probe(burin, starter, requests, "fast")
    for schema, answer in zip(short, answers, strict=True):
        assert len(answer["tokens"]) <= 100
        assert is_json(answer["text"]), (schema, answer["text"])


def is_json(text):
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def test_guesses_change_no_answer(burin, starter, cases):
    """Guesses are of the schema's own words, repeated in the prompt."""
    requests = []
    for seed, schema in enumerate(cases):
        answer = request(schema, seed if seed % 2 else None) | {"max_tokens": 120}
        requests += [answer, answer | {"speculation": "lookup", "num_draft_tokens": 4}]
    _, answers = probe(burin, starter, requests, "fast")
    for plain, guessed in zip(answers[::2], answers[1::2], strict=True):
        assert "error" not in plain, plain
        assert (guessed["tokens"], guessed["finish_reason"]) == (plain["tokens"], plain["finish_reason"])
    assert sum(answer["accepted_tokens"] for answer in answers[1::2]) > 0


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
