"""examples/python/burin_ctypes.py against the installed library and the starter model."""

import json
import os
import re
import threading

import pytest
from burin_ctypes import Burin, BurinError, Engine
from conftest import MODELS, ROOT, succeed

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def burin(installed):
    return Burin(installed / "lib" / "libburin.so")


@pytest.fixture(scope="module")
def engine(burin):
    engine = Engine(burin, model_home=MODELS)
    engine.load("starter")
    yield engine
    engine.close()


def test_the_stream_is_the_answer(engine):
    stream = engine.stream(QUESTION, max_tokens=16)
    pieces = list(stream)
    text, ids, reason = stream.result()
    assert "".join(pieces) == text and "Paris" in text
    assert 0 < len(ids) <= 16 and reason == "stop"


def test_it_answers_as_the_program_does(engine, installed):
    text, _, _ = engine.stream(QUESTION, max_tokens=16).result()
    assert succeed(installed / "bin" / "burin", "run", "starter", QUESTION[0]["content"], "--max-tokens", "16") == text + "\n"


def test_a_prompt_is_continued_and_a_seed_repeats_it(engine):
    draws = [engine.stream("Once upon a time", max_tokens=12, temperature=1.0, has_seed=1, seed=seed).result()[0] for seed in (5, 5, 6)]
    assert draws[0] == draws[1] != draws[2]


SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "London"]}, "letters": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["city", "letters"],
    "additionalProperties": False,
}
JSON_SCHEMA, ANY_JSON, REGEX, LARK = 1, 2, 3, 4
MODEL, PROMPT_LOOKUP = 1, 2


@pytest.mark.parametrize(
    ("format", "text", "fits"),
    [
        (JSON_SCHEMA, json.dumps(SCHEMA), lambda answer: set(json.loads(answer)) == {"city", "letters"}),
        (ANY_JSON, None, lambda answer: isinstance(json.loads(answer), dict)),
        (REGEX, "(Paris|London)!", lambda answer: answer in ("Paris!", "London!")),
        (LARK, 'start: "<" /[A-Z][a-z]+/ ">"', lambda answer: re.fullmatch("<[A-Z][a-z]+>", answer)),
    ],
)
def test_an_answer_is_held_to_its_format(engine, format, text, fits):
    params = {"format": format, "max_tokens": 60} | ({"format_text": text} if text else {})
    answer, _, _ = engine.stream(QUESTION, **params).result()
    assert fits(answer), answer


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"format": JSON_SCHEMA, "format_text": "false"}, "format"),
        ({"format": JSON_SCHEMA}, "format_text"),
        ({"format": ANY_JSON, "format_text": "{}"}, "format_text"),
        ({"format": 9}, "format"),
        ({"draft": 9}, "draft"),
        ({"draft": MODEL}, "draft_model"),
        ({"draft": PROMPT_LOOKUP, "num_draft_tokens": 65}, "num_draft_tokens"),
    ],
)
def test_a_format_or_draft_that_cannot_be_is_named(engine, params, param):
    with pytest.raises(BurinError) as caught:
        engine.stream("a", **params).result()
    assert (caught.value.code, caught.value.facts["param"]) == (2, param)


def test_guesses_change_nothing(engine):
    prompt = "one two three four five six seven one two three four five six seven one two three"
    plain = engine.stream(prompt, max_tokens=24).result()
    guessed = engine.stream(prompt, max_tokens=24, draft=PROMPT_LOOKUP, num_draft_tokens=4)
    assert guessed.result() == plain
    assert 0 < guessed.figures().accepted_tokens <= guessed.figures().draft_tokens


def test_a_second_turn_computes_what_is_new(engine):
    first = engine.stream(QUESTION, max_tokens=16)
    answer = first.result()[0]
    turns = [*QUESTION, {"role": "assistant", "content": answer}, {"role": "user", "content": "And of Italy?"}]
    second = engine.stream(turns, max_tokens=16)
    text = second.result()[0]
    assert second.figures().cached_tokens > first.figures().prompt_tokens
    engine.optimize_performance()
    again = engine.stream(turns, max_tokens=16)
    assert again.result()[0] == text and again.figures().cached_tokens == 0


def test_loading_takes_a_draft_a_place_for_packed_weights_and_caches_of_a_size(burin, engine, tmp_path):
    expected = engine.stream(QUESTION, max_tokens=16).result()
    other = Engine(burin, model_home=MODELS)
    other.load("starter", draft_model="starter", pack_folder=str(tmp_path), keep_sequence=0)
    assert list(tmp_path.iterdir())
    for _ in range(2):
        drafted = other.stream(QUESTION, max_tokens=16, draft=MODEL)
        assert drafted.result() == expected
        assert drafted.figures().accepted_tokens > 0 and drafted.figures().cached_tokens == 0
    for options in ({"max_kv_size": 16}, {"kv_bits": 8, "quantized_kv_start": 4}, {"with_tokenizer": 0}):
        other.load("starter", **options)
        ids = other.stream([1, 2, 3], max_tokens=40, ignore_eos=1).result()[1]
        assert len(ids) == 40
    for options, param in (({"kv_bits": 7}, "kv_bits"), ({"kv_bits": 8, "max_kv_size": 16}, "kv_bits")):
        with pytest.raises(BurinError) as caught:
            other.load("starter", **options)
        assert (caught.value.code, caught.value.facts["param"]) == (2, param)
    other.close()


def test_cancel_from_another_thread(engine):
    pieces = iter(stream := engine.stream("Count: 1 2 3", max_tokens=-1))
    next(pieces)
    canceller = threading.Thread(target=stream.cancel)
    canceller.start()
    canceller.join()
    for _ in pieces:  # what was there already
        pass
    assert stream.result()[2] == "cancelled"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [({"max_tokens": 0}, 2, "max_tokens"), ({"temperature": -1.0}, 2, "temperature"), ({"top_p": 2.0}, 2, "top_p"), ({"min_p": -1.0}, 2, "min_p")],
)
def test_a_parameter_out_of_range_is_named(engine, params, code, param):
    with pytest.raises(BurinError) as caught:
        engine.stream("a", **params).result()
    assert (caught.value.code, caught.value.facts["param"]) == (code, param)


def test_errors_of_loading_are_typed_and_the_engine_lives_on(burin, tmp_path):
    for name, config in (("torn", "{"), ("odd", '{"model_type": "no_such_type"}'), ("odd2", '{"model_type": "no_such_type"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(config)
    engine = Engine(burin, model_home=tmp_path)
    for model, code in (("nothing", 3), ("odd3", 3), ("o", 4), ("torn", 7), ("odd", 8)):
        with pytest.raises(BurinError) as caught:
            engine.load(model)
        assert caught.value.code == code, model
        assert str(caught.value)
    with pytest.raises(BurinError) as caught:
        engine.stream("a")
    assert caught.value.code == 2
    engine.load(str(MODELS / "starter"))
    assert engine.stream("The capital of France is", max_tokens=1).result()[0]


def test_the_file_runs_as_a_program(installed):
    script = ROOT / "examples/python/burin_ctypes.py"
    out = succeed("python3", script, installed / "lib/libburin.so", "starter", QUESTION[0]["content"], env=os.environ | {"BURIN_MODELS": str(MODELS)})
    assert "Paris" in out
