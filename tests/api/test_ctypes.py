"""examples/python/burin_ctypes.py against the installed library and the starter model."""

import os
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
